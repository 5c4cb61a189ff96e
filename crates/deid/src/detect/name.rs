//! Person names, Chinese and Western.
//!
//! A Chinese name is a surname of the common list (single or compound) and one or two characters; the characters that parents choose
//! are a small part of the script, which tells 张建国 from 黄芪 or 白内障. A Western name has a known given name or surname in the
//! form that names have.

use std::collections::HashSet;
use std::sync::OnceLock;

use foldhash::fast::FixedState;

use super::value::Strength;

/// Whether a whole value is a person's name.
pub(super) fn whole(value: &str) -> Option<Strength> {
    if value.len() > 60 {
        return None;
    }
    if value.is_ascii() || !value.chars().any(is_han) {
        return western(value);
    }
    chinese(value)
}

fn chinese(value: &str) -> Option<Strength> {
    // 阿依古丽·买买提
    if let Some((given, family)) = value.split_once(['·', '•']) {
        let sound = |part: &str| {
            (1..=8).contains(&part.chars().filter(|c| is_han(*c)).count())
                && part.chars().all(|c| is_han(c) || c == '·')
        };
        return (sound(given) && sound(family)).then_some(Strength::Pattern);
    }
    let masked = value.trim_end_matches(['*', '＊', '某', '×', 'X']);
    if masked.len() < value.len() {
        return chinese_surname(masked).filter(|n| masked.len() - n <= 3).map(|_| Strength::Pattern);
    }
    let count = value.chars().count();
    if !(2..=4).contains(&count) || !value.chars().all(is_han) {
        return None;
    }
    let surname = chinese_surname(value)?;
    let given = value[surname..].chars().count();
    if !(1..=2).contains(&given) {
        return None;
    }
    let typical = value[surname..].chars().all(|c| tables().given_zh.contains(c));
    Some(if typical { Strength::Pattern } else { Strength::Plausible })
}

/// Length in bytes of the surname that a text begins with; compound ones first.
pub(super) fn chinese_surname(text: &str) -> Option<usize> {
    let tables = tables();
    if let Some(two) = text.get(..6).filter(|two| {
        two.starts_with(|c| COMPOUND_BEGINNINGS.contains(c)) && tables.compound_zh.contains(two)
    }) {
        // 东方 alone is no name; a compound surname needs a given name as well.
        if text.len() > two.len() {
            return Some(two.len());
        }
    }
    text.chars().next().filter(|c| tables.surnames_zh.contains(*c)).map(char::len_utf8)
}

/// The first characters of the compound surnames.
const COMPOUND_BEGINNINGS: &str = "欧上司诸东皇尉公慕令夏宇长南独端轩西淳单申太钟闾赫澹濮呼百万闻拓纳完段漆";

/// Length in bytes of the Chinese name that a text begins with, taking two given characters rather than one where both are
/// typical. The caller knows from the context that a name stands here.
pub(super) fn chinese_prefix(text: &str) -> Option<usize> {
    let surname = chinese_surname(text)?;
    let mut given = text[surname..].chars();
    let first = given.next().filter(|c| is_han(*c))?;
    let typical = |c: char| tables().given_zh.contains(c);
    let one = surname + first.len_utf8();
    match given.next() {
        Some(second) if typical(first) && typical(second) => Some(one + second.len_utf8()),
        _ if typical(first) => Some(one),
        _ => None,
    }
}

fn western(value: &str) -> Option<Strength> {
    let mut words = 0;
    let mut known = 0;
    let mut titled = false;
    for (i, word) in value.split([' ', ',']).filter(|word| !word.is_empty()).enumerate() {
        if i == 0 && is_title(word) {
            titled = true;
            continue;
        }
        // Synthea numbers its names: Alberto639.
        let word = word.trim_end_matches(|c: char| c.is_ascii_digit()).trim_end_matches('.');
        if word.is_empty() || !word.chars().all(|c| c.is_alphabetic() || matches!(c, '\'' | '-' | '’')) {
            return None;
        }
        words += 1;
        known += usize::from(is_western_name(word));
    }
    match (words, known) {
        (1..=5, _) if titled => Some(Strength::Pattern),
        (1, 1) => Some(Strength::Pattern),
        (2..=4, 1..) => Some(Strength::Pattern),
        (1..=5, _) if value.chars().next().is_some_and(char::is_uppercase) => Some(Strength::Plausible),
        _ => None,
    }
}

