//! Custody through a node, as an owner or a reader.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use medveil_ledger::state::custody::Custody;
use medveil_ledger::{Action, ChainId, CustodyId, Digest, OrganisationId, Slug, Versioned};
use medveil_node::clock;
use medveil_node::custody::auth::{Line, REQUEST_HEADER};
use medveil_node::custody::{Desk, DeskError, ObjectHealth, Offered, Roster};
use medveil_vault::Canonical as _;
use medveil_vault::envelope::Subject;
use medveil_vault::shards::SourceError;
use serde_json::Value;

use crate::client::ClientError;
use crate::console::Console;
use crate::failure::Failure;
use crate::signer::Signer;

/// How long a node may take that asks other members.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long all members may take to read their shards again.
const CHECK_PATIENCE: Duration = Duration::from_secs(3600);

/// The desk of an account that acts through a node: its organisation's, or another member's where its own has none. There it reads what it was granted the key of, and nothing else.
pub struct HttpDesk<'c> {
    signer: Signer,
    organisation: OrganisationId,
    /// Whose node is asked.
    receiver: OrganisationId,
    /// The request for the key of what is read.
    request: Mutex<Option<Digest>>,
    console: &'c Console,
}

impl<'c> HttpDesk<'c> {
    /// The desk of the account that signs.
    ///
    /// # Errors
    /// The ledger does not know the account, or the node cannot be asked.
    pub fn new(signer: Signer, console: &'c Console) -> Result<Self, Failure> {
        let organisation = signer.state(console)?.organisation;
        let status = signer.client().status().map_err(|error| error.failure(console))?;
        let receiver = status.organisation.unwrap_or(organisation);
        Ok(Self { signer, organisation, receiver, request: Mutex::new(None), console })
    }

    /// Who signs.
    pub fn signer(&self) -> &Signer {
        &self.signer
    }

    /// What the members say of an object.
    ///
    /// # Errors
    /// [`DeskError`].
    pub fn health(&self, subject: &Subject) -> Result<ObjectHealth, DeskError> {
        let answer = self.ask("GET", &path(subject, "health"), &[], PATIENCE).map_err(desk_error)?;
        serde_json::from_slice(&answer).map_err(unreadable)
    }

    /// Has all members read their shards again and rebuild what is lost; what each says.
    ///
    /// # Errors
    /// [`DeskError`].
    pub fn check(&self, subject: &Subject) -> Result<Value, DeskError> {
        let answer = self.ask("POST", &path(subject, "check"), &[], CHECK_PATIENCE).map_err(desk_error)?;
        serde_json::from_slice(&answer).map_err(unreadable)
    }

    /// A signed request to the node.
    fn ask(&self, method: &str, path: &str, body: &[u8], patience: Duration) -> Result<Vec<u8>, ClientError> {
        let mut path = path.to_owned();
        let request = *self.request.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(request) = request.filter(|_| self.receiver != self.organisation) {
            let joint = if path.contains('?') { '&' } else { '?' };
            path.push_str(&format!("{joint}request={request}"));
        }
        let path = path.as_str();
        let line = Line { chain: self.signer.chain(), method, path, receiver: self.receiver, body };
        let mut nonce = [0; 16];
        getrandom::fill(&mut nonce).map_err(|error| ClientError::Unreachable(error.to_string()))?;
        let signer = &self.signer;
        let signed = line.sign(signer.account(), clock::now_ms(), nonce, |digest| {
            signer.sign_digest(digest).map(|signature| (signer.public_key(), signature))
        });
        let (header, _) = signed.map_err(|refusal| ClientError::Unreachable(refusal.to_string()))?;
        signer.client().send(method, path, (REQUEST_HEADER, &header), body, patience)
    }
}

fn path(subject: &Subject, rest: &str) -> String {
    format!("/api/v1/custody/{}/{}/{rest}", subject.object, subject.version)
}

fn desk_error(error: ClientError) -> DeskError {
    match error {
        ClientError::Problem(problem) => DeskError::Refused { code: problem.code, detail: problem.detail },
        ClientError::Unreachable(what) | ClientError::Answer(what) => DeskError::Unreachable(what),
    }
}

fn unreadable(error: impl std::fmt::Display) -> DeskError {
    DeskError::Unreachable(format!("the node's answer cannot be read: {error}"))
}

