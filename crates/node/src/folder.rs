//! A member's folder: everything that its node needs and keeps.
//!
//! ```text
//! hospital-1/
//!   node.toml                what the operator decides
//!   genesis.toml             how the chain begins
//!   keys/node.key            votes and connects
//!   keys/custodian.key       signs what the node itself does on the ledger; it may name a token
//!   keys/custodian.next.key  the account's next key, taken over when the ledger names it
//!   keys/custody/            the node's custody key and share; written by the node: keep a copy
//!   keys/administrator.key   signs for the organisation; the node does not read it
//!   data/                    written by the node alone
//! ```

use std::{
    fs::{File, TryLockError},
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    time::Duration,
};

use medveil_engine::{BlockLimits, MempoolLimits, Peer, Retention, Snapshot};
use medveil_ledger::{AccountId, ChainId, Genesis, OrganisationId, PublicKey};
use medveil_vault::store::MemberStore;

use crate::{
    AccountKey, Agent, Rules,
    config::{Bounded, Settings},
    custody,
    keys::{KeyFile, Kind, passphrase_of},
    marker::Marker,
    node::{Config, Node, StartError},
    refusal::Refusal,
    rules::OwnPacing,
};

/// The folder of a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder {
    root: PathBuf,
}

impl Folder {
    /// The name of the genesis in the folder.
    pub const GENESIS: &str = "genesis.toml";

    /// What a node writes into `data` before the marker is there.
    const BEFORE_MARKER: &[&str] = &["lock", "control.sock"];

    /// The folder at `root`, which may not exist yet.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// `node.toml`.
    pub fn settings_file(&self) -> PathBuf {
        self.root.join(Settings::FILE)
    }

    /// `genesis.toml`.
    pub fn genesis_file(&self) -> PathBuf {
        self.root.join(Self::GENESIS)
    }

    /// `keys/node.key`.
    pub fn node_key_file(&self) -> PathBuf {
        self.root.join("keys").join("node.key")
    }

    /// `keys/custodian.key`.
    pub fn custodian_key_file(&self) -> PathBuf {
        self.root.join("keys").join("custodian.key")
    }

    /// `keys/custodian.next.key`: the key that takes the place of `keys/custodian.key` when the ledger names it.
    pub fn next_custodian_key_file(&self) -> PathBuf {
        self.root.join("keys").join("custodian.next.key")
    }

    /// `keys/custody`: the secrets of the node's part in custody.
    pub fn custody_secrets(&self) -> PathBuf {
        self.root.join("keys").join("custody")
    }

    /// `keys/administrator.key`.
    pub fn administrator_key_file(&self) -> PathBuf {
        self.root.join("keys").join("administrator.key")
    }

    /// `data`.
    pub fn data(&self) -> PathBuf {
        self.root.join("data")
    }

    /// The socket over which the node's own machine asks for what no other may.
    pub fn control_socket(&self) -> PathBuf {
        self.data().join("control.sock")
    }

    /// A snapshot that the next start takes its state from.
    fn restored_snapshot(&self) -> PathBuf {
        self.data().join("restored.snapshot")
    }

    /// Reads `node.toml`.
    ///
    /// # Errors
    /// [`Refusal`]: not a member's folder, or a setting is wrong.
    pub fn settings(&self) -> Result<Settings, Refusal> {
        self.require(Settings::FILE)?;
        Settings::read(&self.settings_file())
    }

    /// Reads `genesis.toml`.
    ///
    /// # Errors
    /// [`Refusal`]: not a member's folder, or no chain can begin so.
    pub fn genesis(&self) -> Result<Genesis, Refusal> {
        self.require(Self::GENESIS)?;
        read_genesis(&self.genesis_file())
    }

    fn require(&self, name: &str) -> Result<(), Refusal> {
        if self.root.join(name).is_file() {
            return Ok(());
        }
        Err(Refusal::NotAFolder { path: self.root.display().to_string(), missing: name.to_owned() })
    }

