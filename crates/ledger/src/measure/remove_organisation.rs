//! `remove-organisation`: a member leaves for ever.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use super::{Class, Enact, Grounds, MeasureSpec};
use crate::Text;
use crate::call::{Call, Halt};
use crate::id::{ChainId, ObjectRef, OrganisationId};
use crate::refusal::fact;
use crate::state::organisation::Status;

/// Removes an organisation, active or suspended. What it put on the ledger stays.
///
/// # Rules
/// > ORG-4: only a suspended organisation is reinstated; a removed one never is.
/// >
/// > VAL-2: no seat is taken away when fewer than `min-validators` would be left.
///
/// See `docs/spec/organisations.md`.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RemoveOrganisation {
    /// Which.
    pub organisation: OrganisationId,
    /// Why.
    pub grounds: Grounds,
}

impl Enact for RemoveOrganisation {
    const SPEC: MeasureSpec = MeasureSpec {
        name: "remove-organisation",
        class: Class::Membership,
        doc: Text { en: "removes an organisation for ever", zh: "永久移除机构" },
        rules: &["ORG-2", "ORG-3", "ORG-4", "VAL-1", "VAL-2"],
    };

    fn verify(&self, _: ChainId) -> Result<(), Halt> {
        Ok(())
    }

    fn check(&self, call: &Call<'_, '_>) -> Result<(), Halt> {
        call.state.organisation_in(self.organisation, &[Status::Active, Status::Suspended])?;
        call.state.check_unseat(self.organisation, call.parameters.min_validators)??;
        Ok(())
    }

    fn enact(&self, call: &mut Call<'_, '_>) -> Result<(), Halt> {
        call.state.set_status(self.organisation, Status::Removed)?;
        call.state.take_seat(self.organisation)?;
        call.emit(
            "organisation.removed",
            ObjectRef::organisation(self.organisation),
            vec![fact("cause", self.grounds.cause), fact("details", self.grounds.details)],
        );
        Ok(())
    }
}
