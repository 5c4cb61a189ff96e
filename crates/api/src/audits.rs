//! `GET /api/v1/audits` and `/api/v1/audits/{kind}/{id}`: what was noted about objects.

use axum::{
    extract::{Path, State},
    http::{HeaderMap, Uri, header::CONTENT_TYPE},
    response::{IntoResponse as _, Response},
};
use medveil_ledger::{AccountId, ChallengeId, ObjectRef, OrganisationId, state::trail::TrailEntry};
use medveil_node::index::{EventFilter, EventRow, Place};
use serde_json::{Value, json};

use crate::{
    app::App,
    objects::{Versions, Which, answer, below, look_up, versions_of},
    problem::{Problem, fact_json},
    proof::{self, Wanted},
    query::{Params, bad_path},
    reply,
};

/// Entries of a trail that are proven together.
const MAX_PROVEN: u64 = 1000;

/// Entries about any object, newest first.
pub(crate) async fn list(State(app): State<App>, uri: Uri) -> Result<Response, Problem> {
    let params = Params::read(&uri, &["organisation", "account", "object", "from", "to", "limit", "cursor"])?;
    let filter = EventFilter {
        kind: Some("audit.notarised".to_owned()),
        organisation: params.parse::<OrganisationId>("organisation", "an organisation's name")?,
        object: params.parse::<ObjectRef>("object", "`KIND/ID`, such as `dataset/HEX`")?,
        about: None,
        actor: params.parse::<AccountId>("account", "64 hexadecimal digits")?,
        times: params.times()?,
    };
    let page = params.page::<Place>()?;
    let rows = app.index(move |index| index.event_list(&filter, page)).await?;
    let last = rows.last().map(|row| row.place);
    Ok(reply::page(rows.iter().map(note).collect(), page.limit, last))
}

/// What the custodian of this node opened for a challenge: sealed to the auditor's one-time key, so that it is handed to whoever asks.
pub(crate) async fn openings(State(app): State<App>, Path(id): Path<String>) -> Result<Response, Problem> {
    let id: ChallengeId = id.parse().map_err(|_| bad_path("the challenge", "64 hexadecimal digits"))?;
    let sealed = app.node().openings(id).await.ok_or_else(|| Problem::of("object.not_found"))?;
    Ok(([(CONTENT_TYPE, "application/octet-stream")], sealed).into_response())
}

/// The trail of an object: all of it, or one entry with `?version=N`, or the last one at a height with `?at=HEIGHT`.
pub(crate) async fn trail(
    State(app): State<App>,
    Path((kind, id)): Path<(String, String)>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let params = Params::read(&uri, &["version", "at", "proof", "limit", "cursor"])?;
    let (which, wanted) = (Which::read(&params)?, Wanted::read(&params, &headers)?);
    let object: ObjectRef = format!("{kind}/{id}")
        .parse()
        .map_err(|_| bad_path("the object", "`KIND/ID`, such as `dataset/HEX`"))?;
    if which != Which::Latest {
        let found = look_up::<TrailEntry>(&app, &object, which, wanted).await?;
        return answer(&app, object.to_string(), found, which, wanted, |_, _, _| {}).await;
    }
    let page = params.page::<u64>()?;
    // A proof is of all entries: a list that leaves some out proves nothing of the trail.
    let numbers = |count: u64| match wanted.is_wanted() {
        true if count > MAX_PROVEN => Vec::new(),
        true => (1..=count).rev().collect(),
        false => below(page.before, count).take(page.limit as usize).collect(),
    };
    let Versions { latest: count, values, evidence, .. } =
        versions_of::<TrailEntry>(&app, &object, numbers, wanted).await?;
    if wanted.is_wanted() && count > MAX_PROVEN {
        return Err(Problem::of("proof.too_large").detail(format!(
            "{count} entries are more than the {MAX_PROVEN} that one file proves: ask with `version`"
        )));
    }
    if count == 0 {
        return Ok(proof::absent(
            Problem::of("object.not_found").detail("nothing was noted about it"),
            evidence,
            wanted,
        ));
    }
    let mut items = Vec::with_capacity(values.len());
    let mut last = None;
    for entry in values.into_iter().flatten() {
        let height = entry.height;
        let time_ms = app.index(move |index| index.time_of(height)).await?;
        items.push(json!({
            "version": entry.version, "height": height, "time_ms": time_ms, "value": entry.value,
        }));
        last = Some(entry.version);
    }
    let next = last.filter(|last| *last > 1 && !wanted.is_wanted()).map(|last| last.to_string());
    let value = json!({ "id": object.to_string(), "versions": count, "items": items, "next": next });
    Ok(proof::answer(value, evidence, wanted))
}

/// An entry, as its event tells it.
fn note(row: &EventRow) -> Value {
    let event = &row.event;
    let fact = |name| event.fact(name).map(fact_json);
    json!({
        "object": event.object,
        "version": fact("entry"),
        "height": row.place.height,
        "time_ms": row.time_ms,
        "event": row.place.to_string(),
        "value": {
            "actor": event.actor,
            "organisation": event.organisation,
            "step": fact("step"),
            "reason": fact("reason"),
            "details": fact("details"),
            "transaction": event.transaction,
        },
    })
}
