//! Making and checking blocks: the state machine as consensus sees it.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use commonware_consensus::{marshal::ancestry::Ancestry, simplex::types::Context as Round};
use commonware_cryptography::{Digestible as _, Hasher as _, Sha256};
use commonware_glue::stateful::{
    self, Finality, Input, Proposed,
    db::{DatabaseSet, Merkleized as _, Unmerkleized as _},
};
use commonware_macros::select;
use commonware_runtime::{Clock, Handle, Spawner};
use commonware_storage::{Context, qmdb::sync::Target};
use commonware_utils::{SystemTimeExt as _, range::NonEmptyRange, sync::Mutex};
use futures::StreamExt as _;
use medveil_chain::{
    Block, Body, Bytes, Digest, EntryKind, Genesis, Header, MAX_BLOCK_BYTES, OperationsRange, PublicKey,
    Scheme, ValidatorSet,
};
use tokio::sync::Notify;
use tracing::{debug, info, warn};

use crate::{
    BlockContext, Executed, Mode, Refusal, StateMachine, TransactionInfo,
    config::{BlockLimits, ChainConfig, Pacing},
    epochs::Epochs,
    execution::{Loaded, Speculative, with_state, writes_fit},
    mempool::Mempool,
    store::{Databases, Location},
    tip::Tip,
};

/// How many of the last final blocks are kept in memory.
const RECENT_BLOCKS: usize = 32;

/// Transactions that one call of the state machine's `verify` is given at most.
const VERIFY_CHUNK: usize = 256;

/// How many verified transactions are remembered.
const VERIFIED: usize = 1 << 17;

/// What the parts of a node share.
pub(crate) struct Core {
    pub(crate) genesis: Genesis,
    pub(crate) genesis_digest: Digest,
    pub(crate) machine: Arc<dyn StateMachine>,
    pacing: Mutex<Paced>,
    pub(crate) limits: BlockLimits,
    pub(crate) clock_offset: i64,
    pub(crate) epochs: Epochs,
    pub(crate) mempool: Mutex<Mempool>,
    /// Told when transactions arrive.
    pub(crate) work: Notify,
    /// The last block whose state is applied.
    pub(crate) tip: Tip,
    /// The last final blocks.
    recent: Mutex<VecDeque<Arc<Block>>>,
    verified: Mutex<Verified>,
}

/// When blocks are made, and what consensus waits for.
#[derive(Clone, Copy)]
struct Paced {
    told: Pacing,
    /// The idle interval that the waits of the epoch were set for.
    patience: Duration,
}

/// Transactions whose signatures were checked, by the hash of all their bytes.
#[derive(Default)]
struct Verified {
    /// Looked up only, never gone through: its order tells nothing.
    infos: HashMap<Digest, TransactionInfo>,
    order: VecDeque<Digest>,
}

impl Core {
    pub(crate) fn new(config: &ChainConfig, machine: Arc<dyn StateMachine>, epochs: Epochs) -> Self {
        Self {
            genesis_digest: config.genesis.digest(),
            genesis: config.genesis.clone(),
            machine,
            pacing: Mutex::new(Paced { told: config.pacing, patience: config.pacing.idle }),
            limits: config.limits,
            clock_offset: config.clock_offset,
            epochs,
            mempool: Mutex::new(Mempool::new(config.mempool)),
            work: Notify::new(),
            tip: Tip::default(),
            recent: Mutex::default(),
            verified: Mutex::default(),
        }
    }

    /// When blocks are made.
    pub(crate) fn pacing(&self) -> Pacing {
        let Paced { told, patience } = *self.pacing.lock();
        Pacing { idle: told.idle.min(patience), ..told }
    }

    /// Makes blocks at other times, as far as the waits of the epoch allow.
    pub(crate) fn set_pacing(&self, pacing: Pacing) {
        self.pacing.lock().told = pacing;
    }

    /// Begins an epoch: how long its consensus waits for a leader that has nothing to do.
    pub(crate) fn begin_epoch(&self) -> Duration {
        let mut pacing = self.pacing.lock();
        pacing.patience = pacing.told.idle;
        pacing.patience
    }

    /// This node's clock, in milliseconds since 1970 (UTC).
    pub(crate) fn now(&self, clock: &impl Clock) -> u64 {
        clock.current().epoch_millis().saturating_add_signed(self.clock_offset)
    }

    /// Takes a final block whose state is applied.
    pub(crate) fn set_tip(&self, block: Arc<Block>) {
        let mut recent = self.recent.lock();
        recent.push_back(block.clone());
        if recent.len() > RECENT_BLOCKS {
            recent.pop_front();
        }
        drop(recent);
        if let Some(next) = &block.body().next_validators {
            self.epochs.insert(block.header().epoch + 1, next);
        }
        self.tip.set(block);
    }

