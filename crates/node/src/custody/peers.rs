//! Asking other members' nodes.

use std::{collections::BTreeMap, ops::Range, time::Duration};

use medveil_ledger::{CustodyId, OrganisationId, Slug, role::Capacity, state::validators::Address};
use medveil_vault::{
    envelope::Subject,
    shards::{ShardSource, SourceError},
};
use tokio::runtime::Handle;
use ureq::http::Method;

use super::{
    Custody,
    auth::{ANSWER_HEADER, AuthFault, Caller, Line, REQUEST_HEADER, check_answer},
    random,
};
use crate::{Agent, clock, read::ReadError};

/// How long a member may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long it may take to connect.
const CONNECT: Duration = Duration::from_secs(3);

/// Bytes of an answer at most: a segment or a manifest.
pub(super) const MAX_ANSWER: u64 = 16 << 20;

/// Why another member gave no good answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PeerError {
    /// `node.toml` does not say where it is.
    #[error("[members] of node.toml does not say where {0} answers")]
    NoAddress(OrganisationId),
    /// It does not answer.
    #[error("{organisation} does not answer: {what}")]
    Unreachable {
        /// Who.
        organisation: OrganisationId,
        /// What happened.
        what: String,
        /// Whether it took too long.
        slow: bool,
    },
    /// It says no.
    #[error("{organisation} says {status}: {what}")]
    Refused {
        /// Who.
        organisation: OrganisationId,
        /// The HTTP status.
        status: u16,
        /// The reason.
        what: String,
    },
    /// Its answer is not signed by it.
    #[error("the answer of {organisation} is not its own: {fault}")]
    NotItsAnswer {
        /// Who was asked.
        organisation: OrganisationId,
        /// What is wrong.
        fault: AuthFault,
    },
    /// This node cannot ask.
    #[error("{0}")]
    Own(String),
}

impl PeerError {
    /// The same as a shard's source says it.
    pub fn as_source(&self) -> SourceError {
        match self {
            PeerError::Refused { status: 404, .. } | PeerError::NoAddress(_) => SourceError::Absent,
            PeerError::Unreachable { slow: true, .. } => SourceError::Slow { waited: PATIENCE },
            PeerError::Unreachable { .. } => SourceError::Absent,
            other => SourceError::Failed { what: other.to_string() },
        }
    }
}

/// Asks other members.
pub(super) struct Peers {
    acting: Agent,
    addresses: BTreeMap<OrganisationId, Address>,
    agent: ureq::Agent,
}

impl Peers {
    pub(super) fn new(acting: Agent, addresses: BTreeMap<OrganisationId, Address>) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .timeout_connect(Some(CONNECT))
            .timeout_global(Some(PATIENCE))
            .build();
        Self { acting, addresses, agent: config.into() }
    }

    /// Sends a request and returns the body of a good answer. Blocks.
    pub(super) fn ask(
        &self,
        runtime: &Handle,
        organisation: OrganisationId,
        method: &str,
        path: &str,
        body: &[u8],
    ) -> Result<Vec<u8>, PeerError> {
        let address = self.addresses.get(&organisation).ok_or(PeerError::NoAddress(organisation))?;
        let own = |error: &dyn std::fmt::Display| PeerError::Own(error.to_string());
        let nonce = *random::<16>().map_err(|error| own(&error))?;
        let acting = &self.acting;
        let chain = acting.node().rules().chain();
        let line = Line { chain, method, path, receiver: organisation, body };
        let signed = line.sign(acting.account(), clock::now_ms(), nonce, |digest| acting.sign(digest));
        let (header, digest) = signed.map_err(|error| own(&error))?;
        let request = ureq::http::Request::builder()
            .method(Method::from_bytes(method.as_bytes()).map_err(|error| own(&error))?)
            .uri(format!("http://{address}{path}"))
            .header(REQUEST_HEADER, header)
            .header("content-type", "application/octet-stream")
            .body(body)
            .map_err(|error| own(&error))?;
        let unreachable = |error: ureq::Error| PeerError::Unreachable {
            organisation,
            slow: matches!(error, ureq::Error::Timeout(_)),
            what: error.to_string(),
        };
        let mut answer = self.agent.run(request).map_err(unreachable)?;
        let status = answer.status().as_u16();
        let signed =
            answer.headers().get(ANSWER_HEADER).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let body = answer.body_mut().with_config().limit(MAX_ANSWER).read_to_vec().map_err(unreachable)?;
        let checked = check_answer(acting.node(), &digest, status, &body, signed.as_deref());
        let by = runtime.block_on(checked);
        let fault = match by {
            Ok(Caller { organisation: by, capacity: Capacity::Custodian, .. }) if by == organisation => {
                if (200..300).contains(&status) {
                    return Ok(body);
                }
                let what = String::from_utf8_lossy(&body[..body.len().min(500)]).into_owned();
                return Err(PeerError::Refused { organisation, status, what });
            }
            Ok(Caller { account, .. }) => AuthFault::NotAllowed { account },
            // What refused before it knew who asks cannot say so signed.
            Err(AuthFault::Unsigned { .. }) if status >= 400 => {
                let what = String::from_utf8_lossy(&body[..body.len().min(500)]).into_owned();
                return Err(PeerError::Refused { organisation, status, what });
            }
            Err(AuthFault::Read(ReadError::Engine(error))) => return Err(own(&error)),
            Err(fault) => fault,
        };
        Err(PeerError::NotItsAnswer { organisation, fault })
    }
}

