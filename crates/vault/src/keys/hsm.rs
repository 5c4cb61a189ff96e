//! Keys in a token: they are made in it, sign in it and never leave it.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::eddsa::{EddsaParams, EddsaSignatureScheme};
use cryptoki::mechanism::{Mechanism, MechanismType};
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::Slot;
use cryptoki::types::AuthPin;

/// A token's PIN. Erased when dropped, and shown by no `Debug`.
pub struct Pin(AuthPin);

impl Pin {
    /// The PIN as it was typed.
    pub fn new(text: String) -> Pin {
        Pin(AuthPin::new(text.into_boxed_str()))
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pin(..)")
    }
}

/// Why a token does not do what is asked.
#[derive(Debug, thiserror::Error)]
pub enum HsmError {
    /// The PKCS#11 library cannot be used.
    #[error("no PKCS#11 library at `{path}`: {what}")]
    NoLibrary {
        /// Where it was looked for.
        path: String,
        /// What is wrong.
        what: String,
    },
    /// No slot has the token.
    #[error("no token `{label}`; there are: {}", list(found))]
    NoToken {
        /// The label that was looked for.
        label: String,
        /// Labels that there are.
        found: Vec<String>,
    },
    /// Several slots have a token of this label.
    #[error("{count} tokens are called `{label}`")]
    Ambiguous {
        /// The label.
        label: String,
        /// How many have it.
        count: usize,
    },
    /// The PIN is another one.
    #[error("wrong PIN for token `{label}`{}", if *last_try { ": one try is left before it locks" } else { "" })]
    WrongPin {
        /// The token.
        label: String,
        /// Whether the token says that the next wrong PIN locks it.
        last_try: bool,
    },
    /// Too many wrong PINs, or an expired one: its security officer must unlock it.
    #[error("token `{label}` is locked")]
    Locked {
        /// The token.
        label: String,
    },
    /// The token has been pulled out.
    #[error("token `{label}` is gone")]
    Gone {
        /// The token.
        label: String,
    },
    /// The token has no such key.
    #[error("token `{label}` has no Ed25519 key `{key}`")]
    NoKey {
        /// The token.
        label: String,
        /// The key's label.
        key: String,
    },
    /// The token has a key of this label: keys are not overwritten.
    #[error("token `{label}` has a key `{key}` already")]
    KeyExists {
        /// The token.
        label: String,
        /// The key's label.
        key: String,
    },
    /// The token does not do Ed25519: keep this key in a file, or ask its maker.
    #[error("token `{label}` cannot sign with Ed25519")]
    NoEd25519 {
        /// The token.
        label: String,
    },
    /// Something else.
    #[error("token `{label}` failed: {what}")]
    Failed {
        /// The token.
        label: String,
        /// What it says.
        what: String,
    },
}

/// A token that one has logged in to. Clones are handles on the same one.
#[derive(Clone)]
pub struct Token(Arc<Inner>);

struct Inner {
    label: String,
    // Before the context, which must be the last to go.
    session: Mutex<Session>,
    _context: Pkcs11,
}

