//! ICD-10: chapters, blocks and categories of the WHO version of 2019, and the codes that hospitals write.
//!
//! A diagnosis is generalised along the classification itself: code to category to block to chapter
//! (`E11.900x001` to `E11` to `E10-E14` to `IV`), named as in WHO's ClaML files. The Chinese clinical
//! extension (疾病分类与代码国家临床版, `E11.900x001`, `I10.x00`), the American one (`S72.001A`, `C7A.8`) and
//! dagger and asterisk marks are read; morphology codes of ICD-O (`M8000/3`) are not diagnoses.
//!
//! ```
//! use medveil_deid::code::icd10::{self, To};
//!
//! let mut out = String::new();
//! assert!(icd10::generalize("E11.900x001", To::Block, &mut out));
//! assert_eq!(out, "E10-E14");
//! ```

use std::sync::OnceLock;

/// A chapter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chapter {
    /// Its Roman numeral.
    pub numeral: &'static str,
    /// First and last category: `E00-E90`.
    pub range: &'static str,
    /// English title.
    pub title: &'static str,
    /// Chinese title.
    pub title_zh: &'static str,
}

/// A block: the narrowest range of categories that WHO names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// First and last category: `E10-E14`.
    pub range: &'static str,
    /// English title.
    pub title: &'static str,
    /// Chinese title.
    pub title_zh: &'static str,
}

/// What [`generalize`] leaves of a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum To {
    /// `E11`
    Category,
    /// `E10-E14`
    Block,
    /// `IV`
    Chapter,
}

/// The three characters of a category, in capitals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Category([u8; 3]);

impl Category {
    /// The category of a code in any of the spellings; `None` where the text is no code.
    pub fn of(code: &str) -> Option<Self> {
        let text = code.trim_end_matches(['+', '*', '†']);
        let (head, rest) = text.as_bytes().split_first_chunk::<3>()?;
        let category = Self([head[0].to_ascii_uppercase(), head[1], head[2].to_ascii_uppercase()]);
        // Positions are numbered so that an unknown third letter is refused here.
        category.position()?;
        is_subdivision(rest).then_some(category)
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("a category is ASCII")
    }

    /// The block that it lies in; some categories of national versions lie in none.
    pub fn block(self) -> Option<Block> {
        let position = self.position()?;
        let blocks = &tables().blocks;
        let after = blocks.partition_point(|(span, _)| span.first <= position);
        let (span, block) = blocks.get(after.checked_sub(1)?)?;
        (position <= span.last).then_some(*block)
    }

    /// The chapter that it lies in.
    pub fn chapter(self) -> Option<Chapter> {
        let position = self.position()?;
        let found = tables().chapters.iter().find(|(span, _)| (span.first..=span.last).contains(&position));
        found.map(|(_, chapter)| *chapter)
    }

    /// Where it stands in the order of the classification.
    fn position(self) -> Option<u16> {
        // The seven categories with a letter that ICD-10-CM added take the place of a neighbour.
        let [letter, tens, ones] = match &self.0 {
            b"C4A" => *b"C44",
            b"C7A" => *b"C75",
            b"C7B" => *b"C79",
            b"D3A" => *b"D36",
            b"M1A" => *b"M10",
            b"O9A" => *b"O99",
            b"Z3A" => *b"Z39",
            other => *other,
        };
        if !letter.is_ascii_uppercase() || !tens.is_ascii_digit() || !ones.is_ascii_digit() {
            return None;
        }
        Some(u16::from(letter - b'A') * 100 + u16::from(tens - b'0') * 10 + u16::from(ones - b'0'))
    }
}

/// All chapters in order.
pub fn chapters() -> impl Iterator<Item = Chapter> {
    tables().chapters.iter().map(|(_, chapter)| *chapter)
}

/// All blocks in order.
pub fn blocks() -> impl Iterator<Item = Block> {
    tables().blocks.iter().map(|(_, block)| *block)
}

/// Appends a code's category, block or chapter. `false`, and nothing is appended, where the text is no code or lies in
/// none: the caller then suppresses it.
pub fn generalize(code: &str, to: To, out: &mut String) -> bool {
    let Some(category) = Category::of(code) else { return false };
    match to {
        To::Category if category.chapter().is_some() => out.push_str(category.as_str()),
        To::Category => return false,
        To::Block => match category.block() {
            Some(block) => out.push_str(block.range),
            None => return false,
        },
        To::Chapter => match category.chapter() {
            Some(chapter) => out.push_str(chapter.numeral),
            None => return false,
        },
    }
    true
}

/// What may follow the category: nothing, `.9`, `.900x001`, `.x00`, `.001A`, and the same without the point.
fn is_subdivision(rest: &[u8]) -> bool {
    let (rest, pointed) = match rest {
        [] => return true,
        [b'.', rest @ ..] => (rest, true),
        rest => (rest, false),
    };
    // The national extension: x and three digits after a subdivision of three.
    let rest = match rest {
        [subdivision @ .., b'x' | b'X', a, b, c]
            if subdivision.len() == 3 && [a, b, c].iter().all(|digit| digit.is_ascii_digit()) =>
        {
            subdivision
        }
        rest => rest,
    };
    let Some((&first, others)) = rest.split_first() else { return false };
    let placeholder = |byte: u8| matches!(byte, b'x' | b'X');
    let starts = first.is_ascii_digit() || placeholder(first) || (pointed && first.is_ascii_uppercase());
    let last_is_letter = others.len() == 3 && others[2].is_ascii_uppercase();
    let middle = if last_is_letter { &others[..2] } else { others };
    // Without the point, four digits more would be any number behind a letter.
    let most = if pointed || last_is_letter { 3 } else { 2 };
    starts
        && others.len() <= most
        && middle
            .iter()
            .all(|&byte| byte.is_ascii_digit() || placeholder(byte) || (pointed && byte.is_ascii_uppercase()))
}

