//! Key files: the secrets of a node and of an account.
//!
//! A key file is TOML that says what the key is for, so that nobody votes with an account's key or signs transactions with a node's.
//! It is readable by its owner alone, and refused otherwise. It may be locked with a passphrase, as an [age](https://age-encryption.org/v1) file (`age -p`); an account's key may be in a
//! token instead ([`AccountKey`](crate::AccountKey)).

use std::{
    fmt,
    fs::File,
    io::{Read as _, Write as _},
    path::Path,
};

use medveil_engine::NodeKey;
use medveil_ledger::{AccountId, PublicKey, SigningKey, Suite};
use medveil_vault::keys::{Passphrase, is_locked, unlock};
use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

use crate::refusal::{Refusal, line_at};

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Votes and connections of a member's node. Always Ed25519.
    Node,
    /// Transactions of an account.
    Account,
    /// Certificates of a certification authority. Always SM2.
    Authority,
}

impl Kind {
    /// The name in the file.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Node => "node",
            Kind::Account => "account",
            Kind::Authority => "authority",
        }
    }
}

/// A key file's content. Zeroised when dropped.
pub struct KeyFile {
    kind: Kind,
    suite: Suite,
    secret: Zeroizing<[u8; 32]>,
    public: PublicKey,
    account: Option<AccountId>,
}

impl fmt::Debug for KeyFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyFile")
            .field("kind", &self.kind)
            .field("public", &self.public)
            .finish_non_exhaustive()
    }
}

/// What is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    kind: Kind,
    suite: String,
    public: String,
    secret: Secret,
    #[serde(default)]
    account: Option<AccountId>,
}

struct Secret(Zeroizing<String>);

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Secret(Zeroizing::new(text)))
    }
}

impl KeyFile {
    /// A new key of random numbers of the system.
    ///
    /// # Errors
    /// Fails when the system gives none, and for passkeys, which are not held in files.
    pub fn generate(kind: Kind, suite: Suite) -> Result<Self, Refusal> {
        loop {
            let mut secret = Zeroizing::new([0; 32]);
            getrandom::fill(secret.as_mut_slice())
                .map_err(|error| Refusal::NoRandomness { error: error.to_string() })?;
            match Self::new(kind, suite, secret) {
                Ok(key) => return Ok(key),
                // Of 2^256 numbers some 2^224 are no scalar of SM2.
                Err(Fault::Secret) => {}
                Err(fault) => return Err(fault.at("the new key", 0)),
            }
        }
    }

    fn new(kind: Kind, suite: Suite, secret: Zeroizing<[u8; 32]>) -> Result<Self, Fault> {
        let key = match (kind, suite) {
            (Kind::Node | Kind::Account, Suite::Ed25519) => SigningKey::ed25519(*secret),
            (Kind::Account | Kind::Authority, Suite::Sm2) => SigningKey::sm2(*secret).ok_or(Fault::Secret)?,
            _ => return Err(Fault::Suite),
        };
        Ok(Self { kind, suite, public: key.public(), secret, account: None })
    }

    /// Reads a key file of a kind.
    ///
    /// # Errors
    /// Fails when it cannot be read, others may read it, it is damaged, its halves do not belong together, or it is of another kind.
    pub fn read(path: &Path, kind: Kind) -> Result<Self, Refusal> {
        let text = read_text(path)?;
        Self::of_text(&text, path, kind)
    }

    /// What [`read_text`] gave, as a key of a kind.
    pub(crate) fn of_text(text: &str, path: &Path, kind: Kind) -> Result<Self, Refusal> {
        let path = path.display().to_string();
        if names_token(text) {
            return Err(Refusal::KeyInToken { path });
        }
        let key = Self::parse(text, &path)?;
        if key.kind != kind {
            return Err(Refusal::KeyKind { path, found: key.kind.name(), needed: kind.name() });
        }
        Ok(key)
    }

    fn parse(text: &str, path: &str) -> Result<Self, Refusal> {
        // The parser's message may quote what stands in the place of a word: only its line is told.
        let content: Content = toml::from_str(text).map_err(|error| {
            Fault::Content.at(path, error.span().map_or(1, |span| line_at(text, span.start)))
        })?;
        let line = |field: &str| {
            text.lines().position(|line| line.trim_start().starts_with(field)).map_or(0, |line| line + 1)
        };
        let suite = Suite::ALL.iter().copied().find(|suite| suite.name() == content.suite);
        let suite = suite.ok_or_else(|| Fault::Suite.at(path, line("suite")))?;
        let mut secret = Zeroizing::new([0; 32]);
        hex::decode_to_slice(content.secret.0.as_bytes(), secret.as_mut_slice())
            .map_err(|_| Fault::Secret.at(path, line("secret")))?;
        let mut key = Self::new(content.kind, suite, secret).map_err(|fault| {
            let field = if matches!(fault, Fault::Suite) { "suite" } else { "secret" };
            fault.at(path, line(field))
        })?;
        if key.public.to_string() != content.public {
            return Err(Fault::Halves.at(path, line("public")));
        }
        key.account = content.account;
        Ok(key)
    }

