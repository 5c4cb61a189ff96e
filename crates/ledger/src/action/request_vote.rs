//! `request.vote`: a member of the data access committee approves or objects.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use super::request_submit::{close, grant_facts};
use super::{ActionSpec, Execute};
use crate::Text;
use crate::call::{Call, Halt};
use crate::decision::{DecisionRefusal, decide, spend};
use crate::id::{ChainId, ObjectRef, RequestId};
use crate::policy::Step;
use crate::refusal::{Refusal, fact};
use crate::role::{Authority, Capacity, KeyUse, Role};
use crate::state::key::Key;
use crate::state::request::{Request, RequestRefusal, RequestStatus};
use crate::state::{Record, Versioned};
use crate::transaction::Body;

/// Votes on a request. With the approvals that the contract asks for the request is decided as things stand then.
///
/// # Rules
/// > REQ-3: one organisation of the committee, one vote. The request is granted or refused by the rules when there are enough approvals, and refused as soon as there cannot be.
/// >
/// > DEC-6: what a grant costs is taken from the budgets when it is granted.
///
/// See `docs/spec/requests.md`.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RequestVote {
    /// Which request.
    pub request: RequestId,
    /// Whether the organisation approves.
    pub approve: bool,
}

impl Execute for RequestVote {
    const SPEC: ActionSpec = ActionSpec {
        number: 81,
        name: "request.vote",
        doc: Text {
            en: "votes on a request as a member of its committee", zh: "数据访问委员会审批"
        },
        authority: Authority {
            capacities: &[Capacity::Administrator, Capacity::Staff],
            roles: Role::ALL,
            key: KeyUse::Everyday,
            while_frozen: false,
        },
        rules: &["REQ-3", "DEC-6"],
    };

    fn verify(&self, _: ChainId) -> Result<(), Halt> {
        Ok(())
    }

    fn execute(&self, call: &mut Call<'_, '_>) -> Result<(), Halt> {
        let Versioned { version, height, value: mut request } = call.state.request(&self.request)?;
        if request.status != RequestStatus::Pending {
            let (status, needed) = (request.status.name().to_owned(), "pending".to_owned());
            return Err(RequestRefusal::Status { status, needed }.into());
        }
        let contract = call.state.contract(&request.ask.contract)?.value;
        let organisation = call.caller.account.organisation;
        let approvals = &contract.terms.approvals;
        if !approvals.committee.contains(&organisation) {
            return Err(RequestRefusal::NotInCommittee { organisation }.into());
        }
        if request.votes.insert(organisation, self.approve).is_some() {
            return Err(RequestRefusal::AlreadyVoted { organisation }.into());
        }
        let object = ObjectRef::request(self.request);
        // Votes count of those who are in the committee as it is now.
        let votes = request.votes.iter().filter(|(voter, _)| approvals.committee.contains(voter));
        let (members, needed) = (approvals.committee.len(), usize::from(approvals.needed));
        let against = votes.clone().filter(|(_, approve)| !**approve).count();
        let approved = votes.filter(|(_, approve)| **approve).count();
        call.emit("request.voted", object, vec![fact("approve", self.approve), fact("approvals", approved)]);
        let refused: Option<Refusal> = if members - against < needed {
            let (against, members) = (against as u64, members as u64);
            Some(Refusal::of(&DecisionRefusal::Committee { against, members }))
        } else if approved < needed {
            None
        } else {
            let by = request.by();
            let mark = call.state.mark();
            match decide(call.state, &request.ask, by, Step::Request, None).and_then(|decided| {
                spend(call.state, &request.ask, by, &decided.contract.value.terms)?;
                Ok(decided)
            }) {
                Ok(decided) => {
                    request.status = RequestStatus::Granted(decided.obligations.clone());
                    call.state.succeed(&self.request, version, request);
                    call.emit("request.granted", object, grant_facts(&decided.obligations));
                    return Ok(());
                }
                // A refused grant takes nothing: of several budgets the first may have had it.
                Err(Halt::Refused(reason)) => {
                    call.state.roll_back(mark);
                    Some(reason)
                }
                Err(missing) => return Err(missing),
            }
        };
        let Some(reason) = refused else {
            call.state.succeed(&self.request, version, request);
            return Ok(());
        };
        close(call, self.request, &request)?;
        let request = Versioned { version, height, value: request };
        call.end_request(self.request, request, reason)
    }

    fn reads(&self, _: &Body, keys: &mut Vec<Key>) {
        keys.push(Request::head_key(&self.request));
    }
}
