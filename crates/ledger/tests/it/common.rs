//! A consortium of five hospitals and two regulators, and its chain in memory.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use medveil_ledger::genesis::Member;
use medveil_ledger::measure::{Cause, Grounds};
use medveil_ledger::role::{Capacity, Role};
use medveil_ledger::signature::possession_digest;
use medveil_ledger::state::Record;
use medveil_ledger::state::charter::Thresholds;
use medveil_ledger::state::organisation::OrganisationName;
use medveil_ledger::state::parameters::Parameters;
use medveil_ledger::state::validators::{Seat, SeatClaim, ValidatorKey};
use medveil_ledger::*;

pub const MEMBERS: &[&str] =
    &["hospital-1", "hospital-2", "hospital-3", "hospital-4", "hospital-5", "regulator-1", "regulator-2"];

/// A key of a number; members' administrators have the numbers 1 to 7.
pub fn key(number: u8) -> SigningKey {
    SigningKey::ed25519([number; 32])
}

/// The validator's key of a number.
pub fn validator_key(number: u8) -> SigningKey {
    SigningKey::ed25519([number ^ 0xff; 32])
}

pub fn bytes(key: &SigningKey) -> ValidatorKey {
    ValidatorKey(key.public().bytes().try_into().unwrap())
}

pub fn organisation(name: &str) -> OrganisationId {
    OrganisationId::new(name).unwrap()
}

pub fn grounds() -> Grounds {
    Grounds { cause: Cause::Breach, details: Digest([9; 32]) }
}

pub fn genesis() -> Genesis {
    genesis_of(Parameters::default(), Thresholds::default())
}

pub fn genesis_of(parameters: Parameters, thresholds: Thresholds) -> Genesis {
    let members = MEMBERS.iter().zip(1u8..).map(|(name, number)| Member {
        organisation: organisation(name),
        name: OrganisationName::new(format!("成员 {number}")).unwrap(),
        role: if name.starts_with("hospital") { Role::Hospital } else { Role::Regulator },
        seat: Some(Seat {
            key: bytes(&validator_key(number)),
            address: format!("10.0.0.{number}:7001").parse().unwrap(),
        }),
        accounts: BTreeMap::from([(key(number).public(), Capacity::Administrator)]),
    });
    Genesis {
        chain: Slug::new("harbour-health").unwrap(),
        time_ms: 1_767_225_600_000,
        epoch_length: 10,
        relying_party: RelyingParty {
            id: "wallet.example.cn".into(),
            origins: vec!["https://wallet.example.cn".into()],
        },
        thresholds,
        parameters,
        members: members.collect(),
        issuers: Vec::new(),
    }
}

/// A chain whose blocks are executed as they come.
pub struct Chain {
    pub genesis: Genesis,
    pub id: ChainId,
    pub state: BTreeMap<Key, Vec<u8>>,
    pub height: u64,
    pub epoch: u64,
    pub events: Vec<Event>,
}

impl Chain {
    pub fn new() -> Self {
        Chain::of(genesis())
    }

    pub fn of(genesis: Genesis) -> Self {
        assert_eq!(genesis.faults(), []);
        let (id, state) = (genesis.chain_id(), genesis.writes());
        Chain { genesis, id, state, height: 0, epoch: 0, events: Vec::new() }
    }

    pub fn next_block(&self) -> BlockContext {
        BlockContext {
            chain: self.id,
            height: self.height + 1,
            epoch: self.epoch,
            time_ms: self.genesis.time_ms + 1000 * (self.height + 1),
            epoch_end: false,
        }
    }

    pub fn account(&self, key: &SigningKey) -> AccountId {
        AccountId::derive(self.id, &key.public())
    }

    pub fn nonce(&self, account: AccountId) -> u64 {
        let stored = Snapshot::get(&self.state, state::key::nonce(&account).as_ref()).unwrap();
        stored.map_or(0, |bytes| u64::decode(bytes).unwrap())
    }

    /// A transaction that is admissible in the next block, as the first of its account.
    pub fn body(&self, key: &SigningKey, action: impl Into<Action>) -> Body {
        let account = self.account(key);
        Body {
            chain: self.id,
            account,
            signer: key.public(),
            nonce: self.nonce(account),
            expires: self.height + 10,
            action: action.into(),
        }
    }

    pub fn transaction(&self, key: &SigningKey, action: impl Into<Action>) -> Verified {
        self.verified(self.body(key, action).sign(key))
    }

