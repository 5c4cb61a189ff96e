//! What the state keeps: members, accounts, datasets, proposals, validators, parameters. One look-up for all.
//!
//! The read model says which there are; what holds, and since when, is read from the state, or with a proof from the proof itself.
//!
//! | asked | keys of the state, all under one header |
//! |---|---|
//! | nothing else | the head |
//! | `?version=N` | version N, version N + 1; the latest of all as the head |
//! | `?at=HEIGHT` | the version in force then and the one after it; version 1, when it came later |
//! | there is none | the head |

use std::cmp::Ordering;

use axum::{
    extract::{Path, State},
    http::{HeaderMap, Uri},
    response::Response,
};
use medveil_chain::{Bytes, Evidence};
use medveil_engine::{Key, ProveError};
use medveil_ledger::{
    AccountId, Canonical as _, DatasetId, Digest, Event, ObjectKind, ObjectRef, OrganisationId, Versioned,
    id::{
        AccessId, CertificateId, ChallengeId, ConsentId, ContractId, CustodyId, IncidentId, IssuerId,
        ReleaseId, RequestId,
    },
    state::{
        Record, access::Access, account::Account, certificate::Certificate, challenge::Challenge,
        consent::Consent, contract::Contract, custody::Custody, dataset::Dataset, incident::Incident,
        issuer::Issuer, key, organisation::Organisation, parameters::Parameters, proposal::Proposal,
        release::Release, request::Request, validators::ValidatorSet,
    },
};
use medveil_node::index::{EventFilter, ObjectFilter, ObjectRow, Place};
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    app::App,
    events,
    problem::Problem,
    proof::{self, Wanted},
    query::{Cursor, Params, bad, bad_path},
    reply,
};

/// Which version is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    Latest,
    Version(u64),
    At(u64),
}

impl Which {
    pub(crate) fn read(params: &Params) -> Result<Self, Problem> {
        match (params.parse("version", "a number")?, params.parse("at", "a height")?) {
            (Some(_), Some(_)) => Err(bad("at", "`version` or `at`, not both")),
            (Some(0), None) => Err(bad("version", "a number from 1 on")),
            (Some(version), None) => Ok(Self::Version(version)),
            (None, Some(height)) => Ok(Self::At(height)),
            (None, None) => Ok(Self::Latest),
        }
    }
}

/// What a look-up found.
pub(crate) struct Found<R> {
    /// The version asked for.
    pub(crate) version: Option<Versioned<R>>,
    /// The height at which the next one took effect.
    next: Option<u64>,
    /// How many there are.
    pub(crate) versions: u64,
    /// The height after which the state was like this.
    tip: u64,
    evidence: Option<Evidence>,
}

/// Values of the state after the tip, and the tip's height, with a proof if one is wanted.
pub(crate) async fn read(
    app: &App,
    keys: Vec<Key>,
    wanted: Wanted,
) -> Result<(u64, Vec<Option<Bytes>>, Option<Evidence>), Problem> {
    if wanted.is_wanted() {
        let (evidence, values) = proof::state(app, keys).await?;
        return Ok((evidence.header.height, values, Some(evidence)));
    }
    let (header, values) = app.node().engine().get(keys).await?;
    Ok((header.height, values, None))
}

/// Looks for a version of a record.
pub(crate) async fn look_up<R: Record>(
    app: &App,
    id: &R::Id,
    which: Which,
    wanted: Wanted,
) -> Result<Found<R>, Problem> {
    match which {
        Which::Latest => {
            let (tip, values, evidence) = read(app, vec![key_of(R::head_key(id))], wanted).await?;
            let version: Option<Versioned<R>> = decode(values.into_iter().next().flatten())?;
            let versions = version.as_ref().map_or(0, |version| version.version);
            Ok(Found { version, next: None, versions, tip, evidence })
        }
        Which::Version(number) => pair(app, id, number, wanted).await,
        Which::At(height) => {
            let (tip, values, _) = read(app, vec![key_of(R::head_key(id))], Wanted::Nothing).await?;
            if height > tip {
                return Err(Problem::of("height.not_reached").detail(format!("the chain is at height {tip}")));
            }
            let head: Option<Versioned<R>> = decode(values.into_iter().next().flatten())?;
            let number = match head {
                Some(head) => in_force_at::<R>(app, id, &head, height).await?,
                None => 0,
            };
            pair(app, id, number, wanted).await
        }
    }
}