impl Token {
    /// Logs in to the token `label`, through the PKCS#11 library at `library`. A token that this process has logged in to already does not look at the PIN again:
    /// PKCS#11 logs in processes, not sessions.
    ///
    /// # Errors
    /// [`HsmError`].
    pub fn open(library: &Path, label: &str, pin: &Pin) -> Result<Token, HsmError> {
        let no_library = |error: Error| HsmError::NoLibrary {
            path: library.display().to_string(),
            what: error.to_string(),
        };
        let context = Pkcs11::new(library).map_err(no_library)?;
        match context.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
            // Another token of this process has the library.
            Ok(()) | Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => {}
            Err(error) => return Err(no_library(error)),
        }
        let slot = find(&context, label)?;
        let failed = |error| HsmError::of(label, error);
        let session = context.open_rw_session(slot).map_err(failed)?;
        match session.login(UserType::User, Some(&pin.0)) {
            Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => {}
            Err(error) => {
                let last_try = context.get_token_info(slot).is_ok_and(|token| token.user_pin_final_try());
                return Err(match HsmError::of(label, error) {
                    HsmError::WrongPin { label, .. } => HsmError::WrongPin { label, last_try },
                    error => error,
                });
            }
        }
        let mechanisms = context.get_mechanism_list(slot).map_err(failed)?;
        if !mechanisms.contains(&MechanismType::EDDSA) {
            return Err(HsmError::NoEd25519 { label: label.to_owned() });
        }
        Ok(Token(Arc::new(Inner {
            label: label.to_owned(),
            session: Mutex::new(session),
            _context: context,
        })))
    }

    /// Makes an Ed25519 key in the token, which never gives it out.
    ///
    /// # Errors
    /// [`HsmError`].
    pub fn generate(&self, key: &str) -> Result<(), HsmError> {
        let session = self.session();
        if !self.find(&session, ObjectClass::PRIVATE_KEY, key)?.is_empty() {
            return Err(HsmError::KeyExists { label: self.0.label.clone(), key: key.to_owned() });
        }
        let public = [
            Attribute::Token(true),
            Attribute::Private(false),
            Attribute::Verify(true),
            Attribute::Label(key.as_bytes().to_vec()),
            Attribute::EcParams(ED25519_PARAMETERS.to_vec()),
        ];
        let private = [
            Attribute::Token(true),
            Attribute::Private(true),
            Attribute::Sensitive(true),
            Attribute::Extractable(false),
            Attribute::Sign(true),
            Attribute::Label(key.as_bytes().to_vec()),
        ];
        session
            .generate_key_pair(&Mechanism::EccEdwardsKeyPairGen, &public, &private)
            .map_err(|error| HsmError::of(&self.0.label, error))?;
        Ok(())
    }

    /// The key with this label.
    ///
    /// # Errors
    /// [`HsmError`].
    pub fn key(&self, key: &str) -> Result<HsmKey, HsmError> {
        let session = self.session();
        let no_key = || HsmError::NoKey { label: self.0.label.clone(), key: key.to_owned() };
        let private = *self.find(&session, ObjectClass::PRIVATE_KEY, key)?.first().ok_or_else(no_key)?;
        let public = *self.find(&session, ObjectClass::PUBLIC_KEY, key)?.first().ok_or_else(no_key)?;
        let attributes = session
            .get_attributes(public, &[AttributeType::EcPoint])
            .map_err(|error| HsmError::of(&self.0.label, error))?;
        let point = attributes.into_iter().find_map(|attribute| match attribute {
            Attribute::EcPoint(point) => bare_point(&point),
            _ => None,
        });
        Ok(HsmKey { token: self.clone(), private, public: point.ok_or_else(no_key)? })
    }

    fn find(&self, session: &Session, class: ObjectClass, key: &str) -> Result<Vec<ObjectHandle>, HsmError> {
        let template = [
            Attribute::Class(class),
            Attribute::KeyType(KeyType::EC_EDWARDS),
            Attribute::Label(key.as_bytes().to_vec()),
        ];
        session.find_objects(&template).map_err(|error| HsmError::of(&self.0.label, error))
    }

    fn session(&self) -> std::sync::MutexGuard<'_, Session> {
        // A panic while it was held cannot have left it half-changed: calls into the token are whole.
        self.0.session.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({})", self.0.label)
    }
}

/// An Ed25519 key in a token.
#[derive(Debug)]
pub struct HsmKey {
    token: Token,
    private: ObjectHandle,
    public: [u8; 32],
}

impl HsmKey {
    /// The public key (RFC 8032, 5.1.5).
    pub fn public(&self) -> [u8; 32] {
        self.public
    }

