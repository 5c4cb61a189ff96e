//! One consensus engine an epoch, each with its own validators.

use std::{collections::VecDeque, num::NonZeroUsize, sync::Arc, time::Duration};

use commonware_actor::{
    Feedback,
    mailbox::{self, Policy},
};
use commonware_consensus::{
    CertifiableAutomaton, Heightable as _, Relay, Reporter,
    marshal::{Update, core::Mailbox as MarshalMailbox, standard::Standard},
    simplex::{
        self, Floor, ForwardPolicy, Plan, SkipBudget, SkipPolicy,
        elector::RoundRobin,
        types::{Activity, Context as Round},
    },
    types::{Epoch, Height, ViewDelta},
};
use commonware_cryptography::{Digested, Digestible as _, Sha256};
use commonware_macros::select_loop;
use commonware_p2p::{
    Blocker, Channel, Message as P2pMessage, Receiver, Sender,
    utils::mux::{Builder as _, MuxHandle, Muxer},
};
use commonware_parallel::Sequential;
use commonware_runtime::{Handle, buffer::paged::CacheRef};
use commonware_utils::{
    Acknowledgement as _, NZDuration, NZUsize, acknowledgement::Exact, channel::mpsc, vec::NonEmptyVec,
};
use medveil_chain::{Block, Digest, PublicKey, Scheme};
use tracing::{debug, error, info};

use crate::{
    application::Core,
    config::Timeouts,
    links::Links,
    node::{Channels, Runtime},
    store::{REPLAY_BUFFER, WRITE_BUFFER},
};

/// How consensus of each epoch is set up.
pub(crate) struct Settings<E: Runtime, B, A> {
    pub(crate) core: Arc<Core>,
    pub(crate) blocker: B,
    pub(crate) marshal: MarshalMailbox<Scheme, Standard<Block>>,
    pub(crate) application: A,
    pub(crate) links: Links<E>,
    pub(crate) prefix: String,
    pub(crate) page_cache: CacheRef,
    pub(crate) timeouts: Timeouts,
}

/// Where a node takes up consensus.
pub(crate) struct Start {
    /// The epoch of the next block.
    pub(crate) epoch: u64,
    /// What its consensus builds on.
    pub(crate) floor: Floor<Scheme, Digest>,
}

/// Final blocks on their way to the orchestrator.
pub(crate) struct Finalized {
    block: Digested<Block>,
    acknowledgement: Exact,
}

impl Policy for Finalized {
    type Overflow = VecDeque<Self>;

    fn handle(overflow: &mut VecDeque<Self>, message: Self) {
        // A dropped block would never be acknowledged.
        overflow.push_back(message);
    }
}

/// Hands final blocks to the orchestrator.
#[derive(Clone)]
pub(crate) struct Mailbox(mailbox::Sender<Finalized>);

impl Reporter for Mailbox {
    type Activity = Update<Block>;

    fn report(&mut self, update: Update<Block>) -> Feedback {
        match update {
            Update::Block(block, acknowledgement) => self.0.enqueue(Finalized { block, acknowledgement }),
            Update::Tip(..) => Feedback::Ok,
        }
    }
}

/// The running epoch. Dropping it stops its consensus.
struct Active {
    epoch: u64,
    handle: Handle<()>,
}

impl Drop for Active {
    fn drop(&mut self) {
        self.handle.abort();
    }
}

struct Muxes<S: Sender> {
    votes: MuxHandle<S>,
    certificates: MuxHandle<S>,
    resolver: MuxHandle<S>,
    later_votes: mpsc::Receiver<(Channel, P2pMessage<S::PublicKey>)>,
    later_certificates: mpsc::Receiver<(Channel, P2pMessage<S::PublicKey>)>,
}

/// Runs one consensus engine after the other.
pub(crate) struct Orchestrator<E: Runtime, B, A> {
    context: E,
    mailbox: mailbox::Receiver<Finalized>,
    settings: Settings<E, B, A>,
}