    /// The height of the tip, 0 before there is one.
    pub(crate) fn height(&self) -> u64 {
        self.tip.height()
    }

    /// The final block after which the state has this root, if it is one of the last.
    pub(crate) fn block_of_state(&self, root: &Digest) -> Option<Arc<Block>> {
        self.recent.lock().iter().rev().find(|block| block.header().state_root == *root).cloned()
    }

    /// The context of the block after the tip, as if it were proposed at `now`; for checks of transactions.
    pub(crate) fn next_context(&self, now: u64) -> Option<BlockContext> {
        let tip = self.tip.get()?;
        let height = tip.height() + 1;
        let epoch = self.genesis.epoch_of(height);
        Some(self.context(
            height,
            now.max(tip.header().time + 1),
            tip.header().leader.clone(),
            self.epochs.validators(epoch)?,
        ))
    }

    fn context(&self, height: u64, time: u64, leader: PublicKey, validators: ValidatorSet) -> BlockContext {
        BlockContext {
            genesis: self.genesis_digest,
            height,
            time,
            epoch: self.genesis.epoch_of(height),
            epoch_end: self.genesis.is_last_of_epoch(height),
            leader,
            validators,
        }
    }

    /// Whether a transaction, byte for byte, is known to wait: nothing is to be done about it then.
    pub(crate) fn waits(&self, bytes: &Bytes) -> bool {
        let verified = self.verified.lock();
        let Some(info) = verified.infos.get(&Sha256::hash(&[bytes])) else { return false };
        let id = info.id;
        drop(verified);
        self.mempool.lock().contains(&id)
    }

    /// Verifies transactions on all threads, each once in its life.
    pub(crate) async fn verify<E: Spawner>(
        self: &Arc<Self>,
        context: &E,
        transactions: &[Bytes],
    ) -> Vec<Result<TransactionInfo, Refusal>> {
        let hashes: Vec<Digest> = transactions.iter().map(|bytes| Sha256::hash(&[bytes])).collect();
        let mut results: Vec<Option<Result<TransactionInfo, Refusal>>> = {
            let verified = self.verified.lock();
            hashes.iter().map(|hash| verified.infos.get(hash).cloned().map(Ok)).collect()
        };
        let unknown: Vec<usize> = (0..results.len()).filter(|index| results[*index].is_none()).collect();
        let tasks: Vec<(&[usize], Handle<Vec<_>>)> = unknown
            .chunks(VERIFY_CHUNK)
            .map(|indices| {
                let machine = self.machine.clone();
                let chunk: Vec<Bytes> = indices.iter().map(|index| transactions[*index].clone()).collect();
                let worker = context.child("verify").shared(true);
                (indices, worker.spawn(move |_| async move { machine.verify(&chunk) }))
            })
            .collect();
        for (indices, task) in tasks {
            let chunk = task.await.expect("checking transactions does not fail");
            assert_eq!(chunk.len(), indices.len(), "the state machine answers for each transaction");
            for (index, result) in indices.iter().zip(chunk) {
                results[*index] = Some(result);
            }
        }
        let mut verified = self.verified.lock();
        for index in unknown {
            if let Some(Ok(info)) = &results[index]
                && verified.infos.insert(hashes[index], info.clone()).is_none()
            {
                verified.order.push_back(hashes[index]);
            }
        }
        while verified.order.len() > VERIFIED {
            if let Some(oldest) = verified.order.pop_front() {
                verified.infos.remove(&oldest);
            }
        }
        results.into_iter().map(|result| result.expect("each was known or was checked")).collect()
    }

    /// Waits until a block of `epoch` after `parent` is due.
    pub(crate) async fn pace(&self, clock: &impl Clock, parent: &Header, epoch: u64) {
        // The last block of an epoch is proposed again, at once, until it is final.
        if self.genesis.is_last_of_epoch(parent.height) && parent.epoch == epoch {
            return;
        }
        loop {
            // Registered before the look at the mempool, so that no arrival falls between.
            let work = self.work.notified();
            let idle = self.mempool.lock().is_idle();
            let Pacing { idle: at_rest, busy } = self.pacing();
            let due = if idle { at_rest } else { busy };
            let since = Duration::from_millis(self.now(clock).saturating_sub(parent.time));
            let Some(wait) = due.checked_sub(since).filter(|wait| !wait.is_zero()) else { return };
            if idle {
                select! {
                    _ = work => {},
                    _ = clock.sleep(wait) => {},
                }
            } else {
                clock.sleep(wait).await;
            }
        }
    }
}

/// The application that consensus drives.
#[derive(Clone)]
pub struct Application {
    pub(crate) core: Arc<Core>,
}

