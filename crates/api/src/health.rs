//! `GET /healthz` and `/readyz`.

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use medveil_chain::PublicKey;
use medveil_engine::Status;
use medveil_node::index::Progress;
use serde_json::json;

use crate::{app::App, problem::Problem, reply};

/// Blocks that a node may be behind its peers, and the read model behind the node.
const BEHIND: u64 = 20;

/// After how many milliseconds without a word a peer counts as away. It says something every two seconds.
const SILENCE: u64 = 10_000;

/// The process lives.
pub(crate) async fn live() -> Response {
    reply::json(&json!({ "status": "alive" }))
}

/// The node follows the chain, or why not.
pub(crate) async fn ready(State(app): State<App>) -> Response {
    let reasons = reasons(&app).await;
    if reasons.is_empty() {
        return reply::json(&json!({ "status": "ready" }));
    }
    let details: Vec<String> = reasons.iter().map(|(_, detail)| detail.clone()).collect();
    let reasons: Vec<_> =
        reasons.iter().map(|(name, detail)| json!({ "reason": name, "detail": detail })).collect();
    let mut problem = Problem::of("node.not_ready").detail(details.join("; ")).retry_after(1);
    problem.status = StatusCode::SERVICE_UNAVAILABLE;
    problem.with("reasons", json!(reasons)).into_response()
}

/// Why the node is not ready; empty when it is.
pub(crate) async fn reasons(app: &App) -> Vec<(&'static str, String)> {
    let status = app.node().engine().status().await;
    let progress = app.node().index().progress().borrow().clone();
    judge(status.as_ref(), &progress)
}

fn judge(status: Option<&Status>, index: &Progress) -> Vec<(&'static str, String)> {
    let mut reasons = Vec::new();
    if let Some(reason) = &index.halted {
        reasons.push(("index-halted", reason.clone()));
    }
    let Some(status) = status else {
        reasons.push(("halted", "the node does not run: its log says why".to_owned()));
        return reasons;
    };
    let Some(tip) = status.tip.as_ref().map(|tip| tip.height) else {
        reasons.push(("starting", "there is no final block yet".to_owned()));
        return reasons;
    };
    let heard = |silent: Option<u64>| silent.is_some_and(|silent| silent <= SILENCE);
    let best = status.peers.iter().filter(|peer| heard(peer.silent_for)).filter_map(|peer| peer.height).max();
    if let Some(best) = best.filter(|best| *best > tip + BEHIND) {
        reasons.push(("behind", format!("the node is at height {tip}, a peer at {best}")));
    }
    let others = status.validators.iter().filter(|key| **key != status.key).count();
    let present =
        |key: &PublicKey| status.peers.iter().any(|peer| peer.key == *key && heard(peer.silent_for));
    let reached = status.validators.iter().filter(|key| **key != status.key && present(key)).count();
    let (count, needed) = (status.validators.len(), quorum(status.validators.len()));
    if others > 0 && reached == 0 {
        reasons.push((
            "no-peers",
            format!("none of {others} other validators was heard of for {} s", SILENCE / 1000),
        ));
    } else if reached + usize::from(status.validator) < needed {
        let reached = reached + usize::from(status.validator);
        reasons
            .push(("no-quorum", format!("{reached} of {count} validators are there, {needed} are needed")));
    }
    if index.height + BEHIND < tip {
        reasons.push((
            "index-behind",
            format!("the read model is at height {}, the chain at {tip}", index.height),
        ));
    }
    reasons
}

/// Validators that a block needs: more than two thirds.
fn quorum(validators: usize) -> usize {
    validators - validators.saturating_sub(1) / 3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_that_does_not_run_is_halted_and_says_why_the_index_stopped() {
        let index = Progress { since: 1, height: 3, halted: Some("disk full".to_owned()) };
        let names: Vec<_> = judge(None, &index).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["index-halted", "halted"]);
    }

    #[test]
    fn quorums_are_those_of_consensus() {
        assert_eq!([1, 2, 3, 4, 5, 6, 7, 10].map(quorum), [1, 2, 3, 3, 4, 5, 5, 7]);
    }
}
