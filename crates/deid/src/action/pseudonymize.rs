//! `pseudonymize`: a consistent stand-in for an identifier.
//!
//! The pseudonym of a value is HMAC(key of study and namespace, value): the same value has the same pseudonym in every
//! file and format of one study, and an unlinkable one in another. 80 bits are kept by default: among ten million patients two
//! share a pseudonym with probability below 5e-11 (birthday bound n^2 / 2^81).
//!
//! A reversible pseudonym is AES-SIV (RFC 5297) under the study's key: deterministic authenticated encryption, which
//! `medveil reidentify` undoes for who holds the key.

use aes_siv::KeyInit;
use aes_siv::siv::Aes256Siv;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use zeroize::Zeroizing;

use super::format_preserving::FormatPreserving;
use super::{
    Action, Cell, Effect, Method, Output, Parameter, ParameterError, Reads, Refusal, Shape, Site, Transform,
};
use crate::kind::{Kind, Text};
use crate::study::{RecentPrf, Study};

/// Replaces an identifier by a pseudonym.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Pseudonymize {
    scope: Scope,
    reversible: bool,
    alphabet: Alphabet,
    length: usize,
    prefix: String,
    namespace: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Scope {
    Study,
    File,
}

/// The letters of a pseudonym.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Alphabet {
    Auto,
    Base32,
    Hex,
    Digits,
    Preserve,
}

impl Default for Pseudonymize {
    fn default() -> Self {
        Pseudonymize {
            scope: Scope::Study,
            reversible: false,
            alphabet: Alphabet::Auto,
            length: 16,
            prefix: String::new(),
            namespace: None,
        }
    }
}

pub(super) const METHOD: Method = Method {
    name: "pseudonymize",
    summary: Text {
        en: "replaces an identifier by a consistent pseudonym", zh: "以一致的假名代替标识符"
    },
    parameters: &[
        Parameter {
            name: "scope",
            shape: Shape::Choice(&["study", "file"]),
            default: Some("\"study\""),
            doc: Text {
                en: "where the same value has the same pseudonym: in the whole study, or in one column or path only",
                zh: "同一值在何范围内得到同一假名：整个研究，或仅一列/一路径",
            },
        },
        Parameter {
            name: "reversible",
            shape: Shape::Boolean,
            default: Some("false"),
            doc: Text {
                en: "whether the key holder can restore the value with `medveil reidentify`",
                zh: "密钥持有者可否用 `medveil reidentify` 还原",
            },
        },
        Parameter {
            name: "alphabet",
            shape: Shape::Choice(&["auto", "base32", "hex", "digits", "preserve"]),
            default: Some("\"auto\""),
            doc: Text {
                en: "auto: a UUID for a UUID, else base32 (Crockford: no I, L, O, U); preserve: digits stay digits and letters letters (FF1)",
                zh: "auto：UUID 仍为 UUID，其余为 base32（Crockford，无 I、L、O、U）；preserve：数字仍为数字、字母仍为字母（FF1）",
            },
        },
        Parameter {
            name: "length",
            shape: Shape::Integer(8, 48),
            default: Some("16"),
            doc: Text { en: "letters of an irreversible pseudonym", zh: "不可逆假名的字符数" },
        },
        Parameter {
            name: "prefix",
            shape: Shape::Text,
            default: Some("\"\""),
            doc: Text { en: "written before the pseudonym", zh: "写在假名之前" },
        },
        Parameter {
            name: "namespace",
            shape: Shape::Text,
            default: None,
            doc: Text {
                en: "the identity space; values of one space are the same identity (default: that of the kind)",
                zh: "身份空间；同一空间内同值即同一身份（默认取自标识种类）",
            },
        },
    ],
    guarantee: Text {
        en: "without the key a pseudonym reveals only which records share a value; with it, who a guessed value is (and reversible ones, the value itself)",
        zh: "无密钥时假名只显示哪些记录同值；持有密钥者可验证猜测的值（可逆假名则可还原）",
    },
    citation: "ENISA Pseudonymisation techniques (2019), 5.1.4 (HMAC); RFC 2104; RFC 5297 (AES-SIV); NIST SP 800-38G (FF1); ISO 25237:2017",
    output: Output::Text,
    parse: |value| {
        let action: Pseudonymize = super::parameters(value)?;
        if !(8..=48).contains(&action.length) {
            return Err(ParameterError("`length` must be from 8 to 48".into()));
        }
        if action.reversible && action.alphabet != Alphabet::Auto && action.alphabet != Alphabet::Base32 {
            return Err(ParameterError(
                "reversible pseudonyms are written in base32: leave `alphabet` out".into(),
            ));
        }
        Ok(Box::new(action))
    },
};

