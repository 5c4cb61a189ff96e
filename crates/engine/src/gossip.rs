//! Passing transactions on to the other members.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::{Duration, SystemTime},
};

use commonware_codec::{Copying, Decode as _, Encode as _, RangeCfg};
use commonware_glue::stateful::Mailbox;
use commonware_macros::select_loop;
use commonware_p2p::{Blocker, Receiver, Recipients, Sender};
use commonware_utils::{channel::mpsc, sync::Mutex};
use medveil_chain::{Bytes, PublicKey};
use tracing::{debug, warn};

use crate::{
    MAX_TRANSACTION_BYTES, NotQueued,
    admission::{Admission, admit},
    application::{Application, Core},
    mempool::Waiting,
    node::Runtime,
};

/// The longest message of gossip, in bytes.
pub(crate) const MAX_GOSSIP_BYTES: usize = 512 * 1024;

// Every transaction fits into a message.
const _: () = assert!(MAX_TRANSACTION_BYTES + 64 <= MAX_GOSSIP_BYTES);

/// Transactions in one message at most.
const MAX_TRANSACTIONS: usize = 4096;

/// How long transactions gather before they are sent.
const GATHER: Duration = Duration::from_millis(5);

/// How often a node tells its height, and sends again what still waits of its own since the last time: a peer may have been away.
const BEAT: Duration = Duration::from_secs(2);

/// Messages with which own transactions are sent again at a time at most.
const MAX_MESSAGES_AGAIN: usize = 8;

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
    pub(crate) fn start<E, B, S, R>(
        context: E,
        core: Arc<Core>,
        state: Mailbox<E, Application>,
        blocker: B,
        channel: (S, R),
    ) -> Self
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
        let incoming = Incoming { core: core.clone(), state, blocker, heard: gossip.heard.clone() };
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
    // What waits of this node's own, and when it was sent last.
    let mut own: VecDeque<(SystemTime, Arc<Waiting>)> = VecDeque::new();
    let mut beat = context.current();
    select_loop! {
        context,
        on_stopped => {},
        _ = context.sleep_until(beat) => {
            let now = context.current();
            let again = due(&core, &mut own, now);
            transmit(&core, &mut sender, &again, MAX_MESSAGES_AGAIN);
            own.extend(again.into_iter().map(|waiting| (now, waiting)));
            beat = now + BEAT;
        },
        Some(first) = queue.recv() else break => {
            let mut batch = vec![first];
            context.sleep(GATHER).await;
            while batch.len() < MAX_TRANSACTIONS && let Ok(next) = queue.try_recv() {
                batch.push(next);
            }
            let now = context.current();
            transmit(&core, &mut sender, &batch, usize::MAX);
            own.extend(batch.into_iter().map(|waiting| (now, waiting)));
        },
    }
}

/// Takes out what was sent a beat ago or earlier and still waits, the longest unsent first; no more than is sent at once.
fn due(core: &Core, own: &mut VecDeque<(SystemTime, Arc<Waiting>)>, now: SystemTime) -> Vec<Arc<Waiting>> {
    let mempool = core.mempool.lock();
    own.retain(|(_, waiting)| mempool.contains(&waiting.info.id));
    let mut bytes = 0;
    let count = own
        .iter()
        .take_while(|(sent, waiting)| {
            bytes += waiting.bytes.len() + 5;
            *sent + BEAT <= now && bytes <= (MAX_GOSSIP_BYTES / 2) * MAX_MESSAGES_AGAIN
        })
        .count();
    own.drain(..count).map(|(_, waiting)| waiting).collect()
}

/// Sends transactions to everybody, in as many messages as they need, at least one and at most `messages`.
fn transmit(
    core: &Core,
    sender: &mut impl Sender<PublicKey = PublicKey>,
    batch: &[Arc<Waiting>],
    messages: usize,
) {
    let mut rest = batch;
    for _ in 0..messages {
        let mut bytes = 32;
        let count = rest
            .iter()
            .take(MAX_TRANSACTIONS)
            .take_while(|waiting| {
                bytes += waiting.bytes.len() + 5;
                bytes <= MAX_GOSSIP_BYTES
            })
            .count();
        let (now, later) = rest.split_at(count);
        let message: Message = (core.height(), now.iter().map(|waiting| waiting.bytes.clone()).collect());
        sender.send(Recipients::All, message.encode(), false);
        rest = later;
        if rest.is_empty() {
            break;
        }
    }
}

struct Incoming<E: Runtime, B> {
    core: Arc<Core>,
    state: Mailbox<E, Application>,
    blocker: B,
    heard: Arc<Mutex<BTreeMap<PublicKey, Heard>>>,
}

impl<E: Runtime, B: Blocker<PublicKey = PublicKey>> Incoming<E, B> {
    async fn run(mut self, context: E, mut receiver: impl Receiver<PublicKey = PublicKey>) {
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

    async fn take(&mut self, context: &E, from: PublicKey, mut transactions: Vec<Bytes>) {
        // Before there is a state to judge by, nothing is believed; whoever acknowledged it passes it on again or proposes it.
        if self.core.tip.get().is_none() {
            return;
        }
        transactions.retain(|bytes| !self.core.waits(bytes));
        let verdicts = admit(context, &self.core, &self.state, &transactions).await;
        let mut taken = 0;
        for (bytes, verdict) in transactions.into_iter().zip(verdicts) {
            match verdict {
                Admission::Admitted(info) => match self.core.mempool.lock().insert(info, bytes) {
                    Ok(_) => taken += 1,
                    Err(NotQueued::Full | NotQueued::AccountFull) => {
                        debug!(peer = %from, "the mempool is full: transactions of a peer are dropped");
                    }
                    Err(_) => {}
                },
                // The peer may know another state; if it does not, it harms nobody.
                Admission::Refused(refusal) => debug!(peer = %from, %refusal, "gossip is not taken"),
                Admission::Forged(refusal) => {
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
