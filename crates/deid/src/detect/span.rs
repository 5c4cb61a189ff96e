//! Identifiers inside free text.
//!
//! One walk from left to right; at each place where a token can begin, the matchers are tried from the most certain to the least, and
//! the first that matches takes its bytes. Weak forms (a bare run of digits) need a word before them that says what they are:
//! `tel`, `住院号`. Names are found by titles, labels and lists, which finds most but not all of them.

use serde::Serialize;

use super::value::Strength;
use super::{date, name, pattern};
use crate::code::division::{self, Level};
use crate::code::resident_id::ResidentId;
use crate::kind::Kind;

/// Where an identifier stands in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Span {
    /// What it is.
    pub kind: Kind,
    /// Its first byte.
    pub start: usize,
    /// The byte behind its last one. Both lie on character boundaries.
    pub end: usize,
}

/// The identifiers in a text, in order and without overlap.
///
/// ```
/// use medveil_deid::detect::find_spans;
/// use medveil_deid::kind::Kind;
///
/// let text = "张伟医生，电话13812345678。";
/// let kinds: Vec<_> = find_spans(text).map(|span| (span.kind, &text[span.start..span.end])).collect();
/// assert_eq!(kinds, [(Kind::PersonName, "张伟"), (Kind::Phone, "13812345678")]);
/// ```
pub fn find_spans(text: &str) -> impl Iterator<Item = Span> + '_ {
    let mut at = 0;
    std::iter::from_fn(move || {
        while let Some(byte) = text.as_bytes().get(at) {
            let here = Place { text, at };
            let (found, step) = match byte {
                b'0'..=b'9' => (here.digits(), here.token().len()),
                b'a'..=b'z' | b'A'..=b'Z' => (here.letters(), here.token().len()),
                b'+' | b'(' => (here.telephone(), 1),
                0x80.. => (here.chinese(), here.rest().chars().next().map_or(1, char::len_utf8)),
                _ => (None, 1),
            };
            match found {
                Some((kind, end)) => {
                    let span = Span { kind, start: at, end };
                    at = end;
                    return Some(span);
                }
                None => at += step,
            }
        }
        None
    })
}

/// A place in a text where a token begins.
#[derive(Clone, Copy)]
struct Place<'a> {
    text: &'a str,
    at: usize,
}

/// A kind and where its span ends.
type Found = Option<(Kind, usize)>;

