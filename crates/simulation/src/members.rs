//! Who may connect, as each node decides it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use commonware_actor::Feedback;
use commonware_p2p::{
    Address, AddressableManager, AddressableTrackedPeers, PeerSetSubscription, PeerSetUpdate, Provider,
    TrackedPeers,
};
use commonware_utils::{
    channel::mpsc,
    ordered::{Map, Set},
    sync::Mutex,
};
use medveil_chain::PublicKey;

/// Sets that count at a time, as in a process.
const SETS: usize = 2;

/// The lists of all nodes: two are connected when each allows the other.
#[derive(Clone, Default)]
pub(crate) struct Lists(Arc<Mutex<BTreeMap<PublicKey, BTreeSet<PublicKey>>>>);

impl Lists {
    pub(crate) fn connects(&self, one: &PublicKey, other: &PublicKey) -> bool {
        let lists = self.0.lock();
        let allows =
            |one, other| lists.get(one).is_some_and(|list: &BTreeSet<PublicKey>| list.contains(other));
        allows(one, other) && allows(other, one)
    }

    /// Whom a node allows that may be connected to it.
    pub(crate) fn connected(&self, one: &PublicKey) -> Vec<PublicKey> {
        let list = self.0.lock().get(one).cloned().unwrap_or_default();
        list.into_iter().filter(|other| other != one && self.connects(one, other)).collect()
    }
}

/// The list of one node.
#[derive(Clone)]
pub(crate) struct Members {
    me: PublicKey,
    lists: Lists,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    sets: BTreeMap<u64, TrackedPeers<PublicKey>>,
    subscribers: Vec<mpsc::UnboundedSender<PeerSetUpdate<PublicKey>>>,
}

impl State {
    fn all(&self) -> Set<PublicKey> {
        Set::from_iter_dedup(self.sets.values().flat_map(|peers| peers.clone().union()))
    }

    fn update(&self) -> Option<PeerSetUpdate<PublicKey>> {
        let (index, latest) = self.sets.last_key_value()?;
        Some(PeerSetUpdate { index: *index, latest: latest.clone(), all: TrackedPeers::primary(self.all()) })
    }
}

impl Members {
    pub(crate) fn new(me: PublicKey, lists: Lists) -> Self {
        Self { me, lists, state: Arc::default() }
    }
}

impl std::fmt::Debug for Members {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Members").field("me", &self.me).finish_non_exhaustive()
    }
}

impl Provider for Members {
    type PublicKey = PublicKey;

    async fn peer_set(&mut self, id: u64) -> Option<TrackedPeers<PublicKey>> {
        self.state.lock().sets.get(&id).cloned()
    }

    async fn subscribe(&mut self) -> PeerSetSubscription<PublicKey> {
        let (sender, receiver) = mpsc::unbounded_channel();
        let mut state = self.state.lock();
        if let Some(update) = state.update() {
            let _ = sender.send(update);
        }
        state.subscribers.push(sender);
        receiver
    }
}

impl AddressableManager for Members {
    fn track<R>(&mut self, id: u64, peers: R) -> Feedback
    where
        R: Into<AddressableTrackedPeers<PublicKey>> + Send,
    {
        let peers = peers.into();
        let mut state = self.state.lock();
        if state.sets.last_key_value().is_some_and(|(last, _)| *last >= id) {
            return Feedback::Ok;
        }
        let peers = TrackedPeers::new(peers.primary.into_keys(), peers.secondary.into_keys());
        state.sets.insert(id, peers);
        while state.sets.len() > SETS {
            state.sets.pop_first();
        }
        self.lists.0.lock().insert(self.me.clone(), state.all().into_iter().collect());
        if let Some(update) = state.update() {
            state.subscribers.retain(|subscriber| subscriber.send(update.clone()).is_ok());
        }
        Feedback::Ok
    }

    fn overwrite(&mut self, _: Map<PublicKey, Address>) -> Feedback {
        Feedback::Ok
    }
}
