//! One value: everything that it could be.

use serde::Serialize;

use super::kind_set::KindSet;
use super::{date, dictionary, name, pattern};
use crate::code::division;
use crate::code::resident_id::{Form, Holder, ResidentId};
use crate::kind::Kind;

/// How strongly one value speaks for a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strength {
    /// It does not exclude the kind.
    Plausible,
    /// Its form is typical of the kind, or it stands in the kind's dictionary.
    Pattern,
    /// It obeys the kind's check-digit rule.
    CheckDigit,
}

/// What a value matches, strongest first; without any context, so `123456` may be a postcode, a measurement or a number of a record.
///
/// ```
/// use medveil_deid::detect::{Strength, detect_value};
/// use medveil_deid::kind::Kind;
///
/// assert_eq!(detect_value("11010519491231002X")[0], (Kind::CnResidentId, Strength::CheckDigit));
/// ```
pub fn detect_value(value: &str) -> Vec<(Kind, Strength)> {
    let reading = Reading::of(value);
    let level = |set: KindSet, strength| set.iter().map(move |kind| (kind, strength));
    level(reading.checked, Strength::CheckDigit)
        .chain(level(reading.typical.without(reading.checked), Strength::Pattern))
        .chain(level(
            reading.plausible.without(reading.typical).without(reading.checked),
            Strength::Plausible,
        ))
        .collect()
}

/// What one value says.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Reading {
    /// Kinds whose check-digit rule it obeys.
    pub(super) checked: KindSet,
    /// Kinds whose form it has.
    pub(super) typical: KindSet,
    /// Kinds that it does not exclude.
    pub(super) plausible: KindSet,
    /// The value as a number.
    pub(super) number: Option<f64>,
    /// Its year and whether it has a time of day, where it is a date.
    pub(super) date: Option<(i32, bool)>,
}

/// Numbers of records look like this.
const TOKENS: KindSet = KindSet::of(&[
    Kind::PatientId,
    Kind::MedicalRecordNumber,
    Kind::InpatientNumber,
    Kind::VisitNumber,
    Kind::UniqueId,
    Kind::InsuranceNumber,
    Kind::SocialSecurityNumber,
    Kind::DeviceId,
    Kind::CertificateNumber,
    Kind::Passport,
    Kind::Biometric,
    Kind::Procedure,
    Kind::Measure,
    Kind::Drug,
    Kind::Department,
    Kind::Diagnosis,
    Kind::Employer,
    Kind::Occupation,
    Kind::FreeText,
]);

/// Any number could be one of these.
const NUMBERS: KindSet = KindSet::of(&[Kind::LaboratoryValue, Kind::Amount, Kind::Measure]);

/// Categories are often coded with one to four digits or letters.
const CODES: KindSet = KindSet::of(&[
    Kind::Sex,
    Kind::Ethnicity,
    Kind::Nationality,
    Kind::MaritalStatus,
    Kind::Education,
    Kind::Occupation,
    Kind::Employer,
    Kind::Department,
    Kind::Measure,
    Kind::Diagnosis,
    Kind::Procedure,
    Kind::Drug,
    Kind::PatientId,
    Kind::MedicalRecordNumber,
    Kind::InpatientNumber,
    Kind::VisitNumber,
    Kind::UniqueId,
    Kind::Geography,
]);

/// Any words could be one of these.
const WORDS: KindSet = KindSet::of(&[
    Kind::Ethnicity,
    Kind::Nationality,
    Kind::MaritalStatus,
    Kind::Education,
    Kind::Occupation,
    Kind::Employer,
    Kind::Geography,
    Kind::Address,
    Kind::Diagnosis,
    Kind::Procedure,
    Kind::Drug,
    Kind::Department,
    Kind::Measure,
    Kind::LaboratoryValue,
    Kind::FreeText,
    Kind::Biometric,
    Kind::DeviceId,
]);

impl Reading {
    /// Reads a value.
    pub(super) fn of(value: &str) -> Self {
        let value = value.trim();
        let mut reading = Reading::default();
        if value.is_empty() || value.len() > LONGEST {
            if value.len() > LONGEST {
                reading.typical = KindSet::of(&[Kind::FreeText]);
            }
            return reading;
        }
        reading.digits_and_tokens(value);
        reading.dates(value);
        if !value.bytes().all(|b| b.is_ascii_digit()) {
            reading.network(value);
            reading.words(value);
        }
        reading
    }

