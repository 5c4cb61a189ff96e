//! Answering requests to a running node.

use std::{path::PathBuf, sync::Arc, time::Duration};

use commonware_consensus::{
    marshal::{core::Mailbox as MarshalMailbox, standard::Standard},
    types::Height,
};
use commonware_glue::stateful::Mailbox as StatefulMailbox;
use commonware_macros::select_loop;
use commonware_p2p::AddressableManager;
use commonware_runtime::Handle;
use commonware_utils::channel::{fallible::OneshotExt as _, mpsc, oneshot};
use medveil_chain::{
    Block, Bytes, Claim, Digest, EntryKind, Evidence, Finality, Header, MAX_DESCENDANTS, PublicKey, Scheme,
    StateProof,
};

use crate::{
    Key, MempoolStatus, NotQueued, Refusal, Whereabouts,
    admission::{Admission, admit},
    application::{Application, Core},
    execution::{Loaded, ReadState as _, with_state},
    gossip::Gossip,
    journal::Journal,
    links::Links,
    node::Runtime,
    peers::Peers,
    snapshot::{self, Head, SnapshotError},
    store::Databases,
};

/// Why a transaction was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubmitError {
    /// The rules refuse it.
    #[error("{0}")]
    Refused(Refusal),
    /// It cannot wait: known, in conflict, or no room.
    #[error(transparent)]
    NotQueued(#[from] NotQueued),
    /// The node has no final block yet, so that it cannot tell who may sign for an account.
    #[error("the node has no final block yet")]
    NoBlock,
    /// The node is not running.
    #[error("the node is not running")]
    Stopped,
}

/// Why there is no proof.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProveError {
    /// The node has no final block yet.
    #[error("the chain has no final block yet")]
    NoBlock,
    /// The block is not kept, or there is none.
    #[error("block {0} is not here")]
    NoSuchBlock(u64),
    /// The block has no such entry.
    #[error("block {height} has no such entry {index}")]
    NoSuchEntry {
        /// Height of the block.
        height: u64,
        /// Index that was asked for.
        index: u32,
    },
    /// The block is final, but its certificate has not arrived.
    #[error("the certificate of block {0} has not arrived yet")]
    NoCertificate(u64),
    /// The state went on while it was read, more than once.
    #[error("the state changes too fast to be proven")]
    TooFast,
    /// The node is not running.
    #[error("the node is not running")]
    Stopped,
}

/// What a node is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Digest of the genesis.
    pub genesis: Digest,
    /// This member's key.
    pub key: PublicKey,
    /// Header of the last final block whose state is applied.
    pub tip: Option<Header>,
    /// Whether this node is a validator in the tip's epoch.
    pub validator: bool,
    /// Validators of the tip's epoch.
    pub validators: Vec<PublicKey>,
    /// Who may connect.
    pub peers: Vec<PeerStatus>,
    /// What waits.
    pub mempool: MempoolStatus,
}

/// What is known of a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerStatus {
    /// Its key.
    pub key: PublicKey,
    /// Where it listens.
    pub address: String,
    /// Its height, when it was last heard of.
    pub height: Option<u64>,
    /// Milliseconds since it was last heard of. Peers say something every two seconds.
    pub silent_for: Option<u64>,
}

/// Values of the state after a header's block, in the order in which they were asked for.
pub type Values = (Header, Vec<Option<Bytes>>);