/// A version and the one after it, which says until when it was in force; of number 0, that the first came later or not at all.
async fn pair<R: Record>(app: &App, id: &R::Id, number: u64, wanted: Wanted) -> Result<Found<R>, Problem> {
    let numbers = |_| if number == 0 { vec![1] } else { vec![number, number.saturating_add(1)] };
    let Versions { latest, values, tip, evidence } = versions_of::<R>(app, id, numbers, wanted).await?;
    let mut values = values.into_iter();
    let version = if number == 0 { None } else { values.next().flatten() };
    let next = values.next().flatten().map(|next| next.height);
    Ok(Found { version, next, versions: latest, tip, evidence })
}

/// Versions of a record.
pub(crate) struct Versions<R> {
    /// How many there are.
    pub(crate) latest: u64,
    /// Those asked for, in the order asked; none for numbers above the latest.
    pub(crate) values: Vec<Option<Versioned<R>>>,
    /// The height after which the state was like this.
    tip: u64,
    pub(crate) evidence: Option<Evidence>,
}

/// How often versions are read again when another comes in between.
const ATTEMPTS: usize = 8;

/// Versions of a record by their numbers, which may depend on how many there are. Past ones are under keys of their own, the latest is the head, which also shows that none follows.
pub(crate) async fn versions_of<R: Record>(
    app: &App,
    id: &R::Id,
    numbers: impl Fn(u64) -> Vec<u64>,
    wanted: Wanted,
) -> Result<Versions<R>, Problem> {
    let head_key = key_of(R::head_key(id));
    let (tip, values, _) = read(app, vec![head_key.clone()], Wanted::Nothing).await?;
    let count = |head: &Option<Versioned<R>>| head.as_ref().map_or(0, |head| head.version);
    let mut latest = count(&decode::<R>(values.into_iter().next().flatten())?);
    for _ in 0..ATTEMPTS {
        let numbers = numbers(latest);
        let past = numbers.iter().filter(|number| **number < latest);
        let mut keys: Vec<Key> = past.map(|number| version_key::<R>(id, *number)).collect();
        let with_head = keys.len() < numbers.len() || numbers.is_empty() && wanted.is_wanted();
        if with_head {
            keys.push(head_key.clone());
        }
        if keys.is_empty() {
            return Ok(Versions { latest, values: Vec::new(), tip, evidence: None });
        }
        let (tip, values, evidence) = read(app, keys, wanted).await?;
        let mut values: Vec<Option<Versioned<R>>> =
            values.into_iter().map(decode::<R>).collect::<Result<_, _>>()?;
        let head = if with_head { values.pop().flatten() } else { None };
        if with_head && count(&head) != latest {
            // Another version came since the first look.
            latest = count(&head);
            continue;
        }
        let (mut past, mut head) = (values.into_iter(), head);
        let values = numbers
            .iter()
            .map(|number| match number.cmp(&latest) {
                Ordering::Less => past.next().flatten(),
                Ordering::Equal => head.take(),
                Ordering::Greater => None,
            })
            .collect();
        return Ok(Versions { latest, values, tip, evidence });
    }
    Err(ProveError::TooFast.into())
}

/// The number of the version in force at a height; 0 if there was none.
async fn in_force_at<R: Record>(
    app: &App,
    id: &R::Id,
    head: &Versioned<R>,
    height: u64,
) -> Result<u64, Problem> {
    // INVARIANT: version `low` took effect at `height` or before (0: nothing), version `high` after it.
    let (mut low, mut high) = (0, head.version);
    if head.height <= height {
        return Ok(head.version);
    }
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        let (_, values, _) = read(app, vec![version_key::<R>(id, middle)], Wanted::Nothing).await?;
        let version: Option<Versioned<R>> = decode(values.into_iter().next().flatten())?;
        match version {
            Some(version) if version.height <= height => low = middle,
            _ => high = middle,
        }
    }
    Ok(low)
}