impl<'a> Place<'a> {
    fn rest(self) -> &'a str {
        &self.text[self.at..]
    }

    /// The letters and digits from here.
    fn token(self) -> &'a str {
        let rest = self.rest();
        let end = rest.bytes().position(|b| !b.is_ascii_alphanumeric()).unwrap_or(rest.len());
        &rest[..end]
    }

    /// The match of that length, unless it ends inside a word or a number.
    fn closed(self, kind: Kind, length: Option<usize>) -> Found {
        let end = self.at + length?;
        let bytes = self.text.as_bytes();
        let open = match bytes.get(end) {
            Some(b) if b.is_ascii_alphanumeric() => true,
            Some(b'.' | b',') => {
                bytes[end - 1].is_ascii_digit() && bytes.get(end + 1).is_some_and(u8::is_ascii_digit)
            }
            Some(b'%') => true,
            _ => false,
        };
        (!open).then_some((kind, end))
    }

    fn digits(self) -> Found {
        let bytes = self.rest().as_bytes();
        let token = self.token();
        // A number whose sign or decimal point stands before it has no identifier in its middle.
        let before = self.text.as_bytes()[..self.at].split_last();
        if let Some((b'.', head)) = before
            && head.last().is_some_and(u8::is_ascii_digit)
        {
            return None;
        }
        self.closed(Kind::Email, pattern::email(bytes))
            .or_else(|| self.closed(Kind::MacAddress, pattern::mac(bytes)))
            .or_else(|| self.closed(Kind::IpAddress, pattern::ip(bytes)))
            .or_else(|| {
                self.closed(Kind::CnResidentId, ResidentId::parse(token.as_bytes()).ok().map(|_| token.len()))
            })
            .or_else(|| self.closed(Kind::Vin, pattern::vin(token.as_bytes()).then_some(token.len())))
            .or_else(|| self.labelled())
            .or_else(|| self.closed(self.date_kind(), date::prefix(bytes).map(|(_, end)| end)))
            .or_else(|| {
                let ssn = bytes.get(..11).is_some_and(pattern::ssn);
                self.closed(Kind::SocialSecurityNumber, ssn.then_some(11))
                    .filter(|_| bytes.get(11) != Some(&b'-'))
            })
            .or_else(|| self.telephone())
            .or_else(|| self.closed(Kind::Address, pattern::english_address(self.rest())))
    }

    fn letters(self) -> Found {
        let bytes = self.rest().as_bytes();
        let token = self.token();
        self.closed(Kind::Url, pattern::url(bytes))
            .or_else(|| self.closed(Kind::Email, pattern::email(bytes)))
            .or_else(|| self.closed(Kind::MacAddress, pattern::mac(bytes)))
            .or_else(|| self.closed(Kind::IpAddress, pattern::ip(bytes)))
            .or_else(|| self.closed(Kind::Vin, pattern::vin(token.as_bytes()).then_some(token.len())))
            .or_else(|| self.account())
            .or_else(|| {
                let permit = pattern::hmt_permit(token.as_bytes()) >= Some(Strength::Pattern);
                self.closed(Kind::HmtPermit, permit.then_some(token.len()))
            })
            .or_else(|| {
                let passport = pattern::passport(token.as_bytes()) == Some(Strength::Pattern);
                self.closed(Kind::Passport, passport.then_some(token.len()))
            })
            .or_else(|| self.labelled())
            .or_else(|| self.closed(self.date_kind(), date::prefix(bytes).map(|(_, end)| end)))
            .or_else(|| self.western_name())
    }

    /// An account number with country letters, perhaps in groups of four.
    fn account(self) -> Found {
        let bytes = self.rest().as_bytes();
        if !bytes.get(..4)?.iter().skip(2).all(u8::is_ascii_digit) {
            return None;
        }
        let compact = self.token();
        if pattern::iban(compact.as_bytes()) {
            return self.closed(Kind::BankCard, Some(compact.len()));
        }
        let mut end = bytes.iter().take(42).take_while(|b| b.is_ascii_alphanumeric() || **b == b' ').count();
        while end > 15 {
            if pattern::iban(&bytes[..end]) && bytes[end - 1] != b' ' {
                return self.closed(Kind::BankCard, Some(end));
            }
            end = bytes[..end].iter().rposition(|b| *b == b' ')?;
        }
        None
    }

    /// Telephone and card numbers, whose groups may be separated: the longest run of groups that is one of them.
    fn telephone(self) -> Found {
        let bytes = self.rest().as_bytes();
        let mut end = 0;
        let mut ends = Vec::new();
        let mut separators = 0;
        while let Some(byte) = bytes.get(end).filter(|_| end < 40) {
            match byte {
                b'0'..=b'9' => separators = 0,
                b'+' if end == 0 => {}
                b' ' | b'-' | b'(' | b')' | b'.' | b'/' if separators < 2 => {
                    if end > 0 && bytes[end - 1].is_ascii_digit() {
                        ends.push(end);
                    }
                    separators += 1;
                }
                _ => break,
            }
            end += 1;
        }
        if end > 0 && bytes[end - 1].is_ascii_digit() {
            ends.push(end);
        }
        for end in ends.into_iter().rev() {
            let candidate = &bytes[..end];
            if pattern::bank_card(candidate)
                && let found @ Some(_) = self.closed(Kind::BankCard, Some(end))
            {
                return found;
            }
            let grouped = candidate.iter().any(|b| !b.is_ascii_digit());
            let told = match pattern::phone(&self.rest()[..end]) {
                Some(Strength::Pattern | Strength::CheckDigit) => true,
                Some(Strength::Plausible) => {
                    let led = matches!(candidate[0], b'0' | b'(')
                        && grouped
                        && end >= 9
                        && !candidate.contains(&b'/');
                    led || self.follows(&PHONE_WORDS, 32) || grouped && precedes(&self.rest()[end..])
                }
                None => false,
            };
            if told && let found @ Some(_) = self.closed(Kind::Phone, Some(end + extension(&bytes[end..]))) {
                return found;
            }
        }
        None
    }

    /// A token that the words just before it call a number of a record.
    fn labelled(self) -> Found {
        let token_end = self
            .rest()
            .bytes()
            .position(|b| !(b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'/')))
            .unwrap_or(self.rest().len());
        let token = self.rest()[..token_end].trim_end_matches(['-', '_', '/']);
        if !(4..=32).contains(&token.len()) || !token.bytes().any(|b| b.is_ascii_digit()) {
            return None;
        }
        let mut before = &self.text[..self.at];
        loop {
            let shorter = before
                .trim_end_matches([' ', ':', '：', '#', '为', '是', '=', '('])
                .trim_end_matches("is")
                .trim_end_matches("number")
                .trim_end_matches("no.")
                .trim_end_matches("No.");
            if shorter.len() == before.len() {
                break;
            }
            before = shorter;
        }
        let ends = |label: &str| {
            let tail = before.len().checked_sub(label.len()).and_then(|at| before.get(at..));
            tail.is_some_and(|tail| tail.eq_ignore_ascii_case(label))
        };
        let (kind, _) = LABELS.iter().find(|(_, labels)| labels.iter().any(|label| ends(label)))?;
        self.closed(*kind, Some(token.len()))
    }

    /// Whether one of the words stands in the last bytes before this place.
    fn follows(self, words: &[&str], bytes: usize) -> bool {
        let mut from = self.at.saturating_sub(bytes);
        while !self.text.is_char_boundary(from) {
            from += 1;
        }
        let before = &self.text.as_bytes()[from..self.at];
        words.iter().any(|word| before.windows(word.len()).any(|w| w.eq_ignore_ascii_case(word.as_bytes())))
    }

    fn date_kind(self) -> Kind {
        if self.follows(&["birth", "born", "dob", "出生", "生日", "生于"], 24) {
            Kind::BirthDate
        } else {
            Kind::EventDate
        }
    }

    /// `Dr. Zzyzx`, `Mary A. Jones`, `Mary`.
    fn western_name(self) -> Found {
        let first = self.capital_word(self.at)?;
        if name::is_title(first) {
            // The span begins behind the title, when the walk gets there.
            return None;
        }
        let titled = self.text[..self.at]
            .trim_end_matches([' ', '.'])
            .rsplit(|c: char| !c.is_ascii_alphabetic())
            .next()
            .is_some_and(|word| name::is_title(word) && word.starts_with(|c: char| c.is_ascii_uppercase()))
            && self.text[..self.at].ends_with(' ');
        let labelled = self.follows(&["name is ", "name: ", "patient: ", "named ", "i'm ", "i am "], 10);
        let known = name::is_given_name(first);
        if !(titled || labelled || known) {
            return None;
        }
        let mut end = self.at + first.len();
        let mut words = 1;
        while words < 4 {
            let rest = &self.text[end..];
            let gap = if rest.starts_with(". ") && words > 1 { 2 } else { 1 };
            if !rest.starts_with(' ') && gap == 1 {
                break;
            }
            match self.capital_word(end + gap) {
                Some(word) => end += gap + word.len(),
                None => break,
            }
            words += 1;
        }
        let alone_is_enough =
            titled || labelled || !AMBIGUOUS.iter().any(|word| word.eq_ignore_ascii_case(first));
        (words > 1 || alone_is_enough).then_some((Kind::PersonName, end))
    }

    /// The word at `at`, if it begins with a capital letter.
    fn capital_word(self, at: usize) -> Option<&'a str> {
        let rest = self.text.get(at..)?;
        if !rest.starts_with(char::is_uppercase) {
            return None;
        }
        let end = rest
            .char_indices()
            .find(|(_, c)| !(c.is_alphabetic() && !name::is_han(*c) || matches!(c, '\'' | '-' | '’')))
            .map_or(rest.len(), |(i, _)| i);
        Some(rest[..end].trim_end_matches(['\'', '-', '’']).trim_end_matches("'s").trim_end_matches("’s"))
    }

    fn chinese(self) -> Found {
        let rest = self.rest();
        let first = rest.chars().next()?;
        if !name::is_han(first) {
            // Names such as Élodie or Žofie.
            return if first.is_uppercase() { self.western_name() } else { None };
        }
        if let Some(length) = pattern::plate(rest) {
            return self.closed(Kind::LicencePlate, Some(length));
        }
        self.chinese_address().or_else(|| self.chinese_name())
    }

    fn chinese_address(self) -> Found {
        let rest = self.rest();
        let first = rest.chars().next()?;
        let before = self.text[..self.at].chars().next_back();
        let starts = PROVINCE_BEGINNINGS.contains(first)
            || !before.is_some_and(name::is_han)
            || before.is_some_and(|c| "住址在于贯自".contains(c));
        let division = starts.then(|| division::find_in_address(rest)).flatten()?;
        let tail = &rest[division.end_byte..];
        let stop = tail
            .find(|c: char| {
                !(name::is_han(c) || c.is_ascii_alphanumeric() || matches!(c, '-' | '#' | '－' | '（' | '）'))
            })
            .unwrap_or(tail.len());
        let tail = &tail[..stop];
        // Up to the last word of an address; what follows it belongs to the sentence.
        let house = HOUSE_MARKS.iter().filter_map(|mark| tail.rfind(mark).map(|at| at + mark.len())).max();
        match house {
            Some(end) => {
                let number = tail[end..].bytes().take_while(|b| b.is_ascii_digit() || *b == b'-').count();
                Some((Kind::Address, self.at + division.end_byte + end + number))
            }
            None if division.level != Level::Province => Some((Kind::Geography, self.at + division.end_byte)),
            None => None,
        }
    }

    fn chinese_name(self) -> Found {
        let rest = self.rest();
        let surname = name::chinese_surname(rest)?;
        let before = &self.text[..self.at];
        let label = before.trim_end_matches([' ', ':', '：']);
        let colon = label.len() < before.len();
        if NAME_LABELS.iter().any(|word| label.ends_with(word))
            && let Some(length) = name::chinese_prefix(rest)
        {
            let next = rest[length..].chars().next();
            let ends = next.is_none_or(|c| !name::is_han(c) || "男女性系因于主诉因在的之，".contains(c));
            if colon || ends {
                return Some((Kind::PersonName, self.at + length));
            }
        }
        // 由 and 和 are surnames, but 由李明医生 is not about a person called so.
        let second = rest.chars().next().map_or(0, char::len_utf8);
        if rest.starts_with(|c| CONNECTING.contains(c)) && name::chinese_surname(&rest[second..]).is_some() {
            return None;
        }
        // 李明医生, 欧阳女士
        let alone = before.chars().next_back().is_none_or(|c| !name::is_han(c) || CONNECTING.contains(c));
        let mut end = surname;
        for given in 0..=2 {
            if TITLES.iter().any(|title| rest[end..].starts_with(title)) {
                let typical =
                    given == 0 && alone || given > 0 && name::chinese_prefix(rest).is_some_and(|n| n >= end);
                return typical.then_some((Kind::PersonName, self.at + end));
            }
            end += rest[end..].chars().next().filter(|c| name::is_han(*c))?.len_utf8();
        }
        None
    }
}

