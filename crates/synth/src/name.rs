//! Names that suit sex, birth year and ethnic group.

use medveil_deid::code::resident_id::Sex;

use crate::dice::{Dice, running_totals};
use crate::words::{self, GivenWords};

/// A person's name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Name {
    /// The surname; empty where people have none.
    pub family: String,
    /// The given name; where there is no surname, the whole name.
    pub given: String,
}

impl Name {
    /// The name as it is written on a form.
    pub fn full(&self) -> String {
        [self.family.as_str(), &self.given].concat()
    }
}

/// The lists, cut into words once.
pub(crate) struct Names {
    surnames: Vec<&'static str>,
    totals: Vec<u32>,
    male: Vec<Given>,
    female: Vec<Given>,
    uyghur_male: Vec<&'static str>,
    uyghur_female: Vec<&'static str>,
    tibetan: Vec<&'static str>,
    tibetan_female: Vec<&'static str>,
}

struct Given {
    common: Vec<&'static str>,
    lead: Vec<&'static str>,
    tail: Vec<&'static str>,
    single: u32,
}

impl Names {
    pub(crate) fn new() -> Self {
        let mut surnames = Vec::new();
        let mut shares = Vec::new();
        for line in words::SURNAMES.lines() {
            let mut fields = line.split(' ');
            let share = fields.next().and_then(|field| field.parse().ok()).unwrap_or(1);
            for name in fields {
                surnames.push(name);
                shares.push(share);
            }
        }
        let split = |list: &'static str| list.split_ascii_whitespace().collect();
        Self {
            surnames,
            totals: running_totals(shares),
            male: words::MALE.iter().map(Given::new).collect(),
            female: words::FEMALE.iter().map(Given::new).collect(),
            uyghur_male: split(words::UYGHUR_MALE),
            uyghur_female: split(words::UYGHUR_FEMALE),
            tibetan: split(words::TIBETAN),
            tibetan_female: split(words::TIBETAN_FEMALE),
        }
    }

    /// A surname of the Han.
    pub(crate) fn family(&self, dice: &mut Dice) -> &'static str {
        self.surnames[dice.weighted(&self.totals)]
    }

    /// A name for somebody of this sex, birth year and ethnic group; `family` is the surname to bear, if any.
    pub(crate) fn name(
        &self,
        sex: Sex,
        birth_year: i32,
        ethnicity: &str,
        family: Option<&str>,
        dice: &mut Dice,
    ) -> Name {
        match ethnicity {
            "维吾尔族" | "哈萨克族" => {
                let own = match sex {
                    Sex::Male => dice.pick(&self.uyghur_male),
                    Sex::Female => dice.pick(&self.uyghur_female),
                };
                let father = dice.pick(&self.uyghur_male);
                Name { family: String::new(), given: [own, "·", father].concat() }
            }
            "藏族" => {
                let second = match sex {
                    Sex::Male => dice.pick(&self.tibetan),
                    Sex::Female => dice.pick(&self.tibetan_female),
                };
                Name { family: String::new(), given: [dice.pick(&self.tibetan), second].concat() }
            }
            _ => {
                let family = family.unwrap_or_else(|| self.family(dice));
                let generation = words::GENERATIONS.partition_point(|&first| first <= birth_year);
                let given = match sex {
                    Sex::Male => &self.male[generation],
                    Sex::Female => &self.female[generation],
                };
                Name { family: family.to_owned(), given: given.draw(dice) }
            }
        }
    }
}

impl Given {
    fn new(words: &GivenWords) -> Self {
        let characters = |list: &'static str| list.split("").filter(|part| !part.is_empty()).collect();
        Self {
            common: words.common.split_ascii_whitespace().collect(),
            lead: characters(words.lead),
            tail: characters(words.tail),
            single: words.single,
        }
    }

    fn draw(&self, dice: &mut Dice) -> String {
        match dice.below(1000) {
            roll if roll < self.single => (dice.pick(&self.tail)).to_owned(),
            roll if roll % 5 < 2 => (dice.pick(&self.common)).to_owned(),
            _ => [dice.pick(&self.lead), dice.pick(&self.tail)].concat(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_generation() {
        let names = Names::new();
        let mut dice = Dice::new(1, 1);
        let mut bearers = |sex, year, given: &str| {
            (0..20_000).filter(|_| names.name(sex, year, "汉族", None, &mut dice).given == given).count()
        };
        assert!(bearers(Sex::Male, 1955, "建国") > 100);
        assert_eq!(bearers(Sex::Male, 2015, "建国"), 0);
        assert!(bearers(Sex::Female, 1945, "淑英") > 100);
        assert!(bearers(Sex::Female, 2005, "子涵") + bearers(Sex::Female, 2012, "子涵") > 100);
        assert_eq!(bearers(Sex::Female, 1955, "子涵"), 0);
    }

    #[test]
    fn frequent_surnames_are_frequent() {
        let names = Names::new();
        let mut dice = Dice::new(2, 1);
        let families: Vec<_> = (0..20_000).map(|_| names.family(&mut dice)).collect();
        let count = |name| families.iter().filter(|family| **family == name).count();
        assert!(count("王") > 900 && count("王") > 2 * count("周"));
        assert!(families.iter().any(|family| family.chars().count() == 2));
    }
}
