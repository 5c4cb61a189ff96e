//! Members that cheat.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use medveil_chain::Bytes;
use medveil_engine::{
    BlockContext, Executed, Key, Mode, Peer, Refusal, StateMachine, StateSnapshot, Stop, TransactionInfo,
};
use medveil_ledger::Transaction;

use crate::chance::Chance;

/// How a member cheats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cheat {
    /// It runs two nodes with one key, which speak with different members: two proposals and two votes for a view.
    Equivocates,
    /// Its proposals hold what is not so.
    ProposesInvalid,
    /// Its proposals hold transactions that nobody signed.
    ProposesForged,
    /// It tells its proposals to few, or nobody, and answers nobody.
    Withholds,
    /// It votes towards some only.
    VotesSelectively,
    /// It passes on transactions with forged signatures.
    Forges,
    /// It passes on old transactions again and again.
    Replays,
    /// It sends bytes without meaning on every channel.
    Babbles,
}

impl Cheat {
    pub const ALL: [Self; 8] = [
        Self::Equivocates,
        Self::ProposesInvalid,
        Self::ProposesForged,
        Self::Withholds,
        Self::VotesSelectively,
        Self::Forges,
        Self::Replays,
        Self::Babbles,
    ];
}

/// The transaction with one bit of its signature, its last bytes, flipped.
pub fn forged(transaction: &Bytes) -> Bytes {
    let mut bytes = transaction.to_vec();
    let last = bytes.len() - 1;
    bytes[last - 7] ^= 1;
    bytes.into()
}

/// The real rules, with something wrong about what is proposed.
pub struct Liar {
    pub rules: Arc<dyn StateMachine>,
    pub cheat: Cheat,
    pub count: AtomicU64,
}

impl StateMachine for Liar {
    fn genesis_writes(&self) -> Vec<(Key, Vec<u8>)> {
        self.rules.genesis_writes()
    }

    fn verify(&self, transactions: &[Bytes]) -> Vec<Result<TransactionInfo, Refusal>> {
        let mut verified = self.rules.verify(transactions);
        if self.cheat == Cheat::ProposesForged {
            for (verdict, bytes) in verified.iter_mut().zip(transactions) {
                if verdict.is_err()
                    && let Ok(transaction) = Transaction::decode(bytes)
                {
                    let body = transaction.body();
                    *verdict = Ok(TransactionInfo {
                        id: transaction.digest().0.into(),
                        account: body.account.0.to_vec(),
                        nonce: body.nonce,
                        expires: body.expires,
                    });
                }
            }
        }
        verified
    }

    fn check(&self, transaction: &Bytes, at: &BlockContext, state: &dyn StateSnapshot) -> Result<(), Stop> {
        self.rules.check(transaction, at, state)
    }

    fn reads(&self, block: &BlockContext, transactions: &[Bytes]) -> Vec<Key> {
        self.rules.reads(block, transactions)
    }

    fn execute(
        &self,
        block: &BlockContext,
        transactions: &[Bytes],
        state: &dyn StateSnapshot,
        mode: Mode,
    ) -> Result<Executed, Stop> {
        let mut executed = self.rules.execute(block, transactions, state, mode)?;
        if mode == Mode::Propose && self.cheat == Cheat::ProposesInvalid {
            let count = self.count.fetch_add(1, Ordering::Relaxed);
            lie(&mut executed, &mut Chance::new(count));
        }
        Ok(executed)
    }

    fn peers(&self, state: &dyn StateSnapshot) -> Result<Vec<Peer>, Stop> {
        self.rules.peers(state)
    }
}

/// Changes something that others find wrong when they execute the block.
fn lie(executed: &mut Executed, chance: &mut Chance) {
    match chance.index(4) {
        0 => executed.events.push(b"something that did not happen".to_vec()),
        1 => executed.writes.push((b"a key that nobody wrote".to_vec(), Some(b"a value".to_vec()))),
        2 if !executed.receipts.is_empty() => {
            executed.receipts[0].reverse();
            executed.receipts[0].push(0);
        }
        _ => {
            executed.writes.pop();
            executed.events.push(Vec::new());
        }
    }
}
