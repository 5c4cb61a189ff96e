//! Who may connect.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
};

use commonware_p2p::{Address, AddressableManager, Ingress};
use commonware_utils::{Hostname, SystemTimeExt as _, ordered::Map, sync::Mutex};
use medveil_chain::PublicKey;
use tracing::{info, warn};

use crate::{
    Peer,
    application::Core,
    config::ChainConfig,
    execution::{Loaded, with_state},
    node::Runtime,
    store::Databases,
};

/// A tip older than this, by the node's clock, may be one of before a change of members: the configured peers are allowed too.
const STALE_MILLISECONDS: u64 = 60_000;

/// Keeps the network's list of peers as the state says.
pub(crate) struct Peers<M> {
    manager: M,
    directory: Directory,
    tracked: Mutex<Option<(u64, Vec<Peer>)>>,
}

impl<M: AddressableManager<PublicKey = PublicKey>> Peers<M> {
    /// What `config` says of peers holds beside the state.
    pub(crate) fn new(manager: M, config: &ChainConfig) -> Self {
        let directory = Directory {
            first: config.peers.clone(),
            addresses: config.addresses.clone(),
            followers: config.followers.clone(),
        };
        Self { manager, directory, tracked: Mutex::new(None) }
    }

    /// Allows the configured peers, before there is a state.
    pub(crate) fn start(&self) {
        self.track(0, self.directory.allowed(Vec::new(), true));
    }

    /// Allows whom the state after the tip lists.
    pub(crate) async fn update<E: Runtime>(&self, clock: &E, core: &Arc<Core>, state: &Databases<E>) {
        let Some(tip) = core.tip.get() else { return };
        let listed = {
            let state = state.read().await;
            with_state(&mut Loaded::default(), &*state, |loaded| core.machine.peers(loaded)).await
        };
        let Ok(listed) = listed else { return };
        let stale = clock.current().epoch_millis().saturating_sub(tip.header().time) > STALE_MILLISECONDS;
        self.track(tip.height(), self.directory.allowed(listed, stale));
    }

    /// The peers that are allowed now.
    pub(crate) fn current(&self) -> Vec<Peer> {
        self.tracked.lock().as_ref().map(|(_, peers)| peers.clone()).unwrap_or_default()
    }

    fn track(&self, height: u64, mut peers: Vec<Peer>) {
        peers.sort();
        peers.dedup_by(|one, other| one.key == other.key);
        let mut tracked = self.tracked.lock();
        if let Some((since, known)) = &*tracked
            && (*known == peers || *since >= height)
        {
            return;
        }
        let addresses = peers.iter().filter_map(|peer| match address(&peer.address) {
            Some(address) => Some((peer.key.clone(), address)),
            None => {
                warn!(peer = %peer.key, address = peer.address, "the peer's address is not host:port");
                None
            }
        });
        info!(height, peers = peers.len(), "peers allowed");
        let _ = self.manager.clone().track(height, Map::from_iter_dedup(addresses));
        *tracked = Some((height, peers));
    }
}

/// What is known of peers beside the state.
struct Directory {
    first: Vec<Peer>,
    addresses: Vec<Peer>,
    followers: Vec<Peer>,
}

impl Directory {
    /// The listed peers and the followers, and with `all` everybody that is known; each once, where it is said to be by the first of: our
    /// own addresses, the list, the followers, the peers of the beginning.
    fn allowed(&self, listed: Vec<Peer>, all: bool) -> Vec<Peer> {
        let mut peers = listed;
        let known = self.first.iter().chain(&self.addresses).filter(|_| all);
        for known in self.followers.iter().chain(known) {
            if peers.iter().all(|peer| peer.key != known.key) {
                peers.push(known.clone());
            }
        }
        for peer in &mut peers {
            if let Some(own) = self.addresses.iter().find(|own| own.key == peer.key) {
                peer.address.clone_from(&own.address);
            }
        }
        peers
    }
}

/// `host:port` as the network takes it.
fn address(text: &str) -> Option<Address> {
    if let Ok(socket) = text.parse::<SocketAddr>() {
        return Some(Address::Symmetric(socket));
    }
    let (host, port) = text.rsplit_once(':')?;
    let (host, port) = (Hostname::new(host).ok()?, port.parse().ok()?);
    // Where a name's connections come from is not known: the listener must not check it.
    let egress = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), port);
    Some(Address::Asymmetric { ingress: Ingress::Dns { host, port }, egress })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(seed: u8, address: &str) -> Peer {
        Peer { key: crate::NodeKey::from_seed([seed; 32]).public(), address: address.into() }
    }

    #[test]
    fn the_state_moves_a_peer_and_our_own_address_holds_over_it() {
        let first = vec![peer(1, "a:1"), peer(2, "b:1"), peer(3, "c:1")];
        let directory =
            Directory { first: first.clone(), addresses: vec![peer(2, "tunnel:9")], followers: Vec::new() };
        let before = directory.allowed(Vec::new(), true);
        assert_eq!(before, [peer(1, "a:1"), peer(2, "tunnel:9"), peer(3, "c:1")]);
        let listed = vec![peer(1, "moved:1"), peer(2, "moved:2")];
        let told = directory.allowed(listed.clone(), false);
        assert_eq!(
            told,
            [peer(1, "moved:1"), peer(2, "tunnel:9")],
            "the address of the beginning is forgotten"
        );
        let stale = directory.allowed(listed, true);
        assert_eq!(stale, [peer(1, "moved:1"), peer(2, "tunnel:9"), peer(3, "c:1")]);
    }

    #[test]
    fn a_follower_may_always_connect() {
        let directory =
            Directory { first: vec![peer(1, "a:1")], addresses: Vec::new(), followers: vec![peer(9, "f:1")] };
        assert_eq!(directory.allowed(vec![peer(2, "b:1")], false), [peer(2, "b:1"), peer(9, "f:1")]);
        assert_eq!(directory.allowed(Vec::new(), true), [peer(9, "f:1"), peer(1, "a:1")]);
    }

    #[test]
    fn addresses_and_names_are_told_apart() {
        assert!(matches!(address("127.0.0.1:9000"), Some(Address::Symmetric(_))));
        assert!(matches!(address("node.hospital.example:9000"), Some(Address::Asymmetric { .. })));
        for bad in ["", "host", "host:", "host:99999", "a b:1"] {
            assert!(address(bad).is_none(), "{bad}");
        }
    }
}
