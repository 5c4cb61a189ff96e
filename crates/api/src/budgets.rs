//! `GET /api/v1/budgets`: privacy loss that was granted, of contracts, of datasets and by recipients.

use axum::{
    extract::{Path, State},
    http::{HeaderMap, Uri},
    response::Response,
};
use medveil_ledger::{
    ObjectKind, ObjectRef, OrganisationId,
    state::{Record as _, budget::Budget},
};
use medveil_node::index::{ObjectFilter, ObjectRow};
use serde_json::json;

use crate::{
    app::App,
    objects::{self, decode, item, key_of, read},
    problem::Problem,
    proof::Wanted,
    query::{Params, bad_path},
    reply,
};

/// Kinds of things that have a budget.
const KINDS: [ObjectKind; 3] = [ObjectKind::Contract, ObjectKind::Dataset, ObjectKind::Organisation];

/// Budgets that something was taken of or that have a ceiling; those of the newest things first. A page may be shorter than its limit and have another after it.
pub(crate) async fn list(State(app): State<App>, uri: Uri) -> Result<Response, Problem> {
    let params = Params::read(&uri, &["organisation", "from", "to", "limit", "cursor"])?;
    let organisation = params.parse::<OrganisationId>("organisation", "an organisation's name")?;
    let (times, page) = (params.times()?, params.page::<i64>()?);
    let rows: Vec<ObjectRow> = app
        .index(move |index| {
            let mut rows = Vec::new();
            for kind in KINDS {
                rows.extend(index.objects(ObjectFilter { kind, organisation, times }, page)?);
            }
            rows.sort_unstable_by_key(|row| std::cmp::Reverse(row.number));
            rows.truncate(page.limit as usize);
            Ok(rows)
        })
        .await?;
    let last = rows.last().map(|row| row.number).filter(|_| rows.len() >= page.limit as usize);
    let keys = rows.iter().map(|row| key_of(Budget::head_key(&row.object))).collect();
    let values = if rows.is_empty() { Vec::new() } else { read(&app, keys, Wanted::Nothing).await?.1 };
    let mut items = Vec::with_capacity(values.len());
    for (row, value) in rows.into_iter().zip(values) {
        let Some(head) = decode::<Budget>(value)? else { continue };
        let mut value = item(&app, row.object.to_string(), &head, head.version).await?;
        value["organisation"] = json!(row.organisation);
        items.push(value);
    }
    Ok(reply::part(items, last))
}

/// The budget of one thing.
pub(crate) async fn get(
    State(app): State<App>,
    Path((kind, id)): Path<(String, String)>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let object: Option<ObjectRef> = format!("{kind}/{id}").parse().ok();
    let object = object
        .filter(|object| KINDS.contains(&object.kind))
        .ok_or_else(|| bad_path("the object", "contract/HEX, dataset/HEX or organisation/NAME"))?;
    objects::get::<Budget>(&app, object, object.to_string(), &uri, &headers, |_, _, _| {}).await
}
