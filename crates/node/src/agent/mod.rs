//! A member's acting account: what the node itself asks of the ledger.
//!
//! Services of a node (custody, releases) act on what the ledger has decided, in the name of the account whose key is `keys/custodian.key`. They share one
//! [`Agent`], which gives each action its place in the account's order, hands it to the node's own mempool, and tells what became of it once that is final.
//!
//! ```text
//!  service --act--> sign with the next nonce --> mempool --> ... final --> Done, or Refused with the rule's reason
//!                        ^                          |
//!                        +---- expired or overtaken-+   signed again with another nonce
//!
//!  service <--next-- Events: final events of some kinds, after a place on disk --save--> that place
//! ```
//!
//! # Guarantees
//! - An action is in the chain at most once for each call of [`Agent::act`]: it is signed again only when its predecessor can no longer be included.
//! - A call that is given up, by a crash or a stop, may or may not have acted: who starts again looks at the state first, or repeats what the rules take once.
//! - [`Events`] gives each event at least once, in order, and again only when the process ended between [`Events::next`] and [`Events::save`].

mod events;
pub(crate) mod rotation;

use std::{
    fmt,
    path::PathBuf,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use medveil_chain::Bytes;
use medveil_engine::{NotQueued, SubmitError};
use medveil_ledger::{AccountId, Action, Body, Digest, Event, Fact, OrganisationId, PublicKey, Signature};
use tokio::sync::{Mutex, watch};

use crate::{
    AccountKey, Folder, Node, Refusal,
    index::{IndexError, Place, TransactionRow},
    read::ReadError,
};

pub(crate) use events::replace;
pub use events::{Batch, Events, EventsError};

/// Heights after which a transaction that was not included is signed again.
const EXPIRES: u64 = 100;

/// Heights after its last one until which a mempool may still keep what has expired.
const FORGOTTEN: u64 = 16;

/// How often a transaction that waits is looked after.
const BEAT: Duration = Duration::from_millis(500);

/// The longest pause when the mempool is full.
const MAX_PAUSE: Duration = Duration::from_secs(5);

/// A member's acting account on its node. Clones are handles on the same one.
#[derive(Clone)]
pub struct Agent(Arc<Inner>);

struct Inner {
    node: Node,
    organisation: OrganisationId,
    account: AccountId,
    key: RwLock<AccountKey>,
    /// Where another key is looked for when the account has one.
    keys: Option<Folder>,
    /// The nonce after the last one that was handed over; `None`: as the state says.
    next: Mutex<Option<u64>>,
    folder: PathBuf,
    closing: watch::Sender<bool>,
}

impl fmt::Debug for Agent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Agent")
            .field("organisation", &self.0.organisation)
            .field("account", &self.0.account)
            .finish_non_exhaustive()
    }
}

/// An action that was carried out and is final.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    /// The transaction's id.
    pub id: Digest,
    /// Where it is.
    pub place: Place,
    /// The block's time in milliseconds since 1970.
    pub time_ms: u64,
    /// What happened, in order.
    pub events: Vec<Event>,
}

/// Why an action was not carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ActError {
    /// A rule refused it. That is final and on the record.
    #[error("refused by a rule: {name}")]
    Refused {
        /// The reason's name, such as `custody.posted`.
        name: String,
        /// The values compared.
        facts: Vec<Fact>,
        /// The transaction's id.
        id: Digest,
        /// Where it is.
        place: Place,
    },
    /// No block may hold it: the account is not there, or is frozen, or the action is too large.
    #[error("not taken: {message} ({code})")]
    NotTaken {
        /// The reason's name, such as `transaction.unknown_account`.
        code: String,
        /// What was compared.
        message: String,
    },
    /// The node or its services stop. What was handed over may still be carried out.
    #[error("the node stops")]
    Stopped,
    /// What became of it cannot be looked up.
    #[error("{0}")]
    Index(String),
    /// The state cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

impl ActError {
    /// The reason's name, if a rule refused it.
    pub fn refusal(&self) -> Option<&str> {
        match self {
            ActError::Refused { name, .. } => Some(name),
            _ => None,
        }
    }
}

/// A transaction that was handed over.
struct Sent {
    id: Digest,
    nonce: u64,
    expires: u64,
    told: tokio::sync::oneshot::Receiver<Place>,
}

impl Agent {
    /// The acting account of a node: that of `key`. Where services resume is kept in `folder`.
    pub fn new(
        node: Node,
        organisation: OrganisationId,
        key: impl Into<AccountKey>,
        folder: PathBuf,
    ) -> Self {
        Self::with_keys(node, organisation, key.into(), folder, None)
    }