/// A request to the node.
pub enum Request {
    /// See [`Engine::submit`](crate::Engine::submit).
    Submit(Vec<Bytes>, oneshot::Sender<Vec<Result<Digest, SubmitError>>>),
    /// See [`Engine::find`](crate::Engine::find).
    Find(Digest, oneshot::Sender<Option<Whereabouts>>),
    /// See [`Engine::status`](crate::Engine::status).
    Status(oneshot::Sender<Status>),
    /// See [`Engine::block`](crate::Engine::block).
    Block(u64, oneshot::Sender<Option<Block>>),
    /// See [`Engine::finality`](crate::Engine::finality).
    Finality(u64, oneshot::Sender<Result<(Header, Finality), ProveError>>),
    /// See [`Engine::get`](crate::Engine::get).
    Get(Vec<Key>, oneshot::Sender<Result<Values, ProveError>>),
    /// See [`Engine::prove`](crate::Engine::prove).
    Prove(Vec<Key>, oneshot::Sender<Result<Evidence, ProveError>>),
    /// See [`Engine::prove_entry`](crate::Engine::prove_entry).
    ProveEntry(u64, EntryKind, u32, oneshot::Sender<Result<Evidence, ProveError>>),
    /// See [`Engine::blocks`](crate::Engine::blocks).
    Blocks(u64, mpsc::Sender<Arc<Block>>),
    /// See [`Engine::snapshot`](crate::Engine::snapshot).
    Snapshot(PathBuf, oneshot::Sender<Result<u64, SnapshotError>>),
    /// See [`Engine::metrics`](crate::Engine::metrics).
    Metrics(oneshot::Sender<String>),
    /// See [`Engine::stop`](crate::Engine::stop).
    Stop,
}

/// What requests are answered from.
pub(crate) struct Service<E: Runtime, M> {
    pub(crate) key: PublicKey,
    pub(crate) core: Arc<Core>,
    pub(crate) marshal: MarshalMailbox<Scheme, Standard<Block>>,
    pub(crate) stateful: StatefulMailbox<E, Application>,
    pub(crate) links: Links<E>,
    pub(crate) peers: Arc<Peers<M>>,
    pub(crate) gossip: Gossip,
    pub(crate) journal: Journal,
}

impl<E: Runtime, M: AddressableManager<PublicKey = PublicKey> + Sync> Service<E, M> {
    /// Answers requests until the node stops, or is asked to.
    pub(crate) fn start(self, context: E, mut requests: mpsc::Receiver<Request>) -> Handle<()> {
        context.spawn(move |context| async move {
            let service = Arc::new(self);
            let watcher = service.clone();
            context.child("peers").spawn(move |context| async move { watcher.watch_peers(context).await });
            select_loop! {
                context,
                on_stopped => {},
                Some(request) = requests.recv() else break => {
                    if matches!(request, Request::Stop) {
                        break;
                    }
                    // Each in a task of its own, so that a slow one delays no other.
                    let service = service.clone();
                    context.child("request").spawn(move |context| async move {
                        service.answer(context, request).await;
                    });
                },
            }
        })
    }

    async fn answer(self: Arc<Self>, context: E, request: Request) {
        match request {
            Request::Submit(transactions, answer) => {
                answer.send_lossy(self.submit(&context, transactions).await);
            }
            Request::Find(id, answer) => {
                answer.send_lossy(self.core.mempool.lock().find(&id));
            }
            Request::Status(answer) => {
                answer.send_lossy(self.status(&context));
            }
            Request::Block(height, answer) => {
                answer.send_lossy(self.block(height).await.map(Arc::unwrap_or_clone));
            }
            Request::Finality(height, answer) => {
                answer.send_lossy(self.header_and_finality(&context, height).await);
            }
            Request::Get(keys, answer) => {
                answer.send_lossy(self.get(keys).await);
            }
            Request::Prove(keys, answer) => {
                answer.send_lossy(self.prove(&context, keys).await);
            }
            Request::ProveEntry(height, kind, index, answer) => {
                answer.send_lossy(self.prove_entry(&context, height, kind, index).await);
            }
            Request::Blocks(from, blocks) => self.stream(from, blocks).await,
            Request::Snapshot(path, answer) => {
                answer.send_lossy(self.snapshot(&context, path).await);
            }
            Request::Metrics(answer) => {
                answer.send_lossy(context.encode());
            }
            Request::Stop => {}
        }
    }