    /// Takes hold of the folder for this process and checks that genesis, key, data and clock belong together.
    ///
    /// `now_ms` is this machine's clock, in milliseconds since 1970.
    ///
    /// # Errors
    /// [`Refusal`]: the first thing that keeps the node from starting.
    pub fn open(&self, now_ms: u64) -> Result<Opened, Refusal> {
        let settings = self.settings()?;
        let genesis = self.genesis()?;
        self.require("keys/node.key")?;
        let key = KeyFile::read(&self.node_key_file(), Kind::Node)?;
        if key.public() != settings.key {
            return Err(Refusal::WrongKey {
                path: self.node_key_file().display().to_string(),
                found: key.public().to_string(),
                named: settings.key.to_string(),
            });
        }
        let chain = genesis.chain_id();
        let custodian = settings.custodian.map(|named| self.custodian(chain, named)).transpose()?;
        let lock = self.lock()?;
        Marker::new(genesis.chain_id(), key.public()).claim(&self.data(), Self::BEFORE_MARKER)?;
        let (behind_ms, drift_ms) = (genesis.time_ms.saturating_sub(now_ms), settings.clock.drift_ms.get());
        if behind_ms > drift_ms {
            return Err(Refusal::ClockBeforeGenesis { behind_ms, drift_ms });
        }
        Ok(Opened { folder: self.clone(), settings, genesis, key, custodian, _lock: lock })
    }

    /// The key of the account that `node.toml` names by its first key. When the ledger has given it another, the key's file names the account.
    fn custodian(&self, chain: ChainId, named: PublicKey) -> Result<AccountKey, Refusal> {
        self.require("keys/custodian.key")?;
        let path = self.custodian_key_file();
        let key = AccountKey::open(&path)?;
        if key.public() != named && key.named_account() != Some(AccountId::derive(chain, &named)) {
            let (found, named) = (key.public().to_string(), named.to_string());
            return Err(Refusal::WrongKey { path: path.display().to_string(), found, named });
        }
        Ok(key)
    }

    /// One process at a time; the system takes the lock back when the process ends, however it does.
    fn lock(&self) -> Result<File, Refusal> {
        let data = self.data();
        create_private(&data)?;
        let path = data.join("lock");
        let file = File::options().write(true).create(true).truncate(false).open(&path);
        let file = file.map_err(|error| Refusal::file(&path, error))?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => Err(Refusal::InUse { path: data.display().to_string() }),
            Err(TryLockError::Error(error)) => Err(Refusal::file(&path, error)),
        }
    }

    /// Puts a snapshot in place for the next start, and returns its height. Its block is checked against the genesis now, its state
    /// against the block when the node takes it over.
    ///
    /// # Errors
    /// [`Refusal`]: the folder holds data, or the snapshot is damaged, of another chain or not final.
    pub fn restore(&self, from: &Path, now_ms: u64) -> Result<u64, Refusal> {
        let data = self.data();
        if let Ok(entries) = std::fs::read_dir(&data) {
            let empty = |name: &std::ffi::OsStr| {
                // Shards, and what the custodian keeps privately, are no part of the chain's state.
                name == Marker::FILE
                    || name == "custody"
                    || name == "custodian"
                    || Self::BEFORE_MARKER.iter().any(|known| name == *known)
            };
            if entries.flatten().any(|entry| !empty(&entry.file_name())) {
                return Err(Refusal::NotEmpty { path: data.display().to_string() });
            }
        }
        let opened = self.open(now_ms)?;
        let snapshot = opened.open_snapshot(from)?;
        let partial = data.join("restored.partial");
        let copy = || -> std::io::Result<()> {
            std::fs::copy(from, &partial)?;
            File::open(&partial)?.sync_all()?;
            std::fs::rename(&partial, self.restored_snapshot())?;
            File::open(&data)?.sync_all()
        };
        copy().map_err(|error| Refusal::file(&partial, error))?;
        Ok(snapshot.height())
    }
}

/// Reads a genesis.
///
/// # Errors
/// [`Refusal`]: it cannot be read, or no chain can begin so.
pub fn read_genesis(path: &Path) -> Result<Genesis, Refusal> {
    let text = std::fs::read_to_string(path).map_err(|error| Refusal::file(path, error))?;
    Genesis::from_toml(&text)
        .map_err(|error| Refusal::Genesis { path: path.display().to_string(), faults: error.to_string() })
}

/// Makes a folder that its owner alone may enter, if it is not there.
pub(crate) fn create_private(path: &Path) -> Result<(), Refusal> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(|error| Refusal::file(path, error))
}

/// Waits until what was moved to `path` is an entry of its folder on the disk.
pub(crate) fn sync_folder(path: &Path) -> Result<(), Refusal> {
    let folder = path.parent().unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| Refusal::file(folder, error))
}

/// A folder that this process holds, with what was read from it.
#[derive(Debug)]
pub struct Opened {
    /// The folder.
    pub folder: Folder,
    /// `node.toml`. What the command line says over it may be put here.
    pub settings: Settings,
    /// `genesis.toml`.
    pub genesis: Genesis,
    key: KeyFile,
    custodian: Option<AccountKey>,
    _lock: File,
}

