//! ACC: accounts, keys, authority.

use std::collections::BTreeMap;

use medveil_ledger::action::{AccountClose, AccountCreate, AccountSetKeys, AuditNotarise, DatasetRegister};
use medveil_ledger::measure::{Freeze, ResetAccount, SuspendOrganisation, Unfreeze};
use medveil_ledger::role::{Capacity, KeyUse};
use medveil_ledger::state::account::{Account, KeySet};
use medveil_ledger::state::dataset::{Fingerprint, HashSuite, Level};
use medveil_ledger::state::trail::{Reason, Step};
use medveil_ledger::*;

use crate::common::{Chain, grounds, key, organisation};

fn note() -> AuditNotarise {
    AuditNotarise {
        object: ObjectRef::external(Digest([1; 32])),
        step: Step::Access,
        reason: Reason::Research,
        details: Digest([2; 32]),
    }
}

fn create(number: u8, capacity: Capacity) -> AccountCreate {
    AccountCreate { key: key(number).public(), capacity }
}

fn keys(pairs: &[(u8, KeyUse)]) -> KeySet {
    KeySet::new(pairs.iter().map(|(number, used)| (key(*number).public(), *used)).collect()).unwrap()
}

/// A hospital with staff 20, custodian 21, patient 22.
fn chain() -> Chain {
    let mut chain = Chain::new();
    for (number, capacity) in [(20, Capacity::Staff), (21, Capacity::Custodian), (22, Capacity::Patient)] {
        chain.apply_action(&key(1), create(number, capacity));
    }
    chain
}

fn account(chain: &Chain, number: u8) -> Account {
    chain.latest(&chain.account(&key(number))).unwrap().value
}

#[test]
fn an_organisation_makes_accounts_for_its_people() {
    let chain = chain();
    let staff = account(&chain, 20);
    assert_eq!((staff.organisation, staff.capacity), (organisation("hospital-1"), Capacity::Staff));
    assert_eq!(staff.keys.used_for(&key(20).public()), Some(KeyUse::Master));
}

#[test]
fn each_suite_s_keys_open_accounts_and_others_are_refused() {
    let mut chain = Chain::new();
    let sm2 = SigningKey::sm2([5; 32]).unwrap();
    chain.apply_action(&key(1), AccountCreate { key: sm2.public(), capacity: Capacity::Staff });
    chain.apply_action(&sm2, note());
    let no_point = PublicKey::Sm2([4; 33]);
    let reason = chain.refused(&key(1), AccountCreate { key: no_point, capacity: Capacity::Staff });
    assert_eq!(reason.name, "keys.invalid");
}

#[test]
fn accounts_are_made_once_and_by_those_who_may() {
    let mut chain = chain();
    assert_eq!(chain.refused(&key(1), create(20, Capacity::Staff)).name, "account.exists");
    assert_eq!(chain.refused(&key(2), create(20, Capacity::Staff)).name, "account.exists");
    assert_eq!(chain.refused(&key(20), create(30, Capacity::Staff)).name, "authority.capacity");
    assert_eq!(chain.refused(&key(21), create(30, Capacity::Staff)).name, "account.cannot_create");
    assert_eq!(chain.refused(&key(6), create(30, Capacity::Patient)).name, "account.cannot_create");
    chain.apply_action(&key(21), create(30, Capacity::Patient));
}

#[test]
fn a_rotated_key_is_refused_from_the_next_transaction_on() {
    let mut chain = chain();
    let account = chain.account(&key(20));
    let rotation = AccountSetKeys { account, keys: keys(&[(40, KeyUse::Master)]) };
    let first = chain.transaction(&key(20), rotation);
    let old = chain.verified(Body { nonce: 1, ..chain.body(&key(20), note()) }.sign(&key(20)));
    let error = execute_block(&chain.next_block(), &[first.clone(), old.clone()], &chain.state).unwrap_err();
    assert!(matches!(error, ExecuteError::Inadmissible { index: 1, fault: Inadmissible::UnknownKey { .. } }));
    let new = Body { signer: key(40).public(), nonce: 1, ..chain.body(&key(20), note()) };
    let new = chain.verified(new.sign(&key(40)));
    let outcome = chain.block(&[first, new]);
    assert!(outcome.receipts.iter().all(|receipt| receipt.outcome == Outcome::Applied));
}

#[test]
fn everyday_keys_sign_notes_but_not_keys() {
    let mut chain = chain();
    let id = chain.account(&key(20));
    let both = keys(&[(20, KeyUse::Master), (41, KeyUse::Everyday)]);
    chain.apply_action(&key(20), AccountSetKeys { account: id, keys: both.clone() });
    let with = |chain: &Chain, action: Action| {
        let body = Body { signer: key(41).public(), ..chain.body(&key(20), action) };
        chain.verified(body.sign(&key(41)))
    };
    let transaction = with(&chain, note().into());
    assert_eq!(chain.block(&[transaction]).receipts[0].outcome, Outcome::Applied);
    let takeover = AccountSetKeys { account: id, keys: keys(&[(41, KeyUse::Master)]) };
    let transaction = with(&chain, takeover.into());
    let Outcome::Refused(reason) = chain.block(&[transaction]).receipts[0].outcome.clone() else { panic!() };
    assert_eq!(reason.to_string(), "authority.key (found everyday, needed master)");
    assert_eq!(chain.refused(&key(20), AccountSetKeys { account: id, keys: both }).name, "account.same_keys");
}