    async fn submit(&self, context: &E, transactions: Vec<Bytes>) -> Vec<Result<Digest, SubmitError>> {
        // What was acknowledged before a restart goes first.
        self.journal.restored().await;
        if self.core.tip.get().is_none() {
            return vec![Err(SubmitError::NoBlock); transactions.len()];
        }
        let verdicts = admit(context, &self.core, &self.stateful, &transactions).await;
        let mut taken = Vec::new();
        let mut answers = Vec::with_capacity(transactions.len());
        for (bytes, verdict) in transactions.into_iter().zip(verdicts) {
            answers.push(match verdict {
                Admission::Forged(refusal) | Admission::Refused(refusal) => {
                    Err(SubmitError::Refused(refusal))
                }
                Admission::Admitted(info) => {
                    let id = info.id;
                    self.core
                        .mempool
                        .lock()
                        .submit(info, bytes)
                        .map(|waiting| taken.push(waiting))
                        .map(|()| id)
                        .map_err(SubmitError::from)
                }
            });
        }
        if taken.is_empty() {
            return answers;
        }
        for waiting in &taken {
            self.gossip.send(waiting.clone());
        }
        self.core.work.notify_waiters();
        // An acknowledgement is a promise: it is on disk first.
        if !self.journal.append(taken).await {
            return vec![Err(SubmitError::Stopped); answers.len()];
        }
        answers
    }

    fn status(&self, context: &E) -> Status {
        let tip = self.core.tip.get().map(|block| block.header().clone());
        let validators = tip.as_ref().and_then(|tip| self.core.epochs.validators(tip.epoch));
        let heard = self.gossip.heard();
        let now = context.current();
        let peers = self.peers.current().into_iter().filter(|peer| peer.key != self.key).map(|peer| {
            let heard = heard.get(&peer.key);
            PeerStatus {
                height: heard.map(|heard| heard.height),
                silent_for: heard.map(|heard| {
                    now.duration_since(heard.at)
                        .unwrap_or_default()
                        .as_millis()
                        .try_into()
                        .unwrap_or(u64::MAX)
                }),
                key: peer.key,
                address: peer.address,
            }
        });
        Status {
            genesis: self.core.genesis_digest,
            key: self.key.clone(),
            validator: validators.as_ref().is_some_and(|validators| validators.contains(&self.key)),
            validators: validators.iter().flat_map(|validators| validators.keys()).cloned().collect(),
            tip,
            peers: peers.collect(),
            mempool: self.core.mempool.lock().status(),
        }
    }

    async fn block(&self, height: u64) -> Option<Arc<Block>> {
        if height == 0 || height > self.core.height() {
            return None;
        }
        self.marshal.get_block(Height::new(height)).await.map(|block| block.inner_shared())
    }

    async fn header_and_finality(&self, context: &E, height: u64) -> Result<(Header, Finality), ProveError> {
        let block = self.block(height).await.ok_or(ProveError::NoSuchBlock(height))?;
        let finality = self.finality(context, height).await?;
        Ok((block.header().clone(), finality))
    }

    /// What makes the final block at `height` final: its certificate, or the next one there is.
    async fn finality(&self, context: &E, height: u64) -> Result<Finality, ProveError> {
        // The certificate of the tip may be on its way to the archive.
        for _ in 0..50 {
            let mut descendants = Vec::new();
            for next in height..=height + MAX_DESCENDANTS as u64 {
                if next > height {
                    match self.block(next).await {
                        Some(block) => descendants.push(block.header().clone()),
                        None => break,
                    }
                }
                if let Some(finalization) = self.marshal.get_finalization(Height::new(next)).await {
                    return Ok(Finality { descendants, certificate: finalization.into() });
                }
            }
            context.sleep(Duration::from_millis(100)).await;
        }
        Err(ProveError::NoCertificate(height))
    }

    async fn get(&self, keys: Vec<Key>) -> Result<Values, ProveError> {
        let databases = self.stateful.subscribe_databases().await;
        let (root, values) = {
            let state = databases.read().await;
            (state.root(), state.read(&keys.iter().collect::<Vec<_>>()).await)
        };
        Ok((self.header_of(&root).await?, values))
    }

    /// The header after which the state has this root. The state is applied a moment before its block becomes the tip.
    async fn header_of(&self, root: &Digest) -> Result<Header, ProveError> {
        let mut tip = self.core.tip.follow();
        for _ in 0..4 {
            if let Some(block) = self.core.block_of_state(root) {
                return Ok(block.header().clone());
            }
            if self.core.height() == 0 {
                return Err(ProveError::NoBlock);
            }
            tip.changed().await;
        }
        Err(ProveError::TooFast)
    }

