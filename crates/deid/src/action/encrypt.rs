//! `encrypt`: the value encrypted under the study's key, or in its own format.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Action, Method, Output, Parameter, ParameterError, Shape, Site, Transform};
use super::format_preserving::FormatPreserving;
use super::pseudonymize::Reversible;
use crate::kind::Text;

/// Encrypts a value.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Encrypt {
    format: Format,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Format {
    #[default]
    Token,
    Preserve,
}

pub(super) const METHOD: Method = Method {
    name: "encrypt",
    summary: Text { en: "encrypts a value; the key holder can restore it", zh: "加密；密钥持有者可还原" },
    parameters: &[Parameter {
        name: "format",
        shape: Shape::Choice(&["token", "preserve"]),
        default: Some("\"token\""),
        doc: Text {
            en: "token: AES-SIV, which `medveil reidentify` finds and restores; preserve: FF1 over digits and letters, which keeps length, case and punctuation",
            zh: "token：AES-SIV，可由 `medveil reidentify` 还原；preserve：FF1，保持长度、大小写与标点",
        },
    }],
    guarantee: Text {
        en: "without the key only equality shows, and with `preserve` the format too; a format-preserved number need not have a valid check digit",
        zh: "无密钥者只能看出是否相等（preserve 还显示格式）；保持格式的号码校验位未必有效",
    },
    citation: "RFC 5297 (AES-SIV); NIST SP 800-38G, 5 (FF1)",
    output: Output::Text,
    parse: |value| Ok(Box::new(super::parameters::<Encrypt>(value)?)),
};

impl Action for Encrypt {
    fn method(&self) -> &'static Method {
        &METHOD
    }

    fn parameters(&self) -> Value {
        super::beyond_default(self)
    }

    fn prepare(&self, site: &Site<'_>) -> Result<Box<dyn Transform>, ParameterError> {
        match self.format {
            Format::Token => Ok(Box::new(Reversible::new(site.study, ""))),
            Format::Preserve => Ok(Box::new(FormatPreserving::new(site.study, "encrypt"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::run;
    use crate::action::Refusal;

    #[test]
    fn tokens_and_preserved_formats_hide_the_value() {
        let token = run("encrypt", json!({}), None, "13812345678").unwrap().unwrap();
        assert!(token.starts_with(super::super::REVERSIBLE_MARK) && !token.contains("13812345678"));
        let phone = run("encrypt", json!({ "format": "preserve" }), None, "+86 138-1234-5678").unwrap().unwrap();
        assert_eq!(phone.len(), "+86 138-1234-5678".len());
        assert_ne!(phone, "+86 138-1234-5678");
        assert_eq!(&phone[3..4], " ");
        assert_eq!(run("encrypt", json!({ "format": "preserve" }), None, "12345"), Err(Refusal::DomainTooSmall));
    }
}