/// Length of an extension: `x123`, ` ext. 12`.
fn extension(after: &[u8]) -> usize {
    for mark in [b" ext. ".as_slice(), b" ext ", b" ext.", b"x", b" x"] {
        if after.get(..mark.len()).is_some_and(|found| found.eq_ignore_ascii_case(mark)) {
            let digits = after[mark.len()..].iter().take_while(|b| b.is_ascii_digit()).count();
            if (1..=6).contains(&digits) {
                return mark.len() + digits;
            }
        }
    }
    0
}

/// Whether a number is said to be a telephone's by the word behind it: `555 1234 (mobile)`.
fn precedes(after: &str) -> bool {
    let word = after.trim_start_matches([' ', '-', '(', ',']);
    ["office", "fax", "mobile", "home", "cell", "desk", "work"]
        .iter()
        .any(|known| word.get(..known.len()).is_some_and(|found| found.eq_ignore_ascii_case(known)))
}

/// Characters that stand before a name.
const CONNECTING: &str = "由请经找向与和及对给被我是有为叫";

const PHONE_WORDS: [&str; 18] = [
    "answering at",
    "messages to",
    "desk:",
    "dial",
    "phone",
    "tel",
    "call",
    "mobile",
    "cell",
    "fax",
    "contact",
    "reach",
    "number is",
    "电话",
    "手机",
    "联系",
    "致电",
    "传真",
];

