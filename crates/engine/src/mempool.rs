//! Transactions that wait for a block: bounded, and fair to accounts.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque},
    sync::Arc,
};

use medveil_chain::{Bytes, Digest};

use crate::TransactionInfo;

/// Bounds of the mempool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MempoolLimits {
    /// Transactions in all.
    pub transactions: usize,
    /// Bytes in all.
    pub bytes: usize,
    /// Transactions of one account.
    pub per_account: usize,
}

impl Default for MempoolLimits {
    fn default() -> Self {
        Self { transactions: 100_000, bytes: 64 << 20, per_account: 20_000 }
    }
}

/// Why a transaction is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotQueued {
    /// This node has taken it already, or it was included lately.
    #[error("the transaction is known already")]
    Duplicate,
    /// Another transaction of the account waits with the same nonce.
    #[error("another transaction of the account waits with nonce {0}")]
    NonceTaken(u64),
    /// The mempool is full: try later.
    #[error("the queue of transactions is full")]
    Full,
    /// The account has too many waiting: try later.
    #[error("the account's queue of transactions is full")]
    AccountFull,
    /// It is longer than [`MAX_TRANSACTION_BYTES`].
    #[error("the transaction has {0} bytes, more than {MAX_TRANSACTION_BYTES}")]
    TooLarge(usize),
    /// Its last height has passed.
    #[error("the transaction expired at height {0}")]
    Expired(u64),
}

/// The longest transaction that is passed on, in bytes.
pub const MAX_TRANSACTION_BYTES: usize = 256 * 1024;

/// A transaction that waits.
#[derive(Debug, PartialEq, Eq)]
pub struct Waiting {
    /// What the state machine told about it.
    pub info: TransactionInfo,
    /// The transaction.
    pub bytes: Bytes,
}

/// What the mempool knows of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whereabouts {
    /// It waits for a block.
    Waiting,
    /// A final block had it, lately.
    Included,
}

/// How many transactions wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MempoolStatus {
    /// Transactions.
    pub transactions: usize,
    /// Their bytes.
    pub bytes: usize,
    /// Accounts that they belong to.
    pub accounts: usize,
}

/// The queues, one an account, served in turn.
///
/// No priorities: an account that sends much waits behind itself only.
pub(crate) struct Mempool {
    limits: MempoolLimits,
    queues: BTreeMap<Vec<u8>, BTreeMap<u64, Arc<Waiting>>>,
    /// Accounts with a queue, in the order in which they are served next.
    turns: VecDeque<Vec<u8>>,
    // Looked up only, never gone through: their order tells nothing.
    ids: HashMap<Digest, Arc<Waiting>>,
    /// Those that were submitted here; the others came from peers.
    own: HashSet<Digest>,
    bytes: usize,
    recent: VecDeque<Digest>,
    recent_ids: HashSet<Digest>,
    height: u64,
    /// Counts whatever may make a transaction fit for a block.
    changes: u64,
    /// The count when the last candidates were selected, and when none of those selected was fit.
    selected_at: u64,
    barren_at: Option<u64>,
}

/// How many included transactions are remembered, so that late gossip does not bring them back.
const RECENT: usize = 1 << 17;

impl Mempool {
    pub(crate) fn new(limits: MempoolLimits) -> Self {
        Self {
            limits,
            queues: BTreeMap::new(),
            turns: VecDeque::new(),
            ids: HashMap::new(),
            own: HashSet::new(),
            bytes: 0,
            recent: VecDeque::new(),
            recent_ids: HashSet::new(),
            height: 0,
            changes: 0,
            selected_at: 0,
            barren_at: None,
        }
    }

    /// Takes a verified transaction of a peer.
    pub(crate) fn insert(&mut self, info: TransactionInfo, bytes: Bytes) -> Result<Arc<Waiting>, NotQueued> {
        self.take(info, bytes, true)
    }

    /// Takes a verified transaction that is submitted here. One that a peer passed on becomes this node's own as well: who submits it is promised that it is kept.
    pub(crate) fn submit(&mut self, info: TransactionInfo, bytes: Bytes) -> Result<Arc<Waiting>, NotQueued> {
        let id = info.id;
        let waiting = match self.ids.get(&id) {
            Some(waiting) if !self.own.contains(&id) => waiting.clone(),
            _ => self.take(info, bytes, true)?,
        };
        self.own.insert(id);
        Ok(waiting)
    }

    /// Takes a transaction that was acknowledged before: it had its room, whatever else has arrived since.
    pub(crate) fn restore(&mut self, info: TransactionInfo, bytes: Bytes) -> Option<Arc<Waiting>> {
        let id = info.id;
        let waiting = match self.ids.get(&id) {
            Some(waiting) => waiting.clone(),
            None => self.take(info, bytes, false).ok()?,
        };
        self.own.insert(id);
        Some(waiting)
    }

