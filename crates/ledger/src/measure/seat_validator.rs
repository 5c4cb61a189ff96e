//! `seat-validator`: a validator for a member, or another in place of the one it has.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use super::{Class, Enact, MeasureSpec};
use crate::Text;
use crate::call::{Call, Halt};
use crate::id::{ChainId, ObjectRef, OrganisationId};
use crate::refusal::fact;
use crate::state::organisation::Status;
use crate::state::validators::SeatClaim;

/// Gives a member a validator's seat, or replaces the validator in it, from the next epoch on.
///
/// An organisation that still has its administrators' keys rotates its validator itself: `validator.rotate`.
///
/// # Rules
/// > VAL-1: a seat begins with the epoch after the block that decided it.
/// >
/// > VAL-3: a validator's key belongs to one organisation for ever.
/// >
/// > VAL-4: the key signs for the seat.
///
/// See `docs/spec/validators.md`.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SeatValidator {
    /// Whose validator.
    pub organisation: OrganisationId,
    /// The seat.
    pub seat: SeatClaim,
}

impl Enact for SeatValidator {
    const SPEC: MeasureSpec = MeasureSpec {
        name: "seat-validator",
        class: Class::Membership,
        doc: Text {
            en: "seats or replaces the validator of a member", zh: "为成员机构设立或更换验证者"
        },
        rules: &["ORG-2", "VAL-1", "VAL-2", "VAL-3", "VAL-4", "VAL-5"],
    };

    fn verify(&self, chain: ChainId) -> Result<(), Halt> {
        Ok(self.seat.check(chain, self.organisation)?)
    }

    fn check(&self, call: &Call<'_, '_>) -> Result<(), Halt> {
        call.state.organisation_in(self.organisation, &[Status::Active])?;
        Ok(call.state.check_seat(self.organisation, &self.seat.seat())??)
    }

    fn enact(&self, call: &mut Call<'_, '_>) -> Result<(), Halt> {
        give(call, self.organisation, &self.seat)
    }
}

/// Gives the seat and tells it.
pub(crate) fn give(
    call: &mut Call<'_, '_>,
    organisation: OrganisationId,
    claim: &SeatClaim,
) -> Result<(), Halt> {
    call.state.give_seat(organisation, claim.seat())?;
    call.emit(
        "validator.seated",
        ObjectRef::organisation(organisation),
        vec![
            fact("key", claim.key),
            fact("address", claim.address.clone()),
            fact("epoch", call.state.block().epoch + 1),
        ],
    );
    Ok(())
}
