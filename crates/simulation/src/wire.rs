//! A node's end of the network: who is connected, and what a member that cheats leaves out.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::SystemTime,
};

use commonware_p2p::{LimitedSender, Recipients, simulated};
use commonware_runtime::deterministic::Context;
use commonware_utils::sync::Mutex;
use medveil_chain::PublicKey;

use crate::members::Lists;

type Sender = simulated::Sender<PublicKey, Context>;

/// What a node does not send, though it should: receivers by channel.
pub(crate) type Withheld = Arc<Mutex<BTreeMap<u64, BTreeSet<PublicKey>>>>;

/// The sending end of a channel.
#[derive(Clone)]
pub(crate) struct Wire {
    pub(crate) me: PublicKey,
    pub(crate) channel: u64,
    pub(crate) inner: Sender,
    pub(crate) lists: Lists,
    pub(crate) withheld: Withheld,
}

impl LimitedSender for Wire {
    type PublicKey = PublicKey;
    type Checked<'a> = <Sender as LimitedSender>::Checked<'a>;

    fn check(&mut self, recipients: Recipients<PublicKey>) -> Result<Self::Checked<'_>, SystemTime> {
        let mut receivers = match recipients {
            Recipients::All => self.lists.connected(&self.me),
            Recipients::Some(some) => some,
            Recipients::One(one) => vec![one],
        };
        let withheld = self.withheld.lock();
        let withheld = withheld.get(&self.channel);
        receivers.retain(|receiver| {
            self.lists.connects(&self.me, receiver) && !withheld.is_some_and(|list| list.contains(receiver))
        });
        self.inner.check(Recipients::Some(receivers))
    }
}