impl Action for Pseudonymize {
    fn method(&self) -> &'static Method {
        &METHOD
    }

    fn parameters(&self) -> Value {
        super::beyond_default(self)
    }

    fn prepare(&self, site: &Site<'_>) -> Result<Box<dyn Transform>, ParameterError> {
        let namespace = self.namespace.as_deref().unwrap_or_else(|| namespace(site.kind));
        let scope = match self.scope {
            Scope::Study => "",
            Scope::File => site.label,
        };
        if self.alphabet == Alphabet::Preserve {
            let tweak = preserving_tweak(namespace, scope);
            let cipher = FormatPreserving::new(site.study, &tweak);
            return Ok(Box::new(Preserving { cipher, prefix: self.prefix.clone() }));
        }
        if self.reversible {
            return Ok(Box::new(Reversible::new(site.study, &self.prefix)));
        }
        Ok(Box::new(Pseudonymizer {
            prf: RecentPrf::new(site.study.prf(&["pseudonym", namespace, scope])),
            alphabet: self.alphabet,
            length: self.length,
            prefix: self.prefix.clone(),
        }))
    }
}

/// The identity space of values of a kind; what has no kind is a record number, as ids are in FHIR.
fn namespace(kind: Option<Kind>) -> &'static str {
    kind.unwrap_or(Kind::UniqueId).namespace()
}

/// Maps values of one identity space to pseudonyms.
struct Pseudonymizer {
    prf: RecentPrf,
    alphabet: Alphabet,
    length: usize,
    prefix: String,
}

impl Transform for Pseudonymizer {
    fn apply(&self, cell: &Cell<'_>, out: &mut String) -> Result<Effect, Refusal> {
        let value = cell.value.0.trim();
        let tag = self.prf.tag(value.as_bytes());
        out.push_str(&self.prefix);
        match self.alphabet {
            Alphabet::Auto if is_uuid(value) => write_uuid(&tag, out),
            Alphabet::Auto | Alphabet::Base32 => write_base32(&tag, self.length, out),
            Alphabet::Hex => tag
                .iter()
                .flat_map(|b| [b >> 4, b & 15])
                .take(self.length)
                .for_each(|n| out.push(HEX[n as usize] as char)),
            Alphabet::Digits | Alphabet::Preserve => write_digits(&tag, self.length, out),
        }
        Ok(Effect::Replaced)
    }

    fn reads(&self) -> Reads {
        Reads::Value
    }
}

/// A pseudonym in the value's own format.
struct Preserving {
    cipher: FormatPreserving,
    prefix: String,
}

impl Transform for Preserving {
    fn apply(&self, cell: &Cell<'_>, out: &mut String) -> Result<Effect, Refusal> {
        out.push_str(&self.prefix);
        self.cipher.write(cell.value.0, false, out)?;
        Ok(Effect::Replaced)
    }

    fn reads(&self) -> Reads {
        Reads::Value
    }
}

/// Tells identity spaces and scopes apart, as the parts of a subkey do.
pub(super) fn preserving_tweak(namespace: &str, scope: &str) -> String {
    format!("{}:{namespace}:{scope}", namespace.len())
}

/// Marks a reversible pseudonym, so that `reidentify` finds it.
pub const REVERSIBLE_MARK: &str = "MVR";

/// Seals values so that the key holder can restore them.
pub(super) struct Reversible {
    key: Zeroizing<[u8; 64]>,
    prefix: String,
}

impl Reversible {
    pub(super) fn new(study: &Study, prefix: &str) -> Self {
        Reversible { key: reversible_key(study), prefix: prefix.to_owned() }
    }
}

fn reversible_key(study: &Study) -> Zeroizing<[u8; 64]> {
    let mut key = Zeroizing::new([0; 64]);
    key[..32].copy_from_slice(study.subkey(&["reversible", "mac"]).as_slice());
    key[32..].copy_from_slice(study.subkey(&["reversible", "encrypt"]).as_slice());
    key
}