/// A block that is being built or checked: its context and what executing it gave.
struct Execution {
    body: Body,
    writes: Vec<(Vec<u8>, Option<Bytes>)>,
}

impl Application {
    /// Executes transactions on the state before them.
    async fn execute<E: Spawner + Context>(
        &self,
        context: &BlockContext,
        transactions: &[Bytes],
        state: &<Databases<E> as DatabaseSet<E>>::Unmerkleized,
        mode: Mode,
    ) -> Result<Execution, Refusal> {
        let machine = &self.core.machine;
        let mut loaded = Loaded::default();
        let mut writes = BTreeMap::new();
        if context.height == 1 {
            for (key, value) in machine.genesis_writes() {
                writes.insert(key, Some(Bytes::from(value)));
            }
            loaded.overlay(writes.clone());
        }
        let state = Speculative::<E>(state);
        loaded.load(machine.reads(context, transactions), &state).await;
        let executed =
            with_state(&mut loaded, &state, |loaded| machine.execute(context, transactions, loaded, mode))
                .await?;
        let Executed { included, receipts, events, writes: new, next_validators } = executed;
        let complete = mode == Mode::Propose || included.len() == transactions.len();
        if !complete || receipts.len() != included.len() || !writes_fit(&new) {
            return Err(Refusal {
                code: "engine.execution".into(),
                message: "the state machine broke its contract: receipts, inclusions or sizes of writes"
                    .into(),
            });
        }
        writes.extend(new.into_iter().map(|(key, value)| (key, value.map(Bytes::from))));
        let next_validators =
            context.epoch_end.then(|| next_validators.unwrap_or_else(|| context.validators.clone()));
        let body = Body {
            transactions: included.iter().map(|index| transactions[*index].clone()).collect(),
            receipts: receipts.into_iter().map(Bytes::from).collect(),
            events: events.into_iter().map(Bytes::from).collect(),
            next_validators,
        };
        Ok(Execution { body, writes: writes.into_iter().collect() })
    }

    /// Writes into the state and computes its roots.
    async fn commit<E: Spawner + Context>(
        mut state: <Databases<E> as DatabaseSet<E>>::Unmerkleized,
        writes: Vec<(Vec<u8>, Option<Bytes>)>,
    ) -> <Databases<E> as DatabaseSet<E>>::Merkleized {
        for (key, value) in writes {
            state = state.write(key, value);
        }
        state.merkleize().await.expect("the state can be written, or the node cannot go on")
    }
}

/// The roots of a state: of its keys and values, of its log, and the part of the log that it needs.
fn roots<E: Spawner + Context>(
    state: &<Databases<E> as DatabaseSet<E>>::Merkleized,
) -> (Digest, Digest, OperationsRange) {
    let operations = OperationsRange { start: *state.sync_boundary(), end: *state.bounds().tip.size };
    (state.root(), state.ops_root(), operations)
}

