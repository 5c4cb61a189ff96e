//! `GET /api/v1/patients` and below: handles, and the consents given under them.

use axum::{
    extract::{Path, State},
    http::{HeaderMap, Uri},
    response::Response,
};
use medveil_ledger::{
    AccountId, ConsentId, ObjectKind,
    state::{Record as _, consent::Consent, patient::Patient},
};
use serde_json::{Value, json};

use crate::{
    app::App,
    objects::{self, decode, item, key_of, read},
    problem::Problem,
    proof::{self, Wanted},
    query::{Params, bad_path},
};

/// Handles, those first that were made last.
pub(crate) async fn list(State(app): State<App>, uri: Uri) -> Result<Response, Problem> {
    objects::told::<Patient>(&app, &uri, &["patient.invited"], |event| {
        let is_account = event.object.kind == ObjectKind::Account;
        is_account.then_some(AccountId(event.object.id)).map(|id| (id, id.to_string()))
    })
    .await
}

/// One handle.
pub(crate) async fn get(
    State(app): State<App>,
    Path(id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let patient = handle(&id)?;
    objects::get::<Patient>(&app, patient, patient.to_string(), &uri, &headers, |_, _, _| {}).await
}

/// All consents of a patient, the newest first: there are as many as the patient's record says. With a proof, record and consents under one header.
pub(crate) async fn consents(
    State(app): State<App>,
    Path(id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let params = Params::read(&uri, &["proof"])?;
    let wanted = Wanted::read(&params, &headers)?;
    let patient = handle(&id)?;
    let chain = app.node().rules().chain();
    let keys = |count: u32| -> Vec<_> {
        let consents = (1..=count).map(|number| ConsentId::derive(chain, patient, number));
        let consents = consents.map(|id| key_of(Consent::head_key(&id)));
        std::iter::once(key_of(Patient::head_key(&patient))).chain(consents).collect()
    };
    let (_, values, _) = read(&app, keys(0), Wanted::Nothing).await?;
    let mut count =
        decode::<Patient>(values.into_iter().next().flatten())?.map_or(0, |head| head.value.consents);
    if count > MOST {
        return Err(
            Problem::of("proof.too_large").detail(format!("{count} consents, {MOST} are shown at once"))
        );
    }
    // One more may have been given since: then it is read again, so that none is left out.
    let (values, evidence, head) = loop {
        let (_, mut values, evidence) = read(&app, keys(count), wanted).await?;
        let rest = values.split_off(1);
        let head = decode::<Patient>(values.pop().flatten())?;
        match &head {
            Some(patient) if patient.value.consents > count => count = patient.value.consents,
            _ => break (rest, evidence, head),
        }
    };
    let Some(head) = head else {
        return Ok(proof::absent(Problem::of("object.not_found"), evidence, wanted));
    };
    let mut items: Vec<Value> = Vec::with_capacity(values.len());
    for (number, value) in (1..).zip(values) {
        if let Some(consent) = decode::<Consent>(value)? {
            let id = ConsentId::derive(chain, patient, number).to_string();
            items.push(item(&app, id, &consent, consent.version).await?);
        }
    }
    items.reverse();
    let value = json!({ "patient": patient, "given": head.value.consents, "items": items, "next": null });
    Ok(proof::answer(value, evidence, wanted))
}

/// Consents that are shown at once. At most 16 are in force; who gave more than a thousand asks for them one by one.
const MOST: u32 = 1000;

fn handle(text: &str) -> Result<AccountId, Problem> {
    text.parse().map_err(|_| bad_path("the id", "64 hexadecimal digits"))
}
