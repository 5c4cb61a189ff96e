//! A member's part in custody: what all keep together, carried out by each node on what the ledger has decided.
//!
//! ```text
//!  ledger, final events --> ceremony   makes and moves the committee's key        --> committee.post
//!                      \--> release    partials for granted requests, destruction --> custody.post-partial, destruction.attest
//!  shards               <-> upkeep     checks and rebuilds what this member holds <-- other members, over HTTP
//!  HTTP                 --> access     who may ask (auth), for which pieces (keeping)
//!  desk, keep, fetch    an owner puts an object into custody, a reader takes it out
//! ```
//!
//! Only what is final is obeyed, in the order of the chain. What was done is on the ledger or on the disk before the place of the event is noted, and doing it twice
//! changes nothing: so a crash at any moment neither loses nor repeats anything. `docs/custody.md` describes the whole.

pub mod auth;
mod ceremony;
mod desk;
mod fetch;
mod health;
mod keep;
mod keeping;
mod local;
mod peers;
mod release;
mod roster;
mod secrets;
pub mod session;
mod state;
mod upkeep;
mod willing;

use std::{
    collections::BTreeMap,
    fmt,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use chacha20::ChaCha20Rng;
use medveil_ledger::{
    ChainId, CustodyId, OrganisationId, Versioned,
    state::{custody::Custody as Registered, validators::Address},
};
use medveil_vault::{
    Digest, ObjectId,
    committee::{Identity, KeyShare},
    envelope::Subject,
    keys::Passphrase,
    store::MemberStore,
    upkeep::Placement,
};
use rand_core::SeedableRng as _;
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
};
use zeroize::Zeroizing;

use crate::{Agent, Refusal, clock, config, folder::create_private};

pub use desk::{Desk, DeskError, Offered};
pub use fetch::{Fetch, Fetched, fetch};
pub use health::ObjectHealth;
pub use keep::{Keep, Kept, keep};
pub use keeping::{Checked, KeepingError, Shelf};
pub use local::LocalDesk;
pub use peers::PeerError;
pub use roster::Roster;
pub use state::CustodyError;

use auth::{AuthFault, Caller, Line, Nonces};
use keeping::Incoming;
use peers::Peers;
use secrets::Secrets;
use willing::Willing;

/// A member's part in custody. Clones are handles on the same one.
#[derive(Clone)]
pub struct Custody(Arc<Inner>);

struct Inner {
    agent: Agent,
    secrets: Secrets,
    store: MemberStore,
    willing: Mutex<Willing>,
    standing: watch::Sender<Standing>,
    peers: Peers,
    nonces: Nonces,
    incoming: Incoming,
    settings: config::Custody,
    /// The member's custodian attests the destruction of the member's own releases, when its copies are gone, too.
    attests_own: bool,
    /// Objects that are to be checked soon.
    checks: mpsc::UnboundedSender<Subject>,
    /// What the last check of each object found.
    checked: Mutex<BTreeMap<(ObjectId, u64), Checked>>,
}

impl fmt::Debug for Custody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Custody").field("secrets", &self.0.secrets).finish_non_exhaustive()
    }
}

/// What has come out of ceremonies, as far as this node has read the chain.
#[derive(Clone, Default)]
struct Standing {
    /// All that the node knew when it started has been read.
    read: bool,
    rosters: Vec<Arc<Roster>>,
    /// This member's share in the last of them.
    share: Option<Arc<KeyShare>>,
}