/// A record as the API shows it.
fn record(answer: &Value) -> Result<Versioned<Custody>, DeskError> {
    let value = &answer["value"];
    let text = |name: &str| value[name].as_str().ok_or_else(|| unreadable(format!("it lacks `{name}`")));
    let digest = |name| text(name)?.parse::<Digest>().map_err(unreadable);
    let number = |name: &str| answer[name].as_u64().ok_or_else(|| unreadable(format!("it lacks `{name}`")));
    let wrapped = hex::decode(text("wrapped_key")?).map_err(unreadable)?;
    Ok(Versioned {
        version: number("version")?,
        height: number("height")?,
        value: Custody {
            organisation: text("organisation")?.parse().map_err(unreadable)?,
            label: text("label")?.parse().map_err(unreadable)?,
            manifest: digest("manifest")?,
            wrapped_key: medveil_ledger::bounded::OpaqueBytes::new(wrapped).map_err(unreadable)?,
            policy: digest("policy")?,
        },
    })
}

impl Desk for HttpDesk<'_> {
    fn chain(&self) -> ChainId {
        self.signer.chain()
    }

    fn organisation(&self) -> OrganisationId {
        self.organisation
    }

    fn roster(&self) -> Result<Option<Roster>, DeskError> {
        match self.signer.client().get("/api/v1/committee") {
            Ok(answer) => {
                let bytes = hex::decode(answer["roster"].as_str().unwrap_or_default()).map_err(unreadable)?;
                Roster::decode(&bytes).map(Some).map_err(unreadable)
            }
            Err(error) if error.code() == Some("custody.no_committee") => Ok(None),
            Err(error) => Err(desk_error(error)),
        }
    }

    fn registered(
        &self,
        object: CustodyId,
        version: Option<u64>,
    ) -> Result<Option<Versioned<Custody>>, DeskError> {
        let version = version.map(|version| format!("?version={version}")).unwrap_or_default();
        match self.signer.client().get(&format!("/api/v1/custody/{object}{version}")) {
            Ok(answer) => record(&answer).map(Some),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(desk_error(error)),
        }
    }

    fn act(&self, action: Action) -> Result<Digest, DeskError> {
        let answer = self.signer.act(action, self.console).map_err(|failure| match failure {
            Failure::Refused(detail) => DeskError::Refused { code: "ledger".into(), detail },
            Failure::Unusable(what) => DeskError::Unreachable(what),
        })?;
        answer["id"].as_str().unwrap_or_default().parse().map_err(unreadable)
    }

    fn partials(
        &self,
        request: Digest,
        _: &[OrganisationId],
    ) -> Result<BTreeMap<OrganisationId, Vec<u8>>, DeskError> {
        *self.request.lock().unwrap_or_else(PoisonError::into_inner) = Some(request);
        let path = format!("/api/v1/key-requests/{request}/partials");
        let answer = self.signer.client().get(&path).map_err(desk_error)?;
        let posted = answer["items"].as_array().ok_or_else(|| unreadable("it lacks `items`"))?;
        let read = |partial: &Value| {
            let text = |name: &str| partial["value"][name].as_str().unwrap_or_default();
            let sealed = hex::decode(text("sealed")).map_err(unreadable)?;
            Ok((text("organisation").parse().map_err(unreadable)?, sealed))
        };
        posted.iter().map(read).collect()
    }

    fn offer(&self, subject: &Subject, label: Slug, manifest: &[u8]) -> Result<Vec<Offered>, DeskError> {
        let path = path(subject, &format!("manifest?label={label}"));
        let answer = self.ask("PUT", &path, manifest, PATIENCE).map_err(desk_error)?;
        serde_json::from_slice(&answer).map_err(unreadable)
    }

    fn place(&self, subject: &Subject, shard: u8, segment: u64, bytes: Vec<u8>) -> Result<(), DeskError> {
        let path = path(subject, &format!("{shard}/{segment}"));
        self.ask("PUT", &path, &bytes, PATIENCE).map(drop).map_err(desk_error)
    }

    fn manifest(&self, subject: &Subject) -> Result<Vec<u8>, DeskError> {
        self.ask("GET", &path(subject, "manifest"), &[], PATIENCE).map_err(desk_error)
    }

    fn read(
        &self,
        subject: &Subject,
        shard: u8,
        segment: u64,
        range: Range<usize>,
    ) -> Result<Vec<u8>, SourceError> {
        let path = path(subject, &format!("{shard}/{segment}?from={}&to={}", range.start, range.end));
        self.ask("GET", &path, &[], PATIENCE).map_err(|error| match error {
            ClientError::Problem(problem) if problem.status == 404 => SourceError::Absent,
            ClientError::Problem(problem) if problem.status == 504 => SourceError::Slow { waited: PATIENCE },
            error => SourceError::Failed { what: desk_error(error).to_string() },
        })
    }

    fn holders(&self, subject: &Subject, _: u8) -> Result<BTreeMap<u8, Option<OrganisationId>>, DeskError> {
        let answer = self.ask("GET", &path(subject, "holders"), &[], PATIENCE).map_err(desk_error)?;
        serde_json::from_slice(&answer).map_err(unreadable)
    }
}
