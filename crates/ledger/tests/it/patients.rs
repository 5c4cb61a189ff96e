//! PAT: handles, enrolment, guardians, lost keys.

use medveil_ledger::action::*;
use medveil_ledger::state::patient::{Enrolment, MAX_CODE_MS, Patient, RECOVERY_MS};
use medveil_ledger::vocabulary::Purpose;
use medveil_ledger::*;

use crate::common::{Chain, key};
use crate::scene::{DAY_MS, code, grant, permit, set, wallet};

fn record(chain: &Chain, patient: AccountId) -> Patient {
    chain.latest::<Patient>(&patient).unwrap().value
}

#[test]
fn an_enrolment_code_binds_a_wallet_once() {
    let mut chain = Chain::new();
    let patient = chain.invited(1, 1, set([]));
    assert!(matches!(record(&chain, patient).enrolment, Enrolment::Invited { .. }));
    let provision = permit(&chain, Purpose::HealthResearch);
    assert_eq!(
        chain.refused_as(patient, &code(1), grant(patient, 1, vec![provision])),
        "patient.not_enrolled"
    );
    let enrol = PatientEnrol { wallet: wallet(1).public() };
    chain.apply_as(patient, &code(1), enrol.clone());
    assert_eq!(record(&chain, patient).enrolment, Enrolment::Enrolled);
    assert_eq!(chain.refused_as(patient, &wallet(1), enrol.clone()), "patient.enrolled");
    // The code signs nothing any more: the transaction is not even admitted.
    let stale = chain.transaction_as(patient, &code(1), enrol);
    assert!(matches!(
        execute_block(&chain.next_block(), &[stale], &chain.state),
        Err(ExecuteError::Inadmissible { fault: Inadmissible::UnknownKey { .. }, .. })
    ));
}

#[test]
fn a_forged_enrolment_is_refused() {
    let mut chain = Chain::new();
    let patient = chain.invited(1, 1, set([]));
    // Another key than the code's cannot speak for the handle ...
    let forged = chain.transaction_as(patient, &code(2), PatientEnrol { wallet: wallet(9).public() });
    assert!(matches!(
        execute_block(&chain.next_block(), &[forged], &chain.state),
        Err(ExecuteError::Inadmissible { fault: Inadmissible::UnknownKey { .. }, .. })
    ));
    // ... nor does an account that is no patient's, nor one that no hospital invited.
    let enrol = PatientEnrol { wallet: wallet(9).public() };
    assert_eq!(chain.refused(&key(1), enrol.clone()).name, "authority.capacity");
    chain.apply_action(&key(1), AccountCreate { key: key(90).public(), capacity: role::Capacity::Patient });
    assert_eq!(chain.refused(&key(90), enrol).name, "patient.unknown");
    let until_ms = chain.now_ms() + DAY_MS;
    let invite = PatientInvite { code: code(5).public(), until_ms, guardians: set([]) };
    assert_eq!(chain.refused(&key(6), invite.clone()).name, "authority.role", "a regulator invites nobody");
    chain.apply_action(&key(1), invite.clone());
    assert_eq!(chain.refused(&key(2), invite).name, "account.exists");
}

#[test]
fn a_code_is_taken_until_its_time_is_up() {
    let mut chain = Chain::new();
    let now_ms = chain.now_ms();
    for until_ms in [now_ms - 1, now_ms + MAX_CODE_MS + DAY_MS] {
        let invite = PatientInvite { code: code(1).public(), until_ms, guardians: set([]) };
        assert_eq!(chain.refused(&key(1), invite).name, "patient.code_term");
    }
    let patient = chain.invited(1, 1, set([]));
    chain.wait_ms(DAY_MS);
    let enrol = PatientEnrol { wallet: wallet(1).public() };
    assert_eq!(chain.refused_as(patient, &code(1), enrol), "patient.code_expired");
    // The hospital binds the wallet of one who never had any at once.
    chain.apply_action(&key(1), PatientReenrol { patient, wallet: wallet(1).public() });
    assert_eq!(record(&chain, patient).enrolment, Enrolment::Enrolled);
}

