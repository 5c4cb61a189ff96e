//! `GET /api/v1/destructions`: orders to destroy, and who has attested.

use axum::{
    extract::{Path, State},
    http::{HeaderMap, Uri},
    response::Response,
};
use medveil_ledger::{ObjectRef, state::destruction::Destruction};

use crate::{app::App, objects, problem::Problem, query::bad_path};

/// Orders, the newest first; `organisation` is that of who ordered.
pub(crate) async fn list(State(app): State<App>, uri: Uri) -> Result<Response, Problem> {
    objects::told::<Destruction>(&app, &uri, &["destruction.ordered"], |event| {
        Some((event.object, event.object.to_string()))
    })
    .await
}

/// The order to destroy one thing.
pub(crate) async fn get(
    State(app): State<App>,
    Path((kind, id)): Path<(String, String)>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let object: ObjectRef = format!("{kind}/{id}")
        .parse()
        .map_err(|_| bad_path("the object", "`KIND/ID`, such as `release/HEX`"))?;
    objects::get::<Destruction>(&app, object, object.to_string(), &uri, &headers, |_, _, _| {}).await
}
