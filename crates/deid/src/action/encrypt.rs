//! `encrypt`: the value encrypted under the study's key, or in its own format.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use zeroize::Zeroizing;

use super::format_preserving::FormatPreserving;
use super::pseudonymize::Reversible;
use super::{Action, Method, Output, Parameter, ParameterError, Shape, Site, Transform};
use crate::kind::Text;
use crate::study::Study;

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
    summary: Text {
        en: "encrypts a value; the key holder can restore it", zh: "加密；密钥持有者可还原"
    },
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
            Format::Preserve => Ok(Box::new(FormatPreserving::new(site.study, TWEAK))),
        }
    }
}

/// Restores values that were encrypted in their own format. (Tokens are restored by [`Restorer`](super::Restorer).)
///
/// FF1 does not authenticate: a value that was never encrypted, or was by another study, gives another value of the same format.
pub struct Decryptor(FormatPreserving);

impl Decryptor {
    /// For values that `encrypt` with `format = "preserve"` wrote in this study.
    pub fn new(study: &Study) -> Self {
        Decryptor(FormatPreserving::new(study, TWEAK))
    }

    /// For pseudonyms that `pseudonymize` with `alphabet = "preserve"` wrote, in the scope of the study, for an identity space (a kind's
    /// [namespace](crate::kind::Kind::namespace), unless the plan names another). They are taken without their prefix.
    pub fn of_pseudonyms(study: &Study, namespace: &str) -> Self {
        Decryptor(FormatPreserving::new(study, &super::pseudonymize::preserving_tweak(namespace, "")))
    }

    /// The value; `None` if the text has no format that is encrypted.
    pub fn restore(&self, text: &str) -> Option<Zeroizing<String>> {
        let mut value = Zeroizing::new(String::new());
        self.0.write(text, true, &mut value).ok().map(|()| value)
    }
}

impl fmt::Debug for Decryptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Decryptor(..)")
    }
}

/// No identity space has this name: it differs from [`preserving_tweak`](super::pseudonymize::preserving_tweak)'s by its first letter.
const TWEAK: &str = "encrypt";

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::run;
    use super::Decryptor;
    use crate::action::{Refusal, Restorer};
    use crate::kind::Kind;
    use crate::study::{MasterKey, Study, Suite};

    #[test]
    fn the_key_holder_restores_every_form() {
        let study = Study::new(&MasterKey::from_bytes([1; 32]), "s", Suite::International, None);
        let (kind, phone) = (Some(Kind::Phone), "138-1234-5678");
        let run = |name, parameters| run(name, parameters, kind, phone).unwrap().unwrap();
        assert_eq!(Restorer::new(&study).restore(&run("encrypt", json!({}))).unwrap().as_str(), phone);
        let preserved = run("encrypt", json!({ "format": "preserve" }));
        assert_eq!(Decryptor::new(&study).restore(&preserved).unwrap().as_str(), phone);
        let pseudonym = run("pseudonymize", json!({ "alphabet": "preserve" }));
        assert_ne!(pseudonym, preserved);
        assert_eq!(Decryptor::of_pseudonyms(&study, "phone").restore(&pseudonym).unwrap().as_str(), phone);
        assert_ne!(Decryptor::of_pseudonyms(&study, "email").restore(&pseudonym).unwrap().as_str(), phone);
        assert!(Decryptor::new(&study).restore("12345").is_none());
    }

    #[test]
    fn tokens_and_preserved_formats_hide_the_value() {
        let token = run("encrypt", json!({}), None, "13812345678").unwrap().unwrap();
        assert!(token.starts_with(super::super::REVERSIBLE_MARK) && !token.contains("13812345678"));
        let phone =
            run("encrypt", json!({ "format": "preserve" }), None, "+86 138-1234-5678").unwrap().unwrap();
        assert_eq!(phone.len(), "+86 138-1234-5678".len());
        assert_ne!(phone, "+86 138-1234-5678");
        assert_eq!(&phone[3..4], " ");
        assert_eq!(
            run("encrypt", json!({ "format": "preserve" }), None, "12345"),
            Err(Refusal::DomainTooSmall)
        );
    }
}
