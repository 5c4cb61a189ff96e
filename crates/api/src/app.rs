//! What every handler shares.

use std::sync::Arc;

use medveil_node::{Custody, Index, Node, index::IndexError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::{metrics::Metrics, problem::Problem};

/// The node and the bounds of its API. Clones are the same.
#[derive(Clone)]
pub(crate) struct App(Arc<Inner>);

struct Inner {
    node: Node,
    custody: Option<Custody>,
    metrics: Metrics,
    requests: Arc<Semaphore>,
    submissions: Semaphore,
    streams: Arc<Semaphore>,
    transfers: Semaphore,
    own_transfers: Semaphore,
    closing: watch::Receiver<bool>,
}

/// Requests under way at most: those that wait for a transaction are among them.
const REQUESTS: usize = 1024;

/// Submissions that are read or handed to the node at once: 4 MiB each.
const SUBMISSIONS: usize = 16;

/// Shards that other members' nodes transfer at once, and as many of the own people's: 9 MiB each. They are counted apart, since the own people's wait for other nodes.
const TRANSFERS: usize = 16;

/// Clients that follow live events at most.
const STREAMS: usize = 256;

impl App {
    pub(crate) fn new(node: Node, custody: Option<Custody>, closing: watch::Receiver<bool>) -> Self {
        Self(Arc::new(Inner {
            node,
            custody,
            metrics: Metrics::default(),
            requests: Arc::new(Semaphore::new(REQUESTS)),
            submissions: Semaphore::new(SUBMISSIONS),
            streams: Arc::new(Semaphore::new(STREAMS)),
            transfers: Semaphore::new(TRANSFERS),
            own_transfers: Semaphore::new(TRANSFERS),
            closing,
        }))
    }

    pub(crate) fn node(&self) -> &Node {
        &self.0.node
    }

    pub(crate) fn custody(&self) -> Option<&Custody> {
        self.0.custody.as_ref()
    }

    /// The turn of another member's transfer: until then its body is not read.
    pub(crate) async fn transfer(&self) -> Result<tokio::sync::SemaphorePermit<'_>, Problem> {
        // INVARIANT: the semaphores are never closed.
        self.0.transfers.acquire().await.map_err(|_| Problem::of("node.busy"))
    }

    /// The turn of a transfer of the own people.
    pub(crate) async fn own_transfer(&self) -> Result<tokio::sync::SemaphorePermit<'_>, Problem> {
        self.0.own_transfers.acquire().await.map_err(|_| Problem::of("node.busy"))
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    /// Ready when the API ends.
    pub(crate) async fn closed(&self) {
        let mut closing = self.0.closing.clone();
        // When the sender is gone the API has ended.
        let _ = closing.wait_for(|closing| *closing).await;
    }

    /// Room for one more request.
    pub(crate) fn admit(&self) -> Result<OwnedSemaphorePermit, Problem> {
        self.0.requests.clone().try_acquire_owned().map_err(|_| Problem::of("node.busy").retry_after(1))
    }

    /// Room for one more follower of live events.
    pub(crate) fn admit_stream(&self) -> Result<OwnedSemaphorePermit, Problem> {
        self.0.streams.clone().try_acquire_owned().map_err(|_| Problem::of("node.busy").retry_after(10))
    }

    /// Followers of live events now.
    pub(crate) fn streams(&self) -> usize {
        STREAMS - self.0.streams.available_permits()
    }

    /// The turn of a submission: until then its body is not read.
    pub(crate) async fn submission(&self) -> Result<tokio::sync::SemaphorePermit<'_>, Problem> {
        // INVARIANT: the semaphore is never closed.
        self.0.submissions.acquire().await.map_err(|_| Problem::of("node.busy"))
    }

    /// Asks the index, on a thread where that may take a moment.
    pub(crate) async fn index<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&Index) -> Result<T, IndexError> + Send + 'static,
    ) -> Result<T, Problem> {
        let index = self.0.node.index().clone();
        match tokio::task::spawn_blocking(move || ask(&index)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => {
                tracing::error!(%error, "the index does not answer");
                Err(Problem::of("index.failed"))
            }
            Err(_) => Err(Problem::of("index.failed")),
        }
    }
}