impl Transform for Reversible {
    fn apply(&self, cell: &Cell<'_>, out: &mut String) -> Result<Effect, Refusal> {
        let mut siv = Aes256Siv::new((&*self.key).into());
        let sealed = siv
            .encrypt([b"medveil/reversible/v1"], cell.value.0.as_bytes())
            .map_err(|_| Refusal::TooLong { actual: cell.value.0.len(), limit: u32::MAX as usize })?;
        out.push_str(&self.prefix);
        out.push_str(REVERSIBLE_MARK);
        write_base32(&sealed, (sealed.len() * 8).div_ceil(5), out);
        Ok(Effect::Replaced)
    }

    fn reads(&self) -> Reads {
        Reads::Value
    }
}

/// Restores reversible pseudonyms of one study.
pub struct Restorer {
    key: Zeroizing<[u8; 64]>,
}

impl Restorer {
    /// For the pseudonyms of `study`.
    pub fn new(study: &Study) -> Self {
        Restorer { key: reversible_key(study) }
    }

    /// The value behind one pseudonym (from its mark on); `None` if it is none of this study's.
    pub fn restore(&self, pseudonym: &str) -> Option<Zeroizing<String>> {
        let sealed = read_base32(pseudonym.strip_prefix(REVERSIBLE_MARK)?)?;
        let value = Aes256Siv::new((&*self.key).into()).decrypt([b"medveil/reversible/v1"], &sealed).ok()?;
        String::from_utf8(value).ok().map(Zeroizing::new)
    }
}

const HEX: &[u8; 16] = b"0123456789abcdef";
/// Crockford's base32: no letter that is read for another.
const BASE32: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Writes at most `length` letters; what is missing in the last one is taken as zero bits.
fn write_base32(bytes: &[u8], length: usize, out: &mut String) {
    let mut left = length.min((bytes.len() * 8).div_ceil(5));
    for five in bytes.chunks(5) {
        let mut word = [0; 8];
        word[3..3 + five.len()].copy_from_slice(five);
        let word = u64::from_be_bytes(word);
        let letters: [u8; 8] = std::array::from_fn(|i| BASE32[(word >> (35 - 5 * i) & 31) as usize]);
        let written = left.min(letters.len());
        out.push_str(std::str::from_utf8(&letters[..written]).expect("the letters are ASCII"));
        left -= written;
        if left == 0 {
            return;
        }
    }
}

fn read_base32(text: &str) -> Option<Vec<u8>> {
    let (mut buffer, mut bits) = (0u32, 0);
    let mut bytes = Vec::with_capacity(text.len() * 5 / 8);
    for letter in text.bytes() {
        let digit = BASE32.iter().position(|b| *b == letter)?;
        buffer = (buffer << 5 | digit as u32) & 0xfff;
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            bytes.push((buffer >> bits) as u8);
        }
    }
    Some(bytes)
}

fn write_digits(tag: &[u8; 32], length: usize, out: &mut String) {
    // Two 128-bit halves give 38 + 38 digits; the modulo bias is below 2^-120 per digit group.
    let (high, low) = tag.split_at(16);
    let mut halves = [high, low].map(|half| u128::from_be_bytes(half.try_into().expect("half of 32 bytes")));
    for position in 0..length {
        let half = &mut halves[usize::from(position >= 24)];
        out.push((b'0' + (*half % 10) as u8) as char);
        *half /= 10;
    }
}

/// Whether the text is shaped like a UUID (RFC 9562).
fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(i, b)| match i {
            8 | 13 | 18 | 23 => b == b'-',
            _ => b.is_ascii_hexdigit(),
        })
}