    fn say(&mut self, kind: Kind, strength: Strength) {
        match strength {
            Strength::Plausible => self.plausible.insert(kind),
            Strength::Pattern => self.typical.insert(kind),
            Strength::CheckDigit => self.checked.insert(kind),
        }
    }

    fn maybe(&mut self, kind: Kind, strength: Option<Strength>) {
        if let Some(strength) = strength {
            self.say(kind, strength);
        }
    }

    fn digits_and_tokens(&mut self, value: &str) {
        let bytes = value.as_bytes();
        let digits = bytes.iter().all(u8::is_ascii_digit);
        if let Ok(id) = ResidentId::parse(bytes) {
            let strength = if id.form() == Form::Eighteen { Strength::CheckDigit } else { Strength::Pattern };
            self.say(Kind::CnResidentId, strength);
            if matches!(id.holder(), Holder::HongKong | Holder::Macao | Holder::Taiwan) {
                self.say(Kind::HmtPermit, strength);
            }
            self.plausible =
                self.plausible.union(KindSet::of(&[Kind::SocialSecurityNumber, Kind::InsuranceNumber]));
        } else if matches!(bytes.len(), 15 | 18) && bytes[..bytes.len() - 1].iter().all(u8::is_ascii_digit) {
            self.say(Kind::CnResidentId, Strength::Plausible);
        }
        if pattern::bank_card(bytes) || pattern::iban(bytes) {
            self.say(Kind::BankCard, Strength::CheckDigit);
        } else if digits && (9..=22).contains(&bytes.len()) {
            self.say(Kind::BankCard, Strength::Plausible);
        }
        self.maybe(Kind::Phone, pattern::phone(value));
        self.maybe(Kind::Passport, pattern::passport(bytes));
        self.maybe(Kind::HmtPermit, pattern::hmt_permit(bytes));
        if pattern::ssn(bytes) {
            self.say(Kind::SocialSecurityNumber, Strength::Pattern);
        }
        if pattern::token(bytes) {
            self.plausible = self.plausible.union(TOKENS);
        }
        if bytes.len() <= 4 && bytes.iter().all(|b| b.is_ascii_alphanumeric()) {
            self.plausible = self.plausible.union(CODES);
        }
        if digits {
            self.codes_of_digits(bytes);
        }
        if bytes.len() <= 24
            && bytes.iter().all(|b| b.is_ascii_digit() || b"+-.eE".contains(b))
            && let Ok(number) = value.parse::<f64>()
            && number.is_finite()
        {
            self.number = Some(number);
            self.plausible = self.plausible.union(NUMBERS);
            if (0.0..=120.0).contains(&number) && (number.fract() == 0.0 || number < 20.0) {
                self.say(Kind::Age, Strength::Plausible);
            }
        } else if is_measurement(value) {
            self.plausible = self.plausible.union(NUMBERS);
        }
        if is_age(value) {
            self.say(Kind::Age, Strength::Pattern);
        }
    }

    fn codes_of_digits(&mut self, bytes: &[u8]) {
        let number = || bytes.iter().fold(0_u32, |n, b| n * 10 + u32::from(b - b'0'));
        match bytes.len() {
            4 if (1880..=2099).contains(&number()) => {
                self.plausible = self.plausible.union(KindSet::of(&[Kind::BirthDate, Kind::EventDate]));
            }
            5 => self.say(Kind::Postcode, Strength::Plausible),
            6 => {
                if division::known(number()).is_some() {
                    self.say(Kind::DivisionCode, Strength::Pattern);
                }
                if bytes[0] <= b'8' {
                    self.say(Kind::Postcode, Strength::Plausible);
                }
            }
            9 | 12
                if division::known(bytes[..6].iter().fold(0, |n, b| n * 10 + u32::from(b - b'0')))
                    .is_some() =>
            {
                self.say(Kind::DivisionCode, Strength::Plausible);
            }
            _ => {}
        }
    }

