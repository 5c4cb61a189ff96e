//! The rules of the ledger as the engine runs them.
//!
//! A thin bridge: the engine hands over bytes and a state, [`medveil_ledger`] decides.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

use medveil_chain::{Bytes, PublicKey, ValidatorSet};
use medveil_engine::{
    BlockContext, Executed, Key, Missing, Mode, Peer, Refusal, StateMachine, StateSnapshot, Stop,
    TransactionInfo,
};
use medveil_ledger::{
    self as ledger, AdmissionError, ChainId, ExecuteError, Genesis, Named, Snapshot, Transaction, Verified,
    state::{
        key::Domain,
        validators::{Validator, ValidatorKey, peers},
    },
};

/// The rules of one chain.
#[derive(Debug)]
pub struct Rules {
    genesis: Genesis,
    chain: ChainId,
    /// Keys of the members that blocks were found to need: loaded with every block, since a transaction does not say whose account it is of. A hint that changes no result.
    members: Mutex<BTreeSet<Key>>,
}

/// Members whose records are loaded with every block, at most.
const MAX_MEMBERS: usize = 128;

impl Rules {
    /// The rules of the chain that begins with `genesis`.
    pub fn new(genesis: Genesis) -> Self {
        Self { chain: genesis.chain_id(), genesis, members: Mutex::default() }
    }

    /// The genesis.
    pub fn genesis(&self) -> &Genesis {
        &self.genesis
    }

    /// The chain's id: the digest of the genesis.
    pub fn chain(&self) -> ChainId {
        self.chain
    }

    /// The genesis that headers, votes and evidence name. It commits to everything in the ledger's.
    ///
    /// # Errors
    /// Fails when the ledger's genesis was put together by hand and no chain can begin so.
    pub fn chain_genesis(&self) -> Result<medveil_chain::Genesis, String> {
        medveil_evidence::chain_genesis(&self.genesis)
    }

    fn stop(&self, error: ExecuteError) -> Stop {
        if let ExecuteError::Missing(keys) = &error {
            let of_members =
                keys.iter().map(|key| key.as_ref()).filter(|key| key[0] == Domain::Organisation as u8);
            let mut members = self.members.lock().unwrap_or_else(PoisonError::into_inner);
            let room = MAX_MEMBERS.saturating_sub(members.len());
            members.extend(of_members.map(<[u8]>::to_vec).take(room));
        }
        stop(error)
    }

    fn block(&self, block: &BlockContext) -> ledger::BlockContext {
        ledger::BlockContext {
            chain: self.chain,
            height: block.height,
            epoch: block.epoch,
            time_ms: block.time,
            epoch_end: block.epoch_end,
        }
    }
}

impl StateMachine for Rules {
    fn genesis_writes(&self) -> Vec<(Key, Vec<u8>)> {
        self.genesis.writes().into_iter().map(|(key, value)| (key.as_ref().to_vec(), value)).collect()
    }

    fn verify(&self, transactions: &[Bytes]) -> Vec<Result<TransactionInfo, Refusal>> {
        let decoded: Vec<_> = transactions.iter().map(|bytes| Transaction::decode(bytes)).collect();
        let readable: Vec<Transaction> = decoded.iter().flatten().cloned().collect();
        let mut signatures = ledger::verify_signatures(&self.genesis.relying_party, &readable).into_iter();
        decoded
            .into_iter()
            .map(|transaction| {
                let transaction = transaction.map_err(|fault| refusal(&fault))?;
                let signature = signatures.next().expect("one answer for each transaction");
                signature.map_err(|fault| refusal(&fault))?;
                let body = transaction.body();
                if body.chain != self.chain {
                    let (expected, got) = (self.chain, body.chain);
                    return Err(refusal(&ledger::Inadmissible::WrongChain { expected, got }));
                }
                Ok(TransactionInfo {
                    id: transaction.digest().0.into(),
                    account: body.account.0.to_vec(),
                    nonce: body.nonce,
                    expires: body.expires,
                })
            })
            .collect()
    }

    fn check(&self, transaction: &Bytes, at: &BlockContext, state: &dyn StateSnapshot) -> Result<(), Stop> {
        let transaction = Transaction::decode(transaction).map_err(|fault| Stop::Refused(refusal(&fault)))?;
        match ledger::admissible(self.chain, at.height, &transaction, &Loaded(state)) {
            Ok(()) => Ok(()),
            // It waits for those before it.
            Err(AdmissionError::Inadmissible(ledger::Inadmissible::NonceAhead { .. })) => Ok(()),
            Err(AdmissionError::Inadmissible(fault)) => Err(Stop::Refused(refusal(&fault))),
            Err(AdmissionError::Missing(missing)) => Err(Stop::Missing(vec![missing.0.as_ref().to_vec()])),
        }
    }

