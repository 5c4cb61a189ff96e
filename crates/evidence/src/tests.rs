//! What is read from the keys and values that the ledger really writes, and what is refused.

use std::collections::BTreeMap;

use medveil_chain::EntryKind;
use medveil_ledger::action::{AuditNotarise, DatasetRegister, GovernancePropose};
use medveil_ledger::measure::ChangeParameters;
use medveil_ledger::state::Versioned;
use medveil_ledger::state::dataset::{Dataset, Fingerprint, HashSuite, Level};
use medveil_ledger::state::parameters::Parameter;
use medveil_ledger::state::trail::{Reason, Step};
use medveil_ledger::*;

use crate::reading::Fact;
use crate::{Answer, At, Question, Reading, Refused, Statement, Subject, Until, Value};

/// A consortium of one hospital whose blocks have one transaction each.
struct Chain {
    genesis: Genesis,
    key: SigningKey,
    state: BTreeMap<Key, Vec<u8>>,
    height: u64,
    nonce: u64,
    last: Option<(Transaction, BlockOutcome)>,
}

impl Chain {
    fn new() -> Self {
        let key = SigningKey::ed25519([7; 32]);
        let genesis = Genesis::from_toml(&format!(
            r#"
            chain = "example"
            time-ms = 1767225600000
            [relying-party]
            id = "wallet.example.cn"
            origins = ["https://wallet.example.cn"]
            [parameters]
            min-validators = 1
            [[member]]
            organisation = "hospital-1"
            name = "第一医院"
            role = "hospital"
            accounts = {{ "{}" = "administrator" }}
            seat = {{ key = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", address = "10.0.0.1:7001" }}
            "#,
            key.public()
        ))
        .unwrap();
        let state = genesis.writes();
        Chain { genesis, key, state, height: 0, nonce: 0, last: None }
    }

    fn account(&self) -> AccountId {
        AccountId::derive(self.genesis.chain_id(), &self.key.public())
    }

    fn dataset(&self) -> Subject {
        let owner = OrganisationId::new("hospital-1").unwrap();
        Subject::Dataset(DatasetId::derive(self.genesis.chain_id(), owner, Slug::new("visits").unwrap()))
    }

    /// One block with one transaction.
    fn act(&mut self, action: impl Into<Action>) -> Outcome {
        let body = Body {
            chain: self.genesis.chain_id(),
            account: self.account(),
            signer: self.key.public(),
            nonce: self.nonce,
            expires: self.height + 10,
            action: action.into(),
        };
        let transaction = body.sign(&self.key);
        self.height += 1;
        self.nonce += 1;
        let block = BlockContext {
            chain: self.genesis.chain_id(),
            height: self.height,
            epoch: 0,
            time_ms: self.genesis.time_ms + self.height * 1000,
            epoch_end: false,
        };
        let verified = [transaction.clone().assume_signature_verified()];
        let outcome = execute_block(&block, &verified, &self.state).unwrap();
        for (key, value) in &outcome.writes {
            self.state.insert(*key, value.clone().unwrap());
        }
        let became = outcome.receipts[0].outcome.clone();
        self.last = Some((transaction, outcome));
        became
    }

    fn register(&mut self, version: u64) {
        let fingerprint = Fingerprint {
            root: Digest([version as u8; 32]),
            count: 10 * version,
            schema: Digest([9; 32]),
            level: Level::new(3).unwrap(),
            suite: HashSuite::International,
        };
        let label = Slug::new("visits").unwrap();
        assert_eq!(self.act(DatasetRegister { label, version, fingerprint }), Outcome::Applied);
    }

    fn note(&mut self, object: ObjectRef) {
        let (step, reason) = (Step::Access, Reason::Research);
        let outcome = self.act(AuditNotarise { object, step, reason, details: Digest([8; 32]) });
        assert_eq!(outcome, Outcome::Applied);
    }

    fn at(&self) -> At {
        let time_ms = self.genesis.time_ms + self.height * 1000;
        At { height: self.height, time_ms, epoch: 0, block: Digest([1; 32]), validator_changes: 0 }
    }

    /// What evidence of these keys says.
    fn read(&self, keys: &[Key]) -> Reading {
        let facts: Vec<Fact<'_>> = keys.iter().map(|key| self.fact(key)).collect();
        Reading::of(&self.genesis, self.at(), &facts).unwrap()
    }

    fn fact<'a>(&'a self, key: &'a Key) -> Fact<'a> {
        Fact::State { key: key.as_ref(), value: self.state.get(key).map(Vec::as_slice) }
    }

    fn refused(&self, facts: &[Fact<'_>]) -> Refused {
        Reading::of(&self.genesis, self.at(), facts).unwrap_err()
    }
}

fn version<'a>(answer: Option<Answer<'a>>) -> (u64, Until) {
    match answer {
        Some(Answer::Version(period)) => (period.version, period.until),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_version_is_in_force_from_its_height_until_the_next() {
    let mut chain = Chain::new();
    let dataset = chain.dataset();
    chain.note(ObjectRef::external(Digest([3; 32])));
    chain.register(1);
    chain.note(ObjectRef::external(Digest([3; 32])));
    chain.register(2);
    chain.note(ObjectRef::external(Digest([3; 32])));

    // Version 1 was written at height 2, version 2 at height 4; the tip is 5.
    let first = chain.read(&Question::At(dataset, 3).keys(1, 2));
    assert_eq!(version(first.answer(&Question::At(dataset, 2))), (1, Until::Replaced(4)));
    assert_eq!(version(first.answer(&Question::At(dataset, 3))), (1, Until::Replaced(4)));
    assert_eq!(version(first.answer(&Question::Version(dataset, 1))), (1, Until::Replaced(4)));
    assert_eq!(first.answer(&Question::At(dataset, 1)), Some(Answer::Absent));
    assert_eq!(first.answer(&Question::At(dataset, 6)), None, "the block is of height 5");
    // The second replaced it, and is the head: that is shown as well.
    assert_eq!(version(first.answer(&Question::At(dataset, 4))), (2, Until::Still(5)));
    assert_eq!(version(first.answer(&Question::Latest(dataset))), (2, Until::Still(5)));

    let second = chain.read(&Question::At(dataset, 4).keys(2, 2));
    assert_eq!(version(second.answer(&Question::At(dataset, 5))), (2, Until::Still(5)));
    assert_eq!(version(second.answer(&Question::Latest(dataset))), (2, Until::Still(5)));
    assert_eq!(second.answer(&Question::Version(dataset, 3)), Some(Answer::Absent));
    assert_eq!(second.answer(&Question::At(dataset, 3)), None);

    let latest = chain.read(&Question::Latest(dataset).keys(2, 2));
    assert_eq!(version(latest.answer(&Question::Latest(dataset))), (2, Until::Still(5)));
    assert_eq!(version(latest.answer(&Question::At(dataset, 4))), (2, Until::Still(5)));
    let history = latest.history(&dataset).unwrap();
    assert!(matches!(&history.versions[0].value, Value::Dataset(found) if found.fingerprint.count == 20));
    assert_eq!((history.at_least, history.at_most), (2, Some(2)));

    // Of three, the first two alone do not show what followed the second, and nothing of the latest.
    chain.register(3);
    let past = chain.read(&Question::At(dataset, 3).keys(1, 3));
    assert_eq!(version(past.answer(&Question::At(dataset, 3))), (1, Until::Replaced(4)));
    assert_eq!(past.answer(&Question::At(dataset, 4)), None);
    assert_eq!(past.answer(&Question::Latest(dataset)), None);
    let history = past.history(&dataset).unwrap();
    assert_eq!((history.at_least, history.at_most, history.versions.len()), (3, None, 2));
    // Not even with the absence of a third under its key: it is there, as the head.
    let mut keys = Question::At(dataset, 3).keys(1, 3);
    keys.push(dataset.version_key(3).unwrap());
    let past = chain.read(&keys);
    assert_eq!(past.answer(&Question::Latest(dataset)), None);
    assert_eq!(past.history(&dataset).unwrap().at_most, Some(3));
    assert!(!past.history(&dataset).unwrap().is_complete());
}

#[test]
fn what_never_was_is_told_from_what_was_not_yet() {
    let mut chain = Chain::new();
    let dataset = chain.dataset();
    chain.note(ObjectRef::external(Digest([3; 32])));
    for keys in [Question::Latest(dataset).keys(0, 0), Question::At(dataset, 1).keys(0, 0)] {
        let reading = chain.read(&keys);
        for question in [Question::Latest(dataset), Question::At(dataset, 1), Question::Version(dataset, 1)] {
            assert_eq!(reading.answer(&question), Some(Answer::Absent), "{question:?}");
        }
        assert!(reading.statements[0].words().en.starts_with("there is no `dataset/"));
    }
    chain.register(1);
    let reading = chain.read(&Question::At(dataset, 1).keys(0, 1));
    assert_eq!(reading.answer(&Question::At(dataset, 1)), Some(Answer::Absent));
    assert_eq!(version(reading.answer(&Question::At(dataset, 2))), (1, Until::Still(2)));
    chain.register(2);
    let reading = chain.read(&Question::At(dataset, 1).keys(0, 2));
    assert_eq!(reading.answer(&Question::At(dataset, 1)), Some(Answer::Absent));
    // Until when it was the first is not shown.
    assert_eq!(reading.answer(&Question::At(dataset, 2)), None);
}

#[test]
fn a_trail_is_complete_only_with_its_head() {
    let mut chain = Chain::new();
    let object = ObjectRef::external(Digest([3; 32]));
    let question = Question::Trail(object);
    assert_eq!(chain.read(&question.keys(0, 0)).answer(&question), Some(Answer::Trail(&[])));
    for _ in 0..3 {
        chain.note(object);
    }
    let keys = question.keys(3, 3);
    let reading = chain.read(&keys);
    let Some(Answer::Trail(entries)) = reading.answer(&question) else { panic!() };
    assert_eq!(entries.iter().map(|entry| entry.from).collect::<Vec<_>>(), [1, 2, 3]);
    assert!(reading.statements[0].words().en.ends_with("has 3 entries, all of them shown"));
    for left_out in 0..keys.len() {
        let mut fewer = keys.clone();
        fewer.remove(left_out);
        assert_eq!(chain.read(&fewer).answer(&question), None, "without {left_out}");
    }
}

#[test]
fn transactions_receipts_and_events_are_read_together() {
    let mut chain = Chain::new();
    let refused = chain.act(GovernancePropose {
        measure: ChangeParameters { changes: BTreeMap::from([(Parameter::ExpiryWindow, 0)]) }.into(),
    });
    assert!(matches!(refused, Outcome::Refused(_)));
    let (transaction, outcome) = chain.last.clone().unwrap();
    let (bytes, receipt) = (transaction.encode(), outcome.receipts[0].encode());
    let entry = |kind, index, entry| Fact::Entry { kind, index, entry };
    let facts = [
        entry(EntryKind::Transaction, 0, &bytes[..]),
        entry(EntryKind::Receipt, 0, &receipt),
        entry(EntryKind::Event, 0, &outcome.event_leaves[0]),
    ];
    let reading = Reading::of(&chain.genesis, chain.at(), &facts).unwrap();
    let question = Question::Transaction(transaction.digest());
    let Some(Answer::Transaction(statement)) = reading.answer(&question) else { panic!() };
    let said = statement.words();
    assert!(said.en.contains("asked for `governance.propose`") && said.en.contains("refused"), "{}", said.en);
    assert!(said.zh.contains("被规则拒绝"), "{}", said.zh);
    let event = reading.answer(&Question::Event { height: 1, index: 0 });
    assert!(matches!(event, Some(Answer::Event(event)) if event.kind == "transaction.refused"));
    assert_eq!(reading.answer(&Question::Event { height: 2, index: 0 }), None);

    // A receipt alone does not say what was asked for.
    let alone = Reading::of(&chain.genesis, chain.at(), &facts[1..2]).unwrap();
    assert_eq!(alone.answer(&question), None);
    assert!(matches!(alone.statements[0], Statement::Transaction { body: None, .. }));

    // The receipt of another transaction at its place.
    let other = Receipt { transaction: Digest([5; 32]), outcome: Outcome::Applied }.encode();
    let wrong = [facts[0], entry(EntryKind::Receipt, 0, &other)];
    assert!(matches!(chain.refused(&wrong), Refused::Entry { number: 2, .. }));
    // A transaction whose signature another key made.
    let mut forged = bytes.clone();
    *forged.last_mut().unwrap() ^= 1;
    assert!(matches!(
        chain.refused(&[entry(EntryKind::Transaction, 0, &forged)]),
        Refused::Entry { number: 1, .. }
    ));
    // An event of another height.
    let later = At { height: 2, ..chain.at() };
    assert!(Reading::of(&chain.genesis, later, &facts[2..]).is_err());
}

#[test]
fn keys_that_are_none_and_values_that_are_none_are_refused() {
    let mut chain = Chain::new();
    chain.register(1);
    let dataset = chain.dataset();
    let head = dataset.head_key();
    let bytes = chain.state[&head].clone();
    let state = |key, value| Fact::State { key, value };
    assert!(matches!(chain.refused(&[state(&[99, 0], None)]), Refused::Key { number: 1, .. }));
    assert!(matches!(
        chain.refused(&[state(head.as_ref(), Some(&bytes[1..]))]),
        Refused::Value { number: 1, .. }
    ));
    // The value of another dataset, of another version, and of a later block.
    let other = Subject::Dataset(DatasetId([1; 32])).head_key();
    let second = dataset.version_key(2).unwrap();
    for (key, field) in [(&other, "owner and label"), (&second, "version")] {
        let refused = chain.refused(&[chain.fact(&head), state(key.as_ref(), Some(&bytes))]);
        assert!(matches!(refused, Refused::Mismatch { number: 2, field: found, .. } if found == field));
    }
    let mut later: Versioned<Dataset> = Versioned::decode(&bytes).unwrap();
    later.height = 2;
    let later = later.encode();
    assert!(matches!(
        chain.refused(&[state(head.as_ref(), Some(&later))]),
        Refused::Mismatch { field: "height", .. }
    ));
}

#[test]
fn statements_that_contradict_each_other_are_refused() {
    let mut chain = Chain::new();
    let dataset = chain.dataset();
    chain.register(1);
    chain.register(2);
    let key = |number| dataset.version_key(number).unwrap();
    chain.register(3);
    let (head, first, second, third) = (dataset.head_key(), key(1), key(2), key(3));
    let state = |key, value| Fact::State { key, value };
    let bytes = |key: &Key| chain.state[key].as_slice();
    let moved = |number: u64, height| {
        let mut found: Versioned<Dataset> = Versioned::decode(bytes(&key(number))).unwrap();
        found.height = height;
        found.encode()
    };
    let (early, late) = (moved(2, 1), moved(1, 2));
    let contradictory: &[(&str, Vec<Fact<'_>>)] = &[
        ("two values", vec![state(first.as_ref(), Some(bytes(&first))), state(first.as_ref(), None)]),
        ("head absent", vec![state(head.as_ref(), None), chain.fact(&second)]),
        ("latest replaced", vec![chain.fact(&head), state(third.as_ref(), Some(bytes(&head)))]),
        ("one before the latest absent", vec![chain.fact(&head), state(first.as_ref(), None)]),
        ("one after an absent one", vec![state(first.as_ref(), None), chain.fact(&second)]),
    ];
    for (name, facts) in contradictory {
        let refused = chain.refused(facts);
        assert!(matches!(refused, Refused::Contradiction { .. }), "{name}: {refused:?}");
        assert!(refused.words().zh.contains("互相矛盾"));
    }
    // Heights that fall: version 1 at height 2, version 2 at height 1.
    let falling = [state(first.as_ref(), Some(&late)), state(second.as_ref(), Some(&early))];
    assert!(matches!(chain.refused(&falling), Refused::Contradiction { .. }));
    // The same twice is no contradiction.
    let twice = [chain.fact(&head), chain.fact(&head), chain.fact(&third), chain.fact(&third)];
    assert!(Reading::of(&chain.genesis, chain.at(), &twice).is_ok());
}

#[test]
fn everything_that_the_genesis_writes_can_be_read_and_said() {
    let chain = Chain::new();
    let keys: Vec<Key> = chain.state.keys().copied().collect();
    let reading = chain.read(&keys);
    for statement in &reading.statements {
        let said = statement.words();
        assert!(!said.en.is_empty() && !said.zh.is_empty());
        let Statement::History(history) = statement else { panic!("{statement:?}") };
        for period in &history.versions {
            let said = period.words();
            assert!(said.en.contains("still at height 0") && said.zh.contains("仍有效"), "{said:?}");
        }
    }
    assert_eq!(reading.statements.len(), keys.len(), "the head of each");
    serde_json::to_string(&reading).unwrap();
}

#[test]
fn a_nonce_that_was_never_written_is_zero() {
    let mut chain = Chain::new();
    let nonce = Subject::Nonce(chain.account());
    let question = Question::Latest(nonce);
    assert_eq!(chain.read(&question.keys(0, 0)).answer(&question), Some(Answer::Number(0)));
    chain.register(1);
    assert_eq!(chain.read(&question.keys(0, 0)).answer(&question), Some(Answer::Number(1)));
}

#[test]
fn what_is_no_evidence_is_refused_in_both_languages() {
    let genesis = Chain::new().genesis;
    for bytes in [&b""[..], b"MEDVEIL\x01", b"MEDVEIL\x02 and so on", b"{}"] {
        let refused = crate::read(bytes, &genesis).unwrap_err();
        assert!(matches!(refused, Refused::Damaged(_)), "{refused}");
        assert!(refused.words().zh.contains("损坏"));
    }
}