/// A service that runs by itself, and its name.
pub(crate) type Task = (&'static str, JoinHandle<()>);

/// What custody is told.
pub(crate) struct Config {
    /// The folder of secrets: `keys/custody`.
    pub(crate) secrets: PathBuf,
    /// What they are locked with, if the node's key is.
    pub(crate) passphrase: Option<Passphrase>,
    /// The folder of what is noted about shards, `data/custody`.
    pub(crate) data: PathBuf,
    /// Where shards lie: in the same folder, or in a bucket.
    pub(crate) store: MemberStore,
    /// Where other members answer.
    pub(crate) members: BTreeMap<OrganisationId, Address>,
    /// Bounds.
    pub(crate) settings: config::Custody,
    /// Whether a custodian attests the destruction of the member's own releases.
    pub(crate) custodian: bool,
}

impl Custody {
    /// Opens the member's store and secrets, and starts its services. Call it within a tokio runtime.
    pub(crate) fn start(agent: Agent, config: Config) -> Result<(Self, Vec<Task>), Refusal> {
        let secrets = Secrets::open(config.secrets, config.passphrase)?;
        create_private(&config.data)?;
        let willing = Willing::open(config.data.join("willing"))?;
        let incoming = Incoming::open(config.data.join("unregistered"))?;
        let peers = Peers::new(agent.clone(), config.members);
        let (checks, queue) = mpsc::unbounded_channel();
        let custody = Self(Arc::new(Inner {
            agent,
            secrets,
            store: config.store,
            willing: Mutex::new(willing),
            standing: watch::Sender::new(Standing::default()),
            peers,
            nonces: Nonces::default(),
            incoming,
            settings: config.settings,
            attests_own: config.custodian,
            checks,
            checked: Mutex::default(),
        }));
        let tasks = vec![
            ("key ceremonies", tokio::spawn(ceremony::run(custody.clone()))),
            ("key releases", tokio::spawn(release::run(custody.clone()))),
            ("custody upkeep", tokio::spawn(upkeep::run(custody.clone(), queue))),
        ];
        Ok((custody, tasks))
    }

    /// Shreds what lies here of an object whose destruction the custodian attests; the numbers of segments and bytes.
    pub(crate) async fn shred_object(&self, object: CustodyId) -> Result<(u64, u64), String> {
        release::shred(self, object).await
    }

    /// The account that the node acts with.
    pub fn agent(&self) -> &Agent {
        &self.0.agent
    }

    /// The organisation that the node is run by.
    pub fn organisation(&self) -> OrganisationId {
        self.0.agent.organisation()
    }

    /// The committee now; `None` before the first ceremony is over.
    pub fn roster(&self) -> Option<Arc<Roster>> {
        self.0.standing.borrow().rosters.last().cloned()
    }

    /// Whether this node has its share of the committee's key.
    pub fn has_share(&self) -> bool {
        self.0.standing.borrow().share.is_some()
    }

    fn chain(&self) -> ChainId {
        self.0.agent.node().rules().chain()
    }

    /// Who signed a request to this node: method, path with query, body and the header [`auth::REQUEST_HEADER`].
    ///
    /// # Errors
    /// [`AuthFault`].
    pub async fn authenticate(
        &self,
        method: &str,
        path: &str,
        body: &[u8],
        header: Option<&str>,
    ) -> Result<Caller, AuthFault> {
        let line = Line { chain: self.chain(), method, path, receiver: self.organisation(), body };
        auth::check_request(self.agent().node(), &self.0.nonces, &line, header, clock::now_ms()).await
    }

    /// The header [`auth::ANSWER_HEADER`] of an answer to whoever asked.
    ///
    /// # Errors
    /// [`Refusal`]: the account's key does not sign.
    pub fn sign_answer(&self, caller: &Caller, status: u16, body: &[u8]) -> Result<String, Refusal> {
        let agent = self.agent();
        auth::sign_answer(&caller.request, status, body, agent.account(), |digest| agent.sign(digest))
    }

    /// Waits until everything about ceremonies has been read that the node knew when it started. `false`: the services end.
    async fn caught_up(&self) -> bool {
        let mut standing = self.0.standing.subscribe();
        tokio::select! {
            read = standing.wait_for(|standing| standing.read) => read.is_ok(),
            () = self.0.agent.closed() => false,
        }
    }

    /// Who holds which shard: by the committee at the height at which the object was registered, and every one since. With no height: by the committee now.
    fn placement(&self, subject: &Subject, total: u8, registered: Option<u64>) -> Option<Placement> {
        let standing = self.0.standing.borrow();
        let rosters = &standing.rosters;
        let first = match registered {
            Some(height) => rosters.iter().rposition(|roster| roster.height <= height)?,
            None => rosters.len().checked_sub(1)?,
        };
        let members = |roster: &Roster| roster.members.values().copied().collect();
        let mut placement = Placement::new(&subject.object, &members(&rosters[first]), total);
        for roster in &rosters[first + 1..] {
            placement = placement.after(&subject.object, &members(roster)).0;
        }
        Some(placement)
    }

    /// The organisations that hold the shards.
    fn holders(
        &self,
        subject: &Subject,
        total: u8,
        registered: Option<u64>,
    ) -> BTreeMap<u8, Option<OrganisationId>> {
        let Some(placement) = self.placement(subject, total, registered) else {
            return (0..total).map(|shard| (shard, None)).collect();
        };
        let standing = self.0.standing.borrow();
        let roster = standing.rosters.last();
        let organisation = |member| roster.and_then(|roster| roster.organisation(&member));
        placement
            .holders()
            .into_iter()
            .map(|(shard, member)| (shard, member.and_then(organisation)))
            .collect()
    }

    fn willing(&self) -> MutexGuard<'_, Willing> {
        lock(&self.0.willing)
    }
}

/// The identity of a version of an object: what its key is wrapped to. Everybody computes it from the ledger.
pub fn identity(chain: ChainId, object: CustodyId, registered: &Versioned<Registered>) -> Identity {
    let subject = subject(object, registered.version);
    let Registered { manifest, policy, .. } = &registered.value;
    Identity::new(&Digest(chain.0), &subject, &Digest(manifest.0), &Digest(policy.0))
}

/// A version of an object in the vault's terms.
pub fn subject(object: CustodyId, version: u64) -> Subject {
    Subject { object: ObjectId(object.0), version }
}

/// Random bytes of the system.
fn random<const N: usize>() -> Result<Zeroizing<[u8; N]>, Refusal> {
    let mut bytes = Zeroizing::new([0; N]);
    getrandom::fill(bytes.as_mut_slice())
        .map_err(|error| Refusal::NoRandomness { error: error.to_string() })?;
    Ok(bytes)
}

/// A generator with a seed of the system.
fn rng() -> Result<ChaCha20Rng, Refusal> {
    Ok(ChaCha20Rng::from_seed(*random::<32>()?))
}

/// A panic of another holder leaves nothing half done in what is locked here.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