#[test]
fn a_key_is_used_for_one_handle_so_that_handles_do_not_link() {
    let mut chain = Chain::new();
    chain.patient(1, 1);
    let second = chain.invited(2, 2, set([]));
    assert_eq!(
        chain.refused_as(second, &code(2), PatientEnrol { wallet: wallet(1).public() }),
        "patient.key_taken"
    );
    chain.apply_as(second, &code(2), PatientEnrol { wallet: wallet(2).public() });
    let keys = state::account::KeySet::of(wallet(1).public());
    assert_eq!(
        chain.refused_as(second, &wallet(2), AccountSetKeys { account: second, keys }),
        "patient.key_taken"
    );
}

#[test]
fn a_lost_key_is_replaced_after_time_to_object() {
    let mut chain = Chain::new();
    let patient = chain.patient(1, 1);
    let consent = chain.consent(patient, 1, permit(&chain, Purpose::HealthResearch));
    let again = PatientReenrol { patient, wallet: wallet(2).public() };
    assert_eq!(chain.refused(&key(2), again.clone()).name, "patient.other_hospital");
    chain.apply_action(&key(1), again.clone());
    assert_eq!(chain.refused(&key(1), again.clone()).name, "patient.recovery_waits");
    // The old key objects; the hospital begins anew.
    chain.apply_as(patient, &wallet(1), PatientObject {});
    assert_eq!(chain.refused_as(patient, &wallet(1), PatientObject {}), "patient.no_recovery");
    chain.apply_action(&key(1), again.clone());
    chain.wait_ms(RECOVERY_MS);
    chain.apply_action(&key(1), again);
    // The handle and its consents are what they were; the old key is none any more.
    chain.apply_as(patient, &wallet(2), ConsentWithdraw { consent });
    let old = chain.transaction_as(patient, &wallet(1), PatientObject {});
    assert!(execute_block(&chain.next_block(), &[old], &chain.state).is_err());
}

#[test]
fn a_guardian_acts_for_a_child_and_agrees_to_another_key() {
    let mut chain = Chain::new();
    let (parent, stranger) = (chain.patient(1, 1), chain.patient(1, 2));
    let elsewhere = chain.patient(2, 3);
    let until_ms = chain.now_ms() + DAY_MS;
    for guardian in [elsewhere, chain.account(&code(4)), chain.account(&key(1))] {
        let invite = PatientInvite { code: code(4).public(), until_ms, guardians: set([guardian]) };
        assert_eq!(chain.refused(&key(1), invite).name, "patient.guardian");
    }
    let child = chain.invited(1, 4, set([parent]));
    let provision = permit(&chain, Purpose::HealthResearch);
    assert_eq!(
        chain.refused_as(stranger, &wallet(2), grant(child, 1, vec![provision.clone()])),
        "patient.not_yours"
    );
    chain.apply_as(parent, &wallet(1), grant(child, 1, vec![provision]));
    let consent = ConsentId::derive(chain.id, child, 1);
    let record = chain.latest::<state::consent::Consent>(&consent).unwrap().value;
    assert_eq!((record.patient, record.signed_by), (child, parent));

    // Grown up: a wallet of one's own, lost, and replaced with the guardian's word.
    chain.apply_as(child, &code(4), PatientEnrol { wallet: wallet(4).public() });
    let again = PatientReenrol { patient: child, wallet: wallet(5).public() };
    assert_eq!(chain.refused_as(parent, &wallet(1), again.clone()), "patient.no_recovery");
    chain.apply_action(&key(1), again.clone());
    assert_eq!(chain.refused_as(stranger, &wallet(2), again.clone()), "patient.not_yours");
    chain.apply_as(parent, &wallet(1), again);
    // The patient alone names guardians from then on.
    chain.apply_as(child, &wallet(5), PatientSetGuardians { guardians: set([stranger]) });
    assert_eq!(
        chain.refused_as(child, &wallet(5), PatientSetGuardians { guardians: set([child]) }),
        "patient.guardian"
    );
    assert_eq!(chain.refused_as(parent, &wallet(1), ConsentWithdraw { consent }), "patient.not_yours");
    chain.apply_as(stranger, &wallet(2), ConsentWithdraw { consent });
}

#[test]
fn an_account_with_consents_is_not_closed() {
    let mut chain = Chain::new();
    let patient = chain.patient(1, 1);
    let consent = chain.consent(patient, 1, permit(&chain, Purpose::HealthResearch));
    let close = AccountClose { account: patient };
    assert_eq!(chain.refused_as(patient, &wallet(1), close.clone()), "patient.consents_open");
    chain.apply_as(patient, &wallet(1), ConsentWithdraw { consent });
    chain.apply_as(patient, &wallet(1), close);
}
