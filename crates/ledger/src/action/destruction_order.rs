//! `destruction.order`: what is kept is to be destroyed.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use super::release_post::check_fresh;
use super::{ActionSpec, Execute};
use crate::Text;
use crate::call::{Call, Halt};
use crate::id::{ChainId, CustodyId, ObjectKind, ObjectRef, ReleaseId};
use crate::role::{Authority, Capacity, KeyUse, Role};
use crate::state::Record;
use crate::state::contract::Standing;
use crate::state::coverage::Withdrawals;
use crate::state::destruction::{Destruction, DestructionCause, DestructionRefusal};
use crate::state::key::Key;
use crate::state::release::Release;
use crate::state::request::{Request, RequestStatus};
use crate::terms::OnWithdrawal;
use crate::transaction::Body;

/// Orders the destruction of a release or of an object in custody. Where the ledger itself shows the cause, anyone may say so.
///
/// # Rules
/// > DES-1: the owner or a regulator orders it; that the term is over, that consents have changed where the contract asks for destruction, or that a challenge failed, anyone states and the ledger checks. It is ordered once.
/// >
/// > DES-2: of a release of a cohort the cause `withdrawal` holds since the change of consents, whoever states it and when: from that height on it is not used.
///
/// See `docs/spec/destruction.md`.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct DestructionOrder {
    /// What.
    pub object: ObjectRef,
    /// Why.
    pub cause: DestructionCause,
}

/// Within what time an object in custody is destroyed: 7 days, in milliseconds. Releases have theirs in the contract.
const DESTROY_MS: u64 = 7 * 86_400_000;

impl Execute for DestructionOrder {
    const SPEC: ActionSpec = ActionSpec {
        number: 120,
        name: "destruction.order",
        doc: Text { en: "orders the destruction of a release or an object in custody", zh: "下令销毁" },
        authority: Authority {
            capacities: &[Capacity::Administrator, Capacity::Staff, Capacity::Custodian],
            roles: Role::ALL,
            key: KeyUse::Everyday,
            while_frozen: false,
        },
        rules: &["DES-1", "DES-2"],
    };

    fn verify(&self, _: ChainId) -> Result<(), Halt> {
        match self.object.kind {
            ObjectKind::Release | ObjectKind::Custody => Ok(()),
            _ => Err(DestructionRefusal::Kind { object: self.object }.into()),
        }
    }

    fn execute(&self, call: &mut Call<'_, '_>) -> Result<(), Halt> {
        let object = self.object;
        let (owner, within_ms) = if object.kind == ObjectKind::Custody {
            (call.state.custody(&CustodyId(object.id))?.value.organisation, DESTROY_MS)
        } else {
            let release = call.state.release(&ReleaseId(object.id))?.value;
            let request = call.state.request(&release.request)?.value;
            if !self.is_shown(call, &release, &request)? {
                return Err(DestructionRefusal::Cause { cause: self.cause }.into());
            }
            let contract = call.state.contract(&request.ask.contract)?.value;
            (release.organisation, contract.terms.term.destroy_ms)
        };
        let caller = call.caller.account.organisation;
        let allowed = match self.cause {
            DestructionCause::Owner => owner == caller,
            DestructionCause::Authority => call.caller.role == Role::Regulator,
            _ => object.kind == ObjectKind::Release,
        };
        if !allowed {
            return Err(DestructionRefusal::NotYours { object }.into());
        }
        if let Some(since) = call.state.destruction_since(&object)? {
            return Err(DestructionRefusal::Ordered { object, since }.into());
        }
        call.order_destruction(object, self.cause, within_ms)
    }

    fn reads(&self, _: &Body, keys: &mut Vec<Key>) {
        keys.push(Destruction::head_key(&self.object));
    }
}

impl DestructionOrder {
    /// Whether the ledger bears out a cause that anyone may state.
    fn is_shown(&self, call: &Call<'_, '_>, release: &Release, request: &Request) -> Result<bool, Halt> {
        let contract = call.state.contract(&request.ask.contract)?.value;
        Ok(match self.cause {
            DestructionCause::Owner | DestructionCause::Authority => true,
            DestructionCause::FailedChallenge => release.failed.is_some(),
            DestructionCause::TermEnded if contract.standing == Standing::Closed => true,
            DestructionCause::TermEnded => match &request.status {
                RequestStatus::Granted(grant) => call.now_ms() >= grant.until_ms,
                RequestStatus::Pending => false,
                _ => true,
            },
            DestructionCause::Withdrawal => {
                let terms = &contract.terms;
                if terms.on_withdrawal != OnWithdrawal::Destroy {
                    return Ok(false);
                }
                let (owner, cohort_at) = (release.organisation, release.figures.cohort_at);
                let fresh = check_fresh(call.state, request, terms, owner, cohort_at, Withdrawals::OfPosted);
                match fresh {
                    Ok(()) => false,
                    Err(Halt::Refused(_)) => true,
                    Err(missing) => return Err(missing),
                }
            }
        })
    }
}