/// The answer to a look-up. `extra` adds members to what was found.
pub(crate) async fn answer<R: Record + Serialize>(
    app: &App,
    id: String,
    found: Found<R>,
    which: Which,
    wanted: Wanted,
    extra: impl FnOnce(&mut Value, &R, u64),
) -> Result<Response, Problem> {
    let Some(version) = found.version else {
        let problem = match which {
            Which::Version(_) if found.versions > 0 => Problem::of("object.no_such_version")
                .detail(format!("there are {} versions, counted from 1", found.versions)),
            Which::At(height) if found.versions > 0 => {
                Problem::of("object.not_found").detail(format!("there was none at height {height}"))
            }
            _ => Problem::of("object.not_found"),
        };
        return Ok(proof::absent(problem, found.evidence, wanted));
    };
    let mut value = item(app, id, &version, found.versions).await?;
    value["in_force"] = json!({ "from": version.height, "until": found.next });
    extra(&mut value, &version.value, found.tip);
    Ok(proof::answer(value, found.evidence, wanted))
}

/// A version as clients see it.
pub(crate) async fn item<R: Serialize>(
    app: &App,
    id: String,
    version: &Versioned<R>,
    versions: u64,
) -> Result<Value, Problem> {
    let height = version.height;
    let time_ms = app.index(move |index| index.time_of(height)).await?;
    Ok(json!({
        "id": id,
        "version": version.version,
        "height": version.height,
        "time_ms": time_ms,
        "value": version.value,
        "versions": versions,
    }))
}

/// One record by its id.
pub(crate) async fn get<R: Record + Serialize>(
    app: &App,
    id: R::Id,
    text: String,
    uri: &Uri,
    headers: &HeaderMap,
    extra: impl FnOnce(&mut Value, &R, u64),
) -> Result<Response, Problem> {
    let params = Params::read(uri, &["version", "at", "proof"])?;
    let (which, wanted) = (Which::read(&params)?, Wanted::read(&params, headers)?);
    let found = look_up::<R>(app, &id, which, wanted).await?;
    answer(app, text, found, which, wanted, extra).await
}

/// Records of a kind that the read model has met, those first that were met last.
pub(crate) async fn list<R: Record + Serialize>(
    app: &App,
    uri: &Uri,
    kind: ObjectKind,
    id: impl Fn(&ObjectRef) -> Option<R::Id>,
) -> Result<Response, Problem> {
    let params = Params::read(uri, &["organisation", "from", "to", "limit", "cursor"])?;
    let organisation = params.parse::<OrganisationId>("organisation", "an organisation's name")?;
    let filter = ObjectFilter { kind, organisation, times: params.times()? };
    let page = params.page::<i64>()?;
    let rows: Vec<ObjectRow> = app.index(move |index| index.objects(filter, page)).await?;
    let last = rows.last().map(|row| row.number).filter(|_| rows.len() >= page.limit as usize);
    let rows: Vec<(ObjectRow, R::Id)> = rows
        .into_iter()
        .filter_map(|row| {
            let id = id(&row.object)?;
            Some((row, id))
        })
        .collect();
    let keys = rows.iter().map(|(_, id)| key_of(R::head_key(id))).collect();
    let values = if rows.is_empty() { Vec::new() } else { read(app, keys, Wanted::Nothing).await?.1 };
    let mut items = Vec::with_capacity(rows.len());
    for ((row, _), value) in rows.into_iter().zip(values) {
        // An organisation's administrators are foreseen by its proposal; they exist once it is admitted.
        let Some(head) = decode::<R>(value)? else { continue };
        let mut value = item(app, id_text(&row.object), &head, head.version).await?;
        value["organisation"] = json!(row.organisation);
        value["created"] = json!({ "height": row.height, "time_ms": row.time_ms });
        items.push(value);
    }
    let next = last.map(|last| last.text());
    Ok(reply::json(&json!({ "items": items, "next": next })))
}

