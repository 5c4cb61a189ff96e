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
    execution::{Loaded, with_state},
    node::Runtime,
    store::Databases,
};

/// A tip older than this, by the node's clock, may be one of before a change of members: the configured peers are allowed too.
const STALE_MILLISECONDS: u64 = 60_000;

/// Keeps the network's list of peers as the state says.
pub(crate) struct Peers<M> {
    manager: M,
    configured: Vec<Peer>,
    tracked: Mutex<Option<(u64, Vec<Peer>)>>,
}

impl<M: AddressableManager<PublicKey = PublicKey>> Peers<M> {
    pub(crate) fn new(manager: M, configured: Vec<Peer>) -> Self {
        Self { manager, configured, tracked: Mutex::new(None) }
    }

    /// Allows the configured peers, before there is a state.
    pub(crate) fn start(&self) {
        self.track(0, self.configured.clone());
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
        let mut peers: Vec<Peer> = listed
            .into_iter()
            .map(|peer| self.configured.iter().find(|known| known.key == peer.key).cloned().unwrap_or(peer))
            .collect();
        if stale {
            let missing =
                self.configured.iter().filter(|known| peers.iter().all(|peer| peer.key != known.key));
            peers.extend(missing.cloned().collect::<Vec<_>>());
        }
        self.track(tip.height(), peers);
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

    #[test]
    fn addresses_and_names_are_told_apart() {
        assert!(matches!(address("127.0.0.1:9000"), Some(Address::Symmetric(_))));
        assert!(matches!(address("node.hospital.example:9000"), Some(Address::Asymmetric { .. })));
        for bad in ["", "host", "host:", "host:99999", "a b:1"] {
            assert!(address(bad).is_none(), "{bad}");
        }
    }
}
