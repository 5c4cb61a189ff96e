//! Addresses: what they are made of, how likely a text is one, and how to make a Chinese one less exact.
//!
//! A Chinese address runs from the wide to the narrow: division (GB/T 2260), township, village or community,
//! road, number, building, unit, room. [`generalize`] cuts it after a level and writes the division by its
//! official name, so that 南京鼓楼区汉口路22号 and 江苏省南京市鼓楼区… become the same value. An address whose
//! division is not recognised is not cut by guess: the caller suppresses it.
//!
//! ```
//! use medveil_deid::code::address::{self, Level};
//!
//! let mut out = String::new();
//! assert!(address::generalize("南京鼓楼区汉口路22号", Level::Prefecture, &mut out));
//! assert_eq!(out, "江苏省南京市");
//! assert!(!address::generalize("汉口路22号", Level::Prefecture, &mut out));
//! ```

use super::division;

/// What [`generalize`] leaves, the narrowest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// 江苏省南京市鼓楼区华侨路街道
    Township,
    /// 江苏省南京市鼓楼区
    County,
    /// 江苏省南京市
    Prefecture,
    /// 江苏省
    Province,
    /// `*`
    Suppressed,
}

/// What a part of a Chinese address names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// 省, 市, 区, 县 as far as they are in the table.
    Division,
    /// 街道, 镇, 乡, 苏木
    Township,
    /// 村, 社区, 屯, 组
    Village,
    /// 路, 街, 巷, 胡同
    Road,
    /// 22号, 311弄
    Number,
    /// 小区, 大厦, 花园
    Building,
    /// 3号楼, 2单元, 501室
    Unit,
}

/// A part of a Chinese address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// What it names.
    pub kind: Kind,
    /// Where it begins in the text, in bytes.
    pub start: usize,
    /// Where it ends.
    pub end: usize,
}

/// What [`score`] gives at least to an address with a street, a village or a door; a place name alone stays below.
pub const LIKELY: u8 = 50;

/// Appends the address cut to a level, with official names. Where less than the level was recognised, what was
/// recognised is written, which is wider. `false`, and nothing is appended, where the division is not
/// recognised: the caller then suppresses the value.
///
/// A numeric code of six, nine or twelve digits (320106, and the codes of townships and villages built on it) becomes the
/// six digits of the level.
pub fn generalize(text: &str, level: Level, out: &mut String) -> bool {
    if level == Level::Suppressed {
        out.push('*');
        return true;
    }
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return generalize_code(text, level, out);
    }
    let Some(found) = division::find_in_address(text) else { return false };
    division::write_full_name(cut(found.code, level), out);
    if level == Level::Township
        && found.level == division::Level::County
        && let Some(piece) = next_piece(text, found.end_byte)
        && piece.kind == Kind::Township
    {
        out.push_str(&text[piece.start..piece.end]);
    }
    true
}

/// How much a text looks like an address, Chinese or English, from 0 to 100. Below [`LIKELY`] it is at most a place.
pub fn score(text: &str) -> u8 {
    let has_chinese = text.chars().take(32).any(is_chinese);
    let points = if has_chinese { chinese_score(text) } else { english_score(text) };
    points.min(100) as u8
}

/// The parts of a Chinese address, in order, up to the first that is not understood.
pub fn pieces(text: &str) -> impl Iterator<Item = Piece> {
    let division = division::find_in_address(text);
    let start = text.len() - text.trim_start().len();
    let first = match division {
        Some(found) => Some(Piece { kind: Kind::Division, start, end: found.end_byte }),
        None => next_piece(text, start),
    };
    std::iter::successors(first, move |piece| next_piece(text, piece.end))
}

/// The widest code that still says what `level` asks for.
fn cut(code: u32, level: Level) -> u32 {
    match level {
        Level::Township | Level::County => code,
        Level::Prefecture => {
            let prefecture = division::truncate(code, division::Level::Prefecture);
            // 北京市市辖区 is no place: a municipality has no prefectures.
            match division::lookup(prefecture) {
                Some(row) if !row.is_placeholder() => prefecture,
                _ => division::truncate(code, division::Level::Province),
            }
        }
        Level::Province | Level::Suppressed => division::truncate(code, division::Level::Province),
    }
}