impl<E> stateful::Application<E> for Application
where
    E: Spawner + Context,
{
    type SigningScheme = Scheme;
    type Context = Round<Digest, PublicKey>;
    type Block = Block;
    type Databases = Databases<E>;
    type Captured = ();
    type Provider = ();
    type Input = ();

    fn sync_targets(block: &Block) -> <Self::Databases as DatabaseSet<E>>::SyncTargets {
        let OperationsRange { start, end } = block.header().operations;
        let range = NonEmptyRange::new(Location::new(start)..Location::new(end))
            .expect("headers with an empty range are not decoded");
        Target::new(block.header().operations_root, range)
    }

    async fn genesis(&mut self) -> Block {
        Block::genesis(&self.core.genesis)
    }

    async fn propose(
        &mut self,
        (runtime, round): (E, Self::Context),
        mut ancestry: impl Ancestry<Block>,
        state: <Self::Databases as DatabaseSet<E>>::Unmerkleized,
        _: Input<(), ()>,
    ) -> Option<Proposed<Self, E>> {
        let core = &self.core;
        let parent = ancestry.next().await?.inner_shared();

        // Transactions of ancestors that are not final are still in the mempool.
        let mut pending = BTreeSet::new();
        let tip = core.height();
        let mut ancestor = parent.clone();
        while ancestor.height() > tip {
            for info in core.verify(&runtime, &ancestor.body().transactions).await.into_iter().flatten() {
                pending.insert(info.id);
            }
            if ancestor.height() == tip + 1 {
                break;
            }
            ancestor = ancestry.next().await?.inner_shared();
        }
        let candidates = core.mempool.lock().select(core.limits.bytes, core.limits.transactions, &pending);
        let mut transactions: Vec<Bytes> = candidates.iter().map(|waiting| waiting.bytes.clone()).collect();

        let epoch = round.round.epoch().get();
        let validators = core.epochs.validators(epoch)?;
        let height = parent.height() + 1;
        let time = core.now(&runtime).max(parent.header().time + 1);
        let context = core.context(height, time, round.leader.clone(), validators);
        let Execution { body, writes } = loop {
            let execution = match self.execute::<E>(&context, &transactions, &state, Mode::Propose).await {
                Ok(execution) => execution,
                Err(refusal) => {
                    warn!(height, %refusal, "no block is proposed");
                    return None;
                }
            };
            if execution.body.fits() {
                break execution;
            }
            if transactions.is_empty() {
                warn!(height, "no block is proposed: an empty one exceeds {MAX_BLOCK_BYTES} bytes");
                return None;
            }
            // Receipts and events outgrew the block. Half of the transactions may do.
            transactions.truncate(transactions.len() / 2);
        };
        if body.transactions.is_empty() {
            core.mempool.lock().found_barren();
        }
        let merkleized = Self::commit::<E>(state, writes).await;
        let (state_root, operations_root, operations) = roots::<E>(&merkleized);
        let header = Header {
            genesis: core.genesis_digest,
            epoch,
            view: round.round.view().get(),
            leader: round.leader,
            parent_view: round.parent.0.get(),
            parent: parent.digest(),
            height,
            time,
            transaction_root: body.tree(EntryKind::Transaction).root(),
            receipt_root: body.tree(EntryKind::Receipt).root(),
            event_root: body.tree(EntryKind::Event).root(),
            state_root,
            operations_root,
            operations,
            validators: context.validators.digest(),
            next_validators: body.next_validators.as_ref().map(ValidatorSet::digest),
        };
        debug!(height, transactions = body.transactions.len(), "block proposed");
        let block = Block::new(header, body).expect("the header was made from the body");
        Some(Proposed { block, merkleized })
    }

    async fn process(
        &mut self,
        (runtime, _): (E, Self::Context),
        mut ancestry: impl Ancestry<Block>,
        state: <Self::Databases as DatabaseSet<E>>::Unmerkleized,
        finality: Finality,
    ) -> Option<<Self::Databases as DatabaseSet<E>>::Merkleized> {
        let core = &self.core;
        let block = ancestry.next().await?.inner_shared();
        let header = block.header();
        let invalid = |reason: &str| {
            warn!(height = header.height, leader = %header.leader, reason, "invalid block");
            None
        };
        let Some(validators) = core.epochs.validators(header.epoch) else {
            return invalid("the validators of its epoch are not known");
        };
        if finality == Finality::Candidate {
            let parent = ancestry.next().await?.inner_shared();
            if !header.fits(&core.genesis) {
                return invalid("it is of another chain or epoch");
            }
            if header.time <= parent.header().time {
                return invalid("its time is not after its parent's");
            }
            if header.validators != validators.digest() {
                return invalid("it names other validators");
            }
            let verified = core.verify(&runtime, &block.body().transactions).await;
            if let Some(refusal) = verified.into_iter().find_map(Result::err) {
                return invalid(&refusal.to_string());
            }
        }
        let context = core.context(header.height, header.time, header.leader.clone(), validators);
        let transactions = &block.body().transactions;
        let Execution { body, writes } =
            match self.execute::<E>(&context, transactions, &state, Mode::Validate).await {
                Ok(execution) => execution,
                Err(refusal) => return invalid(&refusal.to_string()),
            };
        if body != *block.body() {
            return invalid("its receipts, events or next validators are not those of executing it");
        }
        let merkleized = Self::commit::<E>(state, writes).await;
        // The roots of the log are compared by the caller, the root of the state is not.
        if roots::<E>(&merkleized) != (header.state_root, header.operations_root, header.operations) {
            return invalid("its state is not that of executing it");
        }
        Some(merkleized)
    }

    async fn capture(
        &mut self,
        _: (E, Self::Context),
        _: &Block,
        _: &<Self::Databases as DatabaseSet<E>>::Merkleized,
        _: <Self::Databases as DatabaseSet<E>>::Readers,
    ) {
    }

    async fn finalized(
        &mut self,
        (runtime, _): (E, Self::Context),
        block: &Block,
        (): (),
        _: <Self::Databases as DatabaseSet<E>>::Readers,
    ) {
        let infos = self.core.verify(&runtime, &block.body().transactions).await;
        self.core.mempool.lock().finalized(block.height(), infos.iter().flatten());
        info!(
            height = block.height(),
            epoch = block.header().epoch,
            transactions = block.body().transactions.len(),
            "block final"
        );
        self.core.set_tip(Arc::new(block.clone()));
    }
}
