//! Blocks: which transactions may be in one, and what they do.
//!
//! A transaction is **admissible** when it is for this chain, not expired, signed by a key of its account and next in the account's order. A block with a
//! transaction that is not is invalid, so nobody can fill blocks in another's name. An admissible transaction whose action a rule refuses is included, takes its nonce, and
//! the refusal is recorded with its reason: an attempt leaves a trace.
//!
//! Execution is a pure function of block, transactions and the state before. When keys are missing, all that one pass comes upon are told at once, so that a
//! block takes two or three passes rather than one for each key.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use borsh::{BorshDeserialize, BorshSerialize};
use serde::Serialize;

use crate::call::{Call, Caller, Halt};
use crate::encoding::Canonical;
use crate::event::Event;
use crate::id::{AccountId, ChainId, Digest, ObjectRef};
use crate::public_key::PublicKey;
use crate::refusal::{Fact, Refusal, fact, refusals};
use crate::role::{AuthorityRefusal, Capacity, KeyUse};
use crate::state::account::Account;
use crate::state::certificate;
use crate::state::charter::Charter;
use crate::state::key::{self, Key};
use crate::state::organisation::{Organisation, Status};
use crate::state::parameters::Parameters;
use crate::state::validators::{Roster, ValidatorSet};
use crate::state::{Missing, Record, Snapshot, State, Versioned};
use crate::transaction::{Body, Transaction, Verified};

/// What the rules know of the block under way. Its time is the header's; there is no other clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockContext {
    /// The chain.
    pub chain: ChainId,
    /// Counted from 1.
    pub height: u64,
    /// The epoch that the block is in, counted from 0.
    pub epoch: u64,
    /// The header's time in milliseconds since 1970.
    pub time_ms: u64,
    /// Whether it is the last block of its epoch.
    pub epoch_end: bool,
}

/// What a block does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockOutcome {
    /// What the state has under each key afterwards.
    pub writes: BTreeMap<Key, Option<Vec<u8>>>,
    /// One for each transaction.
    pub receipts: Vec<Receipt>,
    /// What happened, in order.
    pub events: Vec<Event>,
    /// The canonical bytes of the events: the leaves of the event root.
    pub event_leaves: Vec<Vec<u8>>,
    /// The validators of the next epoch, exactly when this block is the last of one.
    pub next_validators: Option<ValidatorSet>,
}

/// What became of a transaction.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize)]
pub struct Receipt {
    /// The transaction's id.
    pub transaction: Digest,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of a transaction's action.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It was carried out.
    Applied,
    /// A rule said no; nothing was changed but the nonce.
    Refused(Refusal),
}

refusals! {
    /// Why a transaction cannot be in a block.
    pub enum Inadmissible in "transaction" {
        /// TX-1: it is for another chain.
        WrongChain { expected: ChainId, got: ChainId } = "wrong_chain",
            "the transaction is for the chain {got}, this is {expected}", "交易属于其他链";
        /// TX-2: it is larger than the parameter allows.
        TooLarge { bytes: u64, limit: u64 } = "too_large",
            "{bytes} bytes, at most {limit} are allowed", "交易超过大小上限";
        /// TX-3: its last height is past.
        Expired { expires: u64, height: u64 } = "expired",
            "the transaction could be included until height {expires}, this is {height}", "交易已过期";
        /// TX-3: its last height is too far away.
        ExpiryTooFar { expires: u64, limit: u64 } = "expiry_too_far",
            "the transaction expires at height {expires}, at most {limit} is allowed now", "交易有效期过长";
        /// TX-5: there is no such account.
        UnknownAccount { account: AccountId } = "unknown_account",
            "there is no account `{account}`", "账户不存在";
        /// TX-5: the key is none of the account's.
        UnknownKey { account: AccountId, key: PublicKey } = "unknown_key",
            "`{key}` is no key of the account `{account}`", "签名公钥不属于该账户";
        /// TX-7: the nonce is used.
        NonceUsed { account: AccountId, next: u64, got: u64 } = "nonce_used",
            "nonce {got} of `{account}` is used, the next is {next}", "交易序号已被使用";
        /// TX-7: transactions of the account before this one are missing.
        NonceAhead { account: AccountId, next: u64, got: u64 } = "nonce_ahead",
            "nonce {got} of `{account}` is not the next, which is {next}", "交易序号不连续";
    }
}

