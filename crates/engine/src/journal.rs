//! Transactions that were acknowledged here and are not final: on disk before the answer, so that a crash loses none.
//!
//! ```text
//!  submit --> mempool --> append, commit --> acknowledged
//!                |             |
//!              final         pruned            at start: read --> admitted --> mempool, gossip
//! ```
//!
//! Appends that arrive while one is written are written together, with one flush. See docs/decisions/0025.

use std::{collections::BTreeMap, num::NonZeroU64, sync::Arc, time::Duration};

use commonware_codec::RangeCfg;
use commonware_glue::stateful::Mailbox;
use commonware_macros::select_loop;
use commonware_runtime::{ReadOptions, buffer::paged::CacheRef};
use commonware_storage::journal::contiguous::{Contiguous as _, Many, variable};
use commonware_utils::{
    NZU64,
    channel::{fallible::OneshotExt as _, mpsc, oneshot},
};
use futures::StreamExt as _;
use medveil_chain::{Bytes, Digest};
use tokio::sync::Notify;
use tracing::{debug, info};

use crate::{
    MAX_TRANSACTION_BYTES,
    admission::{Admission, admit},
    application::{Application, Core},
    gossip::Gossip,
    mempool::Waiting,
    node::Runtime,
    store::{REPLAY_BUFFER, WRITE_BUFFER},
};

type Store<E> = variable::Journal<E, Bytes>;
type Append = (Vec<Arc<Waiting>>, oneshot::Sender<()>);

/// Transactions in a file: whole files are removed.
const PER_FILE: NonZeroU64 = NZU64!(1024);

/// How often what became final is looked for.
const BEAT: Duration = Duration::from_secs(2);

/// Transactions that are admitted together at start.
const CHUNK: usize = 1024;

/// Files that may be kept for transactions that wait long, before these are written again at the end.
const FILES: u64 = 16;

/// A handle on the task that writes.
#[derive(Clone)]
pub(crate) struct Journal {
    appends: mpsc::UnboundedSender<Append>,
    restored: Arc<Restored>,
}

#[derive(Default)]
struct Restored {
    done: std::sync::atomic::AtomicBool,
    told: Notify,
}

impl Journal {
    /// Opens the journal, and starts the task that puts what it holds into the mempool again and then writes.
    pub(crate) async fn start<E: Runtime>(
        context: E,
        prefix: &str,
        page_cache: CacheRef,
        core: Arc<Core>,
        state: Mailbox<E, Application>,
        gossip: Gossip,
    ) -> Self {
        let store = variable::Journal::init(
            context.child("store"),
            variable::Config {
                partition: format!("{prefix}-acknowledged"),
                items_per_section: PER_FILE,
                compression: None,
                codec_config: RangeCfg::from(0..=MAX_TRANSACTION_BYTES),
                page_cache,
                write_buffer: WRITE_BUFFER,
                replay_buffer: REPLAY_BUFFER,
            },
        )
        .await
        .expect("the journal of acknowledged transactions can be opened");
        let (appends, queue) = mpsc::unbounded_channel();
        let restored = Arc::<Restored>::default();
        let writer = Writer { core, waiting: BTreeMap::new() };
        let told = restored.clone();
        context.spawn(move |context| async move {
            let mut writer = writer;
            writer.restore(&context, &store, &state, &gossip).await;
            told.done.store(true, std::sync::atomic::Ordering::Release);
            told.told.notify_waiters();
            writer.run(context, store, queue).await;
        });
        Self { appends, restored }
    }

    /// Returns when what was acknowledged before the start waits again. New transactions that conflict with it must not be taken before.
    pub(crate) async fn restored(&self) {
        let told = self.restored.told.notified();
        if !self.restored.done.load(std::sync::atomic::Ordering::Acquire) {
            told.await;
        }
    }

    /// Returns when these are on disk. `false`: the node stops.
    pub(crate) async fn append(&self, waiting: Vec<Arc<Waiting>>) -> bool {
        let (done, written) = oneshot::channel();
        self.appends.send((waiting, done)).is_ok() && written.await.is_ok()
    }
}

struct Writer {
    core: Arc<Core>,
    /// What is not final, by its place in the journal.
    waiting: BTreeMap<u64, Digest>,
}