impl Opened {
    /// Whether the genesis gives the node's key a seat. Later the ledger decides it.
    pub fn has_seat(&self) -> bool {
        self.genesis
            .validators()
            .validators
            .iter()
            .any(|validator| validator.key.0 == *self.key.public().bytes())
    }

    /// The account with which the node acts on the ledger; `None` when `node.toml` names none. Where its services resume is kept in `data/agent`.
    pub fn agent(&self, node: &Node) -> Option<Agent> {
        let key = self.custodian.clone()?;
        let (organisation, place) = (self.settings.organisation, self.folder.data().join("agent"));
        Some(Agent::with_keys(node.clone(), organisation, key, place, Some(self.folder.clone())))
    }

    /// What custody is told.
    ///
    /// # Errors
    /// [`Refusal`]: the node's key has been locked since it was read, and there is no passphrase.
    pub(crate) fn custody(&self, store: MemberStore) -> Result<custody::Config, Refusal> {
        Ok(custody::Config {
            secrets: self.folder.custody_secrets(),
            passphrase: passphrase_of(&self.folder.node_key_file())?,
            data: self.folder.data().join("custody"),
            store,
            members: self.settings.members.clone(),
            settings: self.settings.custody.clone(),
            custodian: self.settings.releases.is_some(),
        })
    }

    /// Starts the node. Call it within a tokio runtime; `clock_offset` is added to this machine's clock, 0 but for tests.
    ///
    /// # Errors
    /// [`Refusal`]: what keeps it from starting.
    pub async fn start(&self, now_ms: u64, clock_offset: i64) -> Result<Node, Refusal> {
        let listen = self.settings.listen;
        // The engine would end with a panic; it takes the address a moment later.
        drop(bind("listen", listen)?);
        let mut config = self.config()?;
        config.clock_offset = clock_offset;
        let path = self.folder.restored_snapshot();
        let snapshot = path.exists().then(|| self.open_snapshot(&path)).transpose()?;
        let restored = snapshot.as_ref().map(Snapshot::height);
        let engine = |error: &dyn std::fmt::Display| Refusal::Engine { error: error.to_string() };
        let node = Node::start(config, snapshot).map_err(|error| match error {
            StartError::Genesis(faults) => {
                Refusal::Genesis { path: self.folder.genesis_file().display().to_string(), faults }
            }
            StartError::Index(error) => engine(&error),
            StartError::Engine(error) => engine(&error),
        })?;
        let Some(status) = node.engine().status().await else {
            return Err(match restored {
                Some(_) => Refusal::Snapshot {
                    path: path.display().to_string(),
                    error: "its state is not that of its block".into(),
                },
                None => engine(&"the engine ended; the log says why"),
            });
        };
        if let Some(tip) = &status.tip {
            let (behind_ms, drift_ms) = (tip.time.saturating_sub(now_ms), self.settings.clock.drift_ms.get());
            if behind_ms > drift_ms {
                let height = tip.height;
                stop(node).await;
                return Err(Refusal::ClockBeforeTip { behind_ms, drift_ms, height });
            }
            if restored.is_some_and(|height| tip.height >= height) {
                std::fs::remove_file(&path).map_err(|error| Refusal::file(&path, error))?;
            }
        }
        Ok(node)
    }

    fn config(&self) -> Result<Config, Refusal> {
        let settings = &self.settings;
        let key = self.key.node_key().expect("it was read as the key of a node");
        let mut config = Config::new(self.genesis.clone(), key, self.folder.data(), settings.listen);
        config.addresses = self.addresses()?;
        config.followers = self.followers()?;
        config.any_source_address = settings.any_source_address;
        config.threads = settings.resources.threads.size();
        config.page_cache = settings.resources.page_cache_mib.size() << 20;
        config.pacing = OwnPacing {
            idle: settings.pacing.idle_ms.map(|ms| Duration::from_millis(ms.get())),
            busy: settings.pacing.busy_ms.map(|ms| Duration::from_millis(ms.get())),
        };
        config.limits = BlockLimits {
            bytes: settings.blocks.bytes.size(),
            transactions: settings.blocks.transactions.size(),
        };
        config.mempool = MempoolLimits {
            transactions: settings.mempool.transactions.size(),
            bytes: settings.mempool.mib.size() << 20,
            per_account: settings.mempool.per_account.size(),
        };
        config.retention = Retention { blocks: settings.retention.blocks.map(Bounded::get) };
        config.clock_drift = Duration::from_millis(settings.clock.drift_ms.get());
        Ok(config)
    }

