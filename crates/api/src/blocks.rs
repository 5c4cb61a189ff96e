//! `GET /api/v1/blocks` and `/api/v1/blocks/{height}`.

use axum::{
    extract::{Path, State},
    http::{HeaderMap, Uri},
    response::Response,
};
use medveil_chain::EntryKind;
use medveil_node::index::BlockRow;
use serde_json::{Value, json};

use crate::{
    app::App,
    problem::Problem,
    proof::{self, Wanted},
    query::{Params, bad_path},
    reply,
};

/// Statements of a proof at most.
const MAX_CLAIMS: usize = 4096;

/// The list.
pub(crate) async fn list(State(app): State<App>, uri: Uri) -> Result<Response, Problem> {
    let params = Params::read(&uri, &["from", "to", "limit", "cursor"])?;
    let (times, page) = (params.times()?, params.page::<u64>()?);
    let rows = app.index(move |index| index.blocks(times, page)).await?;
    let last = rows.last().map(|row| row.height);
    Ok(reply::page(rows.iter().map(brief).collect(), page.limit, last))
}

/// One block.
pub(crate) async fn get(
    State(app): State<App>,
    Path(height): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let params = Params::read(&uri, &["proof"])?;
    let wanted = Wanted::read(&params, &headers)?;
    let height: u64 = height.parse().map_err(|_| bad_path("the height", "a number"))?;
    let row =
        app.index(move |index| index.block(height)).await?.ok_or_else(|| Problem::of("block.not_found"))?;
    let block = app.node().engine().block(height).await;
    let mut value = brief(&row);
    let ids = app.index(move |index| index.transaction_ids(height)).await?;
    value["transactions"] = json!(ids);
    let Some(block) = block else {
        if wanted.is_wanted() {
            return Err(Problem::of(if height == 0 { "proof.nothing" } else { "block.not_kept" }));
        }
        return Ok(reply::json(&value));
    };
    let header = block.header();
    value["epoch"] = json!(header.epoch);
    value["view"] = json!(header.view);
    value["leader"] = json!(hex::encode(header.leader.as_ref()));
    value["parent"] = json!(header.parent.to_string());
    value["state_root"] = json!(header.state_root.to_string());
    value["transaction_root"] = json!(header.transaction_root.to_string());
    value["receipt_root"] = json!(header.receipt_root.to_string());
    value["event_root"] = json!(header.event_root.to_string());
    let evidence = if wanted.is_wanted() {
        // A header alone is no statement: what it holds is.
        let body = block.body();
        let (kind, count) = match (body.transactions.len(), body.events.len()) {
            (0, 0) => return Err(Problem::of("proof.nothing").detail("the block is empty")),
            (0, events) => (EntryKind::Event, events),
            (transactions, _) => (EntryKind::Transaction, transactions),
        };
        let count = count.min(MAX_CLAIMS) as u32;
        Some(proof::entries(&app, &block, (0..count).map(|index| (kind, index))).await?)
    } else {
        None
    };
    Ok(proof::answer(value, evidence, wanted))
}

fn brief(row: &BlockRow) -> Value {
    json!({
        "height": row.height,
        "time_ms": row.time_ms,
        "digest": row.digest,
        "transactions": row.transactions,
        "events": row.events,
    })
}