    fn take(
        &mut self,
        info: TransactionInfo,
        bytes: Bytes,
        bounded: bool,
    ) -> Result<Arc<Waiting>, NotQueued> {
        if self.ids.contains_key(&info.id) || self.recent_ids.contains(&info.id) {
            return Err(NotQueued::Duplicate);
        }
        if bytes.len() > MAX_TRANSACTION_BYTES {
            return Err(NotQueued::TooLarge(bytes.len()));
        }
        if info.expires <= self.height {
            return Err(NotQueued::Expired(info.expires));
        }
        if bounded
            && (self.ids.len() >= self.limits.transactions || self.bytes + bytes.len() > self.limits.bytes)
        {
            return Err(NotQueued::Full);
        }
        if let Some(queue) = self.queues.get(&info.account) {
            if queue.contains_key(&info.nonce) {
                return Err(NotQueued::NonceTaken(info.nonce));
            }
            if bounded && queue.len() >= self.limits.per_account {
                return Err(NotQueued::AccountFull);
            }
        } else {
            self.turns.push_back(info.account.clone());
        }
        self.bytes += bytes.len();
        self.changes += 1;
        let waiting = Arc::new(Waiting { info, bytes });
        self.ids.insert(waiting.info.id, waiting.clone());
        self.queues
            .entry(waiting.info.account.clone())
            .or_default()
            .insert(waiting.info.nonce, waiting.clone());
        Ok(waiting)
    }

    /// Candidates for a block of at most so many bytes and transactions, account by account in turn, each account's in the order of
    /// its nonces without gaps. `pending` are in blocks before it that are not final; they are passed over. Nothing is removed.
    pub(crate) fn select(
        &mut self,
        max_bytes: usize,
        max_transactions: usize,
        pending: &BTreeSet<Digest>,
    ) -> Vec<Arc<Waiting>> {
        self.selected_at = self.changes;
        let mut selected = Vec::new();
        let mut bytes = 0;
        let mut active: VecDeque<_> = self
            .turns
            .iter()
            .filter_map(|account| {
                let mut queue = self.queues[account]
                    .values()
                    .filter(|waiting| !pending.contains(&waiting.info.id))
                    .peekable();
                let next = queue.peek()?.info.nonce;
                Some((queue, next))
            })
            .collect();
        while let Some((mut queue, next)) = active.pop_front() {
            if selected.len() >= max_transactions {
                break;
            }
            let Some(waiting) = queue.next() else { continue };
            if waiting.info.nonce != next {
                continue;
            }
            if bytes + waiting.bytes.len() > max_bytes {
                // Smaller ones of other accounts may still fit.
                continue;
            }
            bytes += waiting.bytes.len();
            selected.push(waiting.clone());
            if let Some(next) = next.checked_add(1) {
                active.push_back((queue, next));
            }
        }
        if let Some(first) = self.turns.pop_front() {
            self.turns.push_back(first);
        }
        selected
    }