#[derive(Clone, Copy)]
struct Span {
    first: u16,
    last: u16,
}

struct Tables {
    chapters: Vec<(Span, Chapter)>,
    blocks: Vec<(Span, Block)>,
}

fn tables() -> &'static Tables {
    static TABLES: OnceLock<Tables> = OnceLock::new();
    TABLES.get_or_init(|| Tables::read(include_str!("icd10.txt")))
}

impl Tables {
    fn read(text: &'static str) -> Self {
        let mut tables = Self { chapters: Vec::new(), blocks: Vec::new() };
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let fields: Vec<&'static str> = line.trim_start().split('|').collect();
            match fields[..] {
                [numeral, range, title, title_zh] => {
                    tables
                        .chapters
                        .extend(span(range).map(|span| (span, Chapter { numeral, range, title, title_zh })));
                }
                [range, title, title_zh] => {
                    tables.blocks.extend(span(range).map(|span| (span, Block { range, title, title_zh })));
                }
                _ => {}
            }
        }
        // WHO gives XXII at the end; by code U lies before V.
        tables.blocks.sort_by_key(|(span, _)| span.first);
        tables
    }
}

fn span(range: &str) -> Option<Span> {
    let (first, last) = range.split_once('-')?;
    Some(Span { first: Category::of(first)?.position()?, last: Category::of(last)?.position()? })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn generalized(code: &str, to: To) -> Option<String> {
        let mut out = String::new();
        generalize(code, to, &mut out).then_some(out)
    }

    #[test]
    fn tables_are_whole() {
        let tables = tables();
        let lines = include_str!("icd10.txt").lines().filter(|line| !line.starts_with('#')).count();
        assert_eq!(tables.chapters.len(), 22);
        assert_eq!(tables.chapters.len() + tables.blocks.len(), lines);
        for pair in tables.blocks.windows(2) {
            assert!(pair[0].0.last < pair[1].0.first, "{} {}", pair[0].1.range, pair[1].1.range);
        }
        for (span, block) in &tables.blocks {
            let inside = |(outer, _): &(Span, Chapter)| outer.first <= span.first && span.last <= outer.last;
            assert_eq!(
                tables.chapters.iter().filter(|chapter| inside(chapter)).count(),
                1,
                "{}",
                block.range
            );
            assert!(span.first <= span.last && !block.title.is_empty() && !block.title_zh.is_empty());
        }
    }

    #[test]
    fn codes_climb_to_category_block_and_chapter() {
        for (code, category, block, chapter) in [
            ("E11.900x001", "E11", "E10-E14", "IV"),
            ("E11.9", "E11", "E10-E14", "IV"),
            ("E119", "E11", "E10-E14", "IV"),
            ("e11", "E11", "E10-E14", "IV"),
            ("I10.x00", "I10", "I10-I15", "IX"),
            ("I10.x00x002", "I10", "I10-I15", "IX"),
            ("A17.0+", "A17", "A15-A19", "I"),
            ("G01*", "G01", "G00-G09", "VI"),
            ("S72.001A", "S72", "S70-S79", "XIX"),
            ("C7A.8", "C7A", "C73-C75", "II"),
            ("M80.001", "M80", "M80-M85", "XIII"),
            ("X85.9", "X85", "X85-Y09", "XX"),
            ("Y09", "Y09", "X85-Y09", "XX"),
            ("U07.1", "U07", "U00-U49", "XXII"),
            ("H60", "H60", "H60-H62", "VIII"),
            ("T51.0X1A", "T51", "T51-T65", "XIX"),
        ] {
            assert_eq!(generalized(code, To::Category).as_deref(), Some(category), "{code}");
            assert_eq!(generalized(code, To::Block).as_deref(), Some(block), "{code}");
            assert_eq!(generalized(code, To::Chapter).as_deref(), Some(chapter), "{code}");
        }
    }

    #[test]
    fn what_is_no_diagnosis_is_refused() {
        for text in [
            "",
            "E",
            "E1",
            "E11.",
            "M8000/3",
            "M80000/3",
            "11.9",
            "E11.9 张三",
            "E1A",
            "E11.900x01",
            "E11.9000x001",
            "糖尿病",
            "EE1",
            "E11..9",
            "E11.900000",
            "I100000",
            "Hello",
            "B12abc",
        ] {
            assert_eq!(Category::of(text), None, "{text}");
        }
        // A gap between blocks has a chapter alone.
        assert_eq!(generalized("A10", To::Block), None);
        assert_eq!(generalized("A10", To::Chapter).as_deref(), Some("I"));
        assert_eq!(generalized("D49", To::Chapter), None);
    }

    proptest! {
        #[test]
        fn a_block_lies_in_its_categorys_chapter(code in "[A-Z][0-9]{2}") {
            if let Some(block) = Category::of(&code).and_then(Category::block) {
                let first = Category::of(&block.range[..3]).unwrap();
                prop_assert_eq!(first.chapter(), Category::of(&code).unwrap().chapter());
            }
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,12}") {
            let _ = Category::of(&text);
        }
    }
}
