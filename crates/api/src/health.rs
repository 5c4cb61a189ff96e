//! `GET /healthz` and `/readyz`.

use axum::{
    extract::State,
    response::{IntoResponse as _, Response},
};
use serde_json::{Value, json};

use crate::{app::App, problem::Problem, reply};

/// The process lives.
pub(crate) async fn live() -> Response {
    reply::json(&json!({ "status": "alive" }))
}

/// The node follows the chain, or why not.
pub(crate) async fn ready(State(app): State<App>) -> Response {
    let reasons = app.node().readiness().await;
    if reasons.is_empty() {
        return reply::json(&json!({ "status": "ready" }));
    }
    let details: Vec<String> = reasons.iter().map(|reason| reason.english()).collect();
    let reasons: Vec<Value> = reasons
        .iter()
        .map(|reason| {
            json!({ "code": reason.name(), "detail": reason.english(), "detail_zh": reason.chinese() })
        })
        .collect();
    let problem = Problem::of("node.not_ready").detail(details.join("; ")).retry_after(1);
    problem.with("reasons", json!(reasons)).into_response()
}
