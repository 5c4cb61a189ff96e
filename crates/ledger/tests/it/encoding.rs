//! One value, one encoding; pinned.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use medveil_ledger::action::*;
use medveil_ledger::measure::*;
use medveil_ledger::role::{Capacity, KeyUse, Role};
use medveil_ledger::state::account::KeySet;
use medveil_ledger::state::dataset::{Fingerprint, HashSuite, Level};
use medveil_ledger::state::organisation::OrganisationName;
use medveil_ledger::state::parameters::Parameter;
use medveil_ledger::state::trail::{Reason, Step};
use medveil_ledger::*;
use proptest::prelude::*;

use crate::common::{Chain, grounds, key, organisation};

/// One of each action and measure.
fn actions(chain: &Chain) -> Vec<Action> {
    let object = ObjectRef::organisation(organisation("hospital-2"));
    let keys = KeySet::new(BTreeMap::from([
        (key(1).public(), KeyUse::Master),
        (PublicKey::WebAuthn([3; 33]), KeyUse::Everyday),
    ]))
    .unwrap();
    let account = chain.account(&key(3));
    let seat = chain.claim("hospital-1", 100);
    let organisation = organisation("hospital-1");
    let measures: Vec<Measure> = vec![
        AdmitOrganisation {
            organisation,
            name: OrganisationName::new("第一医院").unwrap(),
            role: Role::PublicHealth,
            administrators: BTreeSet::from([key(1).public(), PublicKey::Sm2([2; 33])]),
            seat: Some(seat.clone()),
        }
        .into(),
        SuspendOrganisation { organisation, grounds: grounds() }.into(),
        ReinstateOrganisation { organisation, seat: None }.into(),
        RemoveOrganisation { organisation, grounds: grounds() }.into(),
        SeatValidator { organisation, seat: seat.clone() }.into(),
        UnseatValidator { organisation, grounds: grounds() }.into(),
        ChangeParameters {
            changes: BTreeMap::from([(Parameter::MinValidators, 5), (Parameter::ExpiryWindow, 7)]),
        }
        .into(),
        Freeze { object, grounds: grounds() }.into(),
        Unfreeze { object }.into(),
        ResetAccount { account, keys: keys.clone(), grounds: grounds() }.into(),
    ];
    assert_eq!(measures.len(), MEASURES.len());
    let mut actions: Vec<Action> = vec![
        AccountCreate { key: key(9).public(), capacity: Capacity::Staff }.into(),
        AccountSetKeys { account, keys }.into(),
        AccountClose { account }.into(),
    ];
    actions.extend(measures.into_iter().map(|measure| GovernancePropose { measure }.into()));
    actions.extend([
        GovernanceVote { proposal: 3, approve: false }.into(),
        ValidatorRotate { seat }.into(),
        DatasetRegister {
            label: Slug::new("visits").unwrap(),
            version: 2,
            fingerprint: Fingerprint {
                root: Digest([1; 32]),
                count: 1000,
                schema: Digest([2; 32]),
                level: Level::new(4).unwrap(),
                suite: HashSuite::National,
            },
        }
        .into(),
        AuditNotarise { object, step: Step::Access, reason: Reason::PublicHealth, details: Digest([4; 32]) }
            .into(),
    ]);
    assert_eq!(actions.len(), ACTIONS.len() + MEASURES.len() - 1);
    actions
}

fn transactions() -> Vec<Transaction> {
    let chain = Chain::new();
    actions(&chain).into_iter().map(|action| chain.body(&key(1), action).sign(&key(1))).collect()
}

#[test]
fn every_action_reads_as_it_is_written() {
    for transaction in transactions() {
        let bytes = transaction.encode();
        let decoded = Transaction::decode(&bytes).unwrap();
        assert_eq!(decoded, transaction);
        assert_eq!(decoded.encode(), bytes);
        assert_eq!((decoded.encoded_len(), decoded.digest()), (bytes.len(), decoded.body().digest()));
    }
}

