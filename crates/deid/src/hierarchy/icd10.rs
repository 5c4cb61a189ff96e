//! `icd-10`: diagnosis codes to category, block and chapter.
//!
//! `E11.900x001`, `E11`, `E10-E14`, `IV`. A category of a national version that lies in no block has its chapter at the level of blocks. Categories,
//! blocks and chapters that were written before stand as they are at the levels below them.

use serde::{Deserialize, Serialize};

use super::climb::{BuildError, Ladder, Reason, build};
use super::{Hierarchy, HierarchySpec, Method};
use crate::action::{Parameter, ParameterError, Refusal, Shape, parameters};
use crate::code::icd10;
use crate::kind::Text;

/// Diagnosis codes along the classification.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Icd10 {
    /// What each level keeps of a code, finest first.
    pub levels: Vec<Class>,
    /// The label of values that are no code.
    pub other: Option<String>,
}

impl Default for Icd10 {
    fn default() -> Self {
        Icd10 { levels: vec![Class::Category, Class::Block, Class::Chapter], other: None }
    }
}

/// A class of the classification, the narrowest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// `E11`
    Category,
    /// `E10-E14`
    Block,
    /// `IV`
    Chapter,
}

pub(super) const METHOD: Method = Method {
    name: "icd-10",
    summary: Text {
        en: "diagnosis codes (ICD-10 and its national versions) to category, block and chapter, then `*`",
        zh: "诊断编码（ICD-10 及各国版本）逐级归入类目、节、章，最后为 `*`",
    },
    parameters: &[
        Parameter {
            name: "levels",
            shape: Shape::List(&Shape::Choice(&["category", "block", "chapter"])),
            default: Some("[\"category\", \"block\", \"chapter\"]"),
            doc: Text {
                en: "what each level keeps of a code, finest first",
                zh: "各级保留的编码层次，由细到粗",
            },
        },
        super::OTHER,
    ],
    citation: "ICD-10 (WHO, version of 2019); ISO/IEC 20889:2018, 9.3",
    short: None,
    parse: |value| {
        let spec: Icd10 = parameters(value)?;
        spec.ladder()?;
        Ok(HierarchySpec::Icd10(spec))
    },
};

impl Icd10 {
    pub(super) fn build(&self, values: &[&str]) -> Result<Hierarchy, BuildError> {
        let ladder = self.ladder().map_err(|error| BuildError::Settings { hierarchy: METHOD.name, error })?;
        build(METHOD.name, &ladder, self.other.as_deref(), values)
    }

    fn ladder(&self) -> Result<Classes<'_>, ParameterError> {
        if self.levels.is_empty() || !self.levels.is_sorted_by(|narrow, wide| narrow < wide) {
            let message = "`levels` must be classes that get wider, such as [\"category\", \"chapter\"]";
            return Err(ParameterError(message.into()));
        }
        Ok(Classes(&self.levels))
    }
}

struct Classes<'a>(&'a [Class]);

impl Ladder for Classes<'_> {
    fn steps(&self) -> usize {
        self.0.len()
    }

    fn climb(&self, value: &str, labels: &mut Vec<String>) -> Result<(), Reason> {
        let (category, block, chapter) = place(value).ok_or(Refusal::Unknown("ICD-10 code"))?;
        labels.extend(self.0.iter().map(|class| {
            match class {
                Class::Category => category.as_deref().or(block).unwrap_or(chapter),
                Class::Block => block.unwrap_or(chapter),
                Class::Chapter => chapter,
            }
            .to_owned()
        }));
        Ok(())
    }
}

/// The category, block and chapter that a code, a block or a chapter lies in.
fn place(value: &str) -> Option<(Option<String>, Option<&'static str>, &'static str)> {
    if let Some(category) = icd10::Category::of(value) {
        let block = category.block().map(|block| block.range);
        return Some((Some(category.as_str().to_owned()), block, category.chapter()?.numeral));
    }
    if let Some(chapter) = icd10::chapters().find(|chapter| chapter.numeral == value) {
        return Some((None, None, chapter.numeral));
    }
    let block = icd10::blocks().find(|block| block.range == value)?;
    let first = icd10::Category::of(block.range.split('-').next()?)?;
    Some((None, Some(block.range), first.chapter()?.numeral))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::climb::tests::{between, climb, fault, spec};
    use super::*;

    #[test]
    fn codes_climb_along_the_classification() {
        for value in ["E11.900x001", "e11.9", "E11", "E119"] {
            assert_eq!(between(&json!("icd-10"), value), "E11 E10-E14 IV", "{value}");
        }
        assert_eq!(between(&json!("icd-10"), "E10-E14"), "E10-E14 E10-E14 IV");
        assert_eq!(between(&json!("icd-10"), "IV"), "IV IV IV");
        assert_eq!(between(&json!({ "icd-10": { "levels": ["chapter"] } }), "E11.9"), "IV");
    }

    #[test]
    fn every_category_block_and_chapter_has_its_place() {
        let mut values: Vec<String> = Vec::new();
        for letter in 'A'..='Z' {
            values.extend((0..100).map(|n| format!("{letter}{n:02}")).filter(|code| place(code).is_some()));
        }
        values.extend(icd10::blocks().map(|block| block.range.to_owned()));
        values.extend(icd10::chapters().map(|chapter| chapter.numeral.to_owned()));
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        let hierarchy = spec(json!("icd-10")).build(&values, None).unwrap();
        assert!(values.len() > 2_000);
        assert_eq!(hierarchy.labels(3).len(), 22);
    }

    #[test]
    fn what_is_no_code_is_refused() {
        for text in ["diabetes", "糖尿病", "M8000/3", "11.9", "XXX"] {
            let unknown = Reason::Unreadable(Refusal::Unknown("ICD-10 code"));
            assert_eq!(climb(&json!("icd-10"), text), Err(unknown), "{text}");
        }
        assert!(fault(json!({ "icd-10": { "levels": ["chapter", "block"] } })).contains("get wider"));
    }
}
