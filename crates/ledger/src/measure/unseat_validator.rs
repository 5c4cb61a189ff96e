//! `unseat-validator`: a member keeps its place, but its node does not vote on blocks any more.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use super::{Class, Enact, Grounds, MeasureSpec};
use crate::Text;
use crate::call::{Call, Halt};
use crate::id::{ChainId, ObjectRef, OrganisationId};
use crate::refusal::fact;
use crate::state::organisation::Status;
use crate::state::validators::SeatRefusal;

/// Takes a member's validator out of the set from the next epoch on, and its vote at once.
///
/// # Rules
/// > VAL-2: no seat is taken away when fewer than `min-validators` would be left.
///
/// See `docs/spec/validators.md`.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct UnseatValidator {
    /// Whose validator.
    pub organisation: OrganisationId,
    /// Why.
    pub grounds: Grounds,
}

impl Enact for UnseatValidator {
    const SPEC: MeasureSpec = MeasureSpec {
        name: "unseat-validator",
        class: Class::Membership,
        doc: Text {
            en: "takes a member's validator out of the set", zh: "撤销成员机构的验证者席位"
        },
        rules: &["ORG-2", "VAL-1", "VAL-2", "VAL-5"],
    };

    fn verify(&self, _: ChainId) -> Result<(), Halt> {
        Ok(())
    }

    fn check(&self, call: &Call<'_, '_>) -> Result<(), Halt> {
        call.state.organisation_in(self.organisation, &[Status::Active])?;
        if !call.state.roster()?.value.seats.contains_key(&self.organisation) {
            return Err(SeatRefusal::NoSeat { organisation: self.organisation }.into());
        }
        call.state.check_unseat(self.organisation, call.parameters.min_validators)??;
        Ok(())
    }

    fn enact(&self, call: &mut Call<'_, '_>) -> Result<(), Halt> {
        call.state.take_seat(self.organisation)?;
        call.emit(
            "validator.unseated",
            ObjectRef::organisation(self.organisation),
            vec![
                fact("epoch", call.state.block().epoch + 1),
                fact("cause", self.grounds.cause),
                fact("details", self.grounds.details),
            ],
        );
        Ok(())
    }
}
