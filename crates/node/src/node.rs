//! A running node.

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::{Duration, Instant},
};

use medveil_engine::{
    BlockLimits, ChainConfig, Engine, MempoolLimits, NodeKey, Pacing, Peer, Retention, Snapshot,
};
use medveil_ledger::Genesis;
use tracing::{error, info};

use crate::{
    Rules, Unready,
    clock::{ClockWatch, Observation, now_ms},
    index::{Follower, Index, IndexError},
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
    /// When blocks are made.
    pub pacing: Pacing,
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
    /// The defaults of everything but these; the genesis says when blocks are made.
    pub fn new(genesis: Genesis, key: NodeKey, data: PathBuf, listen: SocketAddr) -> Self {
        Self {
            pacing: Pacing {
                idle: Duration::from_millis(genesis.parameters.idle_interval_ms),
                busy: Duration::from_millis(genesis.parameters.min_interval_ms),
            },
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
            page_cache: 16 << 20,
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
    watch: Arc<Watch>,
    index: Index,
    follower: Arc<Follower>,
}

/// What the node notices of itself over time.
#[derive(Debug)]
struct Watch {
    noticed: Mutex<Noticed>,
    drift: Duration,
    offset: i64,
    /// Without a block for so long, the chain stands.
    patience: Duration,
}

#[derive(Debug)]
struct Noticed {
    clock: ClockWatch,
    height: u64,
    since: Instant,
}

impl Node {
    /// Starts a node. With a snapshot, and no data yet, it takes its state from there. Call it within a tokio runtime.
    ///
    /// # Errors
    /// Fails when the folder cannot be used or the genesis is not valid.
    pub fn start(config: Config, snapshot: Option<Snapshot>) -> Result<Self, StartError> {
        let rules = Arc::new(Rules::new(config.genesis));
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
        chain.pacing = config.pacing;
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
        let clock = ClockWatch::new(config.clock_drift);
        let watch = Arc::new(Watch {
            noticed: Mutex::new(Noticed { clock, height: 0, since: Instant::now() }),
            drift: config.clock_drift,
            offset: config.clock_offset,
            patience: config.pacing.idle * 10 + Duration::from_secs(10),
        });
        tokio::spawn(keep_watch(Arc::downgrade(&watch), engine.clone()));
        Ok(Self { rules, chain_genesis, engine, watch, index, follower })
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

    /// The read model.
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// Why the node cannot be relied on at the moment; nothing when it can.
    pub async fn readiness(&self) -> Vec<Unready> {
        let Some(status) = self.engine.status().await else { return vec![Unready::Halted {}] };
        let mut reasons = Vec::new();
        let (silent, off_by) = {
            let noticed = self.watch.noticed.lock().unwrap_or_else(PoisonError::into_inner);
            (noticed.since.elapsed(), noticed.clock.off_by())
        };
        let height = status.tip.as_ref().map_or(0, |tip| tip.height);
        if height == 0 {
            reasons.push(Unready::NoBlock {});
        }
        let best = status.peers.iter().filter_map(|peer| peer.height).max().unwrap_or(0);
        if best > height + BEHIND {
            reasons.push(Unready::Behind { height, best });
        }
        if silent > self.watch.patience {
            let lately = |silent: Option<u64>| silent.is_some_and(|silent| silent < HEARD.as_millis() as u64);
            let heard = status.peers.iter().filter(|peer| lately(peer.silent_for)).count() as u64 + 1;
            let count = status.validators.len() as u64;
            reasons.push(Unready::Stalled {
                silent_ms: silent.as_millis().try_into().unwrap_or(u64::MAX),
                heard,
                quorum: count - count.saturating_sub(1) / 3,
            });
        }
        if let Some(off_by_ms) = off_by {
            let drift_ms = self.watch.drift.as_millis().try_into().unwrap_or(u64::MAX);
            reasons.push(Unready::Clock { off_by_ms, drift_ms });
        }
        let index = self.index.progress().borrow().clone();
        if let Some(error) = index.halted {
            reasons.push(Unready::IndexHalted { error });
        } else if index.height + INDEX_BEHIND < height {
            reasons.push(Unready::IndexBehind { indexed: index.height, height });
        }
        reasons
    }

    /// Stops the node; returns when everything is on disk. Blocks.
    ///
    /// First whatever hands in transactions should have ended; then the engine does, then the read model, which takes what the engine handed over last.
    pub fn stop(&self) {
        self.engine.clone().stop();
        self.follower.join();
    }
}

/// Blocks that a node may be behind its peers while it follows.
const BEHIND: u64 = 5;

/// Blocks that the read model may be behind the node.
const INDEX_BEHIND: u64 = 20;

/// A member that was heard within this is there; members tell their height every two seconds.
const HEARD: Duration = Duration::from_secs(10);

/// Looks at the tip for as long as the node is there.
async fn keep_watch(watch: Weak<Watch>, engine: Engine) {
    let mut told: Option<Instant> = None;
    loop {
        tokio::time::sleep(Duration::from_millis(250)).await;
        let Some(status) = engine.status().await else { return };
        let Some(watch) = watch.upgrade() else { return };
        let Some(tip) = status.tip else { continue };
        let seen = Observation {
            now_ms: now_ms().saturating_add_signed(watch.offset),
            height: tip.height,
            time_ms: tip.time,
            best_peer: status.peers.iter().filter_map(|peer| peer.height).max(),
        };
        let off_by = {
            let mut noticed = watch.noticed.lock().unwrap_or_else(PoisonError::into_inner);
            noticed.clock.observe(seen);
            if tip.height > noticed.height {
                (noticed.height, noticed.since) = (tip.height, Instant::now());
            }
            noticed.clock.off_by()
        };
        match off_by {
            Some(off_by_ms) if told.is_none_or(|told| told.elapsed() > Duration::from_secs(30)) => {
                let drift_ms = watch.drift.as_millis() as u64;
                error!(
                    reason = "node.clock",
                    off_by_ms,
                    drift_ms,
                    "this machine's clock is wrong: a quorum of validators makes blocks with another time; set the clock"
                );
                told = Some(Instant::now());
            }
            None if told.take().is_some() => info!("this machine's clock agrees with the validators' again"),
            _ => {}
        }
    }
}