impl<E, B, A> Orchestrator<E, B, A>
where
    E: Runtime,
    B: Blocker<PublicKey = PublicKey>,
    A: CertifiableAutomaton<Context = Round<Digest, PublicKey>, Digest = Digest>
        + Relay<Digest = Digest, PublicKey = PublicKey, Plan = Plan<PublicKey>>
        + Reporter<Activity = Activity<Scheme, Digest>>,
{
    pub(crate) fn new(context: E, settings: Settings<E, B, A>) -> (Self, Mailbox) {
        let (sender, mailbox) = mailbox::new(context.child("mailbox"), NZUsize!(64));
        (Self { context, mailbox, settings }, Mailbox(sender))
    }

    pub(crate) fn start<S, R>(self, start: Start, channels: Channels<S, R>) -> Handle<()>
    where
        S: Sender<PublicKey = PublicKey>,
        R: Receiver<PublicKey = PublicKey>,
    {
        let Self { context, mailbox, settings } = self;
        context.spawn(move |context| Self { context, mailbox, settings }.run(start, channels))
    }

    async fn run<S, R>(mut self, start: Start, channels: Channels<S, R>)
    where
        S: Sender<PublicKey = PublicKey>,
        R: Receiver<PublicKey = PublicKey>,
    {
        let mut muxes = self.mux(channels);
        let Some(mut active) = self.enter(start, &mut muxes).await else { return };
        select_loop! {
            self.context,
            on_stopped => {
                debug!("consensus stops");
            },
            Some((epoch, (from, _))) = muxes.later_votes.recv() else break => {
                self.hear_of(active.epoch, epoch, from);
            },
            Some((epoch, (from, _))) = muxes.later_certificates.recv() else break => {
                self.hear_of(active.epoch, epoch, from);
            },
            result = &mut active.handle => {
                match result {
                    Ok(()) => break,
                    Err(error) => panic!("consensus of epoch {} failed: {error}", active.epoch),
                }
            },
            Some(finalized) = self.mailbox.recv() else break => {
                let Finalized { block, acknowledgement } = finalized;
                if self.settings.core.genesis.is_last_of_epoch(block.height().get())
                    && block.inner().header().epoch == active.epoch
                {
                    let Some(next) = self.cross(block.inner(), &mut muxes).await else { break };
                    let past = active.epoch;
                    active = next;
                    acknowledgement.acknowledge();
                    forget(&self.context, &self.settings.prefix, past).await;
                } else {
                    acknowledgement.acknowledge();
                }
            },
        }
    }

    fn mux<S, R>(&self, channels: Channels<S, R>) -> Muxes<S>
    where
        S: Sender<PublicKey = PublicKey>,
        R: Receiver<PublicKey = PublicKey>,
    {
        let (sender, receiver) = channels.votes;
        let (mux, votes, later_votes) =
            Muxer::builder(self.context.child("votes"), sender, receiver).with_backup().build();
        mux.start();
        let (sender, receiver) = channels.certificates;
        let (mux, certificates, later_certificates) =
            Muxer::builder(self.context.child("certificates"), sender, receiver).with_backup().build();
        mux.start();
        let (sender, receiver) = channels.resolver;
        let (mux, resolver) = Muxer::new(self.context.child("resolver"), sender, receiver);
        mux.start();
        Muxes { votes, certificates, resolver, later_votes, later_certificates }
    }

    /// A message of a later epoch: its sender has the end of ours.
    fn hear_of(&self, ours: u64, theirs: u64, from: PublicKey) {
        if theirs > ours {
            let last = (ours + 1) * self.settings.core.genesis.epoch_length() - 1;
            self.settings.marshal.hint_finalized(Height::new(last), NonEmptyVec::new(from));
        }
    }

    /// Goes on to the epoch after that which `block` ends.
    async fn cross<S: Sender<PublicKey = PublicKey>>(
        &mut self,
        block: &Block,
        muxes: &mut Muxes<S>,
    ) -> Option<Active> {
        let header = block.header();
        let epoch = header.epoch + 1;
        let Some(next) = &block.body().next_validators else {
            error!(height = header.height, "the last block of an epoch names no validators");
            return None;
        };
        self.settings.core.epochs.insert(epoch, next);
        if header.next_validators != Some(header.validators) {
            self.settings.links.record(&self.context, &self.settings.marshal, block).await;
        }
        self.enter(Start { epoch, floor: Floor::Genesis(block.digest()) }, muxes).await
    }

    async fn enter<S: Sender<PublicKey = PublicKey>>(
        &mut self,
        start: Start,
        muxes: &mut Muxes<S>,
    ) -> Option<Active> {
        let Start { epoch, floor } = start;
        let votes = muxes.votes.register(epoch).await.ok()?;
        let certificates = muxes.certificates.register(epoch).await.ok()?;
        let resolver = muxes.resolver.register(epoch).await.ok()?;
        let settings = &self.settings;
        let scheme =
            settings.core.epochs.scheme_of(epoch).expect("an epoch's validators are known before it begins");
        let Timeouts { leader, votes: quorum, silent_leader, fetch } = settings.timeouts;
        // A leader proposes after the idle interval at the latest.
        let leader = leader + settings.core.begin_epoch();
        let fetch = NZDuration!(fetch);
        let engine = simplex::Engine::new(
            self.context.child("consensus").with_attribute("epoch", epoch),
            simplex::Config {
                scheme: scheme.as_ref().clone(),
                elector: RoundRobin::<Sha256>::default(),
                blocker: settings.blocker.clone(),
                automaton: settings.application.clone(),
                relay: settings.application.clone(),
                reporter: settings.application.clone(),
                track_historical_votes: false,
                strategy: Sequential,
                partition: partition(&settings.prefix, epoch),
                mailbox_size: MAILBOX,
                epoch: Epoch::new(epoch),
                floor,
                replay_buffer: REPLAY_BUFFER,
                write_buffer: WRITE_BUFFER,
                page_cache: settings.page_cache.clone(),
                leader_timeout: leader,
                certification_timeout: leader + quorum,
                timeout_retry: quorum,
                view_retention: VIEW_RETENTION,
                skip: SkipPolicy::Enabled {
                    timeout: silent_leader.max(leader + quorum + Duration::from_millis(1)),
                    budget: SkipBudget::Participants,
                },
                fetch_timeout: fetch,
                fetch_retry_delay: Duration::from_millis(500),
                forward: ForwardPolicy::SilentVoters,
            },
        );
        let handle = engine.start(votes, certificates, resolver);
        info!(epoch, validators = scheme_size(&scheme), "epoch begins");
        Some(Active { epoch, handle })
    }
}

/// Removes what consensus kept of the epoch before the one that is past. Never that of the past one: after a crash its
/// last block may be processed again, and a node that forgot its votes could vote twice.
async fn forget<E: Runtime>(context: &E, prefix: &str, past: u64) {
    let Some(epoch) = past.checked_sub(1) else { return };
    let _ = context.remove(&partition(prefix, epoch), None).await;
}

/// Messages that an actor's mailbox holds before it is called slow.
pub(crate) const MAILBOX: NonZeroUsize = NZUsize!(1024);

/// Views behind the last final one whose votes are kept, for peers that are late.
const VIEW_RETENTION: ViewDelta = ViewDelta::new(64);

fn partition(prefix: &str, epoch: u64) -> String {
    format!("{prefix}-consensus-{epoch}")
}

fn scheme_size(scheme: &Scheme) -> usize {
    use commonware_cryptography::certificate::Scheme as _;
    scheme.participants().len()
}
