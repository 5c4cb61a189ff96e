//! What the engine runs: a deterministic state machine behind one object-safe trait.

use std::fmt;

use medveil_chain::{Bytes, Digest, PublicKey, ValidatorSet};

use crate::Pacing;

/// A key of the state: 1 to [`MAX_KEY_BYTES`](medveil_chain::MAX_KEY_BYTES) bytes, ordered bytewise.
pub type Key = Vec<u8>;

/// The rules of the ledger, as the engine calls them.
///
/// Every method is a pure function of its arguments, alike on every machine: no clock, no randomness, no hash-ordered iteration.
/// The engine calls them from several threads, may call `execute` several times for one block (keys that were missing, several
/// branches), and halts the node when two runs of the same block differ.
pub trait StateMachine: Send + Sync + 'static {
    /// What is in the state before the first block. Written with block 1, before its transactions. Committed to by
    /// [`Genesis::commit_application`](medveil_chain::Genesis::commit_application), in the order given.
    fn genesis_writes(&self) -> Vec<(Key, Vec<u8>)>;

    /// Checks transactions without the state: encoding, chain, sizes, signatures. Called with batches, on several threads.
    /// A block that holds a transaction that fails is invalid; a member that sends one is disconnected.
    fn verify(&self, transactions: &[Bytes]) -> Vec<Result<TransactionInfo, Refusal>>;

    /// Checks a transaction against the finalised state as if it were in the block `at`, for the submitter's sake.
    ///
    /// # Errors
    /// [`Stop::Refused`] tells the submitter why; [`Stop::Missing`] makes the engine load keys and call again.
    fn check(&self, transaction: &Bytes, at: &BlockContext, state: &dyn StateSnapshot) -> Result<(), Stop>;

    /// Keys that executing the block will read, as far as can be told: they are loaded at once. A hint.
    fn reads(&self, block: &BlockContext, transactions: &[Bytes]) -> Vec<Key>;

    /// Executes a block on the state before it.
    ///
    /// With [`Mode::Propose`], transactions that must not be in the block (used nonce, expired ..) are left out. With
    /// [`Mode::Validate`] all are executed.
    ///
    /// # Errors
    /// [`Stop::Missing`] makes the engine load keys and call again; [`Stop::Refused`], in `Validate` only, makes the block
    /// invalid.
    fn execute(
        &self,
        block: &BlockContext,
        transactions: &[Bytes],
        state: &dyn StateSnapshot,
        mode: Mode,
    ) -> Result<Executed, Stop>;

    /// Who may connect, and where they listen, by the state: validators of this and the next epoch and other members.
    ///
    /// # Errors
    /// [`Stop::Missing`] makes the engine load keys and call again; [`Stop::Refused`] leaves the peers as they were.
    fn peers(&self, state: &dyn StateSnapshot) -> Result<Vec<Peer>, Stop>;

    /// When blocks are made, by the state; `None` leaves it as it is. A longer idle interval takes effect with the next epoch, since the waits of consensus follow from
    /// it; everything else at once.
    ///
    /// # Errors
    /// [`Stop::Missing`] makes the engine load keys and call again; [`Stop::Refused`] leaves it as it was.
    fn pacing(&self, state: &dyn StateSnapshot) -> Result<Option<Pacing>, Stop> {
        let _ = state;
        Ok(None)
    }
}

/// The part of a state that is loaded.
pub trait StateSnapshot: Send + Sync {
    /// The value of a key, `None` when it has none.
    ///
    /// # Errors
    /// The key is not loaded: hand it to the engine with [`Stop::Missing`].
    fn get(&self, key: &[u8]) -> Result<Option<&[u8]>, Missing>;
}

/// A key that is not loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing(pub Key);

/// Why a call of the state machine ended without a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// These keys must be loaded first.
    Missing(Vec<Key>),
    /// It is not allowed.
    Refused(Refusal),
}

impl From<Missing> for Stop {
    fn from(missing: Missing) -> Self {
        Self::Missing(vec![missing.0])
    }
}

/// A named reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The name, for programs: `transaction.expired`.
    pub code: String,
    /// For people, with the values compared. Never holds values of patients.
    pub message: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

/// What the mempool must know of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionInfo {
    /// What identifies it, whatever its signature's bytes.
    pub id: Digest,
    /// Whose queue it waits in.
    pub account: Vec<u8>,
    /// Its place in that queue. Consecutive for an account.
    pub nonce: u64,
    /// The last height at which it may be included.
    pub expires: u64,
}

/// The block that is executed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockContext {
    /// Digest of the chain's genesis.
    pub genesis: Digest,
    /// Height of the block, from 1.
    pub height: u64,
    /// The block's time in milliseconds since 1970 (UTC).
    pub time: u64,
    /// Epoch of the block.
    pub epoch: u64,
    /// Whether the epoch ends with it, so that the validators of the next are asked for.
    pub epoch_end: bool,
    /// The validator that proposes it.
    pub leader: PublicKey,
    /// The validators of the epoch.
    pub validators: ValidatorSet,
}

/// Whether a block is being made or checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Transactions may be left out.
    Propose,
    /// All are executed.
    Validate,
}

/// What executing a block gives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Executed {
    /// Indices of the transactions that are in the block, ascending. With [`Mode::Validate`], all.
    pub included: Vec<usize>,
    /// One a transaction included.
    pub receipts: Vec<Vec<u8>>,
    /// What happened.
    pub events: Vec<Vec<u8>>,
    /// New values; `None` removes the key. Of several for a key the last holds.
    pub writes: Vec<(Key, Option<Vec<u8>>)>,
    /// The validators of the next epoch; `None` keeps them. Asked for at the end of an epoch only.
    pub next_validators: Option<ValidatorSet>,
}

/// Somebody who may connect.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Peer {
    /// Its key, the same as a validator's.
    pub key: PublicKey,
    /// Where it listens: `host:port`.
    pub address: String,
}