#[test]
fn every_action_reads_as_people_write_it() {
    for transaction in transactions() {
        let action = &transaction.body().action;
        let json = serde_json::to_string(action).unwrap();
        assert_eq!(&serde_json::from_str::<Action>(&json).unwrap(), action, "{json}");
        assert!(json.starts_with(&format!(r#"{{"type":"{}""#, action.spec().name)), "{json}");
    }
    let unknown = r#"{"type":"audit.notarize"}"#;
    assert!(serde_json::from_str::<Action>(unknown).unwrap_err().to_string().contains("audit.notarize"));
    let more = r#"{"type":"governance.vote","proposal":1,"approve":true,"weight":9}"#;
    assert!(serde_json::from_str::<Action>(more).unwrap_err().to_string().contains("weight"));
}

/// The genesis of these tests, as people write it: it begins the same chain for ever.
#[test]
fn a_genesis_file_begins_the_same_chain_for_ever() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/vectors/genesis.toml");
    let genesis = Genesis::from_toml(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert_eq!(genesis.chain_id(), Chain::new().id);
}

/// The file of pinned encodings. A difference is a change of what all nodes agree on: a decision, not a fix.
#[test]
fn encodings_are_pinned() {
    let chain = Chain::new();
    let mut text = String::from(
        "# name, SHA-256 of the canonical bytes, the bytes. Pinned: crates/ledger/tests/it/encoding.rs\n",
    );
    let mut pin = |name: &str, bytes: &[u8]| {
        use sha2::Digest as _;
        let digest = hex::encode(sha2::Sha256::digest(bytes));
        writeln!(text, "{name} {digest} {}", hex::encode(bytes)).unwrap();
    };
    pin("genesis", &chain.genesis.encode());
    pin("chain-id", &chain.id.0);
    for transaction in transactions() {
        let action = &transaction.body().action;
        let name = match action {
            Action::GovernancePropose(propose) => format!("governance.propose/{}", propose.measure.name()),
            _ => action.spec().name.to_owned(),
        };
        pin(&name, &transaction.encode());
        pin(&format!("{name}/id"), &transaction.digest().0);
    }
    let mut used = Chain::new();
    used.apply_action(&key(1), actions(&chain).pop().unwrap());
    used.refused(&key(1), GovernanceVote { proposal: 3, approve: true });
    for event in &used.events {
        pin(&format!("event/{}", event.kind), &event.encode());
    }
    for (number, (key, value)) in used.state.iter().enumerate() {
        pin(&format!("state/{number:03}/{}", hex::encode(key.as_ref())), value);
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/vectors/encoding.txt");
    let pinned = std::fs::read_to_string(path).unwrap_or_default();
    if pinned != text && std::env::var_os("MEDVEIL_PIN").is_some() {
        std::fs::write(path, &text).unwrap();
        return;
    }
    for (pinned, now) in pinned.lines().zip(text.lines()) {
        assert_eq!(pinned, now, "an encoding has changed; if that is meant, run with MEDVEIL_PIN=1");
    }
    assert_eq!(pinned.lines().count(), text.lines().count(), "run with MEDVEIL_PIN=1 if that is meant");
}

#[test]
fn each_fault_of_a_transaction_s_bytes_is_named() {
    let good = transactions().pop().unwrap().encode();
    let fault = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = good.clone();
        change(&mut bytes);
        Transaction::decode(&bytes).unwrap_err()
    };
    assert_eq!(fault(&|bytes| bytes[0] = 2), DecodeError::UnknownFormat { found: 2, expected: 1 });
    assert_eq!(fault(&|bytes| bytes[65] = 3), DecodeError::UnknownSuite { number: 3, at: 65 });
    assert_eq!(fault(&|bytes| bytes[114] = 0xff), DecodeError::UnknownAction { number: 0xff, at: 114 });
    assert_eq!(fault(&|bytes| bytes.push(0)), DecodeError::TrailingBytes { count: 1 });
    assert_eq!(fault(&|bytes| bytes.truncate(100)).name(), "encoding.malformed");
    assert_eq!(fault(&|bytes| bytes.resize(70_000, 0)).name(), "encoding.too_large");
    let names: Vec<&str> = [
        fault(&|bytes| bytes[0] = 9),
        fault(&|bytes| bytes[65] = 9),
        fault(&|bytes| bytes[115] = 9),
        fault(&|bytes| bytes.push(9)),
    ]
    .iter()
    .map(Named::name)
    .collect();
    assert_eq!(
        names,
        [
            "encoding.unknown_format",
            "encoding.unknown_suite",
            "encoding.unknown_action",
            "encoding.trailing_bytes"
        ]
    );
}

#[test]
fn every_byte_of_a_transaction_counts() {
    let transaction = transactions().pop().unwrap();
    let (bytes, party) = (transaction.encode(), Chain::new().genesis.relying_party);
    for place in 0..bytes.len() {
        assert!(Transaction::decode(&bytes[..place]).is_err(), "cut at {place}");
        for flip in [0x01, 0x80, 0xff] {
            let mut bytes = bytes.clone();
            bytes[place] ^= flip;
            let refused = match Transaction::decode(&bytes) {
                Ok(changed) => signature::verify(&party, &changed).is_err(),
                Err(_) => true,
            };
            assert!(refused, "byte {place} ^ {flip:#x}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Whatever is done to the bytes: they are refused, or the signature does not hold, or only the signature's spelling is another.
    #[test]
    fn a_flipped_bit_is_refused_or_breaks_the_signature(
        index in any::<prop::sample::Index>(),
        place in any::<prop::sample::Index>(),
        bit in 0u8..8,
    ) {
        let all = transactions();
        let transaction = index.get(&all);
        let mut bytes = transaction.encode();
        let place = place.index(bytes.len());
        bytes[place] ^= 1 << bit;
        if let Ok(changed) = Transaction::decode(&bytes) {
            prop_assert_eq!(changed.encode(), bytes, "one value, one encoding");
            let signed = transaction.encoded_len() - 65;
            prop_assert_eq!(changed.digest() == transaction.digest(), place >= signed);
            prop_assert!(signature::verify(&Chain::new().genesis.relying_party, &changed).is_err());
        }
    }

    /// No prefix of a transaction is one.
    #[test]
    fn a_cut_transaction_is_refused(index in any::<prop::sample::Index>(), place in any::<prop::sample::Index>()) {
        let all = transactions();
        let bytes = index.get(&all).encode();
        prop_assert!(Transaction::decode(&bytes[..place.index(bytes.len())]).is_err());
    }

    /// Any bytes: no panic; what is read is written the same.
    #[test]
    fn what_is_read_of_any_bytes_is_written_the_same(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        if let Ok(transaction) = Transaction::decode(&bytes) {
            prop_assert_eq!(transaction.encode(), bytes.clone());
        }
        if let Ok(event) = Event::decode(&bytes) {
            prop_assert_eq!(event.encode(), bytes.clone());
        }
        if let Ok(genesis) = Genesis::decode(&bytes) {
            prop_assert_eq!(genesis.encode(), bytes);
        }
    }
}
