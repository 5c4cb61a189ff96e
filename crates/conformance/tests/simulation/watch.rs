//! What is seen of a run while it goes on: final blocks, acknowledgements, and who is well.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{Arc, Mutex, MutexGuard},
};

use medveil_chain::{Block, Digest};

/// What must not happen, whatever goes wrong. Stated before the runs; each run looks for all.
///
/// With fewer than a third of the validators cheating, at any time:
#[derive(Clone, Debug)]
pub enum Failure {
    /// Two honest members have different final blocks at a height, or one has another than it had: a fork, or a final block that was lost.
    Fork { height: u64, member: usize },
    /// A final block holds what the rules, carried out by somebody else from genesis on, do not allow or do not come to: a transaction that nobody
    /// signed or that is out of order, another receipt, another event, other validators.
    Invalid { height: u64, what: String },
    /// A member's state is not what the blocks make of the genesis.
    State { member: usize, height: u64, key: String },
    /// No block became final for [`STALL_MS`], though a quorum of honest validators was up, connected and had its clock right.
    Stall { height: u64, since_ms: u64 },
    /// A transaction was acknowledged by an honest member, which is up again, and is neither final nor expired at the end.
    LostAcknowledged { member: usize, account: usize, nonce: u64 },
    /// An honest member is behind the others long after everything is well again.
    Behind { member: usize, height: u64, of: u64 },
    /// An honest member cut off another honest one: it takes it for a cheat.
    Accused { by: usize, whom: usize },
    /// What a member gives out as evidence does not hold.
    Evidence { member: usize, what: String },
    /// An honest member's node stopped by itself.
    Halted { member: usize },
    /// What final blocks do with data breaks a claim, by an account of it that reads nothing of the state (`claims.rs` of the ledger's tests, where they are stated): a release without a decision, an
    /// access to a release with a patient in it who does not permit it any more, a budget that is overspent, differences that show a few patients, something whose author is not told.
    Claim { height: u64, what: String },
    /// A member's node that has the block of a withdrawal would still grant an access to what the patient is in: it takes effect in one block, on every node.
    StillOpen { member: usize, height: u64, withdrawn_at: u64 },
    /// A hospital's custodian came to a stop that only people could end, or what it did is not what it said: other patients in the bytes than in the figures, an answer that the auditor does not pass.
    Custodian { hospital: usize, what: String },
    /// An honest member took a transaction that somebody signed for another.
    Impersonated { member: usize },
}

/// How long nothing may become final while a quorum is well: at most three leaders in a row are not, each may hold up a view for five seconds, and a
/// member needs some seconds to find its way back.
pub const STALL_MS: u64 = 25_000;

/// How long after the last fault everything must be as if there had been none.
pub const SETTLE_MS: u64 = 60_000;

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fork { height, member } => {
                write!(f, "fork: member {member} has another final block at height {height}")
            }
            Self::Invalid { height, what } => {
                write!(f, "the final block at height {height} is not valid: {what}")
            }
            Self::State { member, height, key } => {
                write!(f, "the state of member {member} at height {height} is wrong at {key}")
            }
            Self::Stall { height, since_ms } => {
                write!(
                    f,
                    "stall: nothing is final after height {height} for {since_ms} ms, though a quorum is well"
                )
            }
            Self::LostAcknowledged { member, account, nonce } => {
                write!(
                    f,
                    "member {member} lost nonce {nonce} of account {account}, which it had acknowledged"
                )
            }
            Self::Behind { member, height, of } => write!(f, "member {member} is at height {height} of {of}"),
            Self::Accused { by, whom } => write!(f, "member {by} cut off {whom}, which is honest"),
            Self::Evidence { member, what } => write!(f, "evidence of member {member} does not hold: {what}"),
            Self::Halted { member } => write!(f, "the node of member {member} stopped by itself"),
            Self::Claim { height, what } => write!(f, "the final block at height {height}: {what}"),
            Self::StillOpen { member, height, withdrawn_at } => {
                write!(f, "member {member} at height {height} grants what was withdrawn at {withdrawn_at}")
            }
            Self::Custodian { hospital, what } => write!(f, "the custodian of hospital {hospital}: {what}"),
            Self::Impersonated { member } => write!(f, "member {member} took what another account signed"),
        }
    }
}

/// A transaction that a node promised to carry.
#[derive(Clone, Debug)]
pub struct Acknowledged {
    pub by: usize,
    pub account: usize,
    pub nonce: u64,
    pub expires: u64,
}

/// What is seen.
#[derive(Clone, Default)]
pub struct Watch(Arc<Mutex<Seen>>);

#[derive(Default)]
pub struct Seen {
    /// Final blocks, as the first honest member showed them.
    pub blocks: BTreeMap<u64, Arc<Block>>,
    /// The last height that each member showed.
    pub heights: BTreeMap<usize, u64>,
    /// When a new height was shown last, in milliseconds since 1970.
    pub progress_ms: u64,
    /// When each height was first shown, in milliseconds since 1970.
    pub finals: Vec<u64>,
    pub acknowledged: BTreeMap<Digest, Acknowledged>,
    /// What is found.
    pub failures: Vec<Failure>,
    /// Members that are not expected to be well.
    pub unwell: BTreeMap<usize, BTreeSet<&'static str>>,
    /// Figures of the run.
    pub submitted: u64,
    pub crashes: u64,
    /// Nodes that were asked after a withdrawal.
    pub asked: u64,
}

impl Watch {
    pub fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap()
    }

    pub fn fail(&self, failure: Failure) {
        let mut seen = self.seen();
        if seen.failures.len() < 20 {
            seen.failures.push(failure);
        }
    }

    /// The highest final block that anybody honest showed.
    pub fn height(&self) -> u64 {
        self.seen().blocks.last_key_value().map_or(0, |(height, _)| *height)
    }

    /// A final block, as an honest member shows it.
    pub fn block(&self, now: u64, member: usize, block: Arc<Block>) {
        let height = block.height();
        let fork = {
            let mut seen = self.seen();
            seen.heights.entry(member).and_modify(|known| *known = (*known).max(height)).or_insert(height);
            match seen.blocks.get(&height) {
                Some(known) => known.header() != block.header(),
                None => {
                    seen.blocks.insert(height, block);
                    seen.progress_ms = now;
                    seen.finals.push(now);
                    false
                }
            }
        };
        if fork {
            self.fail(Failure::Fork { height, member });
        }
    }

    pub fn unwell(&self, member: usize, why: &'static str) {
        self.seen().unwell.entry(member).or_default().insert(why);
    }

    pub fn well(&self, member: usize, why: &'static str) {
        if let Some(reasons) = self.seen().unwell.get_mut(&member) {
            reasons.remove(why);
        }
    }

    pub fn is_well(&self, member: usize) -> bool {
        self.seen().unwell.get(&member).is_none_or(BTreeSet::is_empty)
    }
}
