//! What is asked at registration: work, family, telephone.

use medveil_deid::code::resident_id::Sex;

use crate::date::TODAY;
use crate::dice::Dice;
use crate::name::{Name, Names};
use crate::patient::{Contact, Marital, Patient, Social};
use crate::words;

/// A mobile number of the mainland's ranges.
pub(crate) fn phone(dice: &mut Dice) -> u64 {
    const RANGES: [u64; 40] = [
        130, 131, 132, 133, 134, 135, 136, 137, 138, 139, 138, 139, 150, 151, 152, 153, 155, 156, 157, 158,
        159, 158, 166, 170, 173, 175, 176, 177, 178, 180, 181, 182, 183, 185, 186, 187, 188, 189, 198, 199,
    ];
    dice.pick(&RANGES) * 100_000_000 + u64::from(dice.below(100_000_000))
}

/// Work, family and who pays.
pub(crate) fn social(patient: &Patient, names: &Names, dice: &mut Dice) -> Social {
    let age = patient.birth.age_on(TODAY);
    let marital = marital(age, patient.sex, dice);
    let occupation = occupation(age, patient.sex, patient.address.rural, dice);
    Social {
        marital,
        occupation,
        employer: employer(occupation, patient, dice),
        insurance: insurance(occupation, dice),
        email: (age >= 14 && dice.chance(260)).then(|| email(patient, dice)),
        contact: contact(age, marital, patient, names, dice),
    }
}

fn marital(age: u32, sex: Sex, dice: &mut Dice) -> Marital {
    // Thousandths who are not yet, still, no longer married; widows live longer.
    let (single, married, divorced) = match age {
        0..20 => (1000, 0, 0),
        20..25 => (880, 115, 5),
        25..30 => (480, 495, 25),
        30..40 => (130, 805, 60),
        40..60 => (35, 875, 70),
        60..75 => (20, if sex == Sex::Male { 890 } else { 780 }, 30),
        _ => (20, if sex == Sex::Male { 720 } else { 430 }, 15),
    };
    match dice.below(1000) {
        roll if roll < single => Marital::Single,
        roll if roll < single + married => Marital::Married,
        roll if roll < single + married + divorced => Marital::Divorced,
        _ => Marital::Widowed,
    }
}

fn occupation(age: u32, sex: Sex, rural: bool, dice: &mut Dice) -> &'static str {
    const TOWN: [&str; 24] = [
        "工人",
        "工人",
        "职员",
        "职员",
        "职员",
        "教师",
        "医务人员",
        "公务员",
        "工程技术人员",
        "工程技术人员",
        "个体经营者",
        "个体经营者",
        "司机",
        "销售人员",
        "销售人员",
        "会计",
        "服务员",
        "快递员",
        "厨师",
        "软件工程师",
        "自由职业",
        "无业",
        "律师",
        "警察",
    ];
    let retired = if sex == Sex::Male { 60 } else { 55 };
    match age {
        0..3 => "散居儿童",
        3..7 => "托幼儿童",
        7..19 => "学生",
        19..23 if dice.chance(550) => "学生",
        _ if rural && dice.chance(700) => "农民",
        _ if age >= retired => "退休人员",
        _ => dice.pick(&TOWN),
    }
}

fn employer(occupation: &str, patient: &Patient, dice: &mut Dice) -> Option<String> {
    const ORDINALS: [&str; 9] = ["一", "二", "三", "四", "五", "六", "七", "八", "九"];
    let place = &patient.address.place;
    let (city, county) = (place.city(), place.county);
    let ordinal = dice.pick(&ORDINALS);
    let age = patient.birth.age_on(TODAY);
    Some(match occupation {
        "农民" | "散居儿童" | "无业" | "自由职业" | "退休人员" => return None,
        "托幼儿童" => format!("{county}第{ordinal}幼儿园"),
        "学生" if age < 13 => format!("{county}实验小学"),
        "学生" if age < 19 => format!("{city}第{ordinal}中学"),
        "学生" => {
            format!("{city}{}", dice.pick(&["大学", "师范大学", "理工大学", "职业技术学院", "医科大学"]))
        }
        "教师" => format!("{city}第{ordinal}中学"),
        "医务人员" => format!("{county}人民医院"),
        "公务员" => {
            format!("{county}{}", dice.pick(&["财政局", "税务局", "教育局", "民政局", "自然资源局"]))
        }
        "警察" => format!("{county}公安局"),
        "律师" => format!("{city}{}律师事务所", pick_word(words::BRANDS, dice)),
        "个体经营者" => format!(
            "{}{}店",
            pick_word(words::BRANDS, dice),
            dice.pick(&["百货", "餐饮", "五金", "服装", "建材"])
        ),
        _ => {
            let (brand, trade) = (pick_word(words::BRANDS, dice), pick_word(words::TRADES, dice));
            format!("{city}{brand}{trade}有限公司")
        }
    })
}

fn pick_word(list: &'static str, dice: &mut Dice) -> &'static str {
    let count = list.split_ascii_whitespace().count() as u32;
    let at = dice.below(count) as usize;
    list.split_ascii_whitespace().nth(at).unwrap_or_default()
}

fn insurance(occupation: &str, dice: &mut Dice) -> &'static str {
    match (occupation, dice.below(100)) {
        (_, 0..4) => "自费",
        (_, 4..6) => "商业医疗保险",
        ("农民" | "学生" | "散居儿童" | "托幼儿童" | "无业" | "自由职业", _) => {
            "城乡居民基本医疗保险"
        }
        ("公务员", 6..30) => "公费医疗",
        _ => "城镇职工基本医疗保险",
    }
}

fn email(patient: &Patient, dice: &mut Dice) -> String {
    match dice.below(3) {
        0 => format!("{}@qq.com", dice.between(100_000_000, 1_999_999_999)),
        1 => format!("{}@163.com", patient.phone),
        _ => format!("{}@139.com", patient.phone),
    }
}

fn contact(age: u32, marital: Marital, patient: &Patient, names: &Names, dice: &mut Dice) -> Contact {
    let birth_year = patient.birth.civil().0;
    let first = dice.chance(500);
    // Relation, sex, years older than the patient, whether of the same surname as a rule.
    let (relation, sex, older, same) = match (age, marital, first) {
        (0..25, _, true) => ("父亲", Sex::Male, 27, true),
        (0..25, _, false) => ("母亲", Sex::Female, 25, false),
        (_, Marital::Married, _) if dice.chance(700) => match patient.sex {
            Sex::Male => ("配偶", Sex::Female, -2, false),
            Sex::Female => ("配偶", Sex::Male, 2, false),
        },
        (50.., _, true) => ("儿子", Sex::Male, -26, patient.sex == Sex::Male),
        (50.., _, false) => ("女儿", Sex::Female, -26, patient.sex == Sex::Male),
        (_, _, true) => ("兄弟", Sex::Male, 2, true),
        (_, _, false) => ("姐妹", Sex::Female, -2, true),
    };
    let family = (same && !patient.name.family.is_empty()).then_some(patient.name.family.as_str());
    let name: Name = names.name(sex, birth_year - older, patient.ethnicity, family, dice);
    Contact { relation, name, phone: phone(dice) }
}