    pub fn verified(&self, transaction: Transaction) -> Verified {
        let transaction = Transaction::decode(&transaction.encode()).unwrap();
        Verified::check(transaction, &self.genesis.relying_party).unwrap()
    }

    /// Executes the next block and takes its writes.
    pub fn block(&mut self, transactions: &[Verified]) -> BlockOutcome {
        self.block_in(self.next_block(), transactions)
    }

    pub fn block_in(&mut self, block: BlockContext, transactions: &[Verified]) -> BlockOutcome {
        let outcome = execute_block(&block, transactions, &self.state).unwrap();
        self.apply(&block, &outcome);
        outcome
    }

    pub fn apply(&mut self, block: &BlockContext, outcome: &BlockOutcome) {
        for (key, value) in &outcome.writes {
            match value {
                Some(value) => drop(self.state.insert(*key, value.clone())),
                None => drop(self.state.remove(key)),
            }
        }
        self.height = block.height;
        self.epoch += u64::from(block.epoch_end);
        self.events.extend(outcome.events.iter().cloned());
    }

    /// Ends the epoch with an empty block.
    pub fn end_epoch(&mut self) -> BlockOutcome {
        let block = BlockContext { epoch_end: true, ..self.next_block() };
        self.block_in(block, &[])
    }

    /// One transaction in a block of its own.
    pub fn submit(&mut self, key: &SigningKey, action: impl Into<Action>) -> Outcome {
        let transaction = self.transaction(key, action);
        let mut outcome = self.block(&[transaction]);
        assert_eq!(outcome.receipts.len(), 1);
        outcome.receipts.remove(0).outcome
    }

    /// A transaction that must be applied.
    pub fn apply_action(&mut self, key: &SigningKey, action: impl Into<Action>) {
        let outcome = self.submit(key, action);
        assert_eq!(outcome, Outcome::Applied);
    }

    /// A transaction that must be refused; its reason's name.
    pub fn refused(&mut self, key: &SigningKey, action: impl Into<Action>) -> Refusal {
        match self.submit(key, action) {
            Outcome::Refused(reason) => reason,
            Outcome::Applied => panic!("the action was applied"),
        }
    }

    /// A measure that members 1 to 4 vote through.
    pub fn enact(&mut self, measure: impl Into<Measure>) {
        let number = self.propose(1, measure);
        for member in 2..=4 {
            self.apply_action(&key(member), action::GovernanceVote { proposal: number, approve: true });
        }
        let proposal = self.proposal(number);
        assert_eq!(proposal.status(self.height), "enacted", "{proposal:?}");
    }

    /// A measure that a member proposes; the proposal's number.
    pub fn propose(&mut self, member: u8, measure: impl Into<Measure>) -> u64 {
        self.apply_action(&key(member), action::GovernancePropose { measure: measure.into() });
        let bytes = &self.state[&state::key::proposal_count()];
        u64::decode(bytes).unwrap()
    }

    pub fn proposal(&self, number: u64) -> state::proposal::Proposal {
        self.latest(&number).unwrap().value
    }

    pub fn latest<R: Record>(&self, id: &R::Id) -> Option<Versioned<R>> {
        self.state.get(&R::head_key(id)).map(|bytes| Versioned::decode(bytes).unwrap())
    }

    /// A seat that the validator key of a number asks for.
    pub fn claim(&self, name: &str, number: u8) -> SeatClaim {
        let signer = validator_key(number);
        let key = bytes(&signer);
        let digest = possession_digest(self.id, organisation(name), &key.0);
        let Signature::Ed25519(possession) = signer.sign_digest(digest) else { unreachable!() };
        SeatClaim { key, address: format!("10.0.1.{number}:7001").parse().unwrap(), possession }
    }

    /// The kinds of the last events.
    pub fn last_kinds(&self, count: usize) -> Vec<&str> {
        let start = self.events.len().saturating_sub(count);
        self.events[start..].iter().map(|event| event.kind.as_ref()).collect()
    }
}

/// A snapshot that has nothing at hand until it is loaded, as an engine's.
pub struct Lazy<'a> {
    pub state: &'a BTreeMap<Key, Vec<u8>>,
    pub loaded: BTreeSet<Key>,
    pub asked: RefCell<u64>,
}

impl Snapshot for Lazy<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<&[u8]>, Missing> {
        *self.asked.borrow_mut() += 1;
        let key = Key::from_slice(key).unwrap();
        if !self.loaded.contains(&key) {
            return Err(Missing(key));
        }
        Ok(self.state.get(&key).map(Vec::as_slice))
    }
}