#[test]
fn sets_of_keys_without_a_master_or_too_large_do_not_exist() {
    let everyday = BTreeMap::from([(key(1).public(), KeyUse::Everyday)]);
    assert_eq!(KeySet::new(everyday.clone()).unwrap_err().name(), "keys.no_master");
    assert_eq!(KeySet::new(BTreeMap::new()).unwrap_err().name(), "keys.count");
    let nine = (1..=9).map(|number| (key(number).public(), KeyUse::Master)).collect();
    assert_eq!(KeySet::new(nine).unwrap_err().name(), "keys.count");
    // Nor are they read.
    assert!(KeySet::decode(&everyday.encode()).is_err());
}

#[test]
fn administrators_look_after_colleagues_and_nobody_else() {
    let mut chain = chain();
    let set = |chain: &Chain, number: u8| AccountSetKeys {
        account: chain.account(&key(number)),
        keys: keys(&[(50 + number, KeyUse::Master)]),
    };
    for number in [22, 2] {
        let action = set(&chain, number);
        assert_eq!(chain.refused(&key(1), action).name, "account.not_yours", "{number}");
    }
    let action = set(&chain, 20);
    assert_eq!(chain.refused(&key(2), action).name, "account.not_yours");
    let action = set(&chain, 20);
    chain.apply_action(&key(1), action);
    let nobody = AccountSetKeys { account: AccountId([1; 32]), keys: keys(&[(1, KeyUse::Master)]) };
    assert_eq!(chain.refused(&key(1), nobody).name, "account.unknown");
}

#[test]
fn closed_accounts_do_nothing_for_ever() {
    let mut chain = chain();
    let close = |chain: &Chain, number: u8| AccountClose { account: chain.account(&key(number)) };
    let (staff, own, patient) = (close(&chain, 20), close(&chain, 1), close(&chain, 22));
    chain.apply_action(&key(1), staff.clone());
    assert_eq!(chain.refused(&key(20), note()).name, "authority.account_closed");
    assert_eq!(chain.refused(&key(1), staff).name, "account.closed");
    assert_eq!(chain.refused(&key(1), own.clone()).name, "account.not_yours", "one administrator remains");
    assert_eq!(chain.refused(&key(1), patient.clone()).name, "account.not_yours");
    chain.apply_action(&key(22), patient);
    chain.apply_action(&key(1), create(60, Capacity::Administrator));
    chain.apply_action(&key(60), own);
}

#[test]
fn an_action_takes_only_its_capacities_and_roles() {
    let mut chain = chain();
    let reason = chain.refused(&key(22), note());
    assert_eq!(reason.name, "authority.capacity");
    assert_eq!(reason.fact("allowed"), Some(&"administrator, staff, custodian".into()));
    let fingerprint = Fingerprint {
        root: Digest([1; 32]),
        count: 1,
        schema: Digest([2; 32]),
        level: Level::new(3).unwrap(),
        suite: HashSuite::International,
    };
    let register = DatasetRegister { label: Slug::new("visits").unwrap(), version: 1, fingerprint };
    assert_eq!(chain.refused(&key(6), register).name, "authority.role");
}

#[test]
fn frozen_accounts_and_organisations_are_refused_until_unfrozen() {
    let mut chain = chain();
    let staff = ObjectRef::account(chain.account(&key(20)));
    chain.enact(Freeze { object: staff, grounds: grounds() });
    assert_eq!(chain.refused(&key(20), note()).name, "authority.account_frozen");
    chain.enact(Unfreeze { object: staff });
    chain.apply_action(&key(20), note());
    let hospital = ObjectRef::organisation(organisation("hospital-1"));
    chain.enact(Freeze { object: hospital, grounds: grounds() });
    assert_eq!(chain.refused(&key(20), note()).name, "authority.organisation_frozen");
    // GOV-9: it still proposes and votes.
    chain.propose(1, Unfreeze { object: hospital });
}

#[test]
fn a_patient_acts_whatever_becomes_of_the_hospital() {
    let mut chain = chain();
    let hospital = organisation("hospital-1");
    let number = chain.propose(2, Freeze { object: ObjectRef::organisation(hospital), grounds: grounds() });
    for member in 3..=5 {
        chain.apply_action(&key(member), action::GovernanceVote { proposal: number, approve: true });
    }
    let number = chain.propose(2, SuspendOrganisation { organisation: hospital, grounds: grounds() });
    for member in 3..=5 {
        chain.apply_action(&key(member), action::GovernanceVote { proposal: number, approve: true });
    }
    let reason = chain.refused(&key(20), note());
    assert_eq!(reason.name, "authority.organisation_inactive");
    let id = chain.account(&key(22));
    let second = keys(&[(22, KeyUse::Master), (70, KeyUse::Everyday)]);
    chain.apply_action(&key(22), AccountSetKeys { account: id, keys: second });
}

#[test]
fn lost_keys_of_patients_and_administrators_are_replaced_by_vote_only() {
    let mut chain = chain();
    let id = chain.account(&key(22));
    chain.enact(ResetAccount { account: id, keys: keys(&[(71, KeyUse::Master)]), grounds: grounds() });
    assert_eq!(account(&chain, 22).keys, keys(&[(71, KeyUse::Master)]));
    let unknown =
        ResetAccount { account: AccountId([8; 32]), keys: keys(&[(1, KeyUse::Master)]), grounds: grounds() };
    let reason = chain.refused(&key(1), action::GovernancePropose { measure: unknown.into() });
    assert_eq!(reason.name, "account.unknown");
}