    /// Signs `message` (RFC 8032, pure Ed25519: deterministic).
    ///
    /// # Errors
    /// [`HsmError`].
    pub fn sign(&self, message: &[u8]) -> Result<[u8; 64], HsmError> {
        let mechanism = Mechanism::Eddsa(EddsaParams::new(EddsaSignatureScheme::Pure));
        let signature = self.token.session().sign(&mechanism, self.private, message);
        let signature = signature.map_err(|error| HsmError::of(&self.token.0.label, error))?;
        signature.try_into().map_err(|_| HsmError::Failed {
            label: self.token.0.label.clone(),
            what: "its signature does not have 64 bytes".to_owned(),
        })
    }
}

impl HsmError {
    fn of(label: &str, error: Error) -> HsmError {
        let label = label.to_owned();
        let Error::Pkcs11(value, _) = &error else {
            return HsmError::Failed { label, what: error.to_string() };
        };
        match value {
            RvError::PinIncorrect | RvError::PinInvalid | RvError::PinLenRange => {
                HsmError::WrongPin { label, last_try: false }
            }
            RvError::PinLocked | RvError::PinExpired => HsmError::Locked { label },
            RvError::TokenNotPresent
            | RvError::TokenNotRecognized
            | RvError::DeviceRemoved
            | RvError::SessionHandleInvalid => HsmError::Gone { label },
            RvError::MechanismInvalid => HsmError::NoEd25519 { label },
            _ => HsmError::Failed { label, what: error.to_string() },
        }
    }
}

fn find(context: &Pkcs11, label: &str) -> Result<Slot, HsmError> {
    let failed = |error| HsmError::of(label, error);
    let mut found = Vec::new();
    let mut slots = Vec::new();
    for slot in context.get_slots_with_token().map_err(failed)? {
        let token = context.get_token_info(slot).map_err(failed)?;
        if !token.token_initialized() {
            continue;
        }
        if token.label() == label {
            if token.user_pin_locked() {
                return Err(HsmError::Locked { label: label.to_owned() });
            }
            slots.push(slot);
        }
        found.push(token.label().to_owned());
    }
    match slots[..] {
        [slot] => Ok(slot),
        [] => Err(HsmError::NoToken { label: label.to_owned(), found }),
        _ => Err(HsmError::Ambiguous { label: label.to_owned(), count: slots.len() }),
    }
}

/// The point in an `EC_POINT`: as it is, or as the OCTET STRING that PKCS#11 asks for.
fn bare_point(bytes: &[u8]) -> Option<[u8; 32]> {
    match bytes {
        [0x04, 0x20, point @ ..] if point.len() == 32 => point.try_into().ok(),
        _ => bytes.try_into().ok(),
    }
}

fn list(labels: &[String]) -> String {
    if labels.is_empty() { "none".to_owned() } else { labels.join(", ") }
}

/// The curve's name as a PrintableString, `edwards25519` (PKCS#11 3.0, 2.3.10).
const ED25519_PARAMETERS: &[u8] = b"\x13\x0cedwards25519";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_is_taken_bare_or_wrapped() {
        let point = [4; 32];
        let wrapped = [&[0x04, 0x20][..], &point].concat();
        assert_eq!(bare_point(&point), Some(point));
        assert_eq!(bare_point(&wrapped), Some(point));
        assert_eq!(bare_point(&wrapped[1..]), None);
        assert_eq!(bare_point(&[]), None);
    }

    #[test]
    fn what_a_token_says_has_a_name() {
        use cryptoki::context::Function;
        let of = |value| HsmError::of("t", Error::Pkcs11(value, Function::Login)).to_string();
        assert_eq!(of(RvError::PinLocked), "token `t` is locked");
        assert_eq!(of(RvError::PinExpired), "token `t` is locked");
        assert_eq!(of(RvError::PinIncorrect), "wrong PIN for token `t`");
        assert_eq!(of(RvError::DeviceRemoved), "token `t` is gone");
        assert!(of(RvError::DeviceError).starts_with("token `t` failed: "));
        let last = HsmError::WrongPin { label: "t".to_owned(), last_try: true };
        assert!(last.to_string().ends_with("one try is left before it locks"));
    }

    #[test]
    fn a_pin_is_not_shown() {
        assert_eq!(format!("{:?}", Pin::new("1234".to_owned())), "Pin(..)");
    }
}
