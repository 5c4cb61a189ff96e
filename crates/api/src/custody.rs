//! Custody over HTTP: shards between members' nodes, and between a node and its own people.
//!
//! | path | asked by | signed with |
//! |---|---|---|
//! | `/internal/v1/custody/..` | other members' nodes | the custodian's key of a member |
//! | `/api/v1/custody/{id}/{version}/..` | the organisation's own people | a key of an account of the organisation |
//! | the same, reading alone, with `?request=HEX` | who was granted the key of this version, of any organisation | a key of the account that asked for it |
//!
//! Both are signed as [`medveil_node::custody::auth`] says, and so are the answers. What is given is pieces of sealed bytes; who may read them is decided by who gets the key.

use std::time::Duration;

use axum::{
    body::to_bytes,
    extract::{Path, Request, State},
    http::{HeaderValue, Method, StatusCode, Uri, header},
    response::{IntoResponse as _, Response},
};
use medveil_ledger::{CustodyId, Digest, Slug, role::Capacity, state::custody::KeyRequest};
use medveil_node::{
    Custody, clock,
    custody::{
        KeepingError, Roster,
        auth::{ANSWER_HEADER, AuthFault, Caller, REQUEST_HEADER},
        subject,
    },
};
use medveil_vault::{envelope::Subject, shards::SourceError, store::StoreError};
use serde::Serialize;
use serde_json::json;

use crate::{
    app::App,
    problem::Problem,
    query::{Params, bad, bad_path},
    reply,
};

/// Bytes of a body at most: a segment or a manifest.
const MAX_BODY: usize = 9 << 20;

/// How long a body may take to arrive.
const ARRIVAL: Duration = Duration::from_secs(60);

/// What is asked for of a version of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ask {
    Manifest,
    Check,
    Holders,
    Health,
    Held(u8),
    Segment(u8, u64),
}

impl Ask {
    fn parse(rest: &str) -> Option<Self> {
        Some(match rest.split_once('/') {
            None => match rest {
                "manifest" => Ask::Manifest,
                "check" => Ask::Check,
                "holders" => Ask::Holders,
                "health" => Ask::Health,
                shard => Ask::Held(shard.parse().ok()?),
            },
            Some((shard, segment)) => Ask::Segment(shard.parse().ok()?, segment.parse().ok()?),
        })
    }
}

