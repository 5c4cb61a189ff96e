//! `GET /api/v1/status` and `/api/v1/genesis`.

use axum::{
    extract::State,
    http::{Uri, header},
    response::{IntoResponse as _, Response},
};
use serde_json::json;

use crate::{app::App, problem::Problem, query::Params, reply};

/// How the node is.
pub(crate) async fn get(State(app): State<App>, uri: Uri) -> Result<Response, Problem> {
    Params::read(&uri, &[])?;
    let report = app.node().report().await.ok_or_else(|| Problem::of("node.stopped"))?;
    let mut value = json!(report);
    value["genesis_digest"] = json!(app.node().chain_genesis().digest().to_string());
    let progress = app.node().index().progress().borrow().clone();
    value["indexed"] = json!(progress.height);
    value["indexed_since"] = json!(progress.since);
    Ok(reply::json(&value))
}

/// The genesis file.
pub(crate) async fn genesis(State(app): State<App>, uri: Uri) -> Result<Response, Problem> {
    Params::read(&uri, &[])?;
    let text = app.node().rules().genesis().to_toml();
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response())
}