    /// Forgets what a final block included, and what can no longer be included.
    pub(crate) fn finalized<'a>(&mut self, height: u64, included: impl Iterator<Item = &'a TransactionInfo>) {
        self.height = self.height.max(height);
        let mut emptied = false;
        for info in included {
            self.changes += 1;
            if self.recent_ids.insert(info.id) {
                self.recent.push_back(info.id);
            }
            if let Some(queue) = self.queues.get_mut(&info.account) {
                // A lower nonce can never be included again.
                let later = info.nonce.checked_add(1).map(|next| queue.split_off(&next)).unwrap_or_default();
                for waiting in std::mem::replace(queue, later).values() {
                    self.ids.remove(&waiting.info.id);
                    self.own.remove(&waiting.info.id);
                    self.bytes -= waiting.bytes.len();
                }
                emptied |= queue.is_empty();
            }
        }
        while self.recent.len() > RECENT {
            if let Some(id) = self.recent.pop_front() {
                self.recent_ids.remove(&id);
            }
        }
        // Every block would be too often for a large mempool.
        if height.is_multiple_of(16) {
            let (ids, own, bytes) = (&mut self.ids, &mut self.own, &mut self.bytes);
            for queue in self.queues.values_mut() {
                queue.retain(|_, waiting| {
                    let keep = waiting.info.expires > height;
                    if !keep {
                        ids.remove(&waiting.info.id);
                        own.remove(&waiting.info.id);
                        *bytes -= waiting.bytes.len();
                    }
                    keep
                });
                emptied |= queue.is_empty();
            }
        }
        if emptied {
            self.queues.retain(|_, queue| !queue.is_empty());
            self.turns.retain(|account| self.queues.contains_key(account));
        }
    }

    /// Whether no transaction waits that a block could hold, as far as is known: what waits may have a gap of nonces before it.
    pub(crate) fn is_idle(&self) -> bool {
        self.ids.is_empty() || self.barren_at == Some(self.changes)
    }

    /// Told when a proposal could include nothing of what was selected last: it is not tried again before something changes.
    pub(crate) fn found_barren(&mut self) {
        self.barren_at = Some(self.selected_at);
    }

    pub(crate) fn contains(&self, id: &Digest) -> bool {
        self.ids.contains_key(id)
    }

    /// A transaction that waits.
    pub(crate) fn get(&self, id: &Digest) -> Option<Arc<Waiting>> {
        self.ids.get(id).cloned()
    }

    /// Where a transaction is; `None` when it is not known, or was included long ago.
    pub(crate) fn find(&self, id: &Digest) -> Option<Whereabouts> {
        match (self.recent_ids.contains(id), self.ids.contains_key(id)) {
            (true, _) => Some(Whereabouts::Included),
            (false, true) => Some(Whereabouts::Waiting),
            (false, false) => None,
        }
    }

    pub(crate) fn status(&self) -> MempoolStatus {
        MempoolStatus { transactions: self.ids.len(), bytes: self.bytes, accounts: self.queues.len() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(account: u8, nonce: u64) -> TransactionInfo {
        let mut id = [0; 32];
        id[0] = account;
        id[1..9].copy_from_slice(&nonce.to_be_bytes());
        TransactionInfo { id: id.into(), account: vec![account], nonce, expires: 100 }
    }

    fn insert(pool: &mut Mempool, account: u8, nonce: u64) -> Result<(), NotQueued> {
        pool.insert(info(account, nonce), Bytes::from(vec![account; 10])).map(|_| ())
    }

    fn names(selected: &[Arc<Waiting>]) -> Vec<(u8, u64)> {
        selected.iter().map(|waiting| (waiting.info.account[0], waiting.info.nonce)).collect()
    }

    #[test]
    fn a_busy_account_does_not_delay_another() {
        let mut pool = Mempool::new(MempoolLimits::default());
        for nonce in 0..50 {
            insert(&mut pool, 1, nonce).unwrap();
        }
        insert(&mut pool, 2, 7).unwrap();
        let selected = pool.select(1000, 4, &BTreeSet::new());
        assert_eq!(names(&selected), [(1, 0), (2, 7), (1, 1), (1, 2)]);
    }

    #[test]
    fn turns_rotate_between_blocks() {
        let mut pool = Mempool::new(MempoolLimits::default());
        for account in 1..4 {
            insert(&mut pool, account, 0).unwrap();
        }
        let first: Vec<u8> = (0..3).map(|_| names(&pool.select(1000, 1, &BTreeSet::new()))[0].0).collect();
        assert_eq!(first, [1, 2, 3]);
    }

    #[test]
    fn a_gap_of_nonces_ends_an_accounts_share() {
        let mut pool = Mempool::new(MempoolLimits::default());
        for nonce in [3, 4, 6] {
            insert(&mut pool, 1, nonce).unwrap();
        }
        assert_eq!(names(&pool.select(1000, 10, &BTreeSet::new())), [(1, 3), (1, 4)]);
        // What waits in a block that is not final is passed over, and does not count as a gap.
        let pending = BTreeSet::from([info(1, 3).id]);
        assert_eq!(names(&pool.select(1000, 10, &pending)), [(1, 4)]);
    }

    #[test]
    fn what_no_block_can_hold_makes_no_work() {
        let mut pool = Mempool::new(MempoolLimits::default());
        assert!(pool.is_idle());
        insert(&mut pool, 1, 5).unwrap();
        assert!(!pool.is_idle());
        pool.select(1000, 10, &BTreeSet::new());
        pool.found_barren();
        assert!(pool.is_idle());
        // The gap may be filled: by another transaction, or by a block made elsewhere.
        insert(&mut pool, 2, 0).unwrap();
        assert!(!pool.is_idle());
        pool.select(1000, 10, &BTreeSet::new());
        pool.found_barren();
        pool.finalized(1, [info(1, 4)].iter());
        assert!(!pool.is_idle());
    }

    #[test]
    fn bounds_push_back() {
        let limits = MempoolLimits { transactions: 3, bytes: 1000, per_account: 2 };
        let mut pool = Mempool::new(limits);
        insert(&mut pool, 1, 0).unwrap();
        insert(&mut pool, 1, 1).unwrap();
        assert_eq!(insert(&mut pool, 1, 2), Err(NotQueued::AccountFull));
        insert(&mut pool, 2, 0).unwrap();
        assert_eq!(insert(&mut pool, 3, 0), Err(NotQueued::Full));
        let mut pool = Mempool::new(MempoolLimits { bytes: 15, ..limits });
        insert(&mut pool, 1, 0).unwrap();
        assert_eq!(insert(&mut pool, 2, 0), Err(NotQueued::Full));
    }

    #[test]
    fn what_a_peer_passed_on_may_be_submitted_once() {
        let mut pool = Mempool::new(MempoolLimits::default());
        insert(&mut pool, 1, 0).unwrap();
        assert_eq!(insert(&mut pool, 1, 0), Err(NotQueued::Duplicate));
        let submit = |pool: &mut Mempool| pool.submit(info(1, 0), Bytes::from(vec![1; 10])).map(|_| ());
        assert_eq!(submit(&mut pool), Ok(()));
        assert_eq!(submit(&mut pool), Err(NotQueued::Duplicate));
        assert_eq!(pool.status().transactions, 1);
        pool.finalized(1, [info(1, 0)].iter());
        assert_eq!(submit(&mut pool), Err(NotQueued::Duplicate));
    }

    #[test]
    fn what_was_acknowledged_before_a_restart_has_its_room() {
        let mut pool = Mempool::new(MempoolLimits { transactions: 1, bytes: 10, per_account: 1 });
        insert(&mut pool, 1, 1).unwrap();
        assert_eq!(insert(&mut pool, 1, 0), Err(NotQueued::Full));
        pool.restore(info(1, 0), Bytes::from(vec![1; 10])).unwrap();
        assert_eq!(names(&pool.select(1000, 10, &BTreeSet::new())), [(1, 0), (1, 1)]);
        assert_eq!(pool.get(&info(1, 0).id).map(|waiting| waiting.info.nonce), Some(0));
    }

    #[test]
    fn known_and_conflicting_transactions_are_refused() {
        let mut pool = Mempool::new(MempoolLimits::default());
        insert(&mut pool, 1, 0).unwrap();
        assert_eq!(insert(&mut pool, 1, 0), Err(NotQueued::Duplicate));
        let other = TransactionInfo { id: [9; 32].into(), ..info(1, 0) };
        assert_eq!(pool.insert(other, Bytes::new()), Err(NotQueued::NonceTaken(0)));
        assert_eq!(pool.find(&info(1, 0).id), Some(Whereabouts::Waiting));
        pool.finalized(1, [info(1, 0)].iter());
        assert_eq!(insert(&mut pool, 1, 0), Err(NotQueued::Duplicate));
        assert_eq!(pool.find(&info(1, 0).id), Some(Whereabouts::Included));
        assert_eq!(pool.find(&info(1, 1).id), None);
    }

    #[test]
    fn the_largest_nonce_and_the_longest_transaction_do_no_harm() {
        let mut pool = Mempool::new(MempoolLimits::default());
        insert(&mut pool, 1, u64::MAX).unwrap();
        assert_eq!(names(&pool.select(1000, 10, &BTreeSet::new())), [(1, u64::MAX)]);
        pool.finalized(1, [info(1, u64::MAX)].iter());
        assert_eq!(pool.status(), MempoolStatus::default());
        let long = Bytes::from(vec![0; MAX_TRANSACTION_BYTES + 1]);
        assert_eq!(pool.insert(info(1, 0), long), Err(NotQueued::TooLarge(MAX_TRANSACTION_BYTES + 1)));
    }

    #[test]
    fn a_final_block_removes_what_it_outdates() {
        let mut pool = Mempool::new(MempoolLimits::default());
        for nonce in 0..5 {
            insert(&mut pool, 1, nonce).unwrap();
        }
        pool.finalized(1, [info(1, 2)].iter());
        assert_eq!(pool.status(), MempoolStatus { transactions: 2, bytes: 20, accounts: 1 });
        pool.finalized(2, [info(1, 4)].iter());
        assert!(pool.is_idle());
        assert_eq!(pool.status(), MempoolStatus::default());
    }

    #[test]
    fn expired_transactions_leave() {
        let mut pool = Mempool::new(MempoolLimits::default());
        insert(&mut pool, 1, 0).unwrap();
        pool.finalized(112, [].iter());
        assert!(pool.is_idle());
        assert_eq!(insert(&mut pool, 1, 1), Err(NotQueued::Expired(100)));
    }
}
