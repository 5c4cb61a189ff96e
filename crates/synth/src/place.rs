//! Where patients live: a real county, a made-up street or village in it.

use medveil_deid::code::division::{self, Level};

use crate::dice::{Dice, permute, running_totals};
use crate::words;

/// A county with the names above it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The six digits of GB/T 2260.
    pub code: u32,
    /// 省, 自治区 or 直辖市.
    pub province: &'static str,
    /// 地级; empty in municipalities and where the province rules the county directly.
    pub prefecture: &'static str,
    /// 县级.
    pub county: &'static str,
    /// Six digits. The first two are those of the province's post; the rest is made up.
    pub postcode: u32,
}

/// Where somebody lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The county.
    pub place: Place,
    /// Street, estate and door, or town, village and group.
    pub line: String,
    /// Whether the line is a village's.
    pub rural: bool,
}

impl Address {
    /// The address on one line, from the province down.
    pub fn full(&self) -> String {
        let Place { province, prefecture, county, .. } = self.place;
        [province, prefecture, county, &self.line].concat()
    }
}

impl Place {
    /// What people call the city: 南京 for 南京市.
    pub(crate) fn city(&self) -> &'static str {
        let name = if self.prefecture.is_empty() { self.province } else { self.prefecture };
        name.strip_suffix('市').unwrap_or(name)
    }

    fn is_rural(&self, dice: &mut Dice) -> bool {
        let rural = match self.county.chars().next_back() {
            Some('区') => 60,
            Some('市') => 400,
            _ => 700,
        };
        dice.chance(rural)
    }
}

/// The counties that patients come from, the hospital's city before all.
pub(crate) struct Catchment {
    /// Every county, in code order.
    counties: Vec<Place>,
    /// Those of the hospital's city and of its province, as ranges of `counties`.
    city: std::ops::Range<usize>,
    province: std::ops::Range<usize>,
    /// Running totals of people and ranges of `counties`, by province.
    totals: Vec<u32>,
    ranges: Vec<std::ops::Range<usize>>,
    words: Words,
}

struct Words {
    streets: Vec<&'static str>,
    estates: Vec<&'static str>,
    towns: Vec<&'static str>,
    villages: Vec<&'static str>,
}

impl Catchment {
    /// The catchment of a hospital in one of [`CITIES`].
    pub(crate) fn new(seed: u64) -> Self {
        let home = CITIES[permute(seed, CITIES.len() as u64, 0x5EED) as usize];
        let counties: Vec<Place> = division::all(Level::County).filter_map(place_of).collect();
        let range = |level: Level, code: u32| {
            let first = counties.partition_point(|c| division::truncate(c.code, level) < code);
            let last = counties.partition_point(|c| division::truncate(c.code, level) <= code);
            first..last
        };
        let ranges: Vec<_> = PROVINCES.iter().map(|row| range(Level::Province, row.0 * 10_000)).collect();
        let peopled =
            PROVINCES.iter().zip(&ranges).map(|(row, range)| if range.is_empty() { 0 } else { row.1 });
        let split = |list: &'static str| list.split_ascii_whitespace().collect();
        Self {
            totals: running_totals(peopled),
            city: range(Level::Prefecture, home),
            province: range(Level::Province, home / 10_000 * 10_000),
            ranges,
            counties,
            words: Words {
                streets: split(words::STREETS),
                estates: split(words::ESTATES),
                towns: split(words::TOWNS),
                villages: split(words::VILLAGES),
            },
        }
    }

    /// A county: seven in ten patients are of the city, two of its province, the others of the whole country.
    pub(crate) fn place(&self, dice: &mut Dice) -> Place {
        let range = match dice.below(10) {
            0..7 => &self.city,
            7..9 => &self.province,
            _ => &self.ranges[dice.weighted(&self.totals)],
        };
        dice.pick(&self.counties[range.clone()])
    }

    /// The hospital's own city.
    pub(crate) fn city(&self) -> &Place {
        &self.counties[self.city.start]
    }