/// A UUID of version 8, "custom" (RFC 9562, 5.8), made of the tag.
fn write_uuid(tag: &[u8; 32], out: &mut String) {
    let mut bytes: [u8; 16] = tag[..16].try_into().expect("16 of 32 bytes");
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let (mut text, mut at) = ([b'-'; 36], 0);
    for (i, byte) in bytes.iter().enumerate() {
        at += usize::from(matches!(i, 4 | 6 | 8 | 10));
        text[at] = HEX[(byte >> 4) as usize];
        text[at + 1] = HEX[(byte & 15) as usize];
        at += 2;
    }
    out.push_str(std::str::from_utf8(&text).expect("the digits are ASCII"));
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::{run, run_in};
    use super::*;
    use crate::study::{MasterKey, Suite};

    #[test]
    fn same_value_same_pseudonym_in_one_study_and_unlinkable_in_another() {
        let kind = Some(Kind::PatientId);
        let of = |study, value| run_in(study, "p", "pseudonymize", json!({}), kind, value).unwrap().unwrap();
        assert_eq!(of("a", "P000123"), of("a", " P000123 "));
        assert_ne!(of("a", "P000123"), of("b", "P000123"));
        assert_ne!(of("a", "P000123"), of("a", "P000124"));
        assert_eq!(of("a", "P000123").len(), 16);
    }

    #[test]
    fn kinds_of_one_namespace_agree_and_others_do_not() {
        let of = |kind| run("pseudonymize", json!({}), kind, "123").unwrap();
        assert_eq!(of(Some(Kind::PatientId)), of(Some(Kind::MedicalRecordNumber)));
        assert_eq!(of(Some(Kind::PatientId)), of(None));
        assert_ne!(of(Some(Kind::PatientId)), of(Some(Kind::Phone)));
    }

    #[test]
    fn a_uuid_stays_a_uuid() {
        let id =
            run("pseudonymize", json!({}), None, "dc9335d0-bbdd-4120-8ae9-baa6604343b6").unwrap().unwrap();
        assert!(is_uuid(&id));
        assert_eq!(&id[14..15], "8");
    }

    #[test]
    fn alphabets_have_the_asked_length() {
        for (alphabet, letters) in [
            ("hex", "0123456789abcdef"),
            ("digits", "0123456789"),
            ("base32", "0123456789ABCDEFGHJKMNPQRSTVWXYZ"),
        ] {
            for length in [8, 16, 48] {
                let p = run("pseudonymize", json!({ "alphabet": alphabet, "length": length }), None, "x")
                    .unwrap()
                    .unwrap();
                assert_eq!(p.len(), length);
                assert!(p.chars().all(|c| letters.contains(c)));
            }
        }
    }

    #[test]
    fn reversible_pseudonyms_come_back_with_the_studys_key_only() {
        let pseudonym = run("pseudonymize", json!({ "reversible": true }), None, "张伟 110101199003074477")
            .unwrap()
            .unwrap();
        let study = |id| Study::new(&MasterKey::from_bytes([1; 32]), id, Suite::International, None);
        assert_eq!(
            Restorer::new(&study("s")).restore(&pseudonym).unwrap().as_str(),
            "张伟 110101199003074477"
        );
        assert!(Restorer::new(&study("t")).restore(&pseudonym).is_none());
        let mut forged = pseudonym.clone();
        forged.replace_range(5..6, if &forged[5..6] == "A" { "B" } else { "A" });
        assert!(Restorer::new(&study("s")).restore(&forged).is_none());
    }

    #[test]
    fn format_preserving_pseudonyms_follow_prefix_namespace_and_scope() {
        let of =
            |parameters: Value, kind| run("pseudonymize", parameters, kind, "13812345678").unwrap().unwrap();
        let preserve = |extra: Value| {
            let mut all = json!({ "alphabet": "preserve" });
            all.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
            all
        };
        let plain = of(preserve(json!({})), Some(Kind::Phone));
        assert!(plain.len() == 11 && plain.bytes().all(|b| b.is_ascii_digit()));
        assert_eq!(of(preserve(json!({ "prefix": "T-" })), Some(Kind::Phone)), format!("T-{plain}"));
        assert_eq!(of(preserve(json!({ "namespace": "phone" })), None), plain);
        assert_ne!(of(preserve(json!({})), Some(Kind::PatientId)), plain);
        assert_ne!(of(preserve(json!({ "scope": "file" })), Some(Kind::Phone)), plain);
    }

    #[test]
    fn bad_parameters_are_refused_by_name() {
        let parse = |value| (METHOD.parse)(value).unwrap_err().0;
        assert!(parse(json!({ "length": 4 })).contains("length"));
        assert!(parse(json!({ "reversible": true, "alphabet": "hex" })).contains("alphabet"));
    }
}
