//! `new-uid`: a new object identifier for an old one.
//!
//! Identifiers that the DICOM standard itself assigns (SOP classes, transfer syntaxes) name no patient, and without them a file cannot be read:
//! they stay.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Action, Cell, Effect, Method, Output, ParameterError, Reads, Refusal, Site, Transform};
use crate::kind::Text;
use crate::study::Prf;

/// Replaces a UID.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewUid {}

pub(super) const METHOD: Method = Method {
    name: "new-uid",
    summary: Text {
        en: "replaces a UID by a new one, consistently in the study",
        zh: "以新 UID 代替，研究内一致",
    },
    parameters: &[],
    guarantee: Text {
        en: "as `pseudonymize`; the result is a valid OID under 2.25",
        zh: "同 `pseudonymize`；结果为 2.25 下的有效 OID",
    },
    citation: "DICOM PS3.5, B.2 (UUID-derived UIDs); PS3.15, E.3.9; ITU-T X.667",
    output: Output::Text,
    parse: |value| Ok(Box::new(super::parameters::<NewUid>(value)?)),
};

impl Action for NewUid {
    fn method(&self) -> &'static Method {
        &METHOD
    }

    fn parameters(&self) -> Value {
        super::beyond_default(self)
    }

    fn prepare(&self, site: &Site<'_>) -> Result<Box<dyn Transform>, ParameterError> {
        Ok(Box::new(Renumber { prf: site.study.prf(&["uid"]) }))
    }
}

struct Renumber {
    prf: Prf,
}

impl Transform for Renumber {
    fn apply(&self, cell: &Cell<'_>, out: &mut String) -> Result<Effect, Refusal> {
        // `urn:oid:` is how FHIR writes an OID.
        // DICOM pads to an even length with a NUL (PS3.5, 9.1).
        let value = cell.value.0.trim_matches(|c: char| c.is_whitespace() || c == '\0');
        let (scheme, uid) = match value.strip_prefix("urn:oid:") {
            Some(uid) => ("urn:oid:", uid),
            None => ("", value),
        };
        if !is_oid(uid) {
            return Err(Refusal::Unknown("UID"));
        }
        if uid.starts_with(DICOM) {
            return Ok(Effect::Kept);
        }
        let tag = self.prf.tag(&[uid.as_bytes()]);
        let number = u128::from_be_bytes(tag[..16].try_into().expect("16 of 32 bytes"));
        // Version 8 and variant 1, as in RFC 9562.
        let number = number & !(0xf << 76) | 0x8 << 76;
        let number = number & !(0x3 << 62) | 0x2 << 62;
        write!(out, "{scheme}2.25.{number}").expect("a string takes all text");
        Ok(Effect::Replaced)
    }

    fn reads(&self) -> Reads {
        Reads::Value
    }
}

/// The root of what the standard assigns (PS3.6, Annex A).
const DICOM: &str = "1.2.840.10008.";

/// Whether the text is arcs of digits: two at least, none empty.
fn is_oid(text: &str) -> bool {
    text.contains('.')
        && text.split('.').all(|arc| !arc.is_empty() && arc.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::run;
    use crate::action::Refusal;

    #[test]
    fn uids_are_new_consistent_and_valid() {
        let new = |value| run("new-uid", json!({}), None, value).map(Option::unwrap);
        let uid = new("1.2.840.113619.2.1").unwrap();
        assert!(uid.starts_with("2.25.") && uid.len() <= 64);
        assert_eq!(new("urn:oid:1.2.840.113619.2.1").unwrap(), format!("urn:oid:{uid}"));
        assert_eq!(new("1.2.840.113619.2.1\0").unwrap(), uid);
        assert_ne!(new("1.2.840.113619.2.2").unwrap(), uid);
        let number: u128 = uid["2.25.".len()..].parse().unwrap();
        assert_eq!((number >> 76 & 0xf, number >> 62 & 0x3), (8, 2), "a UUID of version 8");
        for value in ["not a uid", "", "..", "1..2", "1.2.", "12345", "urn:oid:"] {
            assert_eq!(new(value), Err(Refusal::Unknown("UID")), "{value}");
        }
    }

    #[test]
    fn what_the_standard_assigns_stays() {
        let ct = "1.2.840.10008.5.1.4.1.1.2";
        assert_eq!(run("new-uid", json!({}), None, ct), Ok(Some(ct.into())));
    }
}
