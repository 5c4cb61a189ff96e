//! Labels in `meta.security` that say what was done to a resource.
//!
//! The codes are those of HL7's v3 ObservationValue for altered data (<http://terminology.hl7.org/CodeSystem/v3-ObservationValue>,
//! groups `_SECALTINTOBV` and `_SECDATINTOBV`). For noise and fixed values it has none; there the codes stand without a system, as
//! Microsoft's FHIR anonymizer writes them, so that consumers of either find the same label.

use serde_json::Value;

/// A set of labels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Labels(u8);

/// A label: its code, whether the code is one of [`SYSTEM`], and the coding as it is written.
struct Label {
    code: &'static str,
    coded: bool,
    text: &'static str,
}

macro_rules! labels {
    ($($code:literal $display:literal $(in $system:literal)?;)*) => {
        &[$(Label {
            code: $code,
            coded: !concat!("", $($system)?).is_empty(),
            text: concat!("{", $("\"system\":\"", $system, "\",",)? "\"code\":\"", $code, "\",\"display\":\"", $display, "\"}"),
        },)*]
    };
}

/// The labels, each a bit of [`Labels`].
const ALL: &[Label] = labels! {
    "REDACTED" "redacted" in "http://terminology.hl7.org/CodeSystem/v3-ObservationValue";
    "ABSTRED" "abstracted" in "http://terminology.hl7.org/CodeSystem/v3-ObservationValue";
    "PSEUDED" "pseudonymized" in "http://terminology.hl7.org/CodeSystem/v3-ObservationValue";
    "CRYTOHASH" "cryptographic hash function" in "http://terminology.hl7.org/CodeSystem/v3-ObservationValue";
    "MASKED" "masked" in "http://terminology.hl7.org/CodeSystem/v3-ObservationValue";
    "PERTURBED" "exact value is replaced with another exact value";
    "SUBSTITUTED" "exact value is replaced with a predefined value";
};

const SYSTEM: &str = "http://terminology.hl7.org/CodeSystem/v3-ObservationValue";

impl Labels {
    /// Something is gone.
    pub const REDACTED: Labels = Labels(1);
    const ABSTRACTED: Labels = Labels(1 << 1);
    const PSEUDONYMIZED: Labels = Labels(1 << 2);
    const HASHED: Labels = Labels(1 << 3);
    const MASKED: Labels = Labels(1 << 4);
    const PERTURBED: Labels = Labels(1 << 5);
    const SUBSTITUTED: Labels = Labels(1 << 6);

    /// The label for values that an action has replaced.
    pub fn of(method: &str) -> Labels {
        match method {
            "pseudonymize" | "new-uid" => Labels::PSEUDONYMIZED,
            "hash" => Labels::HASHED,
            "encrypt" | "mask" => Labels::MASKED,
            "shift-date" | "perturb" | "laplace" | "gaussian" => Labels::PERTURBED,
            "substitute" => Labels::SUBSTITUTED,
            "generalize" | "recode" | "truncate" | "round" | "age-from-date" => Labels::ABSTRACTED,
            // `redact` with a text, cleaned text, and whatever comes: something of the value is gone.
            _ => Labels::REDACTED,
        }
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Both.
    #[must_use]
    pub fn and(self, other: Labels) -> Labels {
        Labels(self.0 | other.0)
    }

    /// Those that a `meta.security` list does not have yet.
    #[must_use]
    pub fn missing_in(self, security: &[u8]) -> Labels {
        let Ok(Value::Array(codings)) = serde_json::from_slice(security) else { return self };
        let has = |label: &Label| {
            codings.iter().any(|coding| {
                let system = coding.get("system").and_then(Value::as_str);
                let code = coding.get("code").and_then(Value::as_str);
                code == Some(label.code) && (!label.coded || system == Some(SYSTEM))
            })
        };
        let bits = (0..).zip(ALL).filter(|(_, label)| !has(label)).map(|(bit, _)| 1 << bit);
        Labels(self.0 & bits.fold(0, |a, b: u8| a | b))
    }

    /// Writes the labels as codings, with commas between them.
    pub fn write(self, out: &mut Vec<u8>) {
        let set = ALL.iter().enumerate().filter(|(bit, _)| self.0 >> bit & 1 == 1);
        for (at, (_, label)) in set.enumerate() {
            if at > 0 {
                out.push(b',');
            }
            out.extend_from_slice(label.text.as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_that_are_there_are_not_written_again() {
        let both = Labels::REDACTED.and(Labels::of("hash"));
        let mut text = Vec::new();
        both.write(&mut text);
        let list = [b"[".as_slice(), &text, b"]"].concat();
        assert!(both.missing_in(&list).is_empty());
        assert_eq!(both.missing_in(b"[]"), both);
        assert_eq!(Labels::of("laplace").and(both).missing_in(&list), Labels::of("laplace"));
        // The same code of another system says something else.
        let foreign = br#"[{"system":"urn:x","code":"REDACTED"}]"#;
        assert_eq!(Labels::REDACTED.missing_in(foreign), Labels::REDACTED);
    }
}