/// Records that events of some kinds tell of, one event each; those first that were told of last.
pub(crate) async fn told<R: Record + Serialize>(
    app: &App,
    uri: &Uri,
    kinds: &'static [&'static str],
    id: impl Fn(&Event) -> Option<(R::Id, String)>,
) -> Result<Response, Problem> {
    let params = Params::read(uri, &["organisation", "from", "to", "limit", "cursor"])?;
    let organisation = params.parse::<OrganisationId>("organisation", "an organisation's name")?;
    let filter = EventFilter { organisation, times: params.times()?, ..Default::default() };
    let page = params.page::<Place>()?;
    let rows = events::of_kinds(app, filter, kinds, page).await?;
    let last = rows.last().map(|row| row.place);
    let next = last.filter(|_| rows.len() >= page.limit as usize).map(|last| last.text());
    let found: Vec<_> = rows.iter().filter_map(|row| id(&row.event).map(|found| (row, found))).collect();
    let keys: Vec<Key> = found.iter().map(|(_, (id, _))| key_of(R::head_key(id))).collect();
    let values = if keys.is_empty() { Vec::new() } else { read(app, keys, Wanted::Nothing).await?.1 };
    let mut items = Vec::with_capacity(values.len());
    for ((row, (_, text)), value) in found.into_iter().zip(values) {
        let Some(head) = decode::<R>(value)? else { continue };
        let mut value = item(app, text, &head, head.version).await?;
        value["organisation"] = json!(row.event.organisation);
        value["created"] = json!({ "height": row.place.height, "time_ms": row.time_ms });
        items.push(value);
    }
    Ok(reply::json(&json!({ "items": items, "next": next })))
}

/// The numbers of versions below the one of a cursor, newest first.
pub(crate) fn below(before: Option<u64>, latest: u64) -> impl Iterator<Item = u64> {
    (1..before.map_or(latest + 1, |before| before.min(latest + 1))).rev()
}

/// The versions of a record of which there is one, newest first.
async fn versions<R: Record<Id = ()> + Serialize>(
    app: &App,
    uri: &Uri,
    text: impl Fn(&Versioned<R>) -> String,
) -> Result<Response, Problem> {
    let params = Params::read(uri, &["limit", "cursor"])?;
    let page = params.page::<u64>()?;
    let numbers = |latest| below(page.before, latest).take(page.limit as usize).collect();
    let Versions { latest, values, .. } = versions_of::<R>(app, &(), numbers, Wanted::Nothing).await?;
    let mut items = Vec::with_capacity(values.len());
    let mut last = None;
    for version in values.into_iter().flatten() {
        items.push(item(app, text(&version), &version, latest).await?);
        last = Some(version.version);
    }
    Ok(reply::page(items, page.limit, last.filter(|number| *number > 1)))
}

pub(crate) async fn members(State(app): State<App>, uri: Uri) -> Result<Response, Problem> {
    list::<Organisation>(&app, &uri, ObjectKind::Organisation, ObjectRef::as_organisation).await
}