/// Where an object's pieces are asked for.
pub(super) fn path(subject: &Subject, rest: &str) -> String {
    format!("/internal/v1/custody/{}/{}/{rest}", subject.object, subject.version)
}

impl Custody {
    /// Bytes of a segment from its holder, whoever that is. Blocks.
    pub(super) fn read_from(
        &self,
        runtime: &Handle,
        holder: OrganisationId,
        subject: &Subject,
        shard: u8,
        segment: u64,
        range: Range<usize>,
    ) -> Result<Vec<u8>, SourceError> {
        if holder == self.organisation() {
            let read = self.0.store.read(subject, shard, segment, range);
            return Ok(runtime.block_on(read)?.into());
        }
        let rest = format!("{shard}/{segment}?from={}&to={}", range.start, range.end);
        let answer = self.0.peers.ask(runtime, holder, "GET", &path(subject, &rest), &[]);
        answer.map_err(|error| error.as_source())
    }

    /// Gives a segment to its holder. Blocks.
    pub(super) fn give_to(
        &self,
        runtime: &Handle,
        holder: OrganisationId,
        subject: &Subject,
        shard: u8,
        segment: u64,
        bytes: &[u8],
    ) -> Result<(), PeerError> {
        let path = path(subject, &format!("{shard}/{segment}"));
        self.0.peers.ask(runtime, holder, "PUT", &path, bytes).map(drop)
    }

    /// Gives a manifest to a holder, so that it takes the segments. Blocks.
    pub(super) fn offer_to(
        &self,
        runtime: &Handle,
        holder: OrganisationId,
        subject: &Subject,
        label: Slug,
        manifest: &[u8],
    ) -> Result<(), PeerError> {
        let path = path(subject, &format!("manifest?label={label}"));
        self.0.peers.ask(runtime, holder, "PUT", &path, manifest).map(drop)
    }
}

/// The shards of one object at their holders, as a source for code that may wait.
pub(super) struct HeldShards<'c> {
    pub(super) custody: &'c Custody,
    pub(super) runtime: Handle,
    pub(super) subject: Subject,
    pub(super) holders: BTreeMap<u8, Option<OrganisationId>>,
    /// A shard that is not asked for: the one that is being rebuilt.
    pub(super) except: Option<u8>,
}

impl ShardSource for HeldShards<'_> {
    fn read(&mut self, shard: u8, segment: u64, range: Range<usize>) -> Result<Vec<u8>, SourceError> {
        match self.holders.get(&shard).copied().flatten() {
            Some(holder) if self.except != Some(shard) => {
                self.custody.read_from(&self.runtime, holder, &self.subject, shard, segment, range)
            }
            _ => Err(SourceError::Absent),
        }
    }
}

/// The object of a subject.
pub(super) fn object(subject: &Subject) -> CustodyId {
    CustodyId(subject.object.0)
}