impl Inadmissible {
    /// Whether it may become admissible: earlier transactions of the account may still come, or heights go by.
    pub fn may_pass_later(&self) -> bool {
        matches!(self, Inadmissible::NonceAhead { .. } | Inadmissible::ExpiryTooFar { .. })
    }
}

/// Why a transaction is not admitted, or not yet known to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdmissionError {
    /// A key must be loaded first.
    Missing(Missing),
    /// It cannot be in the block.
    Inadmissible(Inadmissible),
}

impl From<Missing> for AdmissionError {
    fn from(missing: Missing) -> Self {
        AdmissionError::Missing(missing)
    }
}

impl From<Inadmissible> for AdmissionError {
    fn from(fault: Inadmissible) -> Self {
        AdmissionError::Inadmissible(fault)
    }
}

/// Why a block was not executed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExecuteError {
    /// These keys must be loaded first; then call again.
    #[error("{} keys are not loaded", .0.len())]
    Missing(Vec<Key>),
    /// The block is invalid: a transaction cannot be in it.
    #[error("transaction {index}: {fault}")]
    Inadmissible {
        /// The transaction's place.
        index: usize,
        /// Why.
        fault: Inadmissible,
    },
    /// The block is invalid: it is larger than the parameters allow (TX-9).
    #[error("the block has {found} {unit}, at most {limit} are allowed")]
    TooLarge {
        /// What the block has ...
        found: u64,
        /// ... and may have ...
        limit: u64,
        /// ... of `bytes` or `transactions`.
        unit: &'static str,
    },
    /// The block is not one of the state's chain or epoch: the caller's fault.
    #[error(
        "the block is of chain {chain} and epoch {epoch}, the state of chain {state_chain} and epoch {state_epoch}"
    )]
    Context {
        /// The block's chain.
        chain: ChainId,
        /// The block's epoch.
        epoch: u64,
        /// The state's chain.
        state_chain: ChainId,
        /// The state's epoch.
        state_epoch: u64,
    },
}

/// Whether a transaction may be in a block of `height` that follows the snapshot's.
///
/// The rule that proposers, validators and mempools share; its signature is checked apart from it. Later transactions of the same account need the
/// nonces that those before them take: inside a block, [`execute_block`] sees to that.
///
/// # Errors
/// [`AdmissionError::Missing`] when a key must be loaded first, otherwise the first rule that says no.
pub fn admissible(
    chain: ChainId,
    height: u64,
    transaction: &Transaction,
    snapshot: &dyn Snapshot,
) -> Result<(), AdmissionError> {
    let block = BlockContext { chain, height, epoch: 0, time_ms: 0, epoch_end: false };
    let state = State::new(block, snapshot);
    let parameters = state.parameters()?;
    admit(&state, &parameters, transaction).map(drop)
}

/// Executes a block.
///
/// # Errors
/// [`ExecuteError`]: load the missing keys and call again; anything else makes the block invalid.
pub fn execute_block(
    block: &BlockContext,
    transactions: &[Verified],
    snapshot: &dyn Snapshot,
) -> Result<BlockOutcome, ExecuteError> {
    let mut execution = Execution::begin(block, snapshot)?;
    for (index, transaction) in transactions.iter().enumerate() {
        match execution.push(transaction) {
            Ok(()) => {}
            // With keys missing, an earlier transaction may not have done what it does: say nothing yet.
            Err(_) if !execution.missing.is_empty() => {}
            Err(NotIncluded::Inadmissible(fault)) => return Err(ExecuteError::Inadmissible { index, fault }),
            Err(NotIncluded::NoRoom { found, limit, unit }) => {
                return Err(ExecuteError::TooLarge { found, limit, unit });
            }
        }
    }
    execution.finish()
}

