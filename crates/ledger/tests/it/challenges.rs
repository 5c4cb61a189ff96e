//! CHA, DES, INC: auditors, destruction, and who is liable.

use medveil_ledger::action::*;
use medveil_ledger::state::challenge::{ANSWER_HEIGHTS, MAX_ROWS, Verdict};
use medveil_ledger::state::destruction::{Destruction, DestructionCause};
use medveil_ledger::state::incident::{Incident, IncidentCause};
use medveil_ledger::terms::OnWithdrawal;
use medveil_ledger::*;

use crate::common::key;
use crate::scene::*;

/// An auditor's one-time key.
const READER: Digest = Digest([0x1c; 32]);

fn challenge(scene: &mut Granted, member: u8) -> ChallengeId {
    let action = AuditChallenge { release: scene.release, version: 1, rows: 100, reader: READER };
    scene.chain.apply_action(&key(member), action);
    ChallengeId(scene.chain.last_transaction().0)
}

#[test]
fn a_challenge_is_an_auditor_s_and_is_answered_in_time() {
    let mut scene = granted().released();
    let release = scene.release;
    for point in [Digest([0; 32]), Digest([[1].as_slice(), &[0; 31]].concat().try_into().unwrap())] {
        let open = AuditChallenge { release, version: 1, rows: 1, reader: point };
        assert_eq!(scene.chain.refused(&key(6), open).name, "challenge.reader");
    }
    let challenge_of =
        |version, rows| AuditChallenge { release: scene.release, version, rows, reader: READER };
    assert_eq!(scene.chain.refused(&key(6), challenge_of(1, 0)).name, "challenge.rows");
    assert_eq!(scene.chain.refused(&key(6), challenge_of(1, MAX_ROWS + 1)).name, "challenge.rows");
    assert_eq!(scene.chain.refused(&key(6), challenge_of(2, 5)).name, "challenge.version");
    assert_eq!(scene.chain.refused(&key(4), challenge_of(1, 5)).name, "challenge.not_auditor");
    let id = challenge(&mut scene, 6);
    let chain = &mut scene.chain;
    let verdict = |verdict| AuditVerdict { challenge: id, verdict, report: Digest([3; 32]) };
    let answer = AuditAnswer { challenge: id, openings: Digest([4; 32]) };
    assert_eq!(chain.refused(&key(6), verdict(Verdict::Passed)).name, "challenge.unanswered");
    assert_eq!(chain.refused(&key(6), verdict(Verdict::NoAnswer)).name, "challenge.unanswered");
    assert_eq!(chain.refused(&key(2), answer.clone()).name, "challenge.not_yours");
    let unknown = AuditAnswer { challenge: ChallengeId([9; 32]), ..answer.clone() };
    assert_eq!(chain.refused(&key(1), unknown).name, "challenge.unknown");
    chain.apply_action(&key(1), answer.clone());
    assert_eq!(chain.refused(&key(1), answer.clone()).name, "challenge.answered");
    assert_eq!(chain.refused(&key(6), verdict(Verdict::NoAnswer)).name, "challenge.answered");
    assert_eq!(chain.refused(&key(7), verdict(Verdict::Passed)).name, "challenge.not_yours");
    chain.apply_action(&key(6), verdict(Verdict::Passed));
    assert_eq!(chain.refused(&key(6), verdict(Verdict::Passed)).name, "challenge.decided");
    let access = scene.access(1);
    scene.chain.apply_action(&key(RESEARCHER), access);
}

#[test]
fn a_release_that_fails_is_used_no_more_and_its_owner_is_liable() {
    let mut scene = granted().released();
    let id = challenge(&mut scene, 6);
    scene.chain.apply_action(&key(1), AuditAnswer { challenge: id, openings: Digest([4; 32]) });
    let report = Digest([3; 32]);
    scene.chain.apply_action(&key(6), AuditVerdict { challenge: id, verdict: Verdict::AlteredValue, report });
    assert_eq!(scene.chain.last_kinds(3), ["audit.decided", "release.failed", "incident.opened"]);
    let incident = IncidentId(scene.chain.last_transaction().0);
    let incident = scene.chain.latest::<Incident>(&incident).unwrap().value;
    assert_eq!(incident.liable.as_str(), "hospital-1");
    assert_eq!((incident.cause, incident.details), (IncidentCause::ReleaseFault, report));
    let (access, post) = (scene.access(2), scene.post(3));
    assert_eq!(scene.chain.refused(&key(RESEARCHER), access).name, "release.failed");
    assert_eq!(scene.chain.refused(&key(1), post).name, "release.failed");
    let object = ObjectRef::release(scene.release);
    let order = DestructionOrder { object, cause: DestructionCause::FailedChallenge };
    scene.chain.apply_action(&key(RESEARCHER), order);
}

#[test]
fn who_does_not_answer_has_failed() {
    let mut scene = granted().released();
    let id = challenge(&mut scene, 7);
    scene.chain.height += ANSWER_HEIGHTS + 1;
    let answer = AuditAnswer { challenge: id, openings: Digest([4; 32]) };
    assert_eq!(scene.chain.refused(&key(1), answer.clone()).name, "challenge.late");
    let verdict = AuditVerdict { challenge: id, verdict: Verdict::NoAnswer, report: Digest([3; 32]) };
    scene.chain.apply_action(&key(7), verdict);
    assert_eq!(scene.chain.refused(&key(1), answer).name, "challenge.decided");
    let access = scene.access(2);
    assert_eq!(scene.chain.refused(&key(RESEARCHER), access).name, "release.failed");
}

