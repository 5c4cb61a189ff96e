//! The HTTP API of a node: JSON and problems for people and programs, evidence for whoever trusts nobody.
//!
//! Lists and look-ups come from the read model ([`medveil_node::Index`]), what is in force from the state, and with `?proof=1` every answer
//! that comes from the ledger carries [evidence](medveil_chain::Evidence) that is checked with the genesis alone: the value shown is then read from
//! the evidence itself. `docs/api.md` lists the endpoints.
//!
//! ```text
//!  POST /transactions --> mempool (engine)          GET lists --> index      GET objects --> state (engine)
//!       ?wait=S holds until it is final             cursor pages             ?version ?at ?proof
//! ```
//!
//! | to find | look in |
//! |---|---|
//! | the routes | `router` |
//! | what goes wrong, and how it is told | `problem` |
//! | how queries are read | `query` |
//! | proofs | `proof` |
//! | shards between members, and what people ask about custody | `custody` |
//! | one file for each resource | `transactions`, `submit`, `blocks`, `events`, `live`, `objects`, `audits` |
//! | how the node is | `status`, `health`, `metrics` |

mod app;
mod audits;
mod blocks;
mod budgets;
mod connections;
mod custody;
mod decisions;
mod destructions;
mod events;
mod frames;
mod health;
mod key_requests;
mod live;
mod metrics;
mod objects;
mod patients;
mod problem;
mod proof;
mod query;
mod reply;
mod router;
mod state;
mod status;
mod submit;
mod transactions;
mod watch;

use std::{future::Future, io, time::Duration};

use medveil_node::{Custody, Node};
use tokio::net::TcpListener;

use app::App;
use connections::Connections;

pub use router::ENDPOINTS;

/// How long requests under way may take after shutdown was asked for.
const GRACE: Duration = Duration::from_secs(10);

/// Serves the API of a node, and of its part in custody if it has one, until `shutdown` is ready; then live events end, and requests under way are answered.
///
/// # Errors
/// The listener cannot be used.
pub async fn serve(
    node: Node,
    custody: Option<Custody>,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let (close, closing) = tokio::sync::watch::channel(false);
    let router = router::router(App::new(node, custody, closing.clone()));
    let graceful = async move {
        shutdown.await;
        let _ = close.send(true);
    };
    let mut closing = closing;
    let served = axum::serve(Connections::new(listener), router).with_graceful_shutdown(graceful);
    tokio::select! {
        served = served => served,
        () = async {
            // That the sender is gone cannot be before the server has ended.
            let _ = closing.wait_for(|closing| *closing).await;
            tokio::time::sleep(GRACE).await;
        } => Ok(()),
    }
}