    /// Writes a new key file, readable by its owner alone.
    ///
    /// # Errors
    /// Fails when the file exists or cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), Refusal> {
        let mut options = File::options();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path).map_err(|error| match error.kind() {
            std::io::ErrorKind::AlreadyExists => Refusal::Exists { path: path.display().to_string() },
            _ => Refusal::file(path, error),
        })?;
        let text = self.to_text();
        file.write_all(text.as_bytes())
            .and_then(|()| file.sync_all())
            .map_err(|error| Refusal::file(path, error))
    }

    fn to_text(&self) -> Zeroizing<String> {
        let secret = Zeroizing::new(hex::encode(self.secret.as_slice()));
        let (says, zh) = match self.kind {
            Kind::Node => (
                "The key of a node: whoever has it votes and connects in the member's name.",
                "节点密钥：持有者可以该成员的名义投票和连接。",
            ),
            Kind::Account => (
                "The key of an account: whoever has it signs transactions in the account's name.",
                "账户密钥：持有者可以该账户的名义签署交易。",
            ),
            Kind::Authority => (
                "The key of a certification authority: whoever has it certifies whom they like.",
                "证书签发机构密钥：持有者可以该机构的名义签发任何证书。",
            ),
        };
        let account = self.account.map(|account| format!("account = \"{account}\"\n")).unwrap_or_default();
        Zeroizing::new(format!(
            "# {says}\n# Keep it, keep a copy in a safe, and show it to nobody.\n# {zh}请妥善保管并离线备份，切勿出示给任何人。\n\
             kind = \"{}\"\nsuite = \"{}\"\npublic = \"{}\"\nsecret = \"{}\"\n{account}",
            self.kind.name(),
            self.suite,
            self.public,
            *secret,
        ))
    }

    /// The same key, for an account whose first key is another: a patient's wallet.
    pub fn with_account(self, account: AccountId) -> Self {
        KeyFile { account: Some(account), ..self }
    }

    /// The account that the file names; `None` when it is that of the key itself.
    pub fn account(&self) -> Option<AccountId> {
        self.account
    }

    /// The public half.
    pub fn public(&self) -> PublicKey {
        self.public
    }

    /// The key that votes and connects; `None` for a key of another kind.
    pub fn node_key(&self) -> Option<NodeKey> {
        (self.kind == Kind::Node).then(|| NodeKey::from_seed(*self.secret))
    }

    /// The key that signs transactions, and the possession of a seat.
    pub fn signing_key(&self) -> SigningKey {
        match self.suite {
            Suite::Sm2 => {
                SigningKey::sm2(*self.secret).expect("the secret was a scalar when the key was made")
            }
            _ => SigningKey::ed25519(*self.secret),
        }
    }
}

/// What is wrong with a key.
#[derive(Debug)]
enum Fault {
    Content,
    Suite,
    Secret,
    Halves,
}

impl Fault {
    fn at(&self, path: &str, line: usize) -> Refusal {
        let fault = match self {
            Fault::Content => {
                "a key file says kind (node, account or authority), suite, public and secret, each once, and nothing else"
            }
            Fault::Suite => {
                "a key of a node is `ed25519`, one of an authority `sm2`, one of an account either"
            }
            Fault::Secret => "the secret is not 64 hexadecimal digits of a key of its suite",
            Fault::Halves => "the public key is not that of the secret",
        };
        Refusal::KeyDamaged { path: path.into(), line, fault: fault.into() }
    }
}

/// The most bytes that a key file has; whatever is larger is none.
const MAX_BYTES: u64 = 8192;

/// Reads a file that its owner alone may read, unlocked if it is locked.
pub(crate) fn read_text(path: &Path) -> Result<Zeroizing<String>, Refusal> {
    let mut bytes = read_private(path)?;
    if is_locked(&bytes) {
        let passphrase = passphrase(path)?;
        let name = || path.display().to_string();
        bytes = unlock(&bytes, &passphrase)
            .map_err(|error| Refusal::KeyPassphrase { path: name(), error: error.to_string() })?;
    }
    match std::str::from_utf8(&bytes) {
        Ok(text) => Ok(Zeroizing::new(text.to_owned())),
        Err(_) => Err(Refusal::file(path, "is no text")),
    }
}