fn generalize_code(digits: &str, level: Level, out: &mut String) -> bool {
    if !matches!(digits.len(), 6 | 9 | 12) {
        return false;
    }
    let Some(code) = digits.get(..6).and_then(|code| code.parse::<u32>().ok()) else { return false };
    let known = match division::known(code) {
        Some(division::Known::County) => code,
        Some(division::Known::Prefecture) => division::truncate(code, division::Level::Prefecture),
        Some(division::Known::Province) => division::truncate(code, division::Level::Province),
        None => return false,
    };
    // Unlike names, codes keep the placeholder: 110108 to 110100.
    let code = match level {
        Level::Township | Level::County => known,
        Level::Prefecture => division::truncate(known, division::Level::Prefecture),
        Level::Province | Level::Suppressed => division::truncate(known, division::Level::Province),
    };
    for place in [100_000, 10_000, 1_000, 100, 10, 1] {
        out.push(char::from(b'0' + (code / place % 10) as u8));
    }
    true
}

fn chinese_score(text: &str) -> u32 {
    let mut points = 0;
    let mut last = None;
    for piece in pieces(text).take(12) {
        points += match piece.kind {
            Kind::Division => match division::find_in_address(text).map(|found| found.level) {
                Some(division::Level::County) => 45,
                Some(division::Level::Prefecture) => 35,
                _ => 25,
            },
            // A second village or unit is no more evidence than the first.
            kind if last == Some(kind) => 0,
            Kind::Township | Kind::Village | Kind::Building => 15,
            Kind::Road | Kind::Number => 25,
            Kind::Unit => 20,
        };
        last = Some(piece.kind);
    }
    points
}

/// Endings of named parts; a longer one stands before one that it contains.
const NAMED: [(&str, Kind); 38] = [
    ("街道办事处", Kind::Township),
    ("街道", Kind::Township),
    ("苏木", Kind::Township),
    ("镇", Kind::Township),
    ("乡", Kind::Township),
    ("村民委员会", Kind::Village),
    ("居民委员会", Kind::Village),
    ("村委会", Kind::Village),
    ("居委会", Kind::Village),
    ("社区", Kind::Village),
    ("嘎查", Kind::Village),
    ("新村", Kind::Building),
    ("小区", Kind::Building),
    ("花园", Kind::Building),
    ("家园", Kind::Building),
    ("公寓", Kind::Building),
    ("大厦", Kind::Building),
    ("广场", Kind::Building),
    ("宿舍", Kind::Building),
    ("大院", Kind::Building),
    ("工业园", Kind::Building),
    ("苑", Kind::Building),
    ("村", Kind::Village),
    ("屯", Kind::Village),
    ("庄", Kind::Village),
    ("寨", Kind::Village),
    ("大道", Kind::Road),
    ("大街", Kind::Road),
    ("胡同", Kind::Road),
    ("国道", Kind::Road),
    ("省道", Kind::Road),
    ("公路", Kind::Road),
    ("路", Kind::Road),
    ("街", Kind::Road),
    ("巷", Kind::Road),
    ("道", Kind::Road),
    ("里", Kind::Road),
    ("条", Kind::Road),
];

/// Endings after a number, likewise.
const NUMBERED: [(&str, Kind); 17] = [
    ("号楼", Kind::Unit),
    ("号院", Kind::Number),
    ("号", Kind::Number),
    ("弄", Kind::Number),
    ("村民小组", Kind::Village),
    ("社", Kind::Village),
    ("组", Kind::Village),
    ("队", Kind::Village),
    ("单元", Kind::Unit),
    ("栋", Kind::Unit),
    ("幢", Kind::Unit),
    ("座", Kind::Unit),
    ("层", Kind::Unit),
    ("楼", Kind::Unit),
    ("室", Kind::Unit),
    ("户", Kind::Unit),
    ("门", Kind::Unit),
];

/// A name of a village or a road is hardly longer.
const LONGEST_NAME: usize = 12;

fn next_piece(text: &str, from: usize) -> Option<Piece> {
    let rest = text.get(from..)?;
    let trimmed = rest.trim_start_matches([' ', ',', '，', '\u{3000}', '-', '(', '（', ')', '）']);
    let start = from + rest.len() - trimmed.len();
    let (kind, length) = numbered(trimmed).or_else(|| named(trimmed))?;
    Some(Piece { kind, start, end: start + length })
}

/// A part that is a number and its ending: 22号, 甲3号楼, 二单元, 501室, or just 501 at the end.
fn numbered(text: &str) -> Option<(Kind, usize)> {
    let is_number = |c: char| {
        c.is_ascii_alphanumeric() || "一二三四五六七八九十百甲乙丙丁附-之#０１２３４５６７８９".contains(c)
    };
    let length: usize = text.chars().take(8).take_while(|c| is_number(*c)).map(char::len_utf8).sum();
    let (number, rest) = text.split_at(length);
    if number.is_empty() {
        return None;
    }
    if let Some((ending, kind)) = NUMBERED.iter().find(|(ending, _)| rest.starts_with(ending)) {
        return Some((*kind, length + ending.len()));
    }
    let room =
        rest.is_empty() && (3..=9).contains(&length) && number.bytes().any(|byte| byte.is_ascii_digit());
    room.then_some((Kind::Unit, length))
}

