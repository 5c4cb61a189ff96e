//! `suspend-organisation`: a member that does not take part for now.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use super::{Class, Enact, Grounds, MeasureSpec};
use crate::Text;
use crate::call::{Call, Halt};
use crate::id::{ChainId, ObjectRef, OrganisationId};
use crate::refusal::fact;
use crate::state::organisation::Status;

/// Suspends an organisation: its accounts, patients excepted, can do nothing, its vote does not count at once, its seat ends with the epoch.
///
/// # Rules
/// > ORG-3: accounts of an organisation that is suspended or removed are refused every action; its patients' accounts are not.
/// >
/// > VAL-2: no seat is taken away when fewer than `min-validators` would be left.
///
/// See `docs/spec/organisations.md`.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SuspendOrganisation {
    /// Which.
    pub organisation: OrganisationId,
    /// Why.
    pub grounds: Grounds,
}

impl Enact for SuspendOrganisation {
    const SPEC: MeasureSpec = MeasureSpec {
        name: "suspend-organisation",
        class: Class::Membership,
        doc: Text {
            en: "suspends an organisation until it is reinstated", zh: "暂停机构资格，直至恢复"
        },
        rules: &["ORG-2", "ORG-3", "VAL-1", "VAL-2"],
    };

    fn verify(&self, _: ChainId) -> Result<(), Halt> {
        Ok(())
    }

    fn check(&self, call: &Call<'_, '_>) -> Result<(), Halt> {
        call.state.organisation_in(self.organisation, &[Status::Active])?;
        call.state.check_unseat(self.organisation, call.parameters.min_validators)??;
        Ok(())
    }

    fn enact(&self, call: &mut Call<'_, '_>) -> Result<(), Halt> {
        call.state.set_status(self.organisation, Status::Suspended)?;
        call.state.take_seat(self.organisation)?;
        call.emit(
            "organisation.suspended",
            ObjectRef::organisation(self.organisation),
            vec![fact("cause", self.grounds.cause), fact("details", self.grounds.details)],
        );
        Ok(())
    }
}