    async fn prove(&self, context: &E, keys: Vec<Key>) -> Result<Evidence, ProveError> {
        let databases: Databases<E> = self.stateful.subscribe_databases().await;
        if self.core.height() == 0 {
            return Err(ProveError::NoBlock);
        }
        let (root, claims) = {
            let state = databases.read().await;
            let mut claims = Vec::with_capacity(keys.len());
            for key in keys {
                let value = state.get(&key).await.expect("the state can be read");
                let proof = match value {
                    Some(value) => StateProof::Present {
                        value,
                        proof: state.key_value_proof(key.clone()).await.expect("the key has a value").into(),
                    },
                    None => StateProof::Absent {
                        proof: state.exclusion_proof(&key).await.expect("the key has no value").into(),
                    },
                };
                claims.push(Claim::State { key, proof });
            }
            (state.root(), claims)
        };
        let header = self.header_of(&root).await?;
        self.evidence(context, header, claims).await
    }

    async fn prove_entry(
        &self,
        context: &E,
        height: u64,
        kind: EntryKind,
        index: u32,
    ) -> Result<Evidence, ProveError> {
        let block = self.block(height).await.ok_or(ProveError::NoSuchBlock(height))?;
        let missing = ProveError::NoSuchEntry { height, index };
        let entry = block.body().entries(kind).get(index as usize).cloned().ok_or(missing.clone())?;
        let proof = block.body().tree(kind).prove(index).ok_or(missing)?;
        let claims = vec![Claim::Entry { kind, index, entry, proof }];
        self.evidence(context, block.header().clone(), claims).await
    }

    async fn evidence(
        &self,
        context: &E,
        header: Header,
        claims: Vec<Claim>,
    ) -> Result<Evidence, ProveError> {
        let finality = self.finality(context, header.height).await?;
        let links = self.links.before(finality.epoch()).await;
        Ok(Evidence { genesis: self.core.genesis_digest, links, header, finality, claims })
    }

    /// Sends final blocks from a height on, for as long as somebody takes them.
    async fn stream(&self, from: u64, blocks: mpsc::Sender<Arc<Block>>) {
        let mut tip = self.core.tip.follow();
        let mut height = from.max(1);
        loop {
            while height <= self.core.height() {
                let Some(block) = self.block(height).await else {
                    // Pruned, or below a snapshot: the stream ends, and the reader sees that it did.
                    return;
                };
                if blocks.send(block).await.is_err() {
                    return;
                }
                height += 1;
            }
            commonware_macros::select! {
                _ = blocks.closed() => { return; },
                _ = tip.changed() => {},
            }
        }
    }

    async fn snapshot(&self, context: &E, path: PathBuf) -> Result<u64, SnapshotError> {
        let databases = self.stateful.subscribe_databases().await;
        let mut changes = self.core.tip.follow();
        loop {
            let tip = changes.latest();
            // The last block of an epoch is passed over: consensus cannot take up after it without its successor's validators.
            if let Some(block) = tip.filter(|block| block.header().next_validators.is_none())
                && let Ok(Finality { descendants, certificate }) =
                    self.finality(context, block.height()).await
                && descendants.is_empty()
                && let Some(validators) = self.core.epochs.validators(block.header().epoch)
            {
                let height = block.height();
                let links = self.links.before(block.header().epoch).await;
                let head = Head::new(
                    self.core.genesis_digest,
                    links,
                    Arc::unwrap_or_clone(block),
                    certificate,
                    validators,
                );
                snapshot::write(&head, &databases, &path).await?;
                return Ok(height);
            }
            changes.changed().await;
        }
    }

    /// Follows the state's list of members.
    /// Makes blocks when the state after the tip says.
    async fn update_pacing(&self, databases: &Databases<E>) {
        if self.core.height() == 0 {
            return;
        }
        let state = databases.read().await;
        let pacing =
            with_state(&mut Loaded::default(), &*state, |loaded| self.core.machine.pacing(loaded)).await;
        if let Ok(Some(pacing)) = pacing {
            self.core.set_pacing(pacing);
        }
    }

    async fn watch_peers(&self, context: E) {
        let databases = self.stateful.subscribe_databases().await;
        let mut tip = self.core.tip.follow();
        loop {
            self.peers.update(&context, &self.core, &databases).await;
            self.update_pacing(&databases).await;
            tip.changed().await;
        }
    }
}