/// The bytes of a file that its owner alone may read.
fn read_private(path: &Path) -> Result<Zeroizing<Vec<u8>>, Refusal> {
    let file = File::open(path).map_err(|error| Refusal::file(path, error))?;
    check_mode(path, &file)?;
    // So that it never grows, and leaves no copy behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_BYTES as usize));
    file.take(MAX_BYTES).read_to_end(&mut bytes).map_err(|error| Refusal::file(path, error))?;
    Ok(bytes)
}

/// The first line of a secret that a file holds or a variable of the environment gives: a passphrase, a PIN.
pub(crate) fn first_line(file: Option<&Path>, variable: &str) -> Result<Option<Zeroizing<String>>, Refusal> {
    let bytes = match file {
        Some(path) => Some(read_private(path)?),
        None => std::env::var(variable).ok().map(|text| Zeroizing::new(text.into_bytes())),
    };
    let Some(bytes) = bytes else { return Ok(None) };
    let line = bytes.split(|byte| matches!(byte, b'\r' | b'\n')).next().unwrap_or_default();
    let named = file.map_or_else(|| variable.into(), Path::to_path_buf);
    let text = std::str::from_utf8(line).map_err(|_| Refusal::file(&named, "is no text"))?;
    Ok((!text.is_empty()).then(|| Zeroizing::new(text.to_owned())))
}

/// The passphrase that a key file is locked with; `None` when it is not locked.
pub(crate) fn passphrase_of(path: &Path) -> Result<Option<Passphrase>, Refusal> {
    is_locked(&read_private(path)?).then(|| passphrase(path)).transpose()
}

pub(crate) fn passphrase(path: &Path) -> Result<Passphrase, Refusal> {
    let file = std::env::var_os("MEDVEIL_PASSPHRASE_FILE").map(std::path::PathBuf::from);
    let found = first_line(file.as_deref(), "MEDVEIL_PASSPHRASE")?;
    let found = found.ok_or_else(|| Refusal::KeyLocked { path: path.display().to_string() })?;
    Ok(Passphrase::new(found.as_str().to_owned()))
}

/// Whether a key file says where its key is, and not what it is.
pub(crate) fn names_token(text: &str) -> bool {
    text.lines().any(|line| line.trim() == "[token]")
}

/// Refuses a file that its group or others may read.
#[cfg(unix)]
fn check_mode(path: &Path, file: &File) -> Result<(), Refusal> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = file.metadata().map_err(|error| Refusal::file(path, error))?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(Refusal::KeyOpen {
            path: path.display().to_string(),
            mode: format!("{:03o}", mode & 0o777),
        });
    }
    Ok(())
}