    /// The addresses of `[peers]`, by key.
    fn addresses(&self) -> Result<Vec<Peer>, Refusal> {
        let validators = self.genesis.validators().validators;
        let peer = |(name, address): (&String, &_)| {
            let unknown = || Refusal::UnknownPeer { peer: name.clone() };
            let key = match name.parse::<PublicKey>() {
                Ok(PublicKey::Ed25519(key)) => key,
                Ok(_) => return Err(unknown()),
                Err(_) => {
                    let organisation = OrganisationId::new(name).map_err(|_| unknown())?;
                    let seat = validators.iter().find(|validator| validator.organisation == organisation);
                    seat.ok_or_else(unknown)?.key.0
                }
            };
            let key = medveil_chain::public_key(&key).map_err(|_| unknown())?;
            Ok(Peer { key, address: ToString::to_string(address) })
        };
        self.settings.peers.iter().map(peer).collect()
    }

    fn followers(&self) -> Result<Vec<Peer>, Refusal> {
        let follower = |(key, address): (&PublicKey, &_)| {
            let unknown = || Refusal::UnknownPeer { peer: key.to_string() };
            let PublicKey::Ed25519(bytes) = key else { return Err(unknown()) };
            let key = medveil_chain::public_key(bytes).map_err(|_| unknown())?;
            Ok(Peer { key, address: ToString::to_string(address) })
        };
        self.settings.followers.iter().map(follower).collect()
    }

    fn open_snapshot(&self, path: &Path) -> Result<Snapshot, Refusal> {
        let fault = |error: &dyn std::fmt::Display| Refusal::Snapshot {
            path: path.display().to_string(),
            error: error.to_string(),
        };
        let genesis = Rules::new(self.genesis.clone()).chain_genesis().map_err(|error| fault(&error))?;
        Snapshot::open(path, &genesis).map_err(|error| fault(&error))
    }
}

/// Stops a node off the runtime's threads.
pub async fn stop(node: Node) {
    // A panic of the engine was logged by itself.
    let _ = tokio::task::spawn_blocking(move || node.stop()).await;
}

