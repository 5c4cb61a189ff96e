//! `GET /api/v1/transactions` and `/api/v1/transactions/{id}`.

use axum::{
    extract::{Path, State},
    http::{HeaderMap, Uri},
    response::Response,
};
use medveil_chain::{Block, EntryKind};
use medveil_ledger::{AccountId, Canonical as _, Digest, OrganisationId, Outcome, Receipt, Transaction};
use medveil_node::index::{Place, TransactionFilter, TransactionRow};
use serde_json::{Value, json};

use crate::{
    app::App,
    events,
    problem::{Problem, chinese, fact_json},
    proof::{self, Wanted},
    query::{Params, bad, bad_path},
    reply,
    watch::{Found, find, until_final},
};

/// The list.
pub(crate) async fn list(State(app): State<App>, uri: Uri) -> Result<Response, Problem> {
    let params = Params::read(
        &uri,
        &["account", "organisation", "action", "outcome", "from", "to", "limit", "cursor"],
    )?;
    let filter = TransactionFilter {
        account: params.parse::<AccountId>("account", "64 hexadecimal digits")?,
        organisation: params.parse::<OrganisationId>("organisation", "an organisation's name")?,
        action: match params.get("action") {
            Some(name) => Some(
                medveil_ledger::action::action(name)
                    .ok_or_else(|| bad("action", "an action such as `audit.notarise`"))?
                    .name
                    .to_owned(),
            ),
            None => None,
        },
        refused: match params.get("outcome") {
            None => None,
            Some("applied") => Some(false),
            Some("refused") => Some(true),
            Some(_) => return Err(bad("outcome", "`applied` or `refused`")),
        },
        times: params.times()?,
    };
    let page = params.page::<Place>()?;
    let rows = app.index(move |index| index.transactions(&filter, page)).await?;
    let last = rows.last().map(|row| row.place);
    Ok(reply::page(rows.iter().map(brief).collect(), page.limit, last))
}

/// One transaction.
pub(crate) async fn get(
    State(app): State<App>,
    Path(id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let params = Params::read(&uri, &["wait", "proof"])?;
    let wanted = Wanted::read(&params, &headers)?;
    let id: Digest = id.parse().map_err(|_| bad_path("the id", "64 hexadecimal digits"))?;
    let found = match params.wait()? {
        Some(wait) => until_final(&app, id, wait, None).await?,
        None => find(&app, id).await?,
    };
    let row = match found {
        Found::Final(row) => *row,
        Found::Waiting => return Ok(reply::json(&json!({ "id": id, "status": "waiting" }))),
        Found::Unknown => return Err(Problem::of("transaction.not_found")),
    };
    let block = app.node().engine().block(row.place.height).await;
    let evidence = match (&block, wanted.is_wanted()) {
        (Some(block), true) => {
            let index = u32::from(row.place.index);
            let entries = [(EntryKind::Transaction, index), (EntryKind::Receipt, index)];
            Some(proof::entries(&app, block, entries).await?)
        }
        (None, true) => return Err(Problem::of("block.not_kept")),
        (_, false) => None,
    };
    let (first, count) = (Place { index: row.first_event, ..row.place }, row.events);
    let caused = app.index(move |index| index.events_at(first, count)).await?;
    let mut value = brief(&row);
    if let Some(block) = block {
        fill(&mut value, &block, row.place);
    }
    value["events"] = caused.iter().map(events::value).collect();
    Ok(proof::answer(value, evidence, wanted))
}

/// What became of a transaction: `"applied"`, or `{"refused": {name, facts, title_zh}}`.
pub(crate) async fn outcome(app: &App, row: &TransactionRow) -> Result<Value, Problem> {
    let Some(name) = &row.refusal else { return Ok(json!("applied")) };
    let block = app.node().engine().block(row.place.height).await;
    let receipt = block.as_ref().and_then(|block| receipt(block, row.place));
    Ok(receipt.map_or_else(|| refused(name, None), |receipt| outcome_value(&receipt.outcome)))
}

/// What the index knows.
fn brief(row: &TransactionRow) -> Value {
    json!({
        "id": row.id,
        "height": row.place.height,
        "index": row.place.index,
        "time_ms": row.time_ms,
        "account": row.account,
        "organisation": row.organisation,
        "action": { "type": row.action },
        "outcome": row.refusal.as_deref().map_or(json!("applied"), |name| refused(name, None)),
    })
}

/// What only the block has: the action's fields, the signer, the facts of a refusal.
fn fill(value: &mut Value, block: &Block, place: Place) {
    let bytes = block.body().transactions.get(usize::from(place.index));
    if let Some(transaction) = bytes.and_then(|bytes| Transaction::decode(bytes).ok()) {
        let body = transaction.body();
        value["action"] = json!(body.action);
        value["signer"] = json!(body.signer);
        value["nonce"] = json!(body.nonce);
        value["expires"] = json!(body.expires);
        value["bytes"] = json!(transaction.encoded_len());
    }
    if let Some(receipt) = receipt(block, place) {
        value["outcome"] = outcome_value(&receipt.outcome);
    }
}

fn receipt(block: &Block, place: Place) -> Option<Receipt> {
    Receipt::decode(block.body().receipts.get(usize::from(place.index))?).ok()
}

fn outcome_value(outcome: &Outcome) -> Value {
    match outcome {
        Outcome::Applied => json!("applied"),
        Outcome::Refused(refusal) => {
            let facts = refusal.facts.iter().map(|fact| (fact.name.to_string(), fact_json(&fact.value)));
            refused(&refusal.name, Some(facts.collect()))
        }
    }
}

fn refused(name: &str, facts: Option<Value>) -> Value {
    let mut refused = json!({ "name": name, "title_zh": chinese(name) });
    if let Some(facts) = facts {
        refused["facts"] = facts;
    }
    json!({ "refused": refused })
}
