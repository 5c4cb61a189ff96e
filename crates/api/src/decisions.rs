//! `GET /api/v1/decisions`: what was decided about requests and uses, and why. Each is an event; a request's own record has its last one.

use axum::{
    extract::{Path, State},
    http::{HeaderMap, Uri},
    response::Response,
};
use medveil_ledger::{AccountId, FactValue, ObjectRef, OrganisationId};
use medveil_node::index::{EventFilter, EventRow, Place};

use crate::{
    app::App,
    events,
    problem::Problem,
    query::{Params, bad_path},
    reply,
};

/// Kinds of events that are decisions. A refusal at once is that of a transaction, whatever it asked for.
const KINDS: &[&str] =
    &["request.granted", "request.refused", "request.ended", "access.granted", "transaction.refused"];

/// Modules whose reasons are about requests and uses.
const REASONS: &[&str] = &["decision", "request", "release", "access"];

/// Decisions, the newest first. A page may be shorter than its limit and have another after it.
pub(crate) async fn list(State(app): State<App>, uri: Uri) -> Result<Response, Problem> {
    let params = Params::read(&uri, &["organisation", "account", "about", "from", "to", "limit", "cursor"])?;
    let filter = EventFilter {
        organisation: params.parse::<OrganisationId>("organisation", "an organisation's name")?,
        about: params.parse::<ObjectRef>("about", "`KIND/ID`, such as `contract/HEX`")?,
        actor: params.parse::<AccountId>("account", "64 hexadecimal digits")?,
        times: params.times()?,
        ..Default::default()
    };
    let page = params.page::<Place>()?;
    let rows = events::of_kinds(&app, filter, KINDS, page).await?;
    let last = rows.last().map(|row| row.place);
    let full = rows.len() >= page.limit as usize;
    let items = rows.iter().filter(|row| is_decision(row)).map(events::value).collect();
    Ok(reply::part(items, last.filter(|_| full)))
}

/// One decision.
pub(crate) async fn get(
    State(app): State<App>,
    Path((height, index)): Path<(String, String)>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let place: Place =
        format!("{height}:{index}").parse().map_err(|_| bad_path("the decision", "a height and an index"))?;
    let row = app.index(move |index| index.event(place)).await?;
    if !row.is_some_and(|row| is_decision(&row)) {
        return Err(Problem::of("event.not_found"));
    }
    events::get(State(app), Path((height, index)), uri, headers).await
}

fn is_decision(row: &EventRow) -> bool {
    let event = &row.event;
    if event.kind != "transaction.refused" {
        return KINDS.contains(&event.kind.as_ref());
    }
    let Some(FactValue::Text(reason)) = event.fact("reason") else { return false };
    reason.split_once('.').is_some_and(|(module, _)| REASONS.contains(&module))
}