/// Whether a word is a common given name or surname, in any case.
pub(super) fn is_western_name(word: &str) -> bool {
    is_given_name(word) || tables().surnames_en.contains(word.to_lowercase().as_str())
}

/// Whether a word is a common Western given name, in any case.
pub(super) fn is_given_name(word: &str) -> bool {
    tables().given_en.contains(word.to_lowercase().as_str())
}

/// Mr, Mrs., Dr …
pub(super) fn is_title(word: &str) -> bool {
    const TITLES: [&str; 10] =
        ["mr", "mrs", "ms", "miss", "dr", "prof", "sir", "madam", "doctor", "professor"];
    let word = word.trim_end_matches('.');
    TITLES.iter().any(|title| title.eq_ignore_ascii_case(word))
}

/// Whether a character is a Chinese ideograph.
pub(super) fn is_han(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{20000}'..='\u{323af}')
}

/// A set of the 20,992 common ideographs, asked for every character of every text.
struct Ideographs(Box<[u64; IDEOGRAPHS / 64]>);

const FIRST_IDEOGRAPH: usize = 0x4e00;
const IDEOGRAPHS: usize = 0x5200;

impl Ideographs {
    fn contains(&self, c: char) -> bool {
        let at = (c as usize).wrapping_sub(FIRST_IDEOGRAPH);
        self.0.get(at / 64).is_some_and(|word| word >> (at % 64) & 1 != 0)
    }
}

impl FromIterator<char> for Ideographs {
    fn from_iter<I: IntoIterator<Item = char>>(chars: I) -> Self {
        let mut set = Box::new([0; IDEOGRAPHS / 64]);
        for c in chars {
            let at = (c as usize).wrapping_sub(FIRST_IDEOGRAPH);
            if let Some(word) = set.get_mut(at / 64) {
                *word |= 1 << (at % 64);
            }
        }
        Ideographs(set)
    }
}

struct Tables {
    surnames_zh: Ideographs,
    compound_zh: HashSet<&'static str, FixedState>,
    given_zh: Ideographs,
    given_en: HashSet<&'static str, FixedState>,
    surnames_en: HashSet<&'static str, FixedState>,
}

fn tables() -> &'static Tables {
    static TABLES: OnceLock<Tables> = OnceLock::new();
    TABLES.get_or_init(|| Tables {
        surnames_zh: include_str!("words/surnames_zh.txt").chars().collect(),
        compound_zh: include_str!("words/compound_surnames_zh.txt").split_whitespace().collect(),
        given_zh: include_str!("words/given_zh.txt").chars().collect(),
        given_en: include_str!("words/given_en.txt").split_whitespace().collect(),
        surnames_en: include_str!("words/surnames_en.txt").split_whitespace().collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compound_surnames_are_found_by_their_first_character() {
        for surname in &tables().compound_zh {
            assert_eq!(chinese_surname(&format!("{surname}伟")), Some(6), "{surname}");
        }
    }

    #[test]
    fn names_are_told_from_words_that_begin_like_them() {
        for name in [
            "张伟",
            "王建国",
            "欧阳娜娜",
            "诸葛亮",
            "阿依古丽·买买提",
            "李**",
            "王某某",
            "John Smith",
            "Smith, John",
            "Dr. Zzyzx",
            "Mary A. O'Brien",
            "Alberto639 Armstrong51",
            "Maria",
        ] {
            assert_eq!(whole(name), Some(Strength::Pattern), "{name}");
        }
        for word in ["黄芪", "白内障", "马来酸", "方便面", "石膏粉", "金属", "Metoprolol Tartrate"]
        {
            assert_ne!(whole(word), Some(Strength::Pattern), "{word}");
        }
        // The last is four bytes long in UTF-8.
        for word in ["阿司匹林", "12", "北京市朝阳区", "a@b.cn", "", "𪟑J."] {
            assert_eq!(whole(word), None, "{word}");
        }
    }
}