/// What is given, before it is signed.
struct Given(&'static str, Vec<u8>);

impl Given {
    fn bytes(bytes: impl Into<Vec<u8>>) -> Self {
        Self("application/octet-stream", bytes.into())
    }

    fn json(value: &impl Serialize) -> Self {
        Self("application/json", serde_json::to_vec(value).expect("what is answered has a form in JSON"))
    }

    fn done() -> Self {
        Self("application/json", b"{}".to_vec())
    }
}

/// A request that was read and is signed by somebody of the ledger.
struct Asked {
    custody: Custody,
    caller: Caller,
    method: Method,
    uri: Uri,
    body: axum::body::Bytes,
}

/// What other members' nodes ask.
pub(crate) async fn members(
    State(app): State<App>,
    Path((id, version, rest)): Path<(String, String, String)>,
    request: Request,
) -> Response {
    let Ok(_permit) = app.transfer().await else { return Problem::of("node.busy").into_response() };
    let asked = match read(&app, request).await {
        Ok(asked) => asked,
        Err(problem) => return problem.into_response(),
    };
    let given = match asked.caller.capacity {
        Capacity::Custodian => for_members(&asked, &id, &version, &rest).await,
        _ => Err(not_allowed(asked.caller)),
    };
    signed(&asked, given)
}

async fn for_members(asked: &Asked, id: &str, version: &str, rest: &str) -> Result<Given, Problem> {
    let (subject, ask) = place(id, version, rest)?;
    let (shelf, member) = (asked.custody.shelf(), asked.caller.organisation);
    Ok(match (asked.method.as_str(), ask) {
        ("GET", Ask::Manifest) => Given::bytes(shelf.manifest(&subject).await.map_err(refused)?),
        ("PUT", Ask::Manifest) => {
            let label = label(&asked.uri)?;
            shelf.offer(member, &subject, label, &asked.body).await.map_err(refused)?;
            Given::done()
        }
        ("GET", Ask::Held(shard)) => Given::json(&shelf.held(&subject, shard).await.map_err(refused)?),
        ("GET", Ask::Segment(shard, segment)) => {
            let range = range(&asked.uri)?;
            Given::bytes(shelf.read(&subject, shard, segment, range).await.map_err(refused)?)
        }
        ("PUT", Ask::Segment(shard, segment)) => {
            shelf.put(member, &subject, shard, segment, asked.body.clone()).await.map_err(refused)?;
            Given::done()
        }
        ("POST", Ask::Check) => Given::json(&shelf.check(&subject).await.map_err(refused)?),
        _ => return Err(Problem::of("request.method")),
    })
}

/// What people of the node's own organisation ask.
pub(crate) async fn own(
    State(app): State<App>,
    Path((id, version, rest)): Path<(String, String, String)>,
    request: Request,
) -> Response {
    let Ok(_permit) = app.own_transfer().await else { return Problem::of("node.busy").into_response() };
    let asked = match read(&app, request).await {
        Ok(asked) => asked,
        Err(problem) => return problem.into_response(),
    };
    let caller = asked.caller;
    let own = caller.organisation == asked.custody.organisation() && caller.capacity != Capacity::Patient;
    let allowed = match own {
        true => Ok(true),
        false => is_reader(&asked, &id, &version, &rest).await,
    };
    let given = match allowed {
        Ok(true) => for_own(&asked, &id, &version, &rest).await,
        Ok(false) => Err(not_allowed(caller)),
        Err(problem) => Err(problem),
    };
    signed(&asked, given)
}

/// Whether somebody of another organisation, such as one without a node, may read pieces here: who asked for the key of this version and was granted it, as long as that lasts.
async fn is_reader(asked: &Asked, id: &str, version: &str, rest: &str) -> Result<bool, Problem> {
    let (subject, ask) = place(id, version, rest)?;
    let reads = asked.method == Method::GET && matches!(ask, Ask::Manifest | Ask::Holders | Ask::Segment(..));
    let params = Params::read(&asked.uri, &["from", "to", "request"])?;
    let request = params.parse::<Digest>("request", "the request for the key")?;
    let Some(request) = request.filter(|_| reads) else { return Ok(false) };
    let found = asked.custody.agent().node().latest::<KeyRequest>(&request).await;
    let found = found.map_err(|error| Problem::of("node.not_ready").detail(error.to_string()))?;
    Ok(found.is_some_and(|found| {
        let KeyRequest { object, version, requester, until_ms, .. } = found.value;
        subject.object.0 == object.0
            && subject.version == version
            && requester == asked.caller.account
            && clock::now_ms() < until_ms
    }))
}

async fn for_own(asked: &Asked, id: &str, version: &str, rest: &str) -> Result<Given, Problem> {
    let (subject, ask) = place(id, version, rest)?;
    let shelf = asked.custody.shelf();
    Ok(match (asked.method.as_str(), ask) {
        ("GET", Ask::Manifest) => {
            let manifest = shelf.any_manifest(&subject).await.map_err(refused)?;
            Given::bytes(medveil_vault::Canonical::encode(&*manifest))
        }
        ("PUT", Ask::Manifest) => {
            let label = label(&asked.uri)?;
            Given::json(&shelf.offer_to_all(&subject, label, &asked.body).await.map_err(refused)?)
        }
        ("GET", Ask::Holders) => Given::json(&shelf.holders(&subject).await.map_err(refused)?),
        ("GET", Ask::Health) => Given::json(&shelf.health(&subject).await.map_err(refused)?),
        ("POST", Ask::Check) => Given::json(&shelf.repair(&subject).await.map_err(refused)?),
        ("GET", Ask::Segment(shard, segment)) => {
            let range = range(&asked.uri)?;
            let fetched = shelf.fetch(&subject, shard, segment, range).await;
            Given::bytes(fetched.map_err(|error| match &error {
                SourceError::Absent => Problem::of("custody.absent"),
                SourceError::Slow { .. } => Problem::of("custody.slow").detail(error.to_string()),
                SourceError::Failed { .. } => Problem::of("custody.failed").detail(error.to_string()),
            })?)
        }
        ("PUT", Ask::Segment(shard, segment)) => {
            shelf.place(&subject, shard, segment, asked.body.clone()).await.map_err(refused)?;
            Given::done()
        }
        _ => return Err(Problem::of("request.method")),
    })
}

/// Reads a request and checks who signed it.
async fn read(app: &App, request: Request) -> Result<Asked, Problem> {
    let custody = app.custody().cloned().ok_or_else(|| Problem::of("custody.none"))?;
    let (parts, body) = request.into_parts();
    let body = tokio::time::timeout(ARRIVAL, to_bytes(body, MAX_BODY)).await;
    let body = body
        .map_err(|_| Problem::of("request.too_slow"))?
        .map_err(|_| Problem::of("request.too_large").detail(format!("at most {MAX_BODY} bytes are read")))?;
    let path = parts.uri.path_and_query().map_or("", |path| path.as_str());
    let header = parts.headers.get(REQUEST_HEADER).and_then(|header| header.to_str().ok());
    let caller = custody.authenticate(parts.method.as_str(), path, &body, header).await;
    let caller = caller.map_err(|fault| match fault {
        AuthFault::Read(_) => Problem::of("node.not_ready").detail(fault.to_string()),
        fault => Problem::of("custody.not_signed").detail(fault.to_string()),
    })?;
    Ok(Asked { custody, caller, method: parts.method, uri: parts.uri, body })
}

/// The answer, signed.
fn signed(asked: &Asked, given: Result<Given, Problem>) -> Response {
    let (status, media_type, body) = match given {
        Ok(Given(media_type, body)) => (StatusCode::OK, media_type, body),
        Err(problem) => {
            (problem.status, "application/problem+json", problem.to_json().to_string().into_bytes())
        }
    };
    let header = match asked.custody.sign_answer(&asked.caller, status.as_u16(), &body) {
        Ok(header) => header,
        // Unsigned it would not be believed.
        Err(refusal) => return Problem::of("node.not_ready").detail(refusal.to_string()).into_response(),
    };
    let mut response = (status, [(header::CONTENT_TYPE, media_type)], body).into_response();
    if let Ok(value) = HeaderValue::from_str(&header) {
        response.headers_mut().insert(ANSWER_HEADER, value);
    }
    response
}

fn place(id: &str, version: &str, rest: &str) -> Result<(Subject, Ask), Problem> {
    let object: CustodyId = id.parse().map_err(|_| bad_path("the id", "64 hexadecimal digits"))?;
    let version = version.parse().map_err(|_| bad_path("the version", "a number"))?;
    let ask = Ask::parse(rest).ok_or_else(|| Problem::of("request.no_such_path"))?;
    Ok((subject(object, version), ask))
}

fn label(uri: &Uri) -> Result<Slug, Problem> {
    let params = Params::read(uri, &["label"])?;
    let label = params.parse::<Slug>("label", "what the owner calls the object")?;
    label.ok_or_else(|| bad("label", "what the owner calls the object"))
}

fn range(uri: &Uri) -> Result<std::ops::Range<usize>, Problem> {
    let params = Params::read(uri, &["from", "to", "request"])?;
    let (from, to) = (params.parse("from", "a byte")?, params.parse("to", "a byte")?);
    Ok(from.unwrap_or(0)..to.ok_or_else(|| bad("to", "the byte after the last"))?)
}

fn not_allowed(caller: Caller) -> Problem {
    Problem::of("custody.not_allowed").detail(AuthFault::NotAllowed { account: caller.account }.to_string())
}

fn refused(error: KeepingError) -> Problem {
    let code = match &error {
        KeepingError::Absent { .. } => "custody.absent",
        KeepingError::TooMuch { .. } | KeepingError::Store(StoreError::Full { .. }) => "custody.full",
        KeepingError::NotYours { .. }
        | KeepingError::Version { .. }
        | KeepingError::Destroyed
        | KeepingError::Manifest(_)
        | KeepingError::Unfit { .. }
        | KeepingError::NotHeld { .. }
        | KeepingError::NoCommittee
        | KeepingError::Store(StoreError::Wrong(_)) => "custody.not_taken",
        KeepingError::Store(_) | KeepingError::Read(_) | KeepingError::System(_) | KeepingError::Peer(_) => {
            "custody.failed"
        }
    };
    Problem::of(code).detail(error.to_string())
}

/// The committee that holds the key.
pub(crate) async fn committee(State(app): State<App>) -> Result<Response, Problem> {
    let custody = app.custody().ok_or_else(|| Problem::of("custody.none"))?;
    let Some(roster) = custody.roster() else { return Err(Problem::of("custody.no_committee")) };
    let Roster { session, height, committee, members, seats } = &*roster;
    let revealed: Vec<_> =
        committee.revealed().iter().filter_map(|member| roster.organisation(member)).collect();
    let members: std::collections::BTreeMap<_, _> =
        members.iter().map(|(organisation, member)| (organisation, member.to_string())).collect();
    Ok(reply::json(&json!({
        "session": session,
        "height": height,
        "public_key": hex::encode(committee.public_key()),
        "quorum": committee.quorum(),
        "members": members,
        "seats": seats,
        "revealed": revealed,
        "has_share": custody.has_share(),
        "roster": hex::encode(medveil_vault::Canonical::encode(&*roster)),
    })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_is_read_from_the_path() {
        for (rest, ask) in [
            ("manifest", Some(Ask::Manifest)),
            ("check", Some(Ask::Check)),
            ("3", Some(Ask::Held(3))),
            ("3/17", Some(Ask::Segment(3, 17))),
            ("300/1", None),
            ("3/x", None),
            ("3/1/2", None),
            ("", None),
        ] {
            assert_eq!(Ask::parse(rest), ask, "{rest}");
        }
    }

    #[test]
    fn a_range_says_where_it_ends() {
        assert_eq!(range(&"/x?from=3&to=9".parse().unwrap()).unwrap(), 3..9);
        assert_eq!(range(&"/x?to=9".parse().unwrap()).unwrap(), 0..9);
        assert!(range(&"/x?from=3".parse().unwrap()).is_err());
    }
}
