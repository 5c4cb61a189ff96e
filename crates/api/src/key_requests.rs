//! `GET /api/v1/key-requests` and `/api/v1/partials`: who asked for keys in custody, and what members gave.

use axum::{
    extract::{Path, State},
    http::{HeaderMap, Uri},
    response::Response,
};
use medveil_ledger::{
    Digest,
    state::{
        Record as _,
        custody::{KeyRequest, Partial, partial_id},
    },
};
use serde_json::json;

use crate::{
    app::App,
    objects::{self, decode, item, key_of, read},
    problem::Problem,
    proof::{self, Wanted},
    query::{Params, bad_path},
};

/// Requests for keys, the newest first: of owners, and with accesses. A page may be shorter than its limit and have another after it, since not every access asks for a key.
pub(crate) async fn list(State(app): State<App>, uri: Uri) -> Result<Response, Problem> {
    objects::told::<KeyRequest>(&app, &uri, &["custody.key-requested", "access.granted"], |event| {
        event.transaction.map(|id| (id, id.to_string()))
    })
    .await
}

/// One request for a key: its id is that of the transaction that asked.
pub(crate) async fn get(
    State(app): State<App>,
    Path(id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let request = digest(&id)?;
    objects::get::<KeyRequest>(&app, request, request.to_string(), &uri, &headers, |_, _, _| {}).await
}

/// What each member that was asked has given, by the names of the members; `missing` are those who have not.
pub(crate) async fn partials(
    State(app): State<App>,
    Path(id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let params = Params::read(&uri, &["proof"])?;
    let wanted = Wanted::read(&params, &headers)?;
    let request = digest(&id)?;
    let head_key = key_of(KeyRequest::head_key(&request));
    let (_, values, _) = read(&app, vec![head_key.clone()], Wanted::Nothing).await?;
    let Some(found) = decode::<KeyRequest>(values.into_iter().next().flatten())? else {
        let (_, _, evidence) = read(&app, vec![head_key], wanted).await?;
        return Ok(proof::absent(Problem::of("object.not_found"), evidence, wanted));
    };
    let asked: Vec<_> = found.value.keys.keys().copied().collect();
    let keys = asked.iter().map(|organisation| partial_id(request, *organisation));
    let keys = std::iter::once(head_key).chain(keys.map(|id| key_of(Partial::head_key(&id)))).collect();
    let (_, values, evidence) = read(&app, keys, wanted).await?;
    let (mut items, mut missing) = (Vec::new(), Vec::new());
    for (organisation, value) in asked.into_iter().zip(values.into_iter().skip(1)) {
        match decode::<Partial>(value)? {
            Some(partial) => {
                let id = partial_id(request, organisation).to_string();
                items.push(item(&app, id, &partial, partial.version).await?);
            }
            None => missing.push(organisation),
        }
    }
    let value = json!({ "request": request, "items": items, "missing": missing });
    Ok(proof::answer(value, evidence, wanted))
}

/// One partial key.
pub(crate) async fn partial(
    State(app): State<App>,
    Path(id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let partial = digest(&id)?;
    objects::get::<Partial>(&app, partial, partial.to_string(), &uri, &headers, |_, _, _| {}).await
}

fn digest(text: &str) -> Result<Digest, Problem> {
    text.parse().map_err(|_| bad_path("the id", "64 hexadecimal digits"))
}
