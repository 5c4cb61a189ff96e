//! What a node is told.

use std::{fmt, net::SocketAddr, path::PathBuf, time::Duration};

use commonware_codec::{Copying, DecodeExt as _};
use commonware_cryptography::{Signer as _, ed25519::PrivateKey};
use medveil_chain::{Genesis, PublicKey};

use crate::{Peer, mempool::MempoolLimits};

/// A member's key: it signs votes and authenticates connections.
#[derive(Clone)]
pub struct NodeKey(pub(crate) PrivateKey);

impl NodeKey {
    /// The key with this seed (RFC 8032: the private key's 32 bytes). Any 32 bytes are one.
    pub fn from_seed(seed: [u8; 32]) -> Self {
        Self(PrivateKey::decode(Copying(&seed)).expect("any 32 bytes are an Ed25519 seed"))
    }

    /// The public half, by which others know the member.
    pub fn public(&self) -> PublicKey {
        self.0.public_key()
    }
}

impl fmt::Debug for NodeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("NodeKey").field(&self.public()).finish()
    }
}

/// When blocks are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pacing {
    /// Between two blocks while there is nothing to do.
    pub idle: Duration,
    /// Between two blocks at least, while there is.
    pub busy: Duration,
}

impl Default for Pacing {
    fn default() -> Self {
        Self { idle: Duration::from_secs(1), busy: Duration::from_millis(250) }
    }
}

/// How long consensus waits. A leader waits for work by itself, up to [`Pacing::idle`], before it proposes: that is added to these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For a leader's proposal.
    pub leader: Duration,
    /// For the votes of a quorum after that.
    pub votes: Duration,
    /// Before a leader that was silent for so long is passed over at once.
    pub silent_leader: Duration,
    /// For an answer of a peer to a request.
    pub fetch: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            leader: Duration::from_secs(2),
            votes: Duration::from_secs(2),
            silent_leader: Duration::from_secs(10),
            fetch: Duration::from_secs(2),
        }
    }
}

/// How large blocks get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockLimits {
    /// Bytes of transactions that a proposer puts into a block. Receipts and events take as much again.
    pub bytes: usize,
    /// Transactions that a proposer puts into a block.
    pub transactions: usize,
}

impl Default for BlockLimits {
    fn default() -> Self {
        Self { bytes: 1536 * 1024, transactions: 8192 }
    }
}

/// What is kept of the past.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// Final blocks that are kept; `None` keeps all. At least an epoch is kept. A member that falls further behind needs a snapshot.
    pub blocks: Option<u64>,
}

/// Everything that the engine does alike in a process and in simulation.
#[derive(Clone, Debug)]
pub struct ChainConfig {
    /// Where the chain begins.
    pub genesis: Genesis,
    /// This member's key.
    pub key: NodeKey,
    /// Peers that are known until the state tells, and again while the tip is old.
    pub peers: Vec<Peer>,
    /// Addresses that hold over those of the state and of `peers`. Their keys are known as those of `peers` are.
    pub addresses: Vec<Peer>,
    /// Who else may connect to this node, and read along without a vote.
    pub followers: Vec<Peer>,
    /// When blocks are made.
    pub pacing: Pacing,
    /// How long consensus waits.
    pub timeouts: Timeouts,
    /// How large blocks get.
    pub limits: BlockLimits,
    /// How much waits.
    pub mempool: MempoolLimits,
    /// What is kept.
    pub retention: Retention,
    /// How far a proposal's time may be from this node's clock for its vote.
    pub clock_drift: Duration,
    /// Added to this node's clock, in milliseconds. For simulations of wrong clocks; 0 elsewhere.
    pub clock_offset: i64,
    /// Memory for pages of files, in bytes.
    pub page_cache: usize,
}

impl ChainConfig {
    /// The default of everything but these.
    pub fn new(genesis: Genesis, key: NodeKey, peers: Vec<Peer>) -> Self {
        Self {
            genesis,
            key,
            peers,
            addresses: Vec::new(),
            followers: Vec::new(),
            pacing: Pacing::default(),
            timeouts: Timeouts::default(),
            limits: BlockLimits::default(),
            mempool: MempoolLimits::default(),
            retention: Retention::default(),
            clock_drift: Duration::from_secs(5),
            clock_offset: 0,
            page_cache: 16 << 20,
        }
    }
}

/// A node in a process of its own.
#[derive(Clone, Debug)]
pub struct Config {
    /// What it does.
    pub chain: ChainConfig,
    /// Folder for everything that it keeps. One process at a time.
    pub directory: PathBuf,
    /// Where it listens for peers.
    pub listen: SocketAddr,
    /// Peers may connect from addresses other than those that they listen on (address translation, proxies).
    pub any_source_address: bool,
    /// Threads that run the node.
    pub threads: usize,
}
