//! `request.submit`: data are asked for under a contract, and it is decided.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use super::{ActionSpec, Execute};
use crate::Text;
use crate::call::{Call, Halt};
use crate::decision::{Requester, count_rate, decide, open_datasets, spend};
use crate::id::{AccountId, ChainId, ObjectRef, RequestId};
use crate::policy::Step;
use crate::refusal::{Fact, fact};
use crate::role::{Authority, Capacity, KeyUse, Role};
use crate::state::contract::Contract;
use crate::state::dataset::Dataset;
use crate::state::exposure::{self, Exposure};
use crate::state::freeze::Freeze;
use crate::state::key::Key;
use crate::state::patient::{MAX_REQUESTS, Patient};
use crate::state::request::{Ask, Obligations, Request, RequestRefusal, RequestStatus, Subject};
use crate::state::{Record, Versioned};
use crate::transaction::Body;

/// Asks for data. Where no committee is to approve, it is decided at once; a request that a rule refuses is not kept, its refusal is.
///
/// # Rules
/// > REQ-1: a request is its account's; its id is the transaction's. About one patient at most 16 are open.
/// >
/// > REQ-2: it is decided in the block that carries it, or when its committee has approved, by DEC-1 to DEC-10.
/// >
/// > DEC-7: at most so many requests of an account and of an organisation are taken in a window.
/// >
/// > DEC-8: of an organisation one request of a cohort is under way for a dataset, under whatever contract.
///
/// See `docs/spec/requests.md` and `docs/spec/decisions.md`.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RequestSubmit {
    /// What is asked for.
    pub ask: Ask,
}

impl Execute for RequestSubmit {
    const SPEC: ActionSpec = ActionSpec {
        number: 80,
        name: "request.submit",
        doc: Text { en: "asks for data under a contract", zh: "按合同申请数据" },
        authority: Authority {
            capacities: &[Capacity::Administrator, Capacity::Staff, Capacity::Custodian],
            roles: Role::ALL,
            key: KeyUse::Everyday,
            while_frozen: false,
        },
        rules: &["REQ-1", "REQ-2", "DEC-7", "DEC-8"],
    };

    fn verify(&self, _: ChainId) -> Result<(), Halt> {
        Ok(())
    }

    fn execute(&self, call: &mut Call<'_, '_>) -> Result<(), Halt> {
        let id = RequestId(call.transaction.0);
        let (organisation, role) = (call.caller.account.organisation, call.caller.role);
        let by = Requester { account: call.caller.id, organisation, role };
        let decided = decide(call.state, &self.ask, by, Step::Request, None)?;
        let terms = &decided.contract.value.terms;
        count_rate(call.state, &self.ask, by, terms)?;
        open_datasets(call.state, &self.ask, by, id)?;
        if let Subject::Patient { patient, .. } = self.ask.subject {
            open_patient(call, patient, id)?;
        }
        let pending = terms.approvals.needed > 0;
        let status = if pending {
            RequestStatus::Pending
        } else {
            spend(call.state, &self.ask, by, terms)?;
            RequestStatus::Granted(decided.obligations.clone())
        };
        let mut facts = vec![
            fact("contract", self.ask.contract),
            fact("revision", self.ask.revision),
            fact("query", self.ask.query),
        ];
        facts.extend(self.ask.purposes.iter().map(|purpose| fact("purpose", *purpose)));
        if let Subject::Patient { patient, .. } = self.ask.subject {
            facts.push(fact("patient", patient));
        }
        let request = Request {
            ask: self.ask.clone(),
            requester: by.account,
            organisation,
            role,
            status,
            votes: Default::default(),
            released: Default::default(),
        };
        call.state.create(&id, request);
        call.emit("request.submitted", ObjectRef::request(id), facts);
        if !pending {
            call.emit("request.granted", ObjectRef::request(id), grant_facts(&decided.obligations));
        }
        Ok(())
    }

    fn reads(&self, _: &Body, keys: &mut Vec<Key>) {
        keys.push(Contract::head_key(&self.ask.contract));
        keys.push(Freeze::head_key(&ObjectRef::contract(self.ask.contract)));
        for dataset in self.ask.datasets.iter() {
            keys.extend([Dataset::head_key(dataset), Freeze::head_key(&ObjectRef::dataset(*dataset))]);
        }
        if let Subject::Patient { patient, .. } = &self.ask.subject {
            keys.push(Patient::head_key(patient));
        }
    }
}

/// What a grant obliges to, as the event tells it.
pub(super) fn grant_facts(obligations: &Obligations) -> Vec<Fact> {
    vec![
        fact("plan", obligations.plan),
        fact("release", obligations.release),
        fact("epsilon", obligations.epsilon),
        fact("until_ms", obligations.until_ms),
        fact("fen", obligations.fen),
    ]
}

/// Notes a request with the patient that it is about, in the place of those that are over.
fn open_patient(call: &mut Call<'_, '_>, patient: AccountId, request: RequestId) -> Result<(), Halt> {
    let Versioned { version, value: mut record, .. } = call.state.patient(&patient)?;
    call.state.need(record.requests.iter().map(Request::head_key))?;
    let now_ms = call.now_ms();
    for earlier in record.requests.clone() {
        if !call.state.request(&earlier)?.value.is_open(now_ms) {
            record.requests.remove(&earlier);
        }
    }
    if record.requests.len() >= MAX_REQUESTS {
        return Err(RequestRefusal::TooManyOpen { patient, max: MAX_REQUESTS as u64 }.into());
    }
    record.requests.insert(request);
    call.state.succeed(&patient, version, record);
    Ok(())
}

/// Lets go of what a request that comes to nothing holds: its datasets, and its place with the patient.
pub(super) fn close(call: &mut Call<'_, '_>, id: RequestId, request: &Request) -> Result<(), Halt> {
    if let Subject::Patient { patient, .. } = request.ask.subject {
        let Versioned { version, value: mut record, .. } = call.state.patient(&patient)?;
        if record.requests.remove(&id) {
            call.state.succeed(&patient, version, record);
        }
        return Ok(());
    }
    let datasets = request.ask.datasets.iter().copied();
    call.state.need(
        datasets.clone().map(|dataset| Exposure::head_key(&exposure::id(request.organisation, dataset))),
    )?;
    for dataset in datasets {
        let exposure = call.state.exposure(request.organisation, dataset)?;
        if exposure.open == Some(id) {
            let closed = Exposure { open: None, ..exposure };
            call.state.set_exposure(request.organisation, dataset, closed)?;
        }
    }
    Ok(())
}
