//! `GET /healthz` and `/readyz`.

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use medveil_node::Unready;
use serde_json::json;

use crate::{app::App, problem::Problem, reply};

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
    let details: Vec<String> = reasons.iter().map(Unready::english).collect();
    let reasons: Vec<_> = reasons
        .iter()
        .map(|reason| json!({ "reason": reason.name(), "detail": reason.english(), "detail_zh": reason.chinese() }))
        .collect();
    let mut problem = Problem::of("node.not_ready").detail(details.join("; ")).retry_after(1);
    problem.status = StatusCode::SERVICE_UNAVAILABLE;
    problem.with("reasons", json!(reasons)).into_response()
}

/// Why the node is not ready; empty when it is.
pub(crate) async fn reasons(app: &App) -> Vec<Unready> {
    app.node().readiness().await
}
