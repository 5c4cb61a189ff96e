//! What signs in an account's name: a key in a file, or one in a token behind PKCS#11 that never leaves it.
//!
//! A key file that names a token has no secret:
//!
//! ```toml
//! kind = "account"
//! suite = "ed25519"
//! public = "ed25519:..."
//! account = "..."                    # if the account's first key was another
//! [token]
//! library = "/usr/lib/softhsm/libsofthsm2.so"
//! label = "hospital-1"
//! key = "custodian"
//! pin-file = "token.pin"             # beside this file; left out: MEDVEIL_TOKEN_PIN
//! ```

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use medveil_ledger::{AccountId, Body, ChainId, Digest, PublicKey, Signature, SigningKey, Transaction};
use medveil_vault::keys::{HsmError, HsmKey, Pin, Token};
use serde::Deserialize;

use crate::{
    keys::{KeyFile, Kind, first_line, names_token, read_text},
    refusal::{Refusal, line_at},
};

/// A key that signs in an account's name. Clones are handles on the same one.
#[derive(Clone)]
pub struct AccountKey(Arc<Inner>);

struct Inner {
    public: PublicKey,
    account: Option<AccountId>,
    how: How,
}

enum How {
    Secret(Box<SigningKey>),
    Token(Box<InToken>),
}

struct InToken {
    /// The file that names the token.
    path: String,
    place: TokenPlace,
    pin: Pin,
    key: Mutex<HsmKey>,
}

/// Where a key is.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct TokenPlace {
    /// The PKCS#11 library.
    pub library: PathBuf,
    /// The token's label.
    pub label: String,
    /// The key's label.
    pub key: String,
    /// A file with the PIN, for its owner alone; from the folder of the key file.
    #[serde(default)]
    pub pin_file: Option<PathBuf>,
}

/// A key file that names a token.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    kind: Kind,
    suite: String,
    public: PublicKey,
    #[serde(default)]
    account: Option<AccountId>,
    token: TokenPlace,
}

impl fmt::Debug for AccountKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = match &self.0.how {
            How::Secret(_) => "file",
            How::Token(_) => "token",
        };
        f.debug_struct("AccountKey")
            .field("public", &self.0.public)
            .field("in", &place)
            .finish_non_exhaustive()
    }
}

impl From<SigningKey> for AccountKey {
    fn from(key: SigningKey) -> Self {
        let (public, how) = (key.public(), How::Secret(Box::new(key)));
        Self(Arc::new(Inner { public, account: None, how }))
    }
}

impl From<KeyFile> for AccountKey {
    fn from(file: KeyFile) -> Self {
        let how = How::Secret(Box::new(file.signing_key()));
        Self(Arc::new(Inner { public: file.public(), account: file.account(), how }))
    }
}

impl AccountKey {
    /// The key of a key file; logs in to the token that it names.
    ///
    /// # Errors
    /// [`Refusal`]: the file, the token or its key cannot be used, or the key is another than the file says.
    pub fn open(path: &Path) -> Result<Self, Refusal> {
        let text = read_text(path)?;
        if !names_token(&text) {
            return KeyFile::of_text(&text, path, Kind::Account).map(Self::from);
        }
        let name = path.display().to_string();
        let content: Content = toml::from_str(&text).map_err(|error| Refusal::KeyDamaged {
            path: name.clone(),
            line: error.span().map_or(1, |span| line_at(&text, span.start)),
            fault: "a key file that names a token says kind, suite, public, perhaps account, and in [token] library, label, key and perhaps pin-file".into(),
        })?;
        if content.kind != Kind::Account {
            return Err(Refusal::KeyKind { path: name, found: content.kind.name(), needed: "account" });
        }
        if content.suite != "ed25519" {
            let fault = "a key in a token is of suite ed25519".into();
            return Err(Refusal::KeyDamaged { path: name, line: 0, fault });
        }
        let pin = content.token.pin(path)?;
        let key = content.token.open(path, &pin)?.key(&content.token.key);
        let key = key.map_err(|error| refusal(&name, &error))?;
        let found = PublicKey::Ed25519(key.public());
        if found != content.public {
            let (found, named) = (found.to_string(), content.public.to_string());
            return Err(Refusal::WrongKey { path: name, found, named });
        }
        let (public, account) = (content.public, content.account);
        let how =
            How::Token(Box::new(InToken { path: name, place: content.token, pin, key: Mutex::new(key) }));
        Ok(Self(Arc::new(Inner { public, account, how })))
    }

    /// The public half.
    pub fn public(&self) -> PublicKey {
        self.0.public
    }

    /// The account that the file names; `None` when it is that of the key itself.
    pub fn named_account(&self) -> Option<AccountId> {
        self.0.account
    }

    /// The account that it signs for.
    pub fn account(&self, chain: ChainId) -> AccountId {
        self.0.account.unwrap_or_else(|| AccountId::derive(chain, &self.0.public))
    }

    /// Signs a digest. A token that has gone and is back is logged in to again.
    ///
    /// # Errors
    /// [`Refusal`]: the token does not sign.
    pub fn sign_digest(&self, digest: Digest) -> Result<Signature, Refusal> {
        match &self.0.how {
            How::Secret(key) => Ok(key.sign_digest(digest)),
            How::Token(token) => token.sign(&digest).map(Signature::Ed25519),
        }
    }

    /// Signs a transaction.
    ///
    /// # Errors
    /// [`Refusal`]: the token does not sign.
    pub fn sign(&self, body: Body) -> Result<Transaction, Refusal> {
        if let How::Secret(key) = &self.0.how {
            return Ok(body.sign(key));
        }
        let signature = self.sign_digest(body.digest())?;
        Ok(Transaction::new(body, signature).expect("a signature is of the suite of its key"))
    }
}

