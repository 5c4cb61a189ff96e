//! A node in this process.

use std::{sync::Arc, thread, time::Duration};

use commonware_cryptography::ChaCha20Poly1305;
use commonware_p2p::authenticated::lookup;
use commonware_runtime::{Runner as _, Spawner as _, Supervisor as _, tokio};
use commonware_stream::{
    cups::{self, Cups},
    sake::{self, Sake},
};
use commonware_utils::{
    NZUsize,
    channel::{mpsc, oneshot},
};
use medveil_chain::{Block, Bytes, Digest, EntryKind, Evidence, Finality, Header, MAX_VALIDATORS};

use crate::{
    Config, Key, ProveError, Request, Snapshot, SnapshotError, StateMachine, Status, SubmitError, Values,
    Whereabouts,
    node::{self, Network},
};

/// Requests that wait before [`Engine`]'s methods do.
const REQUESTS: usize = 1024;

/// Final blocks that wait for a subscriber.
const BLOCKS: usize = 16;

/// Why a node does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The state machine is not the one that the genesis commits to.
    #[error("the application's genesis is {found}, the chain's is {expected}")]
    OtherApplication {
        /// Commitment of the state machine.
        found: Digest,
        /// Commitment in the genesis.
        expected: Digest,
    },
    /// The folder or a thread could not be had.
    #[error("the node cannot be started: {0}")]
    System(#[from] std::io::Error),
    /// The snapshot is of another chain or not final.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
}

/// A running node. Clones are handles on the same one.
///
/// The node runs on threads of its own; the methods can be awaited on any executor. It stops with [`Engine::stop`], or when the last handle is dropped.
#[derive(Clone)]
pub struct Engine {
    requests: mpsc::Sender<Request>,
    ended: Arc<Ended>,
}

struct Ended(std::sync::Mutex<Option<thread::JoinHandle<()>>>);

impl Engine {
    /// Starts a node. With a snapshot, and an empty folder, it takes its state from there.
    ///
    /// # Errors
    /// Fails when the state machine is not the genesis's, or the system refuses.
    pub fn start(
        config: Config,
        machine: Arc<dyn StateMachine>,
        snapshot: Option<Snapshot>,
    ) -> Result<Self, StartError> {
        let found = medveil_chain::Genesis::commit_application(&machine.genesis_writes());
        let expected = *config.chain.genesis.application();
        if found != expected {
            return Err(StartError::OtherApplication { found, expected });
        }
        std::fs::create_dir_all(&config.directory)?;
        let (requests, receiver) = mpsc::channel(REQUESTS);
        let thread = thread::Builder::new()
            .name("medveil-engine".into())
            .spawn(move || run(config, machine, receiver, snapshot))?;
        Ok(Self { requests, ended: Arc::new(Ended(std::sync::Mutex::new(Some(thread)))) })
    }

    /// A handle on a node that was started with [`node::start`], as simulations do. [`stop`](Self::stop) does not wait for it.
    pub fn attach(requests: mpsc::Sender<Request>) -> Self {
        Self { requests, ended: Arc::new(Ended(std::sync::Mutex::new(None))) }
    }

    /// Hands transactions to the node. Each answer is its id, once it waits in the mempool; it may still expire or be refused in a block.
    pub async fn submit(&self, transactions: Vec<Bytes>) -> Vec<Result<Digest, SubmitError>> {
        let count = transactions.len();
        self.ask(|answer| Request::Submit(transactions, answer))
            .await
            .unwrap_or_else(|| vec![Err(SubmitError::Stopped); count])
    }

    /// Where a transaction is; `None` when the node does not know it, or it was included long ago.
    pub async fn find(&self, transaction: Digest) -> Option<Whereabouts> {
        self.ask(|answer| Request::Find(transaction, answer)).await.flatten()
    }

    /// What the node is doing; `None` when it has stopped.
    pub async fn status(&self) -> Option<Status> {
        self.ask(Request::Status).await
    }

    /// The final block at a height from 1 on; `None` when there is none, or it is not kept.
    pub async fn block(&self, height: u64) -> Option<Block> {
        self.ask(|answer| Request::Block(height, answer)).await.flatten()
    }

    /// The header at a height and what makes it final.
    ///
    /// # Errors
    /// Names what is missing.
    pub async fn finality(&self, height: u64) -> Result<(Header, Finality), ProveError> {
        self.ask(|answer| Request::Finality(height, answer)).await.unwrap_or(Err(ProveError::Stopped))
    }

    /// Values of the state after the tip, and the tip's header.
    ///
    /// # Errors
    /// Names what is missing.
    pub async fn get(&self, keys: Vec<Key>) -> Result<Values, ProveError> {
        self.ask(|answer| Request::Get(keys, answer)).await.unwrap_or(Err(ProveError::Stopped))
    }

    /// Evidence of values, or their absence, in the state after the tip: all under one header.
    ///
    /// # Errors
    /// Names what is missing.
    pub async fn prove(&self, keys: Vec<Key>) -> Result<Evidence, ProveError> {
        self.ask(|answer| Request::Prove(keys, answer)).await.unwrap_or(Err(ProveError::Stopped))
    }