    /// The same; when the account gets another key, that is looked for in the member's folder.
    pub(crate) fn with_keys(
        node: Node,
        organisation: OrganisationId,
        key: AccountKey,
        folder: PathBuf,
        keys: Option<Folder>,
    ) -> Self {
        let account = key.account(node.rules().chain());
        let (key, next, closing) = (RwLock::new(key), Mutex::new(None), watch::Sender::new(false));
        Self(Arc::new(Inner { node, organisation, account, key, keys, next, folder, closing }))
    }

    /// The node.
    pub fn node(&self) -> &Node {
        &self.0.node
    }

    /// The organisation that the node is run by.
    pub fn organisation(&self) -> OrganisationId {
        self.0.organisation
    }

    /// The account.
    pub fn account(&self) -> AccountId {
        self.0.account
    }

    /// The public half of the key that it signs with now.
    pub fn public_key(&self) -> PublicKey {
        self.key().public()
    }

    /// The key that it signs with now.
    fn key(&self) -> AccountKey {
        self.0.key.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The account's signature over a digest of another domain than transactions have, and the key that it is of.
    pub(crate) fn sign(&self, digest: Digest) -> Result<(PublicKey, Signature), Refusal> {
        let key = self.key();
        Ok((key.public(), key.sign_digest(digest)?))
    }

    /// Ends what is under way: [`act`](Self::act) and [`Events::next`] return at once, now and from now on.
    pub fn close(&self) {
        self.0.closing.send_replace(true);
    }

    /// Ready when the services of the node are to end.
    pub async fn closed(&self) {
        let mut closing = self.0.closing.subscribe();
        // INVARIANT: the sender is here.
        let _ = closing.wait_for(|closing| *closing).await;
    }

    /// Whether the services of the node are to end.
    pub fn is_closing(&self) -> bool {
        *self.0.closing.borrow()
    }

    /// Final events of some kinds, from where `name` was saved last; from the beginning of what the node has, if it never was.
    ///
    /// # Errors
    /// The place on disk cannot be read.
    pub fn events(&self, name: &str, kinds: &[&'static str]) -> Result<Events, EventsError> {
        Events::open(self.clone(), self.0.folder.join(format!("{name}.place")), kinds)
    }

    /// Signs an action, hands it over and waits until it is final.
    ///
    /// It goes on trying when the mempool is full, when the transaction expires, and when another one of the account was faster.
    ///
    /// # Errors
    /// [`ActError`].
    pub async fn act(&self, action: impl Into<Action>) -> Result<Done, ActError> {
        let action = action.into();
        tokio::select! {
            biased;
            () = self.closed() => Err(ActError::Stopped),
            done = self.carry_out(action) => done,
        }
    }

    async fn carry_out(&self, action: Action) -> Result<Done, ActError> {
        loop {
            let sent = self.send(&action).await?;
            if let Some(row) = self.settled(sent).await? {
                return self.outcome(row).await;
            }
            tracing::debug!(
                action = action.spec().name,
                "a transaction was not included in time; it is signed again"
            );
            *self.0.next.lock().await = None;
        }
    }

    /// Signs with the next nonce and hands over.
    async fn send(&self, action: &Action) -> Result<Sent, ActError> {
        let node = &self.0.node;
        let mut next = self.0.next.lock().await;
        let mut pause = Duration::from_millis(50);
        loop {
            let (height, used) = self.nonce().await?;
            let nonce = next.unwrap_or(0).max(used);
            let (chain, account, expires) = (node.rules().chain(), self.0.account, height + EXPIRES);
            let key = self.key();
            let body = Body { chain, account, signer: key.public(), nonce, expires, action: action.clone() };
            // A token takes its time.
            let signed = tokio::task::spawn_blocking(move || key.sign(body)).await;
            let transaction = match signed {
                Ok(Ok(transaction)) => transaction,
                // It may be back soon; whoever waits for the action waits on.
                Ok(Err(refusal)) => {
                    tracing::error!(%refusal, "the account's key does not sign; it is tried again");
                    tokio::time::sleep(pause).await;
                    pause = (2 * pause).min(MAX_PAUSE);
                    continue;
                }
                Err(error) => return Err(ActError::Index(error.to_string())),
            };
            let id = transaction.digest();
            // Before it is handed over, so that it is not final unheard.
            let told = node.index().wait_for(id);
            let taken = node.engine().submit(vec![Bytes::from(transaction.encode())]).await.pop();
            match taken.unwrap_or(Err(SubmitError::Stopped)) {
                // Signing is deterministic: the same action at the same nonce was taken before.
                Ok(_) | Err(SubmitError::NotQueued(NotQueued::Duplicate)) => {
                    *next = Some(nonce + 1);
                    return Ok(Sent { id, nonce, expires, told });
                }
                Err(SubmitError::NotQueued(NotQueued::NonceTaken(_))) => *next = Some(nonce + 1),
                Err(
                    SubmitError::NoBlock | SubmitError::NotQueued(NotQueued::Full | NotQueued::AccountFull),
                ) => {
                    tokio::time::sleep(pause).await;
                    pause = (2 * pause).min(MAX_PAUSE);
                }
                Err(SubmitError::NotQueued(NotQueued::Expired(_))) => *next = None,
                Err(SubmitError::NotQueued(reason @ NotQueued::TooLarge(_))) => {
                    let (code, message) = ("mempool.too_large".to_owned(), reason.to_string());
                    return Err(ActError::NotTaken { code, message });
                }
                // The state that was looked at is one block behind.
                Err(SubmitError::Refused(refusal)) if refusal.code == "transaction.nonce_used" => {
                    *next = None;
                    tokio::time::sleep(pause).await;
                }
                // The account has another key: it is waited for.
                Err(SubmitError::Refused(refusal))
                    if refusal.code == "transaction.unknown_key" && self.0.keys.is_some() =>
                {
                    if !self.renew().await? {
                        tokio::time::sleep(BEAT).await;
                    }
                }
                Err(SubmitError::Refused(refusal)) => {
                    return Err(ActError::NotTaken { code: refusal.code, message: refusal.message });
                }
                Err(SubmitError::Stopped) => return Err(ActError::Stopped),
            }
        }
    }

    /// Waits until a transaction is final; `None` when it can no longer be included.
    async fn settled(&self, sent: Sent) -> Result<Option<TransactionRow>, ActError> {
        let Sent { id, nonce, expires, told } = sent;
        let mut told = Some(told);
        loop {
            let wait = async {
                match told.as_mut() {
                    Some(receiver) => drop(receiver.await),
                    None => std::future::pending().await,
                }
            };
            if tokio::time::timeout(BEAT, wait).await.is_ok() {
                told = None;
            }
            // In this order: what was in a block up to then is found afterwards.
            let (height, used) = self.nonce().await?;
            let indexed = self.0.node.index().height();
            if let Some(row) = self.look_up(id).await? {
                return Ok(Some(row));
            }
            let overtaken = used > nonce && indexed >= height;
            // Until then the mempool may keep it, and with it the nonce.
            if overtaken || indexed > expires + FORGOTTEN {
                return Ok(None);
            }
        }
    }

    async fn outcome(&self, row: TransactionRow) -> Result<Done, ActError> {
        let first = Place { height: row.place.height, index: row.first_event };
        let count = row.events;
        let events = self.0.node.ask_index(move |index| index.events_at(first, count)).await;
        let events = events.map_err(|error| ActError::Index(error.to_string()))?;
        let mut events: Vec<Event> = events.into_iter().map(|row| row.event).collect();
        let TransactionRow { id, place, time_ms, refusal, .. } = row;
        match refusal {
            Some(name) => {
                let facts = events.pop().map(|event| event.facts).unwrap_or_default();
                Err(ActError::Refused { name, facts, id, place })
            }
            None => Ok(Done { id, place, time_ms, events }),
        }
    }

    async fn look_up(&self, id: Digest) -> Result<Option<TransactionRow>, ActError> {
        let row = self.0.node.ask_index(move |index| index.transaction(id)).await;
        row.map_err(|error| ActError::Index(error.to_string()))
    }

    /// The height and the account's next nonce. Waits until the chain has begun.
    async fn nonce(&self) -> Result<(u64, u64), ActError> {
        loop {
            match self.0.node.nonce(&self.0.account).await {
                Err(error) if error.is_too_early() => tokio::time::sleep(BEAT).await,
                Err(ReadError::Engine(medveil_engine::ProveError::Stopped)) => return Err(ActError::Stopped),
                found => return Ok(found?),
            }
        }
    }
}

impl Node {
    /// Asks the index on a thread where that may take a moment.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn ask_index<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&crate::Index) -> Result<T, IndexError> + Send + 'static,
    ) -> Result<T, IndexError> {
        let index = self.index().clone();
        match tokio::task::spawn_blocking(move || ask(&index)).await {
            Ok(answer) => answer,
            Err(error) => Err(IndexError::System(std::io::Error::other(error))),
        }
    }
}