impl InToken {
    fn sign(&self, digest: &Digest) -> Result<[u8; 64], Refusal> {
        // A panic of another holder leaves nothing half done.
        let mut key = self.key.lock().unwrap_or_else(PoisonError::into_inner);
        match key.sign(&digest.0) {
            Ok(signature) => return Ok(signature),
            Err(error) => tracing::warn!(path = self.path, %error, "the token is logged in to again"),
        }
        let again = self.place.open(Path::new(&self.path), &self.pin)?.key(&self.place.key);
        let again = again.map_err(|error| refusal(&self.path, &error))?;
        if again.public() != key.public() {
            return Err(Refusal::TokenKey { path: self.path.clone(), error: "it is another key".into() });
        }
        let signature = again.sign(&digest.0).map_err(|error| refusal(&self.path, &error));
        *key = again;
        signature
    }
}

impl TokenPlace {
    /// Makes an Ed25519 key in the token; the key file that names it, to be written at `path`.
    ///
    /// # Errors
    /// [`Refusal`]: the token cannot be used, or has such a key.
    pub fn generate(&self, path: &Path, account: Option<AccountId>) -> Result<(PublicKey, String), Refusal> {
        let name = path.display().to_string();
        let token = self.open(path, &self.pin(path)?)?;
        let failed = |error: HsmError| refusal(&name, &error);
        token.generate(&self.key).map_err(failed)?;
        let public = PublicKey::Ed25519(token.key(&self.key).map_err(failed)?.public());
        let account = account.map(|account| format!("account = \"{account}\"\n")).unwrap_or_default();
        // A string of JSON is one of TOML.
        let quoted = |text: &str| serde_json::Value::String(text.to_owned()).to_string();
        let mut text = format!(
            "# The key of an account, which is in a token: this file says where.\n# 账户密钥位于令牌中，此文件说明其位置。\n\
             kind = \"account\"\nsuite = \"ed25519\"\npublic = \"{public}\"\n{account}\n[token]\nlibrary = {}\nlabel = {}\nkey = {}\n",
            quoted(&self.library.display().to_string()),
            quoted(&self.label),
            quoted(&self.key),
        );
        if let Some(file) = &self.pin_file {
            text += &format!("pin-file = {}\n", quoted(&file.display().to_string()));
        }
        Ok((public, text))
    }

    fn pin(&self, path: &Path) -> Result<Pin, Refusal> {
        let file = self.pin_file.as_ref().map(|file| path.parent().unwrap_or(Path::new("")).join(file));
        let pin = first_line(file.as_deref(), "MEDVEIL_TOKEN_PIN")?;
        let pin = pin.ok_or_else(|| Refusal::TokenNoPin { path: path.display().to_string() })?;
        Ok(Pin::new(pin.as_str().to_owned()))
    }

    fn open(&self, path: &Path, pin: &Pin) -> Result<Token, Refusal> {
        let opened = Token::open(&self.library, &self.label, pin);
        opened.map_err(|error| refusal(&path.display().to_string(), &error))
    }
}

fn refusal(path: &str, error: &HsmError) -> Refusal {
    let (path, said) = (path.to_owned(), error.to_string());
    match error {
        HsmError::NoLibrary { .. } => Refusal::TokenLibrary { path, error: said },
        HsmError::NoToken { .. } | HsmError::Ambiguous { .. } | HsmError::Gone { .. } => {
            Refusal::TokenMissing { path, error: said }
        }
        HsmError::WrongPin { .. } => Refusal::TokenPin { path, error: said },
        HsmError::Locked { .. } => Refusal::TokenLocked { path, error: said },
        HsmError::NoKey { .. } | HsmError::KeyExists { .. } | HsmError::NoEd25519 { .. } => {
            Refusal::TokenKey { path, error: said }
        }
        HsmError::Failed { .. } => Refusal::TokenFailed { path, error: said },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("custodian.key");
        std::fs::write(&path, text).unwrap();
        #[cfg(unix)]
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        (folder, path)
    }

    #[test]
    fn what_keeps_a_token_from_signing_is_named() {
        let public = SigningKey::ed25519([7; 32]).public();
        let text = format!(
            "kind = \"account\"\nsuite = \"ed25519\"\npublic = \"{public}\"\n[token]\nlibrary = \"/none.so\"\nlabel = \"t\"\nkey = \"k\"\npin-file = \"pin\"\n"
        );
        let open = |text: &str, pin: Option<(&str, u32)>| {
            let (folder, path) = written(text);
            if let Some((pin, mode)) = pin {
                let file = folder.path().join("pin");
                std::fs::write(&file, pin).unwrap();
                #[cfg(unix)]
                std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
            }
            AccountKey::open(&path).unwrap_err().name()
        };
        assert_eq!(open(&text, None), "node.file", "no file with the PIN");
        #[cfg(unix)]
        assert_eq!(open(&text, Some(("1234\n", 0o644))), "key.open");
        assert_eq!(open(&text, Some(("\n", 0o600))), "token.no_pin");
        assert_eq!(open(&text, Some(("1234\n", 0o600))), "token.library");
        assert_eq!(open(&text.replace("pin-file", "pin"), None), "key.damaged");
        assert_eq!(open(&text.replace("\"ed25519\"", "\"sm2\""), None), "key.damaged");
        assert_eq!(open(&text.replace("\"account\"", "\"node\""), None), "key.kind");
        let (_folder, path) = written(&text);
        assert_eq!(KeyFile::read(&path, Kind::Account).unwrap_err().name(), "key.in_token");
    }
}