/// A part that is a name and its ending: 汉口路, 王村镇 (not 王村).
fn named(text: &str) -> Option<(Kind, usize)> {
    let mut at = text.chars().next().filter(|c| is_chinese(*c) || c.is_ascii_alphanumeric())?.len_utf8();
    for _ in 0..LONGEST_NAME {
        let rest = &text[at..];
        if let Some((mut kind, mut length)) = ending(rest) {
            // 石家庄路 and 王村镇 end with their last ending.
            while let Some((next, more)) = ending(&rest[length..]) {
                (kind, length) = (next, length + more);
            }
            return Some((kind, at + length));
        }
        at += rest.chars().next().filter(|c| is_chinese(*c) || c.is_ascii_alphanumeric())?.len_utf8();
    }
    None
}

fn ending(text: &str) -> Option<(Kind, usize)> {
    NAMED.iter().find(|(ending, _)| text.starts_with(ending)).map(|(ending, kind)| (*kind, ending.len()))
}

fn is_chinese(c: char) -> bool {
    matches!(c, '\u{4E00}'..='\u{9FFF}' | '\u{3400}'..='\u{4DBF}')
}

/// Street types of USPS Publication 28, Appendix C1, that are common.
const STREETS: [&str; 40] = [
    "street",
    "st",
    "avenue",
    "ave",
    "av",
    "road",
    "rd",
    "boulevard",
    "blvd",
    "lane",
    "ln",
    "drive",
    "dr",
    "court",
    "ct",
    "way",
    "place",
    "pl",
    "terrace",
    "ter",
    "parkway",
    "pkwy",
    "highway",
    "hwy",
    "circle",
    "cir",
    "square",
    "sq",
    "trail",
    "trl",
    "loop",
    "alley",
    "aly",
    "crossing",
    "xing",
    "plaza",
    "plz",
    "row",
    "close",
    "crescent",
];

/// Units of USPS Publication 28, Appendix C2.
const UNITS: [&str; 11] =
    ["apt", "apartment", "unit", "suite", "ste", "floor", "fl", "room", "rm", "bldg", "building"];

/// States and territories by their USPS abbreviation.
const STATES: &str = " AL AK AZ AR CA CO CT DE DC FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ NM NY NC ND OH \
                      OK OR PA RI SC SD TN TX UT VT VA WA WV WI WY PR VI GU AS MP ";

fn english_score(text: &str) -> u32 {
    let mut words =
        text.split([' ', ',', '\t', '\n', '\r']).filter(|word| !word.is_empty()).take(24).peekable();
    let (mut points, mut since_number, mut street, mut unit) = (0, None, false, false);
    while let Some(word) = words.next() {
        let plain = word.trim_end_matches(['.', ';']);
        let is = |list: &[&str]| list.iter().any(|entry| plain.eq_ignore_ascii_case(entry));
        let followed_by_number =
            words.peek().is_some_and(|next| next.starts_with(|c: char| c.is_ascii_digit()));
        if plain.eq_ignore_ascii_case("box")
            && followed_by_number
            && text.as_bytes()[0].eq_ignore_ascii_case(&b'p')
        {
            points += 60;
        } else if is(&UNITS) && words.peek().is_some() || word.starts_with('#') {
            points += if unit { 0 } else { 20 };
            unit = true;
        } else if plain.len() == 2
            && STATES.split_ascii_whitespace().any(|state| state == plain)
            && words.peek().is_some_and(|next| is_zip(next))
        {
            points += 40;
        } else if let Some(words_since) = since_number
            && is(&STREETS)
            && !street
            // A name stands between: "12 St" is a dose or a date as likely.
            && (1..=4).contains(&words_since)
        {
            points += 50;
            street = true;
        } else if plain.starts_with(|c: char| c.is_ascii_digit())
            && since_number.is_none()
            && is_house_number(plain)
        {
            since_number = Some(0);
            continue;
        }
        since_number = since_number.map(|words_since| words_since + 1);
    }
    points
}

/// `221`, `221B`, `12-14`.
fn is_house_number(word: &str) -> bool {
    word.len() <= 7
        && word.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-' || byte.is_ascii_uppercase())
}

