//! `GET /api/v1/status` and `/api/v1/genesis`.

use axum::{
    extract::State,
    http::{Uri, header},
    response::{IntoResponse as _, Response},
};
use medveil_ledger::{
    Canonical as _, OrganisationId, Versioned,
    state::{
        Record as _,
        validators::{Roster, Validator, ValidatorSet},
    },
};
use serde_json::{Value, json};

use crate::{app::App, objects::key_of, problem::Problem, query::Params, reply};

/// How the node is.
pub(crate) async fn get(State(app): State<App>, uri: Uri) -> Result<Response, Problem> {
    Params::read(&uri, &[])?;
    let node = app.node();
    let status = node.engine().status().await.ok_or_else(|| Problem::of("node.stopped"))?;
    let (validators, known) = validators(&app).await;
    let organisation_of = |key: &[u8]| -> Option<OrganisationId> {
        known
            .iter()
            .find(|validator| validator.key.0.as_slice() == key)
            .map(|validator| validator.organisation)
    };
    let genesis = node.rules().genesis();
    let progress = node.index().progress().borrow().clone();
    let peers: Vec<Value> = status
        .peers
        .iter()
        .map(|peer| {
            json!({
                "organisation": organisation_of(peer.key.as_ref()),
                "key": hex::encode(peer.key.as_ref()),
                "address": peer.address,
                "height": peer.height,
                "silent_ms": peer.silent_for,
            })
        })
        .collect();
    Ok(reply::json(&json!({
        "chain": genesis.chain,
        "chain_id": node.rules().chain(),
        "genesis_digest": status.genesis.to_string(),
        "organisation": organisation_of(status.key.as_ref()),
        "key": hex::encode(status.key.as_ref()),
        "validator": status.validator,
        "tip": status.tip.as_ref().map(|tip| json!({
            "height": tip.height,
            "time_ms": tip.time,
            "epoch": tip.epoch,
            "digest": tip.digest().to_string(),
        })),
        "indexed": progress.height,
        "indexed_since": progress.since,
        "validators": validators,
        "peers": peers,
        "mempool": {
            "transactions": status.mempool.transactions,
            "bytes": status.mempool.bytes,
            "accounts": status.mempool.accounts,
        },
        "version": env!("CARGO_PKG_VERSION"),
    })))
}

/// The genesis file.
pub(crate) async fn genesis(State(app): State<App>, uri: Uri) -> Result<Response, Problem> {
    Params::read(&uri, &[])?;
    let text = app.node().rules().genesis().to_toml();
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response())
}

/// The validators in force, and all that are known: those, the next ones, and the first.
async fn validators(app: &App) -> (Vec<Validator>, Vec<Validator>) {
    let keys = vec![key_of(ValidatorSet::head_key(&())), key_of(Roster::head_key(&()))];
    let first = app.node().rules().genesis().validators().validators;
    // Before the first block the state has nothing.
    let Ok((_, values)) = app.node().engine().get(keys).await else { return (first.clone(), first) };
    let [set, roster] = values.as_slice() else { return (first.clone(), first) };
    let now = set.as_ref().and_then(|bytes| Versioned::<ValidatorSet>::decode(bytes).ok());
    let now = now.map_or_else(|| first.clone(), |set| set.value.validators);
    let next = roster.as_ref().and_then(|bytes| Versioned::<Roster>::decode(bytes).ok());
    let next = next.map(|roster| roster.value.set(0).validators).unwrap_or_default();
    let known = now.iter().cloned().chain(next).chain(first).collect();
    (now, known)
}
