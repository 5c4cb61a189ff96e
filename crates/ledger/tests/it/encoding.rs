//! One value, one encoding; pinned.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use medveil_ledger::action::*;
use medveil_ledger::bounded::OpaqueBytes;
use medveil_ledger::measure::*;
use medveil_ledger::role::{Capacity, KeyUse, Role};
use medveil_ledger::state::account::KeySet;
use medveil_ledger::state::challenge::Verdict;
use medveil_ledger::state::contract::Standing;
use medveil_ledger::state::dataset::{Fingerprint, HashSuite, Level};
use medveil_ledger::state::destruction::DestructionCause;
use medveil_ledger::state::incident::IncidentCause;
use medveil_ledger::state::organisation::OrganisationName;
use medveil_ledger::state::parameters::Parameter;
use medveil_ledger::state::request::Subject;
use medveil_ledger::state::trail::{Reason, Step};
use medveil_ledger::template::Template;
use medveil_ledger::terms::Sandbox;
use medveil_ledger::vocabulary::*;
use medveil_ledger::*;
use proptest::prelude::*;

use crate::common::{Chain, grounds, key, organisation};
use crate::{certificates, scene};

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
        AdmitIssuer { certificate: OpaqueBytes::new(vec![0x30, 0x00]).unwrap() }.into(),
        RemoveIssuer { issuer: IssuerId([0x27; 32]), grounds: grounds() }.into(),
        RevokeCertificate {
            certificate: CertificateId([0x28; 32]),
            fingerprint: Digest([0x29; 32]),
            grounds: grounds(),
        }
        .into(),
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
    actions
}