    fn reads(&self, _: &BlockContext, transactions: &[Bytes]) -> Vec<Key> {
        let decoded = transactions.iter().filter_map(|bytes| Transaction::decode(bytes).ok());
        let of_transactions = decoded.flat_map(|transaction| ledger::reads(transaction.body()));
        let mut keys: Vec<_> = ledger::block_reads().into_iter().chain(of_transactions).collect();
        keys.sort_unstable();
        keys.dedup();
        let mut keys: Vec<Key> = keys.into_iter().map(|key| key.as_ref().to_vec()).collect();
        if !transactions.is_empty() {
            let members = self.members.lock().unwrap_or_else(PoisonError::into_inner);
            keys.extend(members.iter().cloned());
        }
        keys
    }

    fn execute(
        &self,
        block: &BlockContext,
        transactions: &[Bytes],
        state: &dyn StateSnapshot,
        mode: Mode,
    ) -> Result<Executed, Stop> {
        // The engine executes only what `verify` let pass.
        let verified = |bytes: &Bytes| Transaction::decode(bytes).map(Transaction::assume_signature_verified);
        let transactions: Result<Vec<Verified>, _> = transactions.iter().map(verified).collect();
        let transactions = transactions.map_err(|fault| Stop::Refused(refusal(&fault)))?;
        let (block, state) = (self.block(block), Loaded(state));
        let (included, outcome) = match mode {
            Mode::Propose => ledger::propose_block(&block, &transactions, &state),
            Mode::Validate => ledger::execute_block(&block, &transactions, &state)
                .map(|outcome| ((0..transactions.len()).collect(), outcome)),
        }
        .map_err(|error| self.stop(error))?;
        let next_validators = outcome.next_validators.map(|set| keys(&set.validators));
        Ok(Executed {
            included,
            receipts: outcome.receipts.iter().map(ledger::Canonical::encode).collect(),
            events: outcome.event_leaves,
            writes: outcome.writes.into_iter().map(|(key, value)| (key.as_ref().to_vec(), value)).collect(),
            next_validators: next_validators
                .map(|keys| ValidatorSet::new(keys?).map_err(|error| error.to_string()))
                .transpose()
                .expect("the rules let no roster pass that is no set of validators"),
        })
    }

    fn peers(&self, state: &dyn StateSnapshot) -> Result<Vec<Peer>, Stop> {
        let members =
            peers(&Loaded(state)).map_err(|missing| Stop::Missing(vec![missing.0.as_ref().to_vec()]))?;
        let peer = |validator: Validator| {
            let address = validator.address.to_string();
            Some(Peer { key: key(&validator.key).ok()?, address })
        };
        Ok(members.into_iter().filter_map(peer).collect())
    }
}

/// The engine's key of a validator.
///
/// # Errors
/// The bytes are no point of the curve, which the rules do not let pass.
pub fn key(key: &ValidatorKey) -> Result<PublicKey, String> {
    medveil_chain::public_key(&key.0).map_err(|error| format!("validator key `{key}`: {error}"))
}

fn keys(validators: &[Validator]) -> Result<Vec<PublicKey>, String> {
    validators.iter().map(|validator| key(&validator.key)).collect()
}

/// A refusal of the ledger in the engine's words.
fn refusal(reason: &impl Named) -> Refusal {
    Refusal { code: reason.name().into(), message: reason.to_string() }
}

fn stop(error: ExecuteError) -> Stop {
    match error {
        ExecuteError::Missing(keys) => {
            Stop::Missing(keys.into_iter().map(|key| key.as_ref().to_vec()).collect())
        }
        ExecuteError::Inadmissible { fault, .. } => Stop::Refused(refusal(&fault)),
        ExecuteError::TooLarge { .. } | ExecuteError::Context { .. } => {
            let code = match error {
                ExecuteError::TooLarge { .. } => "block.too_large",
                _ => "block.context",
            };
            Stop::Refused(Refusal { code: code.into(), message: error.to_string() })
        }
    }
}

/// What the engine loaded of the state, as the ledger reads it.
struct Loaded<'a>(&'a dyn StateSnapshot);

impl Snapshot for Loaded<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<&[u8]>, ledger::state::Missing> {
        self.0.get(key).map_err(|Missing(key)| {
            ledger::state::Missing(ledger::Key::from_slice(&key).expect("the key came from the ledger"))
        })
    }
}