const LABELS: &[(Kind, &[&str])] = &[
    (Kind::InpatientNumber, &["住院号", "住院号码", "住院流水号", "inpatient"]),
    (
        Kind::MedicalRecordNumber,
        &["病历号", "病案号", "门诊号", "档案号", "mrn", "medical record", "chart", "record"],
    ),
    (
        Kind::VisitNumber,
        &["就诊号", "流水号", "登记号", "检查号", "标本号", "条码号", "accession", "encounter", "visit"],
    ),
    (Kind::InsuranceNumber, &["医保号", "医保卡号", "医保卡", "参保号", "policy", "member id", "insurance"]),
    (Kind::SocialSecurityNumber, &["社保号", "社会保障号", "ssn", "social security"]),
    (Kind::CnResidentId, &["身份证", "身份证号", "身份证号码", "证件号", "证件号码"]),
    (Kind::Passport, &["护照", "护照号", "护照号码", "passport"]),
    (Kind::CertificateNumber, &["license", "licence", "certificate", "证书号", "执照号", "驾驶证号"]),
    (Kind::DeviceId, &["序列号", "设备号", "植入物编号", "serial", "device id"]),
    (Kind::PatientId, &["患者编号", "患者id", "病人id", "就诊卡号", "patient id", "id号"]),
    (Kind::BankCard, &["银行卡号", "银行卡", "账号", "account"]),
];

