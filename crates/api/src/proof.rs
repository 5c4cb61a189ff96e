//! Proofs, and the answers that are read from them.

use axum::{
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use medveil_chain::{Block, Bytes, Claim, EntryKind, Evidence, StateProof};
use medveil_engine::{Key, ProveError};
use serde_json::{Value, json};

use crate::{
    app::App,
    problem::Problem,
    query::{Params, wants_evidence},
    reply,
};

/// Whether a proof is asked for, and in which form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// None.
    Nothing,
    /// In a member of the answer.
    Member,
    /// The evidence file is the answer.
    File,
}

impl Wanted {
    /// By `?proof=1` or the media type that is accepted.
    pub(crate) fn read(params: &Params, headers: &HeaderMap) -> Result<Self, Problem> {
        Ok(match (wants_evidence(headers), params.flag("proof")?) {
            (true, _) => Self::File,
            (false, true) => Self::Member,
            (false, false) => Self::Nothing,
        })
    }

    pub(crate) fn is_wanted(self) -> bool {
        self != Self::Nothing
    }
}

/// How often a state that goes on while it is read is read again.
const ATTEMPTS: usize = 5;

/// Evidence of values of the state after the tip, and the values.
pub(crate) async fn state(app: &App, keys: Vec<Key>) -> Result<(Evidence, Vec<Option<Bytes>>), Problem> {
    for _ in 1..ATTEMPTS {
        match app.node().engine().prove(keys.clone()).await {
            Err(ProveError::TooFast) => {}
            answer => return Ok(with_values(answer?)),
        }
    }
    Ok(with_values(app.node().engine().prove(keys).await?))
}

fn with_values(evidence: Evidence) -> (Evidence, Vec<Option<Bytes>>) {
    let values = evidence.claims.iter().map(|claim| match claim {
        Claim::State { proof: StateProof::Present { value, .. }, .. } => Some(value.clone()),
        _ => None,
    });
    let values = values.collect();
    (evidence, values)
}

/// Evidence of entries of one block.
pub(crate) async fn entries(
    app: &App,
    block: &Block,
    entries: impl IntoIterator<Item = (EntryKind, u32)>,
) -> Result<Evidence, Problem> {
    let mut claims = Vec::new();
    let mut tree = None;
    for (kind, index) in entries {
        let missing = || Problem::from(ProveError::NoSuchEntry { height: block.height(), index });
        let entry = block.body().entries(kind).get(index as usize).cloned().ok_or_else(missing)?;
        // One tree for the entries of a kind that follow each other.
        let (_, of_kind) = match tree.take() {
            Some((known, of_kind)) if known == kind => tree.insert((kind, of_kind)),
            _ => tree.insert((kind, block.body().tree(kind))),
        };
        let proof = of_kind.prove(index).ok_or_else(missing)?;
        claims.push(Claim::Entry { kind, index, entry, proof });
    }
    let Some(Claim::Entry { kind, index, .. }) = claims.first() else {
        return Err(Problem::of("proof.nothing"));
    };
    // What makes the block final comes with the first.
    let evidence = app.node().engine().prove_entry(block.height(), *kind, *index).await?;
    Ok(Evidence { claims, ..evidence })
}

/// The answer `value`, with its evidence in the form that is wanted.
pub(crate) fn answer(mut value: Value, evidence: Option<Evidence>, wanted: Wanted) -> Response {
    match (evidence, wanted) {
        (Some(evidence), Wanted::File) => reply::evidence(StatusCode::OK, evidence.to_bytes()),
        (Some(evidence), _) => {
            value["proof"] = member(&evidence);
            reply::json(&value)
        }
        (None, _) => reply::json(&value),
    }
}

/// That there is nothing, with its evidence in the form that is wanted.
pub(crate) fn absent(problem: Problem, evidence: Option<Evidence>, wanted: Wanted) -> Response {
    match (evidence, wanted) {
        (Some(evidence), Wanted::File) => reply::evidence(problem.status, evidence.to_bytes()),
        (Some(evidence), _) => problem.with("proof", member(&evidence)).into_response(),
        (None, _) => problem.into_response(),
    }
}

fn member(evidence: &Evidence) -> Value {
    json!({ "height": evidence.header.height, "evidence": STANDARD.encode(evidence.to_bytes()) })
}
