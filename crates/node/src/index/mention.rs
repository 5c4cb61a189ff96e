//! What an event is about beside its object: what its transaction asked about, and what its facts name.
//!
//! `request.submitted` happens to a request; it is about the contract, the datasets and the patient as well. So the trail of each of them has it.

use medveil_ledger::action::{ContractPublish, ContractPublishWithPolicy};
use medveil_ledger::{
    Action, Event, FactValue, ObjectKind, ObjectRef, OrganisationId, ReleaseId, state::request::Subject,
};

/// What a transaction asks about. Those that only note something elsewhere, and most others, ask about nothing but the object of their events.
pub(super) fn of_action(action: &Action) -> Vec<ObjectRef> {
    match action {
        Action::ConsentGrant(grant) => vec![ObjectRef::account(grant.patient)],
        Action::ConsentNarrow(narrow) => vec![ObjectRef::consent(narrow.consent)],
        Action::ConsentWithdraw(withdraw) => vec![ObjectRef::consent(withdraw.consent)],
        Action::PatientReenrol(reenrol) => vec![ObjectRef::account(reenrol.patient)],
        Action::ContractPublish(ContractPublish { terms, .. })
        | Action::ContractPublishWithPolicy(ContractPublishWithPolicy { terms, .. }) => {
            terms.datasets.iter().copied().map(ObjectRef::dataset).collect()
        }
        Action::ContractCountersign(countersign) => vec![ObjectRef::contract(countersign.contract)],
        Action::ContractSetStanding(set) => vec![ObjectRef::contract(set.contract)],
        Action::BudgetSet(set) => vec![ObjectRef::dataset(set.dataset)],
        Action::RequestSubmit(submit) => {
            let ask = &submit.ask;
            let mut about = vec![ObjectRef::contract(ask.contract)];
            about.extend(ask.datasets.iter().copied().map(ObjectRef::dataset));
            if let Subject::Patient { patient, .. } = ask.subject {
                about.push(ObjectRef::account(patient));
            }
            about
        }
        Action::RequestVote(vote) => vec![ObjectRef::request(vote.request)],
        Action::RequestCancel(cancel) => vec![ObjectRef::request(cancel.request)],
        Action::ReleasePost(post) => vec![
            ObjectRef::request(post.request),
            ObjectRef::dataset(post.dataset),
            ObjectRef::release(ReleaseId::derive(post.request, post.dataset)),
        ],
        Action::AccessRequest(access) => vec![ObjectRef::release(access.release)],
        Action::AuditChallenge(challenge) => vec![ObjectRef::release(challenge.release)],
        Action::AuditAnswer(answer) => vec![ObjectRef::challenge(answer.challenge)],
        Action::AuditVerdict(verdict) => vec![ObjectRef::challenge(verdict.challenge)],
        Action::DestructionOrder(order) => vec![order.object],
        Action::DestructionAttest(attest) => vec![attest.object],
        Action::IncidentReport(report) => vec![report.object],
        Action::CustodyRequestKey(request) => vec![ObjectRef::custody(request.object)],
        _ => Vec::new(),
    }
}

/// What the facts of an event name.
pub(super) fn of_event(event: &Event) -> impl Iterator<Item = ObjectRef> {
    event.facts.iter().filter_map(|fact| match (fact.name.as_ref(), &fact.value) {
        (name, FactValue::Bytes(id)) => {
            let kind = match name {
                "patient" => ObjectKind::Account,
                "consent" => ObjectKind::Consent,
                "contract" => ObjectKind::Contract,
                "request" => ObjectKind::Request,
                "release" => ObjectKind::Release,
                "challenge" => ObjectKind::Challenge,
                "dataset" => ObjectKind::Dataset,
                "issuer" => ObjectKind::Issuer,
                _ => return None,
            };
            Some(ObjectRef { kind, id: *id })
        }
        ("owner" | "liable" | "member", FactValue::Text(name)) => {
            OrganisationId::new(name).ok().map(ObjectRef::organisation)
        }
        ("object", FactValue::Text(name)) => name.parse().ok(),
        _ => None,
    })
}