const NAME_LABELS: [&str; 22] = [
    "姓名",
    "患者",
    "病人",
    "联系人",
    "家属",
    "患儿",
    "医师",
    "医生",
    "护士",
    "签名",
    "签字",
    "主治",
    "主刀",
    "术者",
    "助手",
    "报告人",
    "审核",
    "记录者",
    "监护人",
    "母亲",
    "父亲",
    "丈夫",
];

const TITLES: [&str; 20] = [
    "医生",
    "医师",
    "主任",
    "副主任",
    "护士",
    "教授",
    "先生",
    "女士",
    "小姐",
    "大夫",
    "院长",
    "老师",
    "同志",
    "主治医",
    "住院医",
    "阿姨",
    "大爷",
    "大妈",
    "奶奶",
    "护师",
];

const HOUSE_MARKS: [&str; 20] = [
    "路", "街", "道", "巷", "弄", "村", "镇", "乡", "小区", "花园", "胡同", "屯", "组", "社区", "号", "室",
    "栋", "幢", "单元", "楼",
];

const PROVINCE_BEGINNINGS: &str = "北天河山内辽吉黑上江浙安福湖广海重四贵云西陕甘青宁新台香澳";

/// Given names that are common words as well; alone they are no name.
const AMBIGUOUS: [&str; 60] = [
    "may",
    "june",
    "april",
    "august",
    "grace",
    "hope",
    "faith",
    "joy",
    "mark",
    "will",
    "rose",
    "dawn",
    "frank",
    "jack",
    "bill",
    "art",
    "grant",
    "chase",
    "dale",
    "dean",
    "earl",
    "gene",
    "glen",
    "guy",
    "hunter",
    "iris",
    "ivy",
    "jay",
    "jean",
    "kay",
    "kent",
    "lance",
    "lily",
    "mason",
    "max",
    "miles",
    "olive",
    "opal",
    "page",
    "pat",
    "paris",
    "pearl",
    "penny",
    "ray",
    "reed",
    "rex",
    "rich",
    "rob",
    "rod",
    "ruby",
    "sandy",
    "sue",
    "summer",
    "victor",
    "violet",
    "virginia",
    "georgia",
    "charlotte",
    "amber",
    "angel",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<(Kind, &str)> {
        find_spans(text).map(|span| (span.kind, &text[span.start..span.end])).collect()
    }

    #[test]
    fn identifiers_in_chinese_notes_are_found() {
        assert_eq!(
            found("患者张建国，男，身份证11010519491231002X，住院号：ZY20230001，2023年5月1日入院。"),
            [
                (Kind::PersonName, "张建国"),
                (Kind::CnResidentId, "11010519491231002X"),
                (Kind::InpatientNumber, "ZY20230001"),
                (Kind::EventDate, "2023年5月1日"),
            ]
        );
        assert_eq!(
            found("家住浙江省杭州市西湖区文三路138号2幢301室，车牌浙A12345，由李明主任医师接诊。"),
            [
                (Kind::Address, "浙江省杭州市西湖区文三路138号2幢301室"),
                (Kind::LicencePlate, "浙A12345"),
                (Kind::PersonName, "李明"),
            ]
        );
    }

    #[test]
    fn identifiers_in_english_notes_are_found() {
        assert_eq!(
            found(
                "Mr. Zzyzx (DOB 03/04/1957, MRN: 00123456) lives at 12 Baker Street, call 555-234-5678 or mail z.z@example.org."
            ),
            [
                (Kind::PersonName, "Zzyzx"),
                (Kind::BirthDate, "03/04/1957"),
                (Kind::MedicalRecordNumber, "00123456"),
                (Kind::Address, "12 Baker Street"),
                (Kind::Phone, "555-234-5678"),
                (Kind::Email, "z.z@example.org"),
            ]
        );
        assert_eq!(
            found(
                "see https://a.example/x?y=1, host 10.0.0.7, card 4111 1111 1111 1111, IBAN GB82WEST12345698765432"
            ),
            [
                (Kind::Url, "https://a.example/x?y=1"),
                (Kind::IpAddress, "10.0.0.7"),
                (Kind::BankCard, "4111 1111 1111 1111"),
                (Kind::BankCard, "GB82WEST12345698765432"),
            ]
        );
    }

    #[test]
    fn findings_of_medicine_are_no_identifiers() {
        for text in [
            "血压 120/80 mmHg，体温 36.5℃，白细胞 10.25×10^9/L，血糖 5.6-7.8 mmol/L。",
            "Glucose 5.6 mmol/L, 500 mg twice a day, E11.9, HbA1c 7.25%, pH 7.35-7.45",
            "高血压病史10年，任何不适随诊，全科医生建议住院医师评估。",
            "Take 2 tablets 3 times daily for 14 days.",
        ] {
            assert_eq!(found(text), [], "{text}");
        }
    }

    #[test]
    fn a_wrong_check_character_is_not_a_resident_id() {
        assert!(found("编号110105194912310021完").iter().all(|(kind, _)| *kind != Kind::CnResidentId));
        assert_eq!(found("身份证号：110105194912310021"), [(Kind::CnResidentId, "110105194912310021")]);
    }
}
