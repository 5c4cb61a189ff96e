//! `GET /api/v1/state/{key}`: what the state has under a key, as bytes, for programs that read the ledger by its own rules: an auditor's, a custodian's.

use axum::{
    extract::{Path, State},
    http::{HeaderMap, Uri},
    response::Response,
};
use medveil_ledger::Key;
use serde_json::json;

use crate::{
    app::App,
    objects::read,
    problem::Problem,
    proof::{self, Wanted},
    query::{Params, bad_path},
};

/// The value under a key, or `null`, in the state after the block of `height`.
pub(crate) async fn get(
    State(app): State<App>,
    Path(key): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let params = Params::read(&uri, &["proof"])?;
    let wanted = Wanted::read(&params, &headers)?;
    let bytes = hex::decode(&key).ok().filter(|bytes| !bytes.is_empty() && bytes.len() <= Key::MAX);
    let bytes = bytes.ok_or_else(|| bad_path("the key", "1 to 47 bytes in hexadecimal digits"))?;
    let (height, values, evidence) = read(&app, vec![bytes], wanted).await?;
    let value = values.into_iter().next().flatten().map(hex::encode);
    Ok(proof::answer(json!({ "key": key, "height": height, "value": value }), evidence, wanted))
}
