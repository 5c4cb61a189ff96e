//! `incident.report`: something went wrong, and who is liable follows.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use super::{ActionSpec, Execute};
use crate::Text;
use crate::call::{Call, Halt};
use crate::id::{
    AccessId, AccountId, ChainId, ContractId, CustodyId, Digest, IncidentId, ObjectKind, ObjectRef,
    OrganisationId, ReleaseId,
};
use crate::refusal::fact;
use crate::role::{Authority, Capacity, KeyUse, Role};
use crate::state::access::Access;
use crate::state::account::Account;
use crate::state::contract::Contract;
use crate::state::custody::Custody;
use crate::state::destruction::Destruction;
use crate::state::incident::{Incident, IncidentCause, IncidentRefusal};
use crate::state::release::Release;
use crate::state::{Record, Versioned};

/// Reports an incident. Whoever reports says what happened with what; the ledger says whose act it was.
///
/// # Rules
/// > INC-1: the liable organisation follows from cause and object: the publisher of a contract, the owner of a release, the organisation that accessed, that keeps the key, that the account acts for. It cannot be claimed.
/// >
/// > INC-2: that something was not destroyed in time is taken only when the ledger bears it out.
///
/// See `docs/spec/incidents.md`.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct IncidentReport {
    /// What happened.
    pub cause: IncidentCause,
    /// With what.
    pub object: ObjectRef,
    /// Digest of the evidence, which stays with who reports.
    pub details: Digest,
}

impl Execute for IncidentReport {
    const SPEC: ActionSpec = ActionSpec {
        number: 130,
        name: "incident.report",
        doc: Text {
            en: "reports an incident; the ledger says who is liable", zh: "报告事件并依据账本定责"
        },
        authority: Authority {
            capacities: &[Capacity::Administrator, Capacity::Staff, Capacity::Custodian],
            roles: Role::ALL,
            key: KeyUse::Everyday,
            while_frozen: false,
        },
        rules: &["INC-1", "INC-2"],
    };

    fn verify(&self, _: ChainId) -> Result<(), Halt> {
        Ok(())
    }

    fn execute(&self, call: &mut Call<'_, '_>) -> Result<(), Halt> {
        let (liable, act_at) = self.liable(call)?;
        let id = IncidentId(call.transaction.0);
        let record = Incident {
            cause: self.cause,
            object: self.object,
            liable,
            act_at,
            reporter: call.caller.id,
            organisation: call.caller.account.organisation,
            details: self.details,
        };
        call.state.create(&id, record);
        call.emit(
            "incident.opened",
            ObjectRef::incident(id),
            vec![
                fact("cause", self.cause),
                fact("liable", liable),
                fact("object", self.object),
                fact("act_at", act_at),
                fact("details", self.details),
            ],
        );
        Ok(())
    }
}

impl IncidentReport {
    /// The organisation whose act it was, and the height of the act (INC-1).
    fn liable(&self, call: &Call<'_, '_>) -> Result<(OrganisationId, u64), Halt> {
        let (cause, object) = (self.cause, self.object);
        let found = match (cause, object.kind) {
            (IncidentCause::ContractFault, ObjectKind::Contract) => {
                self.find(call, ContractId(object.id), |contract: &Contract| contract.organisation)?
            }
            (IncidentCause::ReleaseFault, ObjectKind::Release) => {
                self.find(call, ReleaseId(object.id), |release: &Release| release.organisation)?
            }
            (IncidentCause::RecipientBreach, ObjectKind::Access) => {
                self.find(call, AccessId(object.id), |access: &Access| access.organisation)?
            }
            (IncidentCause::KeyFault, ObjectKind::Custody) => {
                self.find(call, CustodyId(object.id), |custody: &Custody| custody.organisation)?
            }
            (IncidentCause::OperatorAct | IncidentCause::KeyFault, ObjectKind::Account) => {
                self.find(call, AccountId(object.id), |account: &Account| account.organisation)?
            }
            (IncidentCause::NotDestroyed, ObjectKind::Release) => {
                // The recipient is who holds a release beside its owner.
                let release = call.state.release(&ReleaseId(object.id))?.value;
                let recipient = call.state.request(&release.request)?.value.organisation;
                let order = call.state.latest::<Destruction>(&object)?;
                let overdue = order.filter(|order| {
                    call.now_ms() > order.value.due_ms && !order.value.attested.contains_key(&recipient)
                });
                let order = overdue.ok_or(IncidentRefusal::Unfounded { cause, object })?;
                return Ok((recipient, order.value.ordered_at));
            }
            _ => return Err(IncidentRefusal::Kind { cause, object }.into()),
        };
        Ok(found)
    }

    fn find<R: Record>(
        &self,
        call: &Call<'_, '_>,
        id: R::Id,
        organisation: impl Fn(&R) -> OrganisationId,
    ) -> Result<(OrganisationId, u64), Halt> {
        let found: Option<Versioned<R>> = call.state.latest(&id)?;
        let found = found.ok_or(IncidentRefusal::UnknownObject { object: self.object })?;
        Ok((organisation(&found.value), found.height))
    }
}