/// Makes a block of candidates, in the order given: leaves out what is inadmissible and what the block has no room for.
///
/// # Errors
/// [`ExecuteError::Missing`]: load the keys and call again; [`ExecuteError::Context`].
pub fn propose_block(
    block: &BlockContext,
    candidates: &[Verified],
    snapshot: &dyn Snapshot,
) -> Result<(Vec<usize>, BlockOutcome), ExecuteError> {
    let mut execution = Execution::begin(block, snapshot)?;
    let mut included = Vec::with_capacity(candidates.len());
    for (index, transaction) in candidates.iter().enumerate() {
        if execution.transactions == execution.parameters.max_block_transactions {
            break;
        }
        if execution.push(transaction).is_ok() {
            included.push(index);
        }
    }
    Ok((included, execution.finish()?))
}

/// Keys that a transaction is likely to read: load them before [`execute_block`]. A hint; others may turn out missing.
pub fn reads(body: &Body) -> Vec<Key> {
    let mut keys = Vec::with_capacity(6);
    keys.push(key::nonce(&body.account));
    keys.push(Account::head_key(&body.account));
    keys.extend(certificate::needed(body));
    body.action.reads(body, &mut keys);
    keys
}

/// Keys that every block reads.
pub fn block_reads() -> Vec<Key> {
    vec![
        Charter::head_key(&()),
        Parameters::head_key(&()),
        Roster::head_key(&()),
        ValidatorSet::head_key(&()),
    ]
}

/// A block under way.
struct Execution<'a> {
    state: State<'a>,
    parameters: Parameters,
    /// Transactions taken so far, and the bytes that they, their receipts and their events have.
    transactions: u64,
    bytes: u64,
    receipts: Vec<Receipt>,
    events: Vec<Event>,
    event_leaves: Vec<Vec<u8>>,
    missing: BTreeSet<Key>,
}

/// Why a transaction does not come into a block.
enum NotIncluded {
    Inadmissible(Inadmissible),
    NoRoom { found: u64, limit: u64, unit: &'static str },
}

impl<'a> Execution<'a> {
    fn begin(block: &BlockContext, snapshot: &'a dyn Snapshot) -> Result<Self, ExecuteError> {
        let state = State::new(*block, snapshot);
        let fixed = || -> Result<_, Missing> {
            let charter: Versioned<Charter> = state.latest(&())?.expect("the genesis writes the charter");
            Ok((charter.value.chain, state.validators()?.value.epoch, state.parameters()?))
        };
        let missing = |Missing(key)| {
            // Whatever is missing of these is told at once.
            let absent = |key: &Key| snapshot.get(key.as_ref()).is_err();
            let mut keys: BTreeSet<Key> = block_reads().into_iter().filter(absent).collect();
            keys.insert(key);
            ExecuteError::Missing(keys.into_iter().collect())
        };
        let (state_chain, state_epoch, parameters) = fixed().map_err(missing)?;
        let BlockContext { chain, epoch, .. } = *block;
        if chain != state_chain || epoch != state_epoch {
            return Err(ExecuteError::Context { chain, epoch, state_chain, state_epoch });
        }
        Ok(Execution {
            state,
            parameters,
            transactions: 0,
            bytes: 0,
            receipts: Vec::new(),
            events: Vec::new(),
            event_leaves: Vec::new(),
            missing: BTreeSet::new(),
        })
    }

