//! `request.cancel`: a request is taken back.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use super::request_submit::close;
use super::{ActionSpec, Execute};
use crate::Text;
use crate::call::{Call, Halt};
use crate::decision::refund;
use crate::id::{ChainId, ObjectRef, RequestId};
use crate::refusal::fact;
use crate::role::{Authority, Capacity, KeyUse, Role};
use crate::state::Record;
use crate::state::key::Key;
use crate::state::request::{Request, RequestRefusal, RequestStatus};
use crate::transaction::Body;

/// Takes a request back.
///
/// # Rules
/// > REQ-4: the requester takes back what is pending or granted. What a grant took of the budgets is given back only if nothing was released.
///
/// See `docs/spec/requests.md`.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RequestCancel {
    /// Which request.
    pub request: RequestId,
}

impl Execute for RequestCancel {
    const SPEC: ActionSpec = ActionSpec {
        number: 82,
        name: "request.cancel",
        doc: Text { en: "takes a request back", zh: "撤销申请" },
        authority: Authority {
            capacities: &[Capacity::Administrator, Capacity::Staff, Capacity::Custodian],
            roles: Role::ALL,
            key: KeyUse::Everyday,
            while_frozen: false,
        },
        rules: &["REQ-4"],
    };

    fn verify(&self, _: ChainId) -> Result<(), Halt> {
        Ok(())
    }

    fn execute(&self, call: &mut Call<'_, '_>) -> Result<(), Halt> {
        let before = call.state.request(&self.request)?;
        if before.value.requester != call.caller.id {
            return Err(RequestRefusal::NotYours { request: self.request }.into());
        }
        let unreleased = before.value.released.is_empty();
        match &before.value.status {
            RequestStatus::Pending => {}
            RequestStatus::Granted(_) => {
                if unreleased {
                    let contract = call.state.contract(&before.value.ask.contract)?.value;
                    refund(call.state, &before.value.ask, before.value.by(), &contract.terms)?;
                }
            }
            other => {
                let (status, needed) = (other.name().to_owned(), "pending or granted".to_owned());
                return Err(RequestRefusal::Status { status, needed }.into());
            }
        }
        close(call, self.request, &before.value)?;
        let status = RequestStatus::Cancelled { at: call.height() };
        call.state.succeed(&self.request, before.version, Request { status, ..before.value });
        call.emit("request.cancelled", ObjectRef::request(self.request), vec![fact("released", !unreleased)]);
        Ok(())
    }

    fn reads(&self, _: &Body, keys: &mut Vec<Key>) {
        keys.push(Request::head_key(&self.request));
    }
}