    fn dates(&mut self, value: &str) {
        if let Some(date) = date::whole(value.as_bytes()) {
            self.date = Some((date.year, date.time));
            self.say(Kind::BirthDate, if date.time { Strength::Plausible } else { Strength::Pattern });
            self.say(Kind::EventDate, Strength::Pattern);
        }
    }

    fn network(&mut self, value: &str) {
        let bytes = value.as_bytes();
        let whole = |length: Option<usize>| length == Some(bytes.len());
        for (kind, found) in [
            (Kind::Email, whole(pattern::email(bytes))),
            (
                Kind::Url,
                whole(pattern::url(bytes))
                    || bytes.last() == Some(&b'/')
                        && pattern::url(bytes).is_some_and(|n| n + 1 == bytes.len()),
            ),
            (Kind::IpAddress, whole(pattern::ip(bytes))),
            (Kind::MacAddress, whole(pattern::mac(bytes))),
            (Kind::UniqueId, pattern::uuid(bytes)),
        ] {
            if found {
                self.say(kind, Strength::Pattern);
            }
        }
        if pattern::vin(bytes) {
            self.say(Kind::Vin, Strength::CheckDigit);
        }
        self.maybe(Kind::DiagnosisCode, pattern::icd10(value));
        if let [body @ .., b'-', a, b, c, d] = bytes
            && body.len() == 5
            && body.iter().chain([a, b, c, d]).all(u8::is_ascii_digit)
        {
            self.say(Kind::Postcode, Strength::Pattern);
        }
    }

    fn words(&mut self, value: &str) {
        if !value.chars().any(char::is_alphabetic) {
            // Signs alone: (+), ±, <=.
            self.typical = self.typical.union(dictionary::kinds_of(value));
            return;
        }
        if pattern::plate(value) == Some(value.len()) {
            self.say(Kind::LicencePlate, Strength::Pattern);
        }
        let listed = dictionary::kinds_of(value);
        self.typical = self.typical.union(listed);
        let letters = value.bytes().filter(|b| b.is_ascii_alphabetic() || *b >= 0x80).count();
        if letters * 3 >= value.len() {
            self.plausible = self.plausible.union(WORDS);
        }
        match place(value) {
            Some(Place::Address) => {
                self.say(Kind::Address, Strength::Pattern);
                return;
            }
            Some(Place::Division) => {
                self.say(Kind::Geography, Strength::Pattern);
                return;
            }
            None => {}
        }
        if is_prose(value) {
            self.say(Kind::FreeText, Strength::Pattern);
            return;
        }
        match name::whole(value) {
            // 白蛋白, 高血压, White: a name only where nothing else claims the word.
            Some(Strength::Pattern) if !listed.is_empty() => self.say(Kind::PersonName, Strength::Plausible),
            Some(strength)
                if listed.without(KindSet::of(&[Kind::Geography, Kind::Nationality])).is_empty() =>
            {
                self.say(Kind::PersonName, strength);
            }
            _ => {}
        }
    }
}

/// Longer values are text, whatever they contain.
const LONGEST: usize = 1_024;

enum Place {
    Division,
    Address,
}

/// An address, or the name of a division and nothing else.
fn place(value: &str) -> Option<Place> {
    if value.is_ascii() {
        return pattern::english_address(value).filter(|n| n * 2 >= value.len()).map(|_| Place::Address);
    }
    let found = division::find_in_address(value);
    let rest = found.map_or(value, |found| &value[found.end_byte..]).trim();
    if found.is_some() && rest.is_empty() {
        return Some(Place::Division);
    }
    // A street, a village or a house behind (or without) the division.
    const STREETS: [&str; 18] = [
        "路", "街", "道", "巷", "弄", "村", "镇", "乡", "小区", "花园", "苑", "里", "胡同", "屯", "组",
        "社区", "新村", "大道",
    ];
    const HOUSES: [&str; 8] = ["号", "室", "栋", "幢", "单元", "楼", "组", "座"];
    let street = STREETS.iter().any(|mark| rest.contains(mark));
    let house = rest.bytes().any(|b| b.is_ascii_digit()) && HOUSES.iter().any(|mark| rest.contains(mark));
    let prose = value.contains(['，', '。', '；', ',']);
    let told = (found.is_some() && (street || house) || street && house) && !prose && value.len() <= 240;
    // 北京市第一医院门诊部 stands in a division but is no address.
    (told && !rest.ends_with("公司") && !rest.ends_with("医院") && !rest.ends_with("学校"))
        .then_some(Place::Address)
}