    /// Evidence of a transaction, receipt or event of any block that is kept.
    ///
    /// # Errors
    /// Names what is missing.
    pub async fn prove_entry(
        &self,
        height: u64,
        kind: EntryKind,
        index: u32,
    ) -> Result<Evidence, ProveError> {
        self.ask(|answer| Request::ProveEntry(height, kind, index, answer))
            .await
            .unwrap_or(Err(ProveError::Stopped))
    }

    /// Final blocks from a height on, in order, without gaps, as they come. Each at least once over restarts of the reader: remember
    /// the height. A slow reader delays nobody.
    pub async fn blocks(&self, from: u64) -> Blocks {
        let (sender, receiver) = mpsc::channel(BLOCKS);
        // When the node has stopped, the receiver says so.
        let _ = self.requests.send(Request::Blocks(from, sender)).await;
        Blocks(receiver)
    }

    /// Writes a snapshot of a recent state to a file and returns its height.
    ///
    /// # Errors
    /// Fails when the file cannot be written.
    pub async fn snapshot(&self, path: std::path::PathBuf) -> Result<u64, SnapshotError> {
        self.ask(|answer| Request::Snapshot(path, answer)).await.unwrap_or(Err(SnapshotError::Stopped))
    }

    /// Figures of the node in the text format of Prometheus.
    pub async fn metrics(&self) -> String {
        self.ask(Request::Metrics).await.unwrap_or_default()
    }

    /// Whether the node runs.
    pub fn is_running(&self) -> bool {
        !self.requests.is_closed()
    }

    /// Stops the node and waits until everything is on disk. Blocks the calling thread for at most some seconds.
    pub fn stop(&self) {
        while let Err(mpsc::error::TrySendError::Full(_)) = self.requests.try_send(Request::Stop) {
            thread::sleep(Duration::from_millis(1));
        }
        let thread = self.ended.0.lock().ok().and_then(|mut thread| thread.take());
        if let Some(thread) = thread {
            // A panic of the node was logged by itself.
            let _ = thread.join();
        }
    }

    async fn ask<T>(&self, request: impl FnOnce(oneshot::Sender<T>) -> Request) -> Option<T> {
        let (sender, receiver) = oneshot::channel();
        self.requests.send(request(sender)).await.ok()?;
        receiver.await.ok()
    }
}

/// Final blocks in order.
pub struct Blocks(mpsc::Receiver<Arc<Block>>);

impl Blocks {
    /// The next block. `None` when the node has stopped, or the block is not kept any more.
    pub async fn next(&mut self) -> Option<Arc<Block>> {
        self.0.recv().await
    }
}

/// Runs a node on this thread and those of its runtime until it ends.
fn run(
    config: Config,
    machine: Arc<dyn StateMachine>,
    requests: mpsc::Receiver<Request>,
    snapshot: Option<Snapshot>,
) {
    let Config { chain, directory, listen, any_source_address, threads } = config;
    let runtime = tokio::Config::new()
        .with_storage_directory(directory)
        .with_worker_threads(threads.max(1))
        .with_max_blocking_threads(64)
        .with_tcp_nodelay(Some(true));
    tokio::Runner::new(runtime).start(|context| async move {
        let handshake = Cups::<_, ChaCha20Poly1305>::new(
            Sake {
                signer: chain.key.0.clone(),
                synchrony_bound: Duration::from_secs(10),
                max_handshake_age: Duration::from_secs(10),
                version: sake::Version::V1,
            },
            cups::Version::V1,
        );
        let mut namespace = b"medveil/network/1/".to_vec();
        namespace.extend_from_slice(chain.genesis.digest().as_ref());
        // The members of a consortium know each other: limits are there against accidents, and the allow-list against others.
        let mut network = lookup::Config::local(
            handshake,
            &namespace,
            listen,
            NZUsize!(MAX_PEERS),
            node::max_message_size(),
            NZUsize!(1024),
        );
        network.bypass_ip_check = any_source_address;
        network.tracked_peer_sets = NZUsize!(2);
        // A consortium starts when a quorum has found each other.
        network.dial_frequency = Duration::from_millis(200);
        network.block_duration = Duration::from_secs(600);
        let (mut network, manager) = lookup::Network::new(context.child("network"), network);
        let channels =
            node::CHANNELS.iter().map(|(channel, quota)| network.register(*channel, *quota)).collect();
        let blocker = manager.clone();
        network.start();
        let ends = Network { manager, blocker, channels };
        let node =
            node::start(context.child("engine"), "medveil".into(), chain, machine, ends, requests, snapshot)
                .await;
        let result = node.await;
        tracing::info!(?result, "the node stops");
        let _ = context.stop(0, Some(Duration::from_secs(10))).await;
    });
}

/// Members of a consortium at most, validators and others.
const MAX_PEERS: usize = 16;

const _: () = assert!(MAX_PEERS <= MAX_VALIDATORS);