    /// An address in a county.
    pub(crate) fn address(&self, place: Place, dice: &mut Dice) -> Address {
        use std::fmt::Write as _;

        let rural = place.is_rural(dice);
        let mut line = String::with_capacity(64);
        let words = &self.words;
        if rural {
            let town = if place.county.ends_with('区') {
                "街道"
            } else {
                ["镇", "镇", "乡"][dice.below(3) as usize]
            };
            let (group, door) = (dice.between(1, 12), dice.between(1, 199));
            let names = [dice.pick(&words.towns), town, dice.pick(&words.villages), "村"];
            line.extend(names);
            write!(line, "{group}组{door}号").expect("a string takes any text");
        } else {
            let kind = ["路", "路", "路", "街", "街", "大道", "巷"][dice.below(7) as usize];
            let door = dice.between(1, 599);
            line.push_str(dice.pick(&words.streets));
            write!(line, "{kind}{door}号").expect("a string takes any text");
            if dice.chance(750) {
                let (block, floor, room) = (dice.between(1, 36), dice.between(1, 26), dice.between(1, 4));
                line.push_str(dice.pick(&words.estates));
                write!(line, "{block}幢{floor}0{room}室").expect("a string takes any text");
            }
        }
        Address { place, line, rural }
    }
}

/// A row of the table as a place of residence; `None` where nobody is registered under the code, and for the
/// regions whose residents have documents of their own.
fn place_of(row: division::Division) -> Option<Place> {
    let province = division::lookup(division::truncate(row.code, Level::Province))?;
    let prefecture = division::lookup(division::truncate(row.code, Level::Prefecture));
    let prefecture = prefecture.filter(|row| !row.is_placeholder()).map_or("", |row| row.name);
    let postcode = postcode(row.code)?;
    (row.name != "市辖区").then_some(Place {
        code: row.code,
        province: province.name,
        prefecture,
        county: row.name,
        postcode,
    })
}

fn postcode(code: u32) -> Option<u32> {
    let &(_, _, first, last) = PROVINCES.iter().find(|row| row.0 == code / 10_000)?;
    let (prefecture, county) = (code / 100 % 100, code % 100);
    let district = first + prefecture.saturating_sub(1) % (last - first + 1);
    Some(district * 10_000 + prefecture % 10 * 1000 + county * 7 % 10 * 100)
}

/// Cities with a great hospital; the seed chooses one.
const CITIES: [u32; 10] =
    [110_100, 310_100, 320_100, 330_100, 370_100, 420_100, 430_100, 440_100, 510_100, 610_100];

/// Provinces: two digits of the code, people in 100,000 (census of 2020), first and last postal district.
const PROVINCES: [(u32, u32, u32, u32); 31] = [
    (11, 219, 10, 10),
    (12, 139, 30, 30),
    (13, 746, 5, 7),
    (14, 349, 3, 4),
    (15, 240, 1, 2),
    (21, 426, 11, 12),
    (22, 241, 13, 13),
    (23, 319, 15, 16),
    (31, 249, 20, 20),
    (32, 847, 21, 22),
    (33, 646, 31, 32),
    (34, 610, 23, 24),
    (35, 415, 35, 36),
    (36, 452, 33, 34),
    (37, 1015, 25, 27),
    (41, 994, 45, 47),
    (42, 578, 43, 44),
    (43, 664, 41, 42),
    (44, 1260, 51, 52),
    (45, 501, 53, 54),
    (46, 101, 57, 57),
    (50, 321, 40, 40),
    (51, 837, 61, 64),
    (52, 386, 55, 56),
    (53, 472, 65, 67),
    (54, 36, 85, 85),
    (61, 395, 71, 72),
    (62, 250, 73, 74),
    (63, 59, 81, 81),
    (64, 72, 75, 75),
    (65, 259, 83, 84),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_province_has_counties_and_every_county_a_postcode() {
        for seed in 0..20 {
            let catchment = Catchment::new(seed);
            assert!(catchment.city.len() > 5, "seed {seed}");
            assert!(catchment.ranges.iter().all(|range| !range.is_empty()));
        }
        let catchment = Catchment::new(0);
        assert!(catchment.counties.iter().all(|c| (10_000..860_000).contains(&c.postcode)));
    }

    #[test]
    fn most_patients_come_from_the_city() {
        let catchment = Catchment::new(5);
        let mut dice = Dice::new(5, 0);
        let home = division::truncate(catchment.city().code, Level::Prefecture);
        let near = (0..2000)
            .filter(|_| division::truncate(catchment.place(&mut dice).code, Level::Prefecture) == home);
        assert!((1300..1600).contains(&near.count()));
    }
}