pub(crate) async fn member(
    State(app): State<App>,
    Path(id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let organisation = OrganisationId::new(&id).map_err(|_| bad_path("the id", "an organisation's name"))?;
    get::<Organisation>(&app, organisation, id, &uri, &headers, |_, _, _| {}).await
}

pub(crate) async fn accounts(State(app): State<App>, uri: Uri) -> Result<Response, Problem> {
    list::<Account>(&app, &uri, ObjectKind::Account, |object| Some(AccountId(object.id))).await
}

pub(crate) async fn account(
    State(app): State<App>,
    Path(id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let account: AccountId = id.parse().map_err(|_| bad_path("the id", "64 hexadecimal digits"))?;
    // The nonce is the next transaction's, whatever version is asked for.
    let (_, values, _) = read(&app, vec![key_of(key::nonce(&account))], Wanted::Nothing).await?;
    let nonce = values.into_iter().next().flatten().map_or(Ok(0), |bytes| u64::decode(&bytes));
    let nonce = nonce.map_err(|_| Problem::of("state.unreadable"))?;
    get::<Account>(&app, account, account.to_string(), &uri, &headers, |value, _, _| {
        value["nonce"] = json!(nonce);
    })
    .await
}

/// Resources whose ids are digests: a list and a look-up each.
macro_rules! digests {
    ($($list:ident $one:ident $record:ty, $id:path, $kind:ident;)*) => {$(
        pub(crate) async fn $list(State(app): State<App>, uri: Uri) -> Result<Response, Problem> {
            list::<$record>(&app, &uri, ObjectKind::$kind, |object| Some($id(object.id))).await
        }

        pub(crate) async fn $one(
            State(app): State<App>,
            Path(id): Path<String>,
            uri: Uri,
            headers: HeaderMap,
        ) -> Result<Response, Problem> {
            let digest: Digest = id.parse().map_err(|_| bad_path("the id", "64 hexadecimal digits"))?;
            get::<$record>(&app, $id(digest.0), digest.to_string(), &uri, &headers, |_, _, _| {}).await
        }
    )*};
}

digests! {
    datasets dataset Dataset, DatasetId, Dataset;
    consents consent Consent, ConsentId, Consent;
    contracts contract Contract, ContractId, Contract;
    requests request Request, RequestId, Request;
    releases release Release, ReleaseId, Release;
    accesses access Access, AccessId, Access;
    challenges challenge Challenge, ChallengeId, Challenge;
    incidents incident Incident, IncidentId, Incident;
    custody_objects custody_object Custody, CustodyId, Custody;
    certificates certificate Certificate, CertificateId, Certificate;
    issuers issuer Issuer, IssuerId, Issuer;
}

pub(crate) async fn proposals(State(app): State<App>, uri: Uri) -> Result<Response, Problem> {
    list::<Proposal>(&app, &uri, ObjectKind::Proposal, ObjectRef::as_number).await
}

pub(crate) async fn proposal(
    State(app): State<App>,
    Path(id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let number: u64 = id.parse().map_err(|_| bad_path("the id", "a number"))?;
    get::<Proposal>(&app, number, number.to_string(), &uri, &headers, |value, proposal, tip| {
        value["status"] = json!(proposal.status(tip));
    })
    .await
}

pub(crate) async fn validator_sets(State(app): State<App>, uri: Uri) -> Result<Response, Problem> {
    versions::<ValidatorSet>(&app, &uri, |version| version.value.epoch.to_string()).await
}

/// The validators of an epoch, or those in force (`current`).
pub(crate) async fn validator_set(
    State(app): State<App>,
    Path(id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let epoch = |_: &mut Value, _: &ValidatorSet, _: u64| {};
    if id == "current" {
        return get::<ValidatorSet>(&app, (), id, &uri, &headers, epoch).await;
    }
    let number: u64 = id.parse().map_err(|_| bad_path("the epoch", "a number or `current`"))?;
    let params = Params::read(&uri, &["proof"])?;
    let wanted = Wanted::read(&params, &headers)?;
    // Version n is the set of epoch n - 1.
    let which = Which::Version(number.saturating_add(1));
    let found = look_up::<ValidatorSet>(&app, &(), which, wanted).await?;
    answer(&app, id, found, which, wanted, epoch).await
}

pub(crate) async fn parameters(State(app): State<App>, uri: Uri) -> Result<Response, Problem> {
    versions::<Parameters>(&app, &uri, |version| version.version.to_string()).await
}

/// The parameters in force.
pub(crate) async fn current_parameters(
    State(app): State<App>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    get::<Parameters>(&app, (), "current".to_owned(), &uri, &headers, |_, _, _| {}).await
}

/// The id of an object as people write it, without its kind.
pub(crate) fn id_text(object: &ObjectRef) -> String {
    let text = object.to_string();
    text.split_once('/').map_or(text.clone(), |(_, id)| id.to_owned())
}

pub(crate) fn key_of(key: medveil_ledger::Key) -> Key {
    key.as_ref().to_vec()
}

pub(crate) fn version_key<R: Record>(id: &R::Id, version: u64) -> Key {
    key_of(R::version_key(id, version))
}

pub(crate) fn decode<R: Record>(bytes: Option<Bytes>) -> Result<Option<Versioned<R>>, Problem> {
    let decoded = bytes.map(|bytes| Versioned::decode(&bytes)).transpose();
    decoded.map_err(|_| Problem::of("state.unreadable"))
}
