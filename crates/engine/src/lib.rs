//! Consensus, dissemination and authenticated storage for a deterministic state machine.
//!
//! The one crate that runs commonware. It takes the rules as an [`Arc<dyn StateMachine>`](StateMachine), so that a change of
//! rules does not compile it again, and gives [`Engine`], a running node, with plain types only.
//!
//! ```text
//!  submit --> mempool <--> gossip                      network (authenticated, members only)
//!               |                                        ^
//!            propose --> gate ------> consensus <------+      one engine an epoch, votes by Ed25519
//!               |                          |
//!         StateMachine::execute        final blocks --> archive of blocks and certificates
//!               |                          |                 |
//!             state (QMDB) <-- apply ------+                 +--> blocks(from), finality, evidence
//! ```
//!
//! # Guarantees
//!
//! - With fewer than a third of the validators faulty, no two honest nodes apply different blocks at a height.
//! - With more than two thirds running and able to talk, blocks become final.
//! - What is final survives a crash at any moment. A crashed validator does not vote against its earlier votes, as long as its folder stays.
//! - A node whose execution differs from what a final block commits to halts: see [`StateMachine`].
//!
//! # Example
//!
//! ```no_run
//! # async fn example(genesis: medveil_chain::Genesis, machine: std::sync::Arc<dyn medveil_engine::StateMachine>) -> Result<(), Box<dyn std::error::Error>> {
//! use medveil_engine::{ChainConfig, Config, Engine, NodeKey};
//!
//! let chain = ChainConfig::new(genesis, NodeKey::from_seed([7; 32]), vec![]);
//! let config = Config {
//!     chain,
//!     directory: "data".into(),
//!     listen: "127.0.0.1:7000".parse()?,
//!     any_source_address: false,
//!     threads: 2,
//! };
//! let engine = Engine::start(config, machine, None)?;
//! let mut blocks = engine.blocks(1).await;
//! while let Some(block) = blocks.next().await {
//!     println!("{} transactions at height {}", block.body().transactions.len(), block.height());
//! }
//! # Ok(()) }
//! ```

mod admission;
mod application;
mod config;
// It makes commonware's generic code concrete, which takes minutes to compile; no unit test starts a node.
#[cfg(not(test))]
mod engine;
mod epochs;
mod execution;
mod gate;
mod gossip;
mod journal;
mod links;
mod machine;
mod mempool;
pub mod node;
mod orchestrator;
mod peers;
mod service;
mod snapshot;
mod store;
mod tip;

pub use config::{BlockLimits, ChainConfig, Config, NodeKey, Pacing, Retention, Timeouts};
#[cfg(not(test))]
pub use engine::{Blocks, Engine, StartError};
pub use machine::{
    BlockContext, Executed, Key, Missing, Mode, Peer, Refusal, StateMachine, StateSnapshot, Stop,
    TransactionInfo,
};
pub use mempool::{MAX_TRANSACTION_BYTES, MempoolLimits, MempoolStatus, NotQueued, Whereabouts};
pub use service::{PeerStatus, ProveError, Request, Status, SubmitError, Values};
pub use snapshot::{Snapshot, SnapshotError};
