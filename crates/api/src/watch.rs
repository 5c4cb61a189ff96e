//! Where a transaction is, and waiting until it is final.

use std::time::Duration;

use medveil_engine::Whereabouts;
use medveil_ledger::Digest;
use medveil_node::index::TransactionRow;
use tokio::time::{Instant, timeout_at};

use crate::{app::App, problem::Problem};

/// Where a transaction is.
#[derive(Debug)]
pub(crate) enum Found {
    /// In a final block.
    Final(Box<TransactionRow>),
    /// It waits for one.
    Waiting,
    /// This node has not heard of it, or it has expired.
    Unknown,
}

/// How long the index may take for a block that is final.
const INDEXING: Duration = Duration::from_secs(10);

/// Looks for a transaction.
pub(crate) async fn find(app: &App, id: Digest) -> Result<Found, Problem> {
    // Before the look, so that nothing falls between.
    let indexed = app.node().index().wait_for(id);
    if let Some(row) = app.index(move |index| index.transaction(id)).await? {
        return Ok(Found::Final(Box::new(row)));
    }
    match app.node().engine().find(id.0.into()).await {
        Some(Whereabouts::Waiting) => Ok(Found::Waiting),
        None => Ok(Found::Unknown),
        Some(Whereabouts::Included) => {
            // Its block is about to be indexed.
            let _ = timeout_at(Instant::now() + INDEXING, indexed).await;
            Ok(match app.index(move |index| index.transaction(id)).await? {
                Some(row) => Found::Final(Box::new(row)),
                None => Found::Unknown,
            })
        }
    }
}

/// Waits until a transaction is in a final block; at most so long, and no longer than it can be included.
pub(crate) async fn until_final(
    app: &App,
    id: Digest,
    wait: Duration,
    expires: Option<u64>,
) -> Result<Found, Problem> {
    let deadline = Instant::now() + wait;
    let mut progress = app.node().index().progress();
    loop {
        let indexed = app.node().index().wait_for(id);
        let height = progress.borrow_and_update().height;
        match find(app, id).await? {
            Found::Waiting if expires.is_none_or(|expires| height < expires) => {}
            found => return Ok(found),
        }
        tokio::select! {
            // When the sender is gone the index has halted: what is known is told.
            _ = indexed => {}
            () = expired(&mut progress, expires) => {}
            () = app.closed() => return Ok(Found::Waiting),
            () = tokio::time::sleep_until(deadline) => return find(app, id).await,
        }
    }
}

/// Waits until everything up to a height is indexed; for ever, if there is none.
async fn expired(
    progress: &mut tokio::sync::watch::Receiver<medveil_node::index::Progress>,
    height: Option<u64>,
) {
    match height {
        Some(height) => {
            let _ = progress.wait_for(|progress| progress.height >= height).await;
        }
        None => std::future::pending().await,
    }
}
