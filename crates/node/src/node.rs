//! A running node.

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, OnceLock},
    time::Duration,
};

use medveil_engine::{BlockLimits, ChainConfig, Engine, MempoolLimits, NodeKey, Peer, Retention, Snapshot};
use medveil_ledger::{ChallengeId, Genesis};

use crate::{
    Rules, Unready,
    index::{Follower, Index, IndexError},
    readiness::Watch,
    rules::OwnPacing,
};

/// What a node is told.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where the chain begins.
    pub genesis: Genesis,
    /// The member's key for votes and connections.
    pub key: NodeKey,
    /// Addresses that hold over those of the genesis and of the state.
    pub addresses: Vec<Peer>,
    /// Who else may connect and read along.
    pub followers: Vec<Peer>,
    /// The folder for everything that the node keeps.
    pub data: PathBuf,
    /// Where it listens for peers.
    pub listen: SocketAddr,
    /// Peers may connect from other addresses than those they listen on.
    pub any_source_address: bool,
    /// Threads that run consensus.
    pub threads: usize,
    /// When this member makes blocks, if not when the ledger's parameters say.
    pub pacing: OwnPacing,
    /// How large blocks get.
    pub limits: BlockLimits,
    /// How much waits.
    pub mempool: MempoolLimits,
    /// What is kept of the past.
    pub retention: Retention,
    /// How far a block's time may be from this node's clock.
    pub clock_drift: Duration,
    /// Added to this node's clock, in milliseconds. For tests of wrong clocks; 0 elsewhere.
    pub clock_offset: i64,
    /// Memory for pages of files, in bytes.
    pub page_cache: usize,
}

impl Config {
    /// The defaults of everything but these; the ledger says when blocks are made.
    pub fn new(genesis: Genesis, key: NodeKey, data: PathBuf, listen: SocketAddr) -> Self {
        Self {
            pacing: OwnPacing::default(),
            genesis,
            key,
            addresses: Vec::new(),
            followers: Vec::new(),
            data,
            listen,
            any_source_address: false,
            threads: 2,
            limits: BlockLimits::default(),
            mempool: MempoolLimits::default(),
            retention: Retention::default(),
            clock_drift: Duration::from_secs(5),
            clock_offset: 0,
            page_cache: 12 << 20,
        }
    }
}

/// Why a node does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No chain can begin so.
    #[error("the genesis is not valid: {0}")]
    Genesis(String),
    /// The read model cannot be used.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The engine does not start.
    #[error(transparent)]
    Engine(#[from] medveil_engine::StartError),
}

/// A running node. Clones are handles on the same one.
#[derive(Clone)]
pub struct Node {
    rules: Arc<Rules>,
    chain_genesis: medveil_chain::Genesis,
    engine: Engine,
    index: Index,
    follower: Arc<Follower>,
    watch: Arc<Watch>,
    openings: Arc<OnceLock<PathBuf>>,
}

impl Node {
    /// Starts a node. With a snapshot, and no data yet, it takes its state from there.
    ///
    /// # Errors
    /// Fails when the folder cannot be used or the genesis is not valid.
    pub fn start(config: Config, snapshot: Option<Snapshot>) -> Result<Self, StartError> {
        let pacing = config.pacing.over(&config.genesis.parameters);
        let rules = Arc::new(Rules::new(config.genesis).with_pacing(config.pacing));
        let chain_genesis = rules.chain_genesis().map_err(StartError::Genesis)?;
        let mut peers = Vec::new();
        for validator in rules.genesis().validators().validators {
            let key = crate::rules::key(&validator.key).map_err(StartError::Genesis)?;
            peers.push(Peer { key, address: validator.address.to_string() });
        }
        let mut chain = ChainConfig::new(chain_genesis.clone(), config.key, peers);
        chain.addresses = config.addresses;
        chain.followers = config.followers;
        chain.clock_drift = config.clock_drift;
        chain.clock_offset = config.clock_offset;
        chain.pacing = pacing;
        chain.limits = config.limits;
        chain.mempool = config.mempool;
        chain.retention = config.retention;
        chain.page_cache = config.page_cache;
        let engine = medveil_engine::Config {
            chain,
            directory: config.data.join("engine"),
            listen: config.listen,
            any_source_address: config.any_source_address,
            threads: config.threads,
        };
        // An index of another chain is noticed before anything is started.
        let (index, writer) = Index::open(config.data.join("index.sqlite"), &rules, &chain_genesis)?;
        let engine = Engine::start(engine, rules.clone(), snapshot)?;
        let follower = Arc::new(Follower::start(engine.clone(), writer, index.progress())?);
        let patience = pacing.idle * 10 + Duration::from_secs(10);
        let watch = Watch::start(engine.clone(), config.clock_drift, config.clock_offset, patience)
            .map_err(medveil_engine::StartError::System)?;
        Ok(Self { rules, chain_genesis, engine, index, follower, watch, openings: Arc::default() })
    }

    /// The rules of the chain.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// The genesis that headers and evidence name.
    pub fn chain_genesis(&self) -> &medveil_chain::Genesis {
        &self.chain_genesis
    }

    /// The engine.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Why the node cannot be relied on at the moment; nothing when it can.
    pub async fn readiness(&self) -> Vec<Unready> {
        let status = self.engine.status().await;
        let progress = self.index.progress().borrow().clone();
        self.watch.judge(status.as_ref(), &progress)
    }

    /// Says in which folder the member's custodian leaves the sealed openings of challenges. Once.
    pub(crate) fn set_openings(&self, folder: PathBuf) {
        let _ = self.openings.set(folder);
    }

    /// The sealed openings with which the member's custodian answered a challenge: for the auditor alone, whoever reads them. `None` where this node has none.
    pub async fn openings(&self, challenge: ChallengeId) -> Option<Vec<u8>> {
        let path = medveil_custodian::openings_file(self.openings.get()?, challenge);
        tokio::task::spawn_blocking(move || std::fs::read(path).ok()).await.ok()?
    }

    /// The read model.
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// Stops the node; returns when everything is on disk. Blocks.
    ///
    /// First whatever hands in transactions should have ended; then the engine does, then the read model, which takes what the engine handed over last.
    pub fn stop(&self) {
        self.engine.clone().stop();
        self.follower.join();
    }
}