fn is_zip(word: &str) -> bool {
    word.len() != 3 && super::zip3::prefix(word).is_some()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ADDRESS: &str = "江苏省南京市鼓楼区华侨路街道汉口路22号3号楼2单元501室";

    fn generalized(text: &str, level: Level) -> Option<String> {
        let mut out = String::new();
        generalize(text, level, &mut out).then_some(out)
    }

    #[test]
    fn an_address_climbs_level_by_level() {
        for (level, expected) in [
            (Level::Township, "江苏省南京市鼓楼区华侨路街道"),
            (Level::County, "江苏省南京市鼓楼区"),
            (Level::Prefecture, "江苏省南京市"),
            (Level::Province, "江苏省"),
            (Level::Suppressed, "*"),
        ] {
            assert_eq!(generalized(ADDRESS, level).as_deref(), Some(expected));
        }
        assert_eq!(generalized("南京鼓楼区汉口路22号", Level::County).as_deref(), Some("江苏省南京市鼓楼区"));
        assert_eq!(
            generalized("南京鼓楼区汉口路22号", Level::Township).as_deref(),
            Some("江苏省南京市鼓楼区")
        );
    }

    #[test]
    fn municipalities_have_no_prefecture() {
        assert_eq!(generalized("北京朝阳区建国路88号", Level::Prefecture).as_deref(), Some("北京市"));
        assert_eq!(generalized("湖北省仙桃市沔阳大道1号", Level::Prefecture).as_deref(), Some("湖北省"));
    }

    #[test]
    fn less_than_the_level_gives_what_is_wider() {
        assert_eq!(generalized("江苏省人民医院", Level::County).as_deref(), Some("江苏省"));
    }

    #[test]
    fn codes_climb_too() {
        assert_eq!(generalized("320106", Level::County).as_deref(), Some("320106"));
        assert_eq!(generalized("320106", Level::Prefecture).as_deref(), Some("320100"));
        assert_eq!(generalized("320106003001", Level::Province).as_deref(), Some("320000"));
        // 燕山区 was abolished in 1980: only its prefecture is known.
        assert_eq!(generalized("110110", Level::County).as_deref(), Some("110100"));
        assert_eq!(generalized("990101", Level::Province), None);
        assert_eq!(generalized("3201", Level::Province), None);
    }

    #[test]
    fn an_unknown_division_fails_closed() {
        for text in ["", " ", "汉口路22号", "鼓楼区汉口路22号", "12 Main Street, Boston, MA 02139", "张三"]
        {
            assert_eq!(generalized(text, Level::County), None, "{text}");
        }
    }

    #[test]
    fn pieces_go_down_to_the_room() {
        let kinds: Vec<_> =
            pieces(ADDRESS).map(|piece| (piece.kind, &ADDRESS[piece.start..piece.end])).collect();
        assert_eq!(
            kinds,
            [
                (Kind::Division, "江苏省南京市鼓楼区"),
                (Kind::Township, "华侨路街道"),
                (Kind::Road, "汉口路"),
                (Kind::Number, "22号"),
                (Kind::Unit, "3号楼"),
                (Kind::Unit, "2单元"),
                (Kind::Unit, "501室"),
            ]
        );
        let village = "四川省仪陇县新政镇王家坝村三组12号";
        let kinds: Vec<_> = pieces(village).map(|piece| piece.kind).collect();
        assert_eq!(kinds, [Kind::Division, Kind::Township, Kind::Village, Kind::Village, Kind::Number]);
    }

    #[test]
    fn addresses_are_likely_and_other_text_is_not() {
        for text in [
            ADDRESS,
            "北京朝阳区建国路88号",
            "汉口路22号",
            "河北省正定县南牛乡东权城村",
            "上海市浦东新区世纪大道100号",
            "中关村大街5号院3号楼",
            "123 Main Street, Apt 4, Springfield, IL 62704",
            "1034 Wiza Way",
            "221B Baker St",
            "P.O. Box 1234",
        ] {
            assert!(score(text) >= LIKELY, "{text}: {}", score(text));
        }
        for text in [
            "",
            "江苏省",
            "南京市",
            "高血压病3级",
            "2型糖尿病",
            "张三",
            "心内科一病区",
            "阿司匹林肠溶片100mg",
            "Take 2 tablets by mouth",
            "5 mg",
            "St Mary",
            "Glucose in blood",
            "MA 02139",
            "130/80",
        ] {
            assert!(score(text) < LIKELY, "{text}: {}", score(text));
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,40}") {
            let mut out = String::new();
            let _ = (score(&text), generalize(&text, Level::Township, &mut out), pieces(&text).take(50).count());
        }

        #[test]
        fn shuffled_parts_do_not_panic(parts in prop::collection::vec(prop::sample::select(vec![
            "江苏", "省", "南京", "市", "市辖区", "县", "路", "22", "号", "街道", " ", "，", "中国", "鼓楼区", "村", "吉林", "朝阳", "A", "道"]), 0..12)) {
            let text = parts.concat();
            let mut out = String::new();
            let _ = (score(&text), generalize(&text, Level::Township, &mut out), pieces(&text).take(50).count());
        }
    }
}
