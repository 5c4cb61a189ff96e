//! When to propose, and when not to vote.

use std::{sync::Arc, time::Duration};

use commonware_actor::Feedback;
use commonware_consensus::{
    Automaton, CertifiableAutomaton, Handoff, Relay, Reporter,
    marshal::{
        core::{DigestFallback, Mailbox},
        standard::Standard,
    },
    simplex::{Plan, types::Activity, types::Context},
    types::Round,
};
use commonware_utils::channel::{fallible::OneshotExt as _, oneshot};
use medveil_chain::{Block, Digest, PublicKey, Scheme};
use tracing::warn;

use crate::{application::Core, node::Runtime};

/// Wraps what consensus drives: proposes when a block is due, and withholds the vote for a proposal whose time is far from
/// this node's clock.
///
/// A proposal waits here, and not where it is built, because no block becomes final while another is being built.
///
/// The bound on time is not a rule of validity: clocks differ, and a block that a quorum voted for is as good here as anywhere, so certification is
/// passed on untouched. Since more than a third of any quorum is honest, no block's time is further than the bound from
/// every honest clock.
pub(crate) struct Gate<E: Send + Sync + 'static, A> {
    context: Arc<E>,
    inner: A,
    marshal: Mailbox<Scheme, Standard<Block>>,
    core: Arc<Core>,
    drift: Duration,
}

impl<E: Send + Sync + 'static, A: Clone> Clone for Gate<E, A> {
    fn clone(&self) -> Self {
        Self {
            context: self.context.clone(),
            inner: self.inner.clone(),
            marshal: self.marshal.clone(),
            core: self.core.clone(),
            drift: self.drift,
        }
    }
}

impl<E: Runtime, A> Gate<E, A> {
    pub(crate) fn new(
        context: E,
        inner: A,
        marshal: Mailbox<Scheme, Standard<Block>>,
        core: Arc<Core>,
        drift: Duration,
    ) -> Self {
        Self { context: context.into(), inner, marshal, core, drift }
    }
}

impl<E, A> Automaton for Gate<E, A>
where
    E: Runtime,
    A: Automaton<Context = Context<Digest, PublicKey>, Digest = Digest>,
{
    type Context = A::Context;
    type Digest = Digest;

    async fn propose(&mut self, context: Self::Context) -> oneshot::Receiver<Digest> {
        let parent = self.marshal.subscribe_by_digest(context.parent.1, DigestFallback::Wait);
        let (core, mut inner) = (self.core.clone(), self.inner.clone());
        let epoch = context.round.epoch().get();
        let (mut answer, receiver) = oneshot::channel();
        self.context.child("pace").spawn(move |clock| async move {
            let due = async {
                // Without the parent there is nothing to wait for: building asks peers for it.
                let patience = clock.sleep(core.pacing().idle);
                let parent = commonware_macros::select! {
                    parent = parent => parent.ok(),
                    _ = patience => None,
                };
                if let Some(parent) = parent {
                    core.pace(&clock, parent.inner().header(), epoch).await;
                }
            };
            commonware_macros::select! {
                _ = answer.closed() => { return; },
                _ = due => {},
            }
            let built = inner.propose(context).await;
            commonware_macros::select! {
                _ = answer.closed() => {},
                digest = built => {
                    if let Ok(digest) = digest {
                        answer.send_lossy(digest);
                    }
                },
            }
        });
        receiver
    }

    async fn verify(&mut self, context: Self::Context, payload: Digest) -> oneshot::Receiver<bool> {
        // The last block of an epoch is proposed again until it is final; its time was looked at the first time.
        let again = payload == context.parent.1;
        let inner = self.inner.verify(context, payload).await;
        if again {
            return inner;
        }
        let block = self.marshal.subscribe_by_digest(payload, DigestFallback::Wait);
        let (core, drift) = (self.core.clone(), self.drift);
        let (mut answer, receiver) = oneshot::channel();
        self.context.child("clock").spawn(move |clock| async move {
            let inner = commonware_macros::select! {
                _ = answer.closed() => { return; },
                result = inner => result,
            };
            // A closed channel tells consensus that there is no verdict, and so does dropping ours.
            let Ok(valid) = inner else { return };
            if !valid {
                answer.send_lossy(false);
                return;
            }
            let Ok(block) = block.await else { return };
            let header = block.inner().header();
            let now = core.now(&clock);
            let distance = Duration::from_millis(header.time.abs_diff(now));
            if distance > drift {
                warn!(
                    height = header.height,
                    leader = %header.leader,
                    ?distance,
                    "no vote: the proposal's time is far from this clock"
                );
            }
            answer.send_lossy(distance <= drift);
        });
        receiver
    }
}

impl<E, A> CertifiableAutomaton for Gate<E, A>
where
    E: Runtime,
    A: CertifiableAutomaton<Context = Context<Digest, PublicKey>, Digest = Digest>,
{
    async fn prepare(&mut self, context: Self::Context) -> oneshot::Receiver<Handoff<Digest>> {
        self.inner.prepare(context).await
    }

    async fn certify(&mut self, round: Round, payload: Digest) -> oneshot::Receiver<bool> {
        self.inner.certify(round, payload).await
    }
}

impl<E, A> Relay for Gate<E, A>
where
    E: Runtime,
    A: Relay<Digest = Digest, PublicKey = PublicKey, Plan = Plan<PublicKey>>,
{
    type Digest = Digest;
    type PublicKey = PublicKey;
    type Plan = Plan<PublicKey>;

    fn broadcast(&mut self, payload: Digest, plan: Self::Plan) -> Feedback {
        self.inner.broadcast(payload, plan)
    }
}

impl<E, A> Reporter for Gate<E, A>
where
    E: Runtime,
    A: Reporter<Activity = Activity<Scheme, Digest>>,
{
    type Activity = A::Activity;

    fn report(&mut self, activity: Self::Activity) -> Feedback {
        self.inner.report(activity)
    }
}