#[test]
fn a_destruction_is_ordered_by_whom_it_concerns_and_attested_once() {
    let mut scene = granted().released();
    let object = ObjectRef::release(scene.release);
    let order = |cause| DestructionOrder { object, cause };
    let attest = DestructionAttest { object };
    let elsewhere =
        DestructionOrder { object: ObjectRef::dataset(scene.dataset), cause: DestructionCause::Owner };
    assert_eq!(scene.chain.refused(&key(1), elsewhere).name, "destruction.kind");
    assert_eq!(scene.chain.refused(&key(4), order(DestructionCause::Owner)).name, "destruction.not_yours");
    assert_eq!(
        scene.chain.refused(&key(1), order(DestructionCause::Authority)).name,
        "destruction.not_yours"
    );
    for cause in
        [DestructionCause::TermEnded, DestructionCause::Withdrawal, DestructionCause::FailedChallenge]
    {
        assert_eq!(scene.chain.refused(&key(1), order(cause)).name, "destruction.cause");
    }
    assert_eq!(scene.chain.refused(&key(1), attest.clone()).name, "destruction.not_ordered");
    scene.chain.apply_action(&key(6), order(DestructionCause::Authority));
    assert_eq!(scene.chain.refused(&key(1), order(DestructionCause::Owner)).name, "destruction.ordered");
    let (access, post) = (scene.access(1), scene.post(2));
    assert_eq!(scene.chain.refused(&key(RESEARCHER), access).name, "release.destroyed");
    assert_eq!(scene.chain.refused(&key(1), post).name, "release.destroyed");
    scene.chain.apply_action(&key(1), attest.clone());
    assert_eq!(scene.chain.refused(&key(1), attest.clone()).name, "destruction.attested");

    // The recipient lets the time go by: that is an incident of its own.
    let overdue = IncidentReport { cause: IncidentCause::NotDestroyed, object, details: Digest([1; 32]) };
    assert_eq!(scene.chain.refused(&key(6), overdue.clone()).name, "incident.unfounded");
    scene.chain.wait_ms(8 * DAY_MS);
    scene.chain.apply_action(&key(6), overdue.clone());
    let liable = scene.chain.events.last().unwrap().fact("liable").unwrap().to_string();
    assert_eq!(liable, "hospital-3");
    scene.chain.apply_action(&key(RESEARCHER), attest);
    assert_eq!(scene.chain.refused(&key(6), overdue).name, "incident.unfounded");
    let order = scene.chain.latest::<Destruction>(&object).unwrap().value;
    assert_eq!(order.attested.len(), 2);
}

#[test]
fn where_the_contract_says_so_a_withdrawal_destroys_releases_of_cohorts() {
    let mut scene = granted_with(|terms| terms.on_withdrawal = OnWithdrawal::Destroy).released();
    let (patient, consent) = (scene.patients[0], scene.consents[0]);
    scene.chain.apply_as(patient, &wallet(1), ConsentWithdraw { consent });
    let object = ObjectRef::release(scene.release);
    scene.chain.apply_action(&key(2), DestructionOrder { object, cause: DestructionCause::Withdrawal });
    let access = scene.access(1);
    assert_eq!(scene.chain.refused(&key(RESEARCHER), access).name, "release.destroyed");
    // A contract that asks for a new version instead does not destroy.
    let mut scene = granted().released();
    scene.chain.apply_as(patient, &wallet(1), ConsentWithdraw { consent });
    let order =
        DestructionOrder { object: ObjectRef::release(scene.release), cause: DestructionCause::Withdrawal };
    assert_eq!(scene.chain.refused(&key(2), order).name, "destruction.cause");
}

#[test]
fn liability_follows_from_the_ledger() {
    let mut scene = granted().released();
    let access = scene.chain.access(RESEARCHER, scene.release, 1);
    let account = scene.chain.account(&key(4));
    for (cause, object, liable) in [
        (IncidentCause::ContractFault, ObjectRef::contract(scene.contract), "hospital-1"),
        (IncidentCause::ReleaseFault, ObjectRef::release(scene.release), "hospital-1"),
        (IncidentCause::RecipientBreach, ObjectRef::access(access), "hospital-3"),
        (IncidentCause::OperatorAct, ObjectRef::account(account), "hospital-4"),
        (IncidentCause::KeyFault, ObjectRef::account(account), "hospital-4"),
    ] {
        let report = IncidentReport { cause, object, details: Digest([1; 32]) };
        scene.chain.apply_action(&key(6), report);
        let event = scene.chain.events.last().unwrap();
        assert_eq!(event.fact("liable").unwrap().to_string(), liable, "{cause}");
        let incident = IncidentId(scene.chain.last_transaction().0);
        let note = AuditNotarise {
            object: ObjectRef::incident(incident),
            step: state::trail::Step::Incident,
            reason: state::trail::Reason::Audit,
            details: Digest([2; 32]),
        };
        scene.chain.apply_action(&key(6), note);
    }
    let wrong = IncidentReport {
        cause: IncidentCause::RecipientBreach,
        object: ObjectRef::contract(scene.contract),
        details: Digest([1; 32]),
    };
    assert_eq!(scene.chain.refused(&key(6), wrong.clone()).name, "incident.kind");
    let nothing = IncidentReport { object: ObjectRef::access(AccessId([9; 32])), ..wrong };
    assert_eq!(scene.chain.refused(&key(6), nothing).name, "incident.unknown_object");
}
