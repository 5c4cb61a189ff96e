//! `hash`: a keyed digest, in hexadecimal.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Action, Cell, Effect, Method, Output, Parameter, ParameterError, Reads, Refusal, Shape, Site, Transform,
};
use crate::kind::Text;
use crate::study::Prf;

/// Replaces a value by its keyed digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Hash {
    length: usize,
}

impl Default for Hash {
    fn default() -> Self {
        Hash { length: 64 }
    }
}

pub(super) const METHOD: Method = Method {
    name: "hash",
    summary: Text { en: "replaces a value by its keyed digest", zh: "以带密钥的摘要代替" },
    parameters: &[Parameter {
        name: "length",
        shape: Shape::Integer(16, 64),
        default: Some("64"),
        doc: Text { en: "hexadecimal digits that are written", zh: "写出的十六进制位数" },
    }],
    guarantee: Text {
        en: "as `pseudonymize`: without the key only equality shows. Digests without a key are not offered: the space of identity numbers can be searched",
        zh: "同 `pseudonymize`：无密钥者只能看出是否相等。不提供无密钥摘要，因为证件号空间可被穷举",
    },
    citation: "RFC 2104 (HMAC); NIST FIPS 198-1",
    output: Output::Text,
    parse: |value| {
        let action: Hash = super::parameters(value)?;
        match action.length {
            16..=64 => Ok(Box::new(action)),
            _ => Err(ParameterError("`length` must be from 16 to 64".into())),
        }
    },
};

impl Action for Hash {
    fn method(&self) -> &'static Method {
        &METHOD
    }

    fn parameters(&self) -> Value {
        super::beyond_default(self)
    }

    fn prepare(&self, site: &Site<'_>) -> Result<Box<dyn Transform>, ParameterError> {
        Ok(Box::new(Hasher { prf: site.study.prf(&["hash"]), length: self.length }))
    }
}

struct Hasher {
    prf: Prf,
    length: usize,
}

impl Transform for Hasher {
    fn apply(&self, cell: &Cell<'_>, out: &mut String) -> Result<Effect, Refusal> {
        let mut digits = [0; 64];
        hex::encode_to_slice(self.prf.tag(&[cell.value.0.trim().as_bytes()]), &mut digits)
            .expect("a tag has 32 bytes");
        out.push_str(std::str::from_utf8(&digits[..self.length]).expect("hexadecimal digits are ASCII"));
        Ok(Effect::Replaced)
    }

    fn reads(&self) -> Reads {
        Reads::Value
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::{run, run_in};

    #[test]
    fn lengths_out_of_range_are_refused() {
        for length in [0, 15, 65] {
            assert!((super::METHOD.parse)(json!({ "length": length })).is_err());
        }
    }

    #[test]
    fn digests_are_stable_in_a_study_and_keyed() {
        let one = run("hash", json!({}), None, "x").unwrap().unwrap();
        assert_eq!(one.len(), 64);
        assert_eq!(run("hash", json!({ "length": 16 }), None, "x").unwrap().unwrap(), one[..16]);
        assert_eq!(run("hash", json!({}), None, " x ").unwrap().unwrap(), one);
        assert_ne!(run("hash", json!({}), None, "X").unwrap().unwrap(), one);
        assert_ne!(run_in("other", "p", "hash", json!({}), None, "x").unwrap().unwrap(), one);
        // Not the bare SHA-256 of "x", which anyone can compute.
        assert_ne!(one, "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881");
    }
}
