//! `validator.rotate`: another key or address for the caller's own validator.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use super::{ActionSpec, Execute};
use crate::Text;
use crate::call::{Call, Halt};
use crate::id::{ChainId, ObjectRef};
use crate::refusal::fact;
use crate::role::{Authority, Capacity, KeyUse, Role};
use crate::state::Record;
use crate::state::key::Key;
use crate::state::validators::{KeyHolder, SeatClaim, SeatRefusal};
use crate::transaction::Body;

/// Replaces the key or the address of the organisation's validator, from the next epoch on, without a vote: the seat stays the organisation's.
///
/// # Rules
/// > VAL-1: a seat begins with the epoch after the block that decided it.
/// >
/// > VAL-3: a validator's key belongs to one organisation for ever.
/// >
/// > VAL-4: the key signs for the seat.
/// >
/// > VAL-6: an organisation rotates the key of its own seat itself.
///
/// See `docs/spec/validators.md`.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ValidatorRotate {
    /// The seat from then on.
    pub seat: SeatClaim,
}

impl Execute for ValidatorRotate {
    const SPEC: ActionSpec = ActionSpec {
        number: 20,
        name: "validator.rotate",
        doc: Text {
            en: "replaces key or address of the organisation's validator",
            zh: "更换本机构验证者的密钥或地址",
        },
        authority: Authority {
            capacities: &[Capacity::Administrator],
            roles: Role::ALL,
            key: KeyUse::Master,
            while_frozen: false,
        },
        rules: &["VAL-1", "VAL-3", "VAL-4", "VAL-5", "VAL-6"],
    };

    fn verify(&self, _: ChainId) -> Result<(), Halt> {
        // Possession names the organisation, which only `execute` knows.
        Ok(())
    }

    fn execute(&self, call: &mut Call<'_, '_>) -> Result<(), Halt> {
        let organisation = call.caller.account.organisation;
        if !call.state.roster()?.value.seats.contains_key(&organisation) {
            return Err(SeatRefusal::NoSeat { organisation }.into());
        }
        let seat = self.seat.seat();
        call.state.check_seat(organisation, &seat)??;
        self.seat.check(call.state.block().chain, organisation)?;
        call.state.give_seat(organisation, seat)?;
        call.emit(
            "validator.rotated",
            ObjectRef::organisation(organisation),
            vec![
                fact("key", self.seat.key),
                fact("address", self.seat.address.clone()),
                fact("epoch", call.state.block().epoch + 1),
            ],
        );
        Ok(())
    }

    fn reads(&self, _: &Body, keys: &mut Vec<Key>) {
        keys.push(KeyHolder::head_key(&self.seat.key));
    }
}
