//! Passing transactions on to the other members.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, SystemTime},
};

use commonware_codec::{Copying, Decode as _, Encode as _, RangeCfg};
use commonware_macros::select_loop;
use commonware_p2p::{Blocker, Receiver, Recipients, Sender};
use commonware_utils::{channel::mpsc, sync::Mutex};
use medveil_chain::{Bytes, PublicKey};
use tracing::{debug, warn};

use crate::{MAX_TRANSACTION_BYTES, NotQueued, application::Core, mempool::Waiting, node::Runtime};

/// The longest message of gossip, in bytes.
pub(crate) const MAX_GOSSIP_BYTES: usize = 512 * 1024;

// Every transaction fits into a message.
const _: () = assert!(MAX_TRANSACTION_BYTES + 64 <= MAX_GOSSIP_BYTES);

/// Transactions in one message at most.
const MAX_TRANSACTIONS: usize = 4096;

/// How long transactions gather before they are sent.
const GATHER: Duration = Duration::from_millis(5);

/// How often a node tells its height, and sends again what still waits of its own.
const BEAT: Duration = Duration::from_secs(2);

/// What a peer was heard to say last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Heard {
    pub(crate) height: u64,
    pub(crate) at: SystemTime,
}

/// What is sent: the sender's height, and transactions.
type Message = (u64, Vec<Bytes>);

fn message_config() -> <Message as commonware_codec::Read>::Cfg {
    ((), (RangeCfg::from(0..=MAX_TRANSACTIONS), RangeCfg::from(0..=MAX_GOSSIP_BYTES)))
}

/// A handle on the task that sends and receives transactions.
#[derive(Clone)]
pub(crate) struct Gossip {
    outgoing: mpsc::UnboundedSender<Arc<Waiting>>,
    heard: Arc<Mutex<BTreeMap<PublicKey, Heard>>>,
}

impl Gossip {
    pub(crate) fn start<E, B, S, R>(context: E, core: Arc<Core>, blocker: B, channel: (S, R)) -> Self
    where
        E: Runtime,
        B: Blocker<PublicKey = PublicKey>,
        S: Sender<PublicKey = PublicKey>,
        R: Receiver<PublicKey = PublicKey>,
    {
        let (outgoing, queue) = mpsc::unbounded_channel();
        let heard = Arc::default();
        let gossip = Self { outgoing, heard };
        let (sender, receiver) = channel;
        let incoming = Incoming { core: core.clone(), blocker, heard: gossip.heard.clone() };
        context.child("incoming").spawn(move |context| incoming.run(context, receiver));
        context.child("outgoing").spawn(move |context| send(context, core, queue, sender));
        gossip
    }

    /// Sends a transaction that was submitted here, and keeps at it while it waits. The mempool's bounds bound the queue.
    pub(crate) fn send(&self, waiting: Arc<Waiting>) {
        // The task ends with the node only.
        let _ = self.outgoing.send(waiting);
    }

    /// What was heard of whom.
    pub(crate) fn heard(&self) -> BTreeMap<PublicKey, Heard> {
        self.heard.lock().clone()
    }
}

async fn send<E: Runtime>(
    context: E,
    core: Arc<Core>,
    mut queue: mpsc::UnboundedReceiver<Arc<Waiting>>,
    mut sender: impl Sender<PublicKey = PublicKey>,
) {
    let mut own: Vec<Arc<Waiting>> = Vec::new();
    let mut beat = context.current();
    select_loop! {
        context,
        on_stopped => {},
        _ = context.sleep_until(beat) => {
            own.retain(|waiting| core.mempool.lock().contains(&waiting.info.id));
            // A transaction gets lost when a peer is away. One message's worth is sent again at a time, the oldest first.
            transmit(&core, &mut sender, &own[..own.len().min(MAX_TRANSACTIONS)], true);
            beat = context.current() + BEAT;
        },
        Some(first) = queue.recv() else break => {
            let mut batch = vec![first];
            context.sleep(GATHER).await;
            while batch.len() < MAX_TRANSACTIONS && let Ok(next) = queue.try_recv() {
                batch.push(next);
            }
            transmit(&core, &mut sender, &batch, false);
            own.extend(batch);
        },
    }
}

/// Sends transactions to everybody, in as many messages as they need. With `beat`, at least and at most one.
fn transmit(
    core: &Core,
    sender: &mut impl Sender<PublicKey = PublicKey>,
    batch: &[Arc<Waiting>],
    beat: bool,
) {
    let mut rest = batch;
    loop {
        let mut bytes = 32;
        let count = rest
            .iter()
            .take_while(|waiting| {
                bytes += waiting.bytes.len() + 5;
                bytes <= MAX_GOSSIP_BYTES
            })
            .count();
        let (now, later) = rest.split_at(count);
        let message: Message = (core.height(), now.iter().map(|waiting| waiting.bytes.clone()).collect());
        sender.send(Recipients::All, message.encode(), false);
        rest = later;
        if rest.is_empty() || beat {
            break;
        }
    }
}

struct Incoming<B> {
    core: Arc<Core>,
    blocker: B,
    heard: Arc<Mutex<BTreeMap<PublicKey, Heard>>>,
}

impl<B: Blocker<PublicKey = PublicKey>> Incoming<B> {
    async fn run<E: Runtime>(mut self, context: E, mut receiver: impl Receiver<PublicKey = PublicKey>) {
        select_loop! {
            context,
            on_stopped => {},
            message = receiver.recv() => {
                let Ok((from, bytes)) = message else { break };
                match Message::decode_cfg(Copying(bytes.as_ref()), &message_config()) {
                    Ok((height, transactions)) => {
                        let at = context.current();
                        self.heard.lock().insert(from.clone(), Heard { height, at });
                        if !transactions.is_empty() {
                            self.take(&context, from, transactions).await;
                        }
                    }
                    Err(error) => {
                        warn!(peer = %from, %error, "malformed gossip");
                        self.blocker.block(from);
                    }
                }
            },
        }
    }

    async fn take<E: Runtime>(&mut self, context: &E, from: PublicKey, transactions: Vec<Bytes>) {
        let results = self.core.verify(context, &transactions).await;
        let mut taken = 0;
        for (bytes, result) in transactions.into_iter().zip(results) {
            match result {
                Ok(info) => match self.core.mempool.lock().insert(info, bytes) {
                    Ok(_) => taken += 1,
                    Err(NotQueued::Full | NotQueued::AccountFull) => {
                        debug!(peer = %from, "the mempool is full: transactions of a peer are dropped");
                    }
                    Err(_) => {}
                },
                Err(refusal) => {
                    // Whoever passes a transaction on has verified it, and it fails for everybody.
                    warn!(peer = %from, %refusal, "a peer passed on a transaction that does not verify");
                    self.blocker.block(from);
                    break;
                }
            }
        }
        if taken > 0 {
            self.core.work.notify_waiters();
        }
    }
}
