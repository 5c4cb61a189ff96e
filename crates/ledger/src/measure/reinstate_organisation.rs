//! `reinstate-organisation`: a suspended member takes part again.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use super::{Class, Enact, MeasureSpec};
use crate::Text;
use crate::call::{Call, Halt};
use crate::id::{ChainId, ObjectRef, OrganisationId};
use crate::state::organisation::Status;
use crate::state::validators::SeatClaim;

/// Reinstates a suspended organisation, with a seat from the next epoch on if it claims one.
///
/// # Rules
/// > ORG-4: only a suspended organisation is reinstated; a removed one never is.
///
/// See `docs/spec/organisations.md`.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ReinstateOrganisation {
    /// Which.
    pub organisation: OrganisationId,
    /// The seat of its validator, if it is to have one.
    pub seat: Option<SeatClaim>,
}

impl Enact for ReinstateOrganisation {
    const SPEC: MeasureSpec = MeasureSpec {
        name: "reinstate-organisation",
        class: Class::Membership,
        doc: Text { en: "reinstates a suspended organisation", zh: "恢复被暂停的机构" },
        rules: &["ORG-2", "ORG-4", "VAL-1", "VAL-2", "VAL-3", "VAL-4"],
    };

    fn verify(&self, chain: ChainId) -> Result<(), Halt> {
        if let Some(claim) = &self.seat {
            claim.check(chain, self.organisation)?;
        }
        Ok(())
    }

    fn check(&self, call: &Call<'_, '_>) -> Result<(), Halt> {
        call.state.organisation_in(self.organisation, &[Status::Suspended])?;
        if let Some(claim) = &self.seat {
            call.state.check_seat(self.organisation, &claim.seat())??;
        }
        Ok(())
    }

    fn enact(&self, call: &mut Call<'_, '_>) -> Result<(), Halt> {
        call.state.set_status(self.organisation, Status::Active)?;
        call.emit("organisation.reinstated", ObjectRef::organisation(self.organisation), Vec::new());
        match &self.seat {
            Some(claim) => super::seat_validator::give(call, self.organisation, claim),
            None => Ok(()),
        }
    }
}