#[cfg(not(unix))]
fn check_mode(_: &Path, _: &File) -> Result<(), Refusal> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(kind: Kind, suite: Suite) -> (tempfile::TempDir, std::path::PathBuf, KeyFile) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.key");
        let key = KeyFile::generate(kind, suite).unwrap();
        key.write(&path).unwrap();
        (folder, path, key)
    }

    #[test]
    fn a_key_reads_as_it_was_written() {
        for (kind, suite) in [
            (Kind::Node, Suite::Ed25519),
            (Kind::Account, Suite::Ed25519),
            (Kind::Account, Suite::Sm2),
            (Kind::Authority, Suite::Sm2),
        ] {
            let (_folder, path, key) = written(kind, suite);
            let read = KeyFile::read(&path, kind).unwrap();
            assert_eq!((read.public(), read.signing_key().public()), (key.public(), key.public()));
            assert_eq!(read.node_key().is_some(), kind == Kind::Node);
            if let Some(node) = read.node_key() {
                assert_eq!(node.public().as_ref(), key.public().bytes());
            }
        }
    }

    #[test]
    fn a_wallet_names_the_account_that_it_signs_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("wallet.key");
        let account = AccountId([7; 32]);
        let key = KeyFile::generate(Kind::Account, Suite::Ed25519).unwrap();
        assert_eq!(key.account(), None);
        key.with_account(account).write(&path).unwrap();
        assert_eq!(KeyFile::read(&path, Kind::Account).unwrap().account(), Some(account));
    }

    #[cfg(unix)]
    #[test]
    fn a_key_is_its_owners_alone_or_refused() {
        use std::os::unix::fs::PermissionsExt as _;
        let (_folder, path, _) = written(Kind::Node, Suite::Ed25519);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        for mode in [0o640, 0o604, 0o666] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            let refusal = KeyFile::read(&path, Kind::Node).unwrap_err();
            assert_eq!(refusal.name(), "key.open", "{mode:o}");
        }
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o400)).unwrap();
        assert!(KeyFile::read(&path, Kind::Node).is_ok());
    }

    #[test]
    fn nothing_shows_the_secret() {
        let key = KeyFile::new(Kind::Account, Suite::Ed25519, Zeroizing::new([0xab; 32])).unwrap();
        let secret = "ab".repeat(32);
        assert!(key.to_text().contains(&secret));
        assert!(!format!("{key:?} {key:#?}").contains("abab"));
        let text = key.to_text();
        for damaged in [
            text.replace("secret = \"", "secret = \"ab"),
            text.replace("secret = ", "secret == "),
            text.replace("secret = ", "secrets = "),
            text.replace("abab\"\n", "abab\n"),
            text.replace("kind = \"account\"", &format!("kind = \"{secret}\"")),
            text.replace("kind = ", &format!("{secret} = ")),
        ] {
            let refusal = KeyFile::parse(&damaged, "a.key").unwrap_err();
            assert_eq!(refusal.name(), "key.damaged");
            let said = format!("{refusal} {refusal:?} {}", refusal.chinese());
            assert!(!said.contains("abab"), "{said}");
        }
    }

    #[test]
    fn what_is_no_key_is_refused_with_its_line() {
        let text = KeyFile::generate(Kind::Account, Suite::Ed25519).unwrap().to_text();
        let other = KeyFile::generate(Kind::Account, Suite::Ed25519).unwrap().public().to_string();
        let public = text
            .lines()
            .find_map(|line| line.strip_prefix("public = "))
            .unwrap()
            .trim_matches('"')
            .to_owned();
        for (damaged, line) in [
            (text.replace("ed25519\"", "rsa\""), 5),
            (text.replace("suite = \"ed25519\"", "suite = \"webauthn\""), 5),
            (text.replace("kind = \"account\"\nsuite = \"ed25519\"", "kind = \"node\"\nsuite = \"sm2\""), 5),
            (text.replace(&public, &other), 6),
            (format!("{}more = 1\n", *text), 8),
            (String::new(), 1),
        ] {
            match KeyFile::parse(&damaged, "a.key").unwrap_err() {
                Refusal::KeyDamaged { line: found, fault, .. } => assert_eq!(found, line, "{fault}"),
                other => panic!("{other}"),
            }
        }
    }

    #[test]
    fn a_locked_key_file_is_named_as_such_and_opens_with_its_passphrase_alone() {
        use medveil_vault::keys::{WorkFactor, lock};
        let (folder, path, key) = written(Kind::Node, Suite::Ed25519);
        let text = std::fs::read(&path).unwrap();
        let (right, wrong) = (Passphrase::new("correct horse".into()), Passphrase::new("battery".into()));
        let mut rng = <chacha20::ChaCha20Rng as rand_core::SeedableRng>::from_seed([1; 32]);
        let locked = lock(&text, &right, WorkFactor::new(1).unwrap(), &mut rng).unwrap();
        let locked_path = folder.path().join("locked.key");
        std::fs::copy(&path, &locked_path).unwrap();
        std::fs::write(&locked_path, &locked).unwrap();
        // No passphrase is given to tests.
        assert_eq!(KeyFile::read(&locked_path, Kind::Node).unwrap_err().name(), "key.locked");
        let opened = unlock(&locked, &right).unwrap();
        let opened = KeyFile::of_text(std::str::from_utf8(&opened).unwrap(), &locked_path, Kind::Node);
        assert_eq!(opened.unwrap().public(), key.public());
        assert!(unlock(&locked, &wrong).is_err());
    }

    #[test]
    fn an_account_does_not_vote_and_nothing_is_overwritten() {
        let (_folder, path, key) = written(Kind::Account, Suite::Sm2);
        assert_eq!(KeyFile::read(&path, Kind::Node).unwrap_err().name(), "key.kind");
        assert_eq!(key.write(&path).unwrap_err().name(), "node.exists");
        assert_eq!(KeyFile::read(&path, Kind::Authority).unwrap_err().name(), "key.kind");
        for (kind, suite) in [(Kind::Node, Suite::Sm2), (Kind::Authority, Suite::Ed25519)] {
            assert_eq!(KeyFile::generate(kind, suite).unwrap_err().name(), "key.damaged");
        }
    }
}