/// Listens on an address of `node.toml`.
///
/// # Errors
/// [`Refusal`]: it is in use, or not this machine's.
pub fn bind(setting: &'static str, address: SocketAddr) -> Result<TcpListener, Refusal> {
    TcpListener::bind(address).map_err(|error| match error.kind() {
        std::io::ErrorKind::AddrInUse => Refusal::AddressInUse { setting, address: address.to_string() },
        _ => Refusal::Address { setting, address: address.to_string(), error: error.to_string() },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Members;

    const NOW: u64 = 1_767_225_600_000;

    fn network() -> (tempfile::TempDir, Folder) {
        let parent = tempfile::tempdir().unwrap();
        let list = r#"
            chain = "trial"
            [[member]]
            organisation = "hospital-1"
            name = "First"
            role = "hospital"
            address = "127.0.0.1:7001"
            [[member]]
            organisation = "regulator-1"
            name = "Second"
            role = "regulator"
            address = "127.0.0.1:7002"
            http = "127.0.0.1:8081"
            [parameters]
            min-validators = 2
        "#;
        Members::parse(list).unwrap().create(&parent.path().join("network"), NOW).unwrap();
        let folder = Folder::new(parent.path().join("network/hospital-1"));
        (parent, folder)
    }

    fn replace(path: &Path, was: &str, is: &str) {
        let text = std::fs::read_to_string(path).unwrap();
        assert!(text.contains(was), "{was}");
        std::fs::write(path, text.replace(was, is)).unwrap();
    }

    #[test]
    fn one_process_holds_a_folder() {
        let (_parent, folder) = network();
        let opened = folder.open(NOW).unwrap();
        assert_eq!(folder.open(NOW).unwrap_err().name(), "node.in_use");
        drop(opened);
        folder.open(NOW).unwrap();
    }

    #[test]
    fn a_key_that_the_settings_do_not_name_is_refused() {
        let (parent, folder) = network();
        let other = Folder::new(parent.path().join("network/regulator-1"));
        std::fs::copy(other.node_key_file(), folder.node_key_file()).unwrap();
        assert_eq!(folder.open(NOW).unwrap_err().name(), "node.wrong_key");
    }

    #[test]
    fn an_acting_account_is_the_one_that_the_settings_name_or_none() {
        let (parent, folder) = network();
        let other = Folder::new(parent.path().join("network/regulator-1"));
        let own = std::fs::read(folder.custodian_key_file()).unwrap();
        std::fs::copy(other.custodian_key_file(), folder.custodian_key_file()).unwrap();
        assert_eq!(folder.open(NOW).unwrap_err().name(), "node.wrong_key");
        std::fs::copy(folder.node_key_file(), folder.custodian_key_file()).unwrap();
        assert_eq!(folder.open(NOW).unwrap_err().name(), "key.kind");
        std::fs::remove_file(folder.custodian_key_file()).unwrap();
        assert_eq!(folder.open(NOW).unwrap_err().name(), "node.not_a_folder");
        let custodian = folder.settings().unwrap().custodian.unwrap();
        replace(&folder.settings_file(), &format!("custodian = \"{custodian}\"\n"), "");
        assert!(folder.open(NOW).unwrap().custodian.is_none());
        std::fs::write(folder.custodian_key_file(), own).unwrap();
    }

    #[test]
    fn data_of_another_key_or_chain_are_refused() {
        let (parent, folder) = network();
        drop(folder.open(NOW).unwrap());
        let genesis = std::fs::read_to_string(folder.genesis_file()).unwrap();
        replace(&folder.genesis_file(), "chain = \"trial\"", "chain = \"other\"");
        assert_eq!(folder.open(NOW).unwrap_err().name(), "node.wrong_genesis");
        std::fs::write(folder.genesis_file(), genesis).unwrap();
        let other = Folder::new(parent.path().join("network/regulator-1"));
        std::fs::copy(other.node_key_file(), folder.node_key_file()).unwrap();
        let (own, new) = (folder.settings().unwrap().key, other.settings().unwrap().key);
        replace(&folder.settings_file(), &own.to_string(), &new.to_string());
        assert_eq!(folder.open(NOW).unwrap_err().name(), "node.data_of_other_key");
    }

    #[test]
    fn a_clock_before_the_genesis_is_refused_beyond_the_drift() {
        let (_parent, folder) = network();
        folder.open(NOW - 5_000).unwrap();
        let refusal = folder.open(NOW - 5_001).unwrap_err();
        assert_eq!(refusal, Refusal::ClockBeforeGenesis { behind_ms: 5_001, drift_ms: 5_000 });
    }

    #[test]
    fn a_folder_that_is_none_says_what_is_missing() {
        let (_parent, folder) = network();
        for name in ["keys/node.key", "genesis.toml", "node.toml"] {
            std::fs::remove_file(folder.root().join(name)).unwrap();
            match folder.open(NOW).unwrap_err() {
                Refusal::NotAFolder { missing, .. } => assert_eq!(missing, name),
                other => panic!("{other}"),
            }
        }
    }

    #[test]
    fn addresses_of_the_settings_name_organisations_or_keys() {
        let (_parent, folder) = network();
        let key = "ed25519:".to_owned() + &hex::encode(medveil_engine::NodeKey::from_seed([9; 32]).public());
        let peers = format!("[peers]\nregulator-1 = \"tunnel:1\"\n\"{key}\" = \"tunnel:2\"\n");
        replace(&folder.settings_file(), "[peers]\n", &peers);
        replace(
            &folder.settings_file(),
            "[followers]\n",
            &format!("[followers]\n\"{key}\" = \"reader:3\"\n"),
        );
        let opened = folder.open(NOW).unwrap();
        let config = opened.config().unwrap();
        let addresses: Vec<_> = config.addresses.iter().map(|peer| peer.address.as_str()).collect();
        assert_eq!(addresses.len(), 2);
        assert!(addresses.contains(&"tunnel:1") && addresses.contains(&"tunnel:2"));
        assert_eq!(config.followers[0].address, "reader:3");
        drop(opened);
        replace(&folder.settings_file(), "regulator-1 =", "hospital-9 =");
        assert_eq!(folder.open(NOW).unwrap().config().unwrap_err().name(), "node.unknown_peer");
    }

    #[test]
    fn a_snapshot_is_restored_into_an_empty_folder_and_checked_first() {
        let (parent, folder) = network();
        let file = parent.path().join("a.snapshot");
        std::fs::write(&file, "no snapshot").unwrap();
        assert_eq!(folder.restore(&file, NOW).unwrap_err().name(), "node.snapshot");
        assert!(!folder.restored_snapshot().exists());
        std::fs::create_dir_all(folder.data().join("engine")).unwrap();
        assert_eq!(folder.restore(&file, NOW).unwrap_err().name(), "node.not_empty");
    }

    #[test]
    fn an_address_in_use_is_told_as_such() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let refusal = bind("http", taken.local_addr().unwrap()).unwrap_err();
        assert_eq!(refusal.name(), "node.address_in_use");
        let refusal = bind("listen", "192.0.2.1:7001".parse().unwrap()).unwrap_err();
        assert_eq!(refusal.name(), "node.address_unavailable");
    }
}