impl Writer {
    /// Puts what the journal holds into the mempool and passes it on, unless the chain has it or rules it out.
    async fn restore<E: Runtime>(
        &mut self,
        context: &E,
        store: &Store<E>,
        state: &Mailbox<E, Application>,
        gossip: &Gossip,
    ) {
        let bounds = store.bounds();
        if bounds.is_empty() {
            return;
        }
        let mut items = Vec::new();
        {
            let stream = store
                .replay(bounds, REPLAY_BUFFER, ReadOptions::default())
                .await
                .expect("the journal can be read");
            let mut stream = std::pin::pin!(stream);
            while let Some(batch) = stream.next().await {
                items.extend(batch.expect("the journal can be read"));
            }
        }
        let read = items.len();
        for chunk in items.chunks(CHUNK) {
            let bytes: Vec<Bytes> = chunk.iter().map(|(_, bytes)| bytes.clone()).collect();
            let verdicts = admit(context, &self.core, state, &bytes).await;
            for ((position, bytes), verdict) in chunk.iter().zip(verdicts) {
                let Admission::Admitted(info) = verdict else { continue };
                let id = info.id;
                if let Some(waiting) = self.core.mempool.lock().restore(info, bytes.clone()) {
                    gossip.send(waiting);
                    self.waiting.insert(*position, id);
                }
            }
        }
        self.core.work.notify_waiters();
        info!(read, waiting = self.waiting.len(), "acknowledged transactions wait again");
    }

    async fn run<E: Runtime>(
        mut self,
        context: E,
        store: Store<E>,
        mut queue: mpsc::UnboundedReceiver<Append>,
    ) {
        // Taken while it is written to.
        let mut slot = Some(store);
        let mut beat = context.current() + BEAT;
        select_loop! {
            context,
            on_stopped => {},
            _ = context.sleep_until(beat) => {
                let store = slot.take().expect("the store is put back after each write");
                slot = Some(self.prune(store).await);
                beat = context.current() + BEAT;
            },
            Some(first) = queue.recv() else break => {
                let mut appends = vec![first];
                while let Ok(next) = queue.try_recv() {
                    appends.push(next);
                }
                let store = slot.take().expect("the store is put back after each write");
                let batch: Vec<Arc<Waiting>> =
                    appends.iter().flat_map(|(waiting, _)| waiting).cloned().collect();
                slot = Some(self.append(store, &batch).await);
                for (_, done) in appends {
                    done.send_lossy(());
                }
            },
        }
    }

    async fn append<E: Runtime>(&mut self, store: Store<E>, batch: &[Arc<Waiting>]) -> Store<E> {
        if batch.is_empty() {
            return store;
        }
        let first = store.size();
        let items: Vec<Bytes> = batch.iter().map(|waiting| waiting.bytes.clone()).collect();
        let (store, _) = store.append_many(Many::Flat(&items)).await.expect("the journal can be written");
        let store = store.commit().await.expect("the journal can be written");
        self.waiting.extend((first..).zip(batch.iter().map(|waiting| waiting.info.id)));
        store
    }

    /// Removes the files in which nothing waits any more.
    async fn prune<E: Runtime>(&mut self, mut store: Store<E>) -> Store<E> {
        {
            let mempool = self.core.mempool.lock();
            self.waiting.retain(|_, id| mempool.contains(id));
        }
        let span = |writer: &Self, store: &Store<E>| {
            store.size() - writer.waiting.keys().next().copied().unwrap_or(store.size())
        };
        // A few that wait long would keep everything after them.
        if span(self, &store) > FILES * PER_FILE.get() && span(self, &store) > 4 * self.waiting.len() as u64 {
            let ids: Vec<Digest> = std::mem::take(&mut self.waiting).into_values().collect();
            let again: Vec<Arc<Waiting>> = {
                let mempool = self.core.mempool.lock();
                ids.iter().filter_map(|id| mempool.get(id)).collect()
            };
            debug!(transactions = again.len(), "long waiting transactions are written again");
            store = self.append(store, &again).await;
        }
        let oldest = self.waiting.keys().next().copied().unwrap_or(store.size());
        if oldest >= store.bounds().start + PER_FILE.get() {
            (store, _) = store.prune(oldest).await.expect("the journal can be pruned");
        }
        store
    }
}