/// One of each action in the life of a dataset.
fn life_actions(chain: &Chain) -> Vec<Action> {
    let (patient, dataset) = (chain.account(&key(3)), DatasetId([0x11; 32]));
    let (contract, request) = (ContractId([0x12; 32]), RequestId([0x13; 32]));
    let (release, consent) = (ReleaseId([0x14; 32]), ConsentId([0x15; 32]));
    let (challenge, object) = (ChallengeId([0x16; 32]), CustodyId([0x17; 32]));
    let label = Slug::new("diabetes").unwrap();
    let provision = Provision {
        study: Some(Digest([0x18; 32])),
        recipients: Recipients::new([Role::Research], [organisation("hospital-2")]).unwrap(),
        ..scene::permit(chain, Purpose::HealthResearch)
    };
    let denial = Provision { effect: Effect::Deny, commerce: Commerce::Only, ..provision.clone() };
    let provisions = Provisions::new(vec![provision, denial]).unwrap();
    let mut terms = Template::InsuranceLicence.terms(&scene::particulars(chain, "hospital-1", [dataset]));
    terms.study = Some(StudyId([0x19; 32]));
    terms.sandbox = Some(Sandbox { participants: 3, records: 1000, until_ms: terms.term.until_ms });
    let mut ask = scene::ask(contract, [dataset]);
    ask.subject = Subject::Patient { patient, salt: Some(Digest([0x1a; 32])) };
    ask.undertakings = scene::set([Condition::Publication]);
    ask.abroad = Some(Digest([0x1b; 32]));
    let mut figures = scene::figures(chain);
    figures.custody = Some(object);
    let keys = BTreeMap::from([(organisation("hospital-2"), Digest([0x1c; 32]))]);
    let sealed = OpaqueBytes::new(vec![0x1d; 48]).unwrap();
    vec![
        PatientInvite {
            code: key(9).public(),
            until_ms: 1_767_300_000_000,
            guardians: scene::set([patient]),
        }
        .into(),
        PatientEnrol { wallet: PublicKey::WebAuthn([3; 33]) }.into(),
        PatientReenrol { patient, wallet: key(10).public() }.into(),
        PatientObject {}.into(),
        PatientSetGuardians { guardians: scene::set([patient]) }.into(),
        ConsentGrant { patient, number: 2, provisions: provisions.clone(), form: Digest([7; 32]) }.into(),
        ConsentNarrow { consent, provisions }.into(),
        ConsentWithdraw { consent }.into(),
        ContractPublishWithPolicy {
            label,
            revision: 3,
            terms: terms.clone(),
            policy: "forbid (principal, action, resource) unless { context has study };".into(),
        }
        .into(),
        ContractPublish { label, revision: 2, terms }.into(),
        ContractCountersign { contract, revision: 2 }.into(),
        ContractSetStanding { contract, standing: Standing::Frozen }.into(),
        BudgetSet { dataset, ceiling: 5_000_000 }.into(),
        RequestSubmit { ask }.into(),
        RequestVote { request, approve: true }.into(),
        RequestCancel { request }.into(),
        ReleasePost { request, dataset, version: 3, figures }.into(),
        AccessRequest { release, version: 3, keys: keys.clone() }.into(),
        AuditChallenge { release, version: 3, rows: 300, reader: Digest([0x1c; 32]) }.into(),
        AuditAnswer { challenge, openings: Digest([0x1e; 32]) }.into(),
        AuditVerdict { challenge, verdict: Verdict::DroppedRows, report: Digest([0x1f; 32]) }.into(),
        DestructionOrder { object: ObjectRef::release(release), cause: DestructionCause::Authority }.into(),
        DestructionAttest { object: ObjectRef::custody(object) }.into(),
        IncidentReport {
            cause: IncidentCause::KeyFault,
            object: ObjectRef::custody(object),
            details: Digest([0x20; 32]),
        }
        .into(),
        CustodyRegister {
            label,
            version: 1,
            manifest: Digest([0x21; 32]),
            wrapped_key: OpaqueBytes::new(vec![0x22; 112]).unwrap(),
            policy: Digest([0x23; 32]),
        }
        .into(),
        CustodyRequestKey { object, version: 1, keys }.into(),
        CustodyPostPartial { request: Digest([0x24; 32]), sealed }.into(),
        CustodyReportPartial {
            request: Digest([0x24; 32]),
            organisation: organisation("hospital-2"),
            secret: Digest([0x25; 32]),
        }
        .into(),
        CommitteePost { session: 1, round: 2, payload: OpaqueBytes::new(vec![0x26; 9]).unwrap() }.into(),
        CertificateRegister {
            issuer: IssuerId([0x27; 32]),
            certificate: OpaqueBytes::new(vec![0x30, 0x00]).unwrap(),
            intermediate: Some(OpaqueBytes::new(vec![0x30, 0x01]).unwrap()),
        }
        .into(),
        CertificateRevoke {
            certificate: CertificateId([0x28; 32]),
            fingerprint: Digest([0x29; 32]),
            cause: Cause::Compromise,
        }
        .into(),
    ]
}

fn transactions() -> Vec<Transaction> {
    let chain = Chain::new();
    let all: Vec<Action> = life_actions(&chain).into_iter().chain(actions(&chain)).collect();
    assert_eq!(all.len(), ACTIONS.len() + MEASURES.len() - 1);
    all.into_iter().map(|action| chain.body(&key(1), action).sign(&key(1))).collect()
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
    let life = scene::granted().released();
    let lived: Vec<_> = life.chain.state.iter().filter(|(key, _)| key.as_ref()[0] > 13).collect();
    for (number, (key, value)) in lived.iter().enumerate() {
        pin(&format!("life/{number:03}/{}", hex::encode(key.as_ref())), value);
    }
    for (number, (key, value)) in used.state.iter().enumerate() {
        pin(&format!("state/{number:03}/{}", hex::encode(key.as_ref())), value);
    }
    let certified = certificates::certified();
    pin("certified/genesis", &certified.chain.genesis.encode());
    let kept: Vec<_> =
        certified.chain.state.iter().filter(|(key, _)| matches!(key.as_ref()[0], 5 | 32..)).collect();
    for (number, (key, value)) in kept.iter().enumerate() {
        pin(&format!("certified/{number:03}/{}", hex::encode(key.as_ref())), value);
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
