//! `GET /api/v1/events` and `/api/v1/events/{height}/{index}`.

use axum::{
    extract::{Path, State},
    http::{HeaderMap, Uri},
    response::Response,
};
use medveil_chain::EntryKind;
use medveil_ledger::{AccountId, Event, ObjectRef, OrganisationId};
use medveil_node::index::{EventFilter, EventRow, Page, Place};
use serde_json::{Value, json};

use crate::{
    app::App,
    live,
    problem::Problem,
    proof::{self, Wanted},
    query::{Params, accepts, bad, bad_path},
    reply,
};

/// What both forms of the list can be narrowed by.
pub(crate) const FILTERS: [&str; 4] = ["kind", "organisation", "object", "account"];

/// The list; live events for who accepts `text/event-stream`.
pub(crate) async fn list(State(app): State<App>, uri: Uri, headers: HeaderMap) -> Result<Response, Problem> {
    if accepts(&headers, "text/event-stream") {
        return live::follow(app, &uri, &headers);
    }
    let [a, b, c, d] = FILTERS;
    let params = Params::read(&uri, &[a, b, c, d, "about", "from", "to", "limit", "cursor"])?;
    let about = params.parse::<ObjectRef>("about", "`KIND/ID`, such as `dataset/HEX`")?;
    if about.is_some() && ["object", "account"].iter().any(|other| params.get(other).is_some()) {
        return Err(bad("about", "neither `object` nor `account` beside it"));
    }
    let filter = EventFilter { about, times: params.times()?, ..filter(&params)? };
    let page = params.page::<Place>()?;
    let rows = app.index(move |index| index.event_list(&filter, page)).await?;
    let last = rows.last().map(|row| row.place);
    Ok(reply::page(rows.iter().map(value).collect(), page.limit, last))
}

/// One event.
pub(crate) async fn get(
    State(app): State<App>,
    Path((height, index)): Path<(String, String)>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let params = Params::read(&uri, &["proof"])?;
    let wanted = Wanted::read(&params, &headers)?;
    let place: Place =
        format!("{height}:{index}").parse().map_err(|_| bad_path("the event", "a height and an index"))?;
    let row =
        app.index(move |index| index.event(place)).await?.ok_or_else(|| Problem::of("event.not_found"))?;
    let evidence = if wanted.is_wanted() {
        Some(app.node().engine().prove_entry(place.height, EntryKind::Event, place.index.into()).await?)
    } else {
        None
    };
    Ok(proof::answer(value(&row), evidence, wanted))
}

/// Events of any of some kinds, newest first.
pub(crate) async fn of_kinds(
    app: &App,
    filter: EventFilter,
    kinds: &'static [&'static str],
    page: Page<Place>,
) -> Result<Vec<EventRow>, Problem> {
    app.index(move |index| {
        let mut rows = Vec::new();
        for kind in kinds {
            let filter = EventFilter { kind: Some((*kind).to_owned()), ..filter.clone() };
            rows.extend(index.event_list(&filter, page)?);
        }
        rows.sort_unstable_by_key(|row| std::cmp::Reverse(row.place));
        rows.truncate(page.limit as usize);
        Ok(rows)
    })
    .await
}

/// Which events are asked for.
pub(crate) fn filter(params: &Params) -> Result<EventFilter, Problem> {
    let kind = match params.get("kind") {
        Some(name) => Some(
            medveil_ledger::event::kind(name)
                .ok_or_else(|| bad("kind", "a kind of event such as `dataset.registered`"))?
                .name
                .to_owned(),
        ),
        None => None,
    };
    Ok(EventFilter {
        kind,
        organisation: params.parse::<OrganisationId>("organisation", "an organisation's name")?,
        object: params.parse::<ObjectRef>("object", "`KIND/ID`, such as `dataset/HEX`")?,
        about: None,
        actor: params.parse::<AccountId>("account", "64 hexadecimal digits")?,
        times: Default::default(),
    })
}

/// An event as clients see it.
pub(crate) fn value(row: &EventRow) -> Value {
    with_place(&row.event, row.place, row.time_ms)
}

/// An event as clients see it.
pub(crate) fn with_place(event: &Event, place: Place, time_ms: u64) -> Value {
    let mut value = json!(event);
    value["id"] = json!(place.to_string());
    value["index"] = json!(place.index);
    value["time_ms"] = json!(time_ms);
    value
}