    /// Takes the next transaction, or leaves everything as it was. A missing key is noted, and the pass goes on for the sake of the others.
    fn push(&mut self, transaction: &Verified) -> Result<(), NotIncluded> {
        let (found, limit) = (self.transactions + 1, self.parameters.max_block_transactions);
        if found > limit {
            return Err(NotIncluded::NoRoom { found, limit, unit: "transactions" });
        }
        let first_event = self.events.len();
        self.state.begin();
        let start = self.state.mark();
        let receipt = match self.run(transaction) {
            Ok(receipt) => receipt,
            Err(AdmissionError::Inadmissible(fault)) => return Err(NotIncluded::Inadmissible(fault)),
            Err(AdmissionError::Missing(Missing(key))) => {
                // Its nonce stays taken, so that the account's next ones come to the keys that they need.
                self.missing.insert(key);
                self.missing.extend(self.state.take_wanted());
                return Ok(());
            }
        };
        let leaves: Vec<Vec<u8>> = self.events[first_event..].iter().map(Canonical::encode).collect();
        let bytes =
            transaction.encoded_len() + receipt.encode().len() + leaves.iter().map(Vec::len).sum::<usize>();
        let (found, limit) = (self.bytes + bytes as u64, self.parameters.max_block_bytes);
        if found > limit {
            self.state.roll_back(start);
            self.events.truncate(first_event);
            return Err(NotIncluded::NoRoom { found, limit, unit: "bytes" });
        }
        self.transactions += 1;
        self.bytes = found;
        self.event_leaves.extend(leaves);
        self.receipts.push(receipt);
        Ok(())
    }

    fn run(&mut self, transaction: &Verified) -> Result<Receipt, AdmissionError> {
        let (body, digest) = (transaction.body(), transaction.digest());
        let (account, used) = admit(&self.state, &self.parameters, transaction)?;
        self.state.write(key::nonce(&body.account), (body.nonce + 1).encode());
        // What comes from here on is taken back when a rule says no; the nonce stays used.
        let mark = self.state.mark();
        let (first_event, organisation) = (self.events.len(), account.organisation);
        let halt = match self.act(body, digest, account, used) {
            Ok(()) => return Ok(Receipt { transaction: digest, outcome: Outcome::Applied }),
            Err(halt) => halt,
        };
        self.state.roll_back(mark);
        self.events.truncate(first_event);
        match halt {
            Halt::Missing(missing) => Err(missing.into()),
            Halt::Refused(reason) => {
                self.events.push(Event {
                    kind: Cow::Borrowed("transaction.refused"),
                    height: self.state.block().height,
                    transaction: Some(digest),
                    actor: Some(body.account),
                    organisation: Some(organisation),
                    object: ObjectRef::transaction(digest),
                    facts: refused_facts(body, &reason),
                });
                Ok(Receipt { transaction: digest, outcome: Outcome::Refused(reason) })
            }
        }
    }

    fn act(&mut self, body: &Body, transaction: Digest, account: Account, used: KeyUse) -> Result<(), Halt> {
        let organisation: Organisation = self
            .state
            .latest(&account.organisation)?
            .expect("an account is made by an organisation, and none is deleted")
            .value;
        let authority = body.action.spec().authority;
        check_standing(&account, &organisation, authority.while_frozen)?;
        authority.check(account.capacity, organisation.role, used)?;
        if self.parameters.require_certificates > 0 {
            self.state.check_certified(body, &account)?;
        }
        body.action.verify(self.state.block().chain)?;
        let caller = Caller { id: body.account, account, role: organisation.role };
        body.action.execute(&mut Call {
            state: &mut self.state,
            caller: &caller,
            transaction,
            parameters: &self.parameters,
            events: &mut self.events,
        })
    }

    fn stop_if_missing(&self) -> Result<(), ExecuteError> {
        if self.missing.is_empty() {
            return Ok(());
        }
        Err(ExecuteError::Missing(self.missing.iter().copied().collect()))
    }

    fn finish(mut self) -> Result<BlockOutcome, ExecuteError> {
        let next_validators = if self.state.block().epoch_end { self.end_epoch() } else { Ok(None) };
        let next_validators = next_validators.unwrap_or_else(|Missing(key)| {
            self.missing.insert(key);
            None
        });
        self.stop_if_missing()?;
        // What the end of an epoch tells.
        let told = self.event_leaves.len();
        self.event_leaves.extend(self.events[told..].iter().map(Canonical::encode));
        Ok(BlockOutcome {
            writes: self.state.into_writes(),
            receipts: self.receipts,
            events: self.events,
            event_leaves: self.event_leaves,
            next_validators,
        })
    }