/// Sentences rather than a term.
fn is_prose(value: &str) -> bool {
    let han = value.chars().filter(|c| name::is_han(*c)).count();
    if han >= 6 {
        let marks = value
            .chars()
            .filter(|c| matches!(c, '，' | '。' | '；' | '、' | '：' | ',' | ';' | '！' | '？'))
            .count();
        return han >= 25 || marks >= 1 && han >= 8;
    }
    let words = value.split_ascii_whitespace().count();
    words >= 7 || words >= 5 && value.ends_with(['.', '!', '?'])
}

/// `45岁`, `3月`, `45Y`, `10 years`
fn is_age(value: &str) -> bool {
    const UNITS: [&str; 15] = [
        "岁", "周岁", "月", "个月", "天", "月龄", "y", "yr", "yrs", "year", "years", "m", "months", "d",
        "days",
    ];
    let digits = value.bytes().take_while(u8::is_ascii_digit).count();
    (1..=3).contains(&digits) && {
        let unit = value[digits..].trim();
        !unit.is_empty() && UNITS.iter().any(|known| known.eq_ignore_ascii_case(unit))
    }
}

/// `<0.1`, `120/80`, `5.6 mmol/L`, `1,234.50`, `¥12.00`, `3.2↑`
fn is_measurement(value: &str) -> bool {
    let value = value.trim_start_matches(['<', '>', '=', '≤', '≥', '~', '¥', '$', '￥', '€', '±', ' ']);
    let number = value.bytes().take_while(|b| b.is_ascii_digit() || matches!(b, b'.' | b',' | b'/')).count();
    let unit = value[number..].trim();
    number > 0 && value.starts_with(|c: char| c.is_ascii_digit()) && unit.chars().count() <= 12
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has(value: &str, kind: Kind, strength: Strength) -> bool {
        detect_value(value).contains(&(kind, strength))
    }

    #[test]
    fn check_digits_make_the_difference() {
        assert!(has("11010519491231002X", Kind::CnResidentId, Strength::CheckDigit));
        assert!(!has("110105194912310021", Kind::CnResidentId, Strength::CheckDigit));
        assert!(has("110105194912310021", Kind::CnResidentId, Strength::Plausible));
        assert!(has("4111111111111111", Kind::BankCard, Strength::CheckDigit));
        assert!(has("1M8GDM9AXKP042788", Kind::Vin, Strength::CheckDigit));
    }

    #[test]
    fn common_values_are_read_as_what_they_are() {
        for (value, kind) in [
            ("13812345678", Kind::Phone),
            ("a@b.cn", Kind::Email),
            ("京A12345", Kind::LicencePlate),
            ("1987-03-04", Kind::BirthDate),
            ("2023-05-01 08:30:00", Kind::EventDate),
            ("浙江省杭州市西湖区", Kind::Geography),
            ("浙江省杭州市西湖区文三路138号2幢301室", Kind::Address),
            ("12 Baker Street, London", Kind::Address),
            ("患者3天前无明显诱因出现咳嗽，无发热。", Kind::FreeText),
            ("E11.900x001", Kind::DiagnosisCode),
            ("张建国", Kind::PersonName),
            ("45岁", Kind::Age),
            ("330106", Kind::DivisionCode),
            ("阴性", Kind::LaboratoryValue),
            ("123e4567-e89b-12d3-a456-426614174000", Kind::UniqueId),
        ] {
            assert!(has(value, kind, Strength::Pattern), "{value} {kind} {:?}", detect_value(value));
        }
    }

    #[test]
    fn departments_and_drugs_are_no_names() {
        for value in ["呼吸内科", "阿莫西林", "White", "高血压", "方剂科", "黄芪", "江苏省"]
        {
            assert!(!has(value, Kind::PersonName, Strength::Pattern), "{value}");
        }
    }
}
