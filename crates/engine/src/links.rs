//! The changes of validators since genesis, kept for evidence whatever else is pruned.

use std::{sync::Arc, time::Duration};

use commonware_consensus::{
    marshal::{core::Mailbox, standard::Standard},
    types::Height,
};
use commonware_storage::metadata::{Config, Metadata};
use commonware_utils::{sequence::U64, sync::AsyncMutex};
use medveil_chain::{Block, Finality, Link, Scheme};
use tracing::{error, info};

use crate::node::Runtime;

/// How often the certificate of an epoch's last block is looked for, and how long it is waited for in between.
const TRIES: usize = 50;
const BETWEEN: Duration = Duration::from_millis(100);

/// The links, by the epoch that they end.
pub(crate) struct Links<E: Runtime> {
    // Taken while it is written to.
    store: Arc<AsyncMutex<Option<Metadata<E, U64, Link>>>>,
}

impl<E: Runtime> Clone for Links<E> {
    fn clone(&self) -> Self {
        Self { store: self.store.clone() }
    }
}

impl<E: Runtime> Links<E> {
    pub(crate) async fn open(context: E, prefix: &str) -> Self {
        let config = Config { partition: format!("{prefix}-links"), codec_config: () };
        let store = Metadata::init(context, config).await.expect("the changes of validators can be read");
        Self { store: Arc::new(AsyncMutex::new(Some(store))) }
    }

    /// All links whose epoch lies before `epoch`, in order.
    pub(crate) async fn before(&self, epoch: u64) -> Vec<Link> {
        let store = self.store.lock().await;
        let store = store.as_ref().expect("the store is put back after each write");
        let mut links: Vec<Link> = store.keys().filter_map(|key| store.get(key)).cloned().collect();
        links.retain(|link| link.header.epoch < epoch);
        links.sort_by_key(|link| link.header.epoch);
        links
    }

    /// Keeps links that come from elsewhere.
    pub(crate) async fn insert(&self, links: Vec<Link>) {
        let mut slot = self.store.lock().await;
        let mut store = slot.take().expect("the store is put back after each write");
        for link in links {
            let key = U64::new(link.header.epoch);
            store = store.put_sync(key, link).await.expect("the changes of validators can be written");
        }
        *slot = Some(store);
    }

    /// Keeps the change that an epoch's last block makes, with the certificate that marshal has of it.
    pub(crate) async fn record(&self, clock: &E, marshal: &Mailbox<Scheme, Standard<Block>>, block: &Block) {
        let header = block.header();
        let Some(next) = block.body().next_validators.clone() else { return };
        for _ in 0..TRIES {
            if let Some(finalization) = marshal.get_finalization(Height::new(header.height)).await {
                let finality = Finality { descendants: Vec::new(), certificate: finalization.into() };
                info!(height = header.height, epoch = header.epoch, "the validators change");
                self.insert(vec![Link { header: header.clone(), finality, next }]).await;
                return;
            }
            clock.sleep(BETWEEN).await;
        }
        // Consensus goes on; this node cannot prove what comes later until it is restored from one that can.
        error!(height = header.height, "no certificate of a change of validators was found");
    }
}