    /// VAL-1: the seats as they are now are the next epoch's validators.
    fn end_epoch(&mut self) -> Result<Option<ValidatorSet>, Missing> {
        let before = self.state.validators()?;
        let set = self.state.roster()?.value.set(before.value.epoch + 1);
        let joined =
            set.validators.iter().filter(|validator| !before.value.has(validator.organisation)).count();
        let left =
            before.value.validators.iter().filter(|validator| !set.has(validator.organisation)).count();
        self.state.succeed(&(), before.version, set.clone());
        self.events.push(Event {
            kind: Cow::Borrowed("validators.chosen"),
            height: self.state.block().height,
            transaction: None,
            actor: None,
            organisation: None,
            object: ObjectRef::validators(set.epoch),
            facts: vec![fact("validators", set.validators.len()), fact("joined", joined), fact("left", left)],
        });
        Ok(Some(set))
    }
}

impl State<'_> {
    fn parameters(&self) -> Result<Parameters, Missing> {
        Ok(self.latest(&())?.expect("the genesis writes the parameters").value)
    }
}

/// The rules of admission: the account as it is and what the key may sign.
fn admit(
    state: &State<'_>,
    parameters: &Parameters,
    transaction: &Transaction,
) -> Result<(Account, KeyUse), AdmissionError> {
    let (body, height) = (transaction.body(), state.block().height);
    let chain = state.block().chain;
    if body.chain != chain {
        return Err(Inadmissible::WrongChain { expected: chain, got: body.chain }.into());
    }
    let (bytes, limit) = (transaction.encoded_len() as u64, parameters.max_transaction_bytes);
    if bytes > limit {
        return Err(Inadmissible::TooLarge { bytes, limit }.into());
    }
    let expires = body.expires;
    if expires < height {
        return Err(Inadmissible::Expired { expires, height }.into());
    }
    let limit = height.saturating_add(parameters.expiry_window);
    if expires > limit {
        return Err(Inadmissible::ExpiryTooFar { expires, limit }.into());
    }
    let account = body.account;
    let record: Versioned<Account> =
        state.latest(&account)?.ok_or(Inadmissible::UnknownAccount { account })?;
    let used = record.value.keys.used_for(&body.signer);
    let used = used.ok_or(Inadmissible::UnknownKey { account, key: body.signer })?;
    let (next, got) = (state.nonce(&account)?, body.nonce);
    match got.cmp(&next) {
        std::cmp::Ordering::Less => Err(Inadmissible::NonceUsed { account, next, got }.into()),
        std::cmp::Ordering::Greater => Err(Inadmissible::NonceAhead { account, next, got }.into()),
        std::cmp::Ordering::Equal => Ok((record.value, used)),
    }
}

/// ACC-5, ORG-3, GOV-9: whether account and organisation may act at all.
fn check_standing(
    account: &Account,
    organisation: &Organisation,
    while_frozen: bool,
) -> Result<(), AuthorityRefusal> {
    if let Some(since) = account.closed {
        return Err(AuthorityRefusal::Closed { since });
    }
    // A patient's rights do not hang on what happens to the organisation that enrolled them.
    let patient = account.capacity == Capacity::Patient;
    if organisation.status != Status::Active && !patient {
        let (status, since) = (organisation.status.name().to_owned(), organisation.since);
        return Err(AuthorityRefusal::OrganisationInactive { status, since });
    }
    if while_frozen {
        return Ok(());
    }
    if let Some(since) = account.frozen {
        return Err(AuthorityRefusal::AccountFrozen { since });
    }
    match organisation.frozen {
        Some(since) if !patient => Err(AuthorityRefusal::OrganisationFrozen { since }),
        _ => Ok(()),
    }
}

fn refused_facts(body: &Body, reason: &Refusal) -> Vec<Fact> {
    let mut facts = Vec::with_capacity(reason.facts.len() + 2);
    facts.push(fact("action", body.action.spec().name));
    facts.push(fact("reason", reason.name.clone().into_owned()));
    facts.extend(reason.facts.iter().cloned());
    facts
}
