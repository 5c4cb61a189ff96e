//! `admit-organisation`: a new member.

use std::collections::BTreeSet;

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use super::{Class, Enact, MeasureSpec, OrganisationRefusal};
use crate::Text;
use crate::action::account_create::AccountRefusal;
use crate::call::{Call, Halt};
use crate::id::{AccountId, ChainId, ObjectRef, OrganisationId};
use crate::public_key::PublicKey;
use crate::refusal::fact;
use crate::role::{Capacity, Role};
use crate::state::account::{Account, KeySet, KeySetFault};
use crate::state::organisation::{Organisation, OrganisationName};
use crate::state::validators::SeatClaim;

/// Admits an organisation with its administrators and, if it runs a node that votes on blocks, a seat from the next epoch on.
///
/// # Rules
/// > ORG-1: an organisation is admitted once under a name; the name is never used again.
/// >
/// > VAL-1: a seat begins with the epoch after the block that decided it.
///
/// See `docs/spec/organisations.md` and `docs/spec/validators.md`.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct AdmitOrganisation {
    /// The name on the ledger.
    pub organisation: OrganisationId,
    /// The name for people.
    pub name: OrganisationName,
    /// What it is in the consortium.
    pub role: Role,
    /// First keys of its administrators' accounts.
    pub administrators: BTreeSet<PublicKey>,
    /// The seat of its validator, if it has one.
    pub seat: Option<SeatClaim>,
}

impl AdmitOrganisation {
    const MAX_ADMINISTRATORS: usize = 8;
}

impl Enact for AdmitOrganisation {
    const SPEC: MeasureSpec = MeasureSpec {
        name: "admit-organisation",
        class: Class::Membership,
        doc: Text {
            en: "admits an organisation, with its administrators and perhaps a validator",
            zh: "接纳机构及其管理员，可同时设立验证者",
        },
        rules: &["ORG-1", "VAL-1", "VAL-2", "VAL-3", "VAL-4"],
    };

    fn verify(&self, chain: ChainId) -> Result<(), Halt> {
        let (count, max) = (self.administrators.len() as u64, Self::MAX_ADMINISTRATORS as u64);
        if count == 0 || count > max {
            return Err(OrganisationRefusal::Administrators { count, max }.into());
        }
        if let Some(key) = self.administrators.iter().find(|key| !key.check()) {
            return Err(KeySetFault::Invalid { key: *key }.into());
        }
        if let Some(seat) = &self.seat {
            seat.check(chain, self.organisation)?;
        }
        Ok(())
    }

    fn check(&self, call: &Call<'_, '_>) -> Result<(), Halt> {
        let organisation = self.organisation;
        if let Some(found) = call.state.latest::<Organisation>(&organisation)? {
            return Err(OrganisationRefusal::Exists { organisation, status: found.value.status }.into());
        }
        for key in &self.administrators {
            let account = AccountId::derive(call.state.block().chain, key);
            if call.state.latest::<Account>(&account)?.is_some() {
                return Err(AccountRefusal::Exists { account }.into());
            }
        }
        if let Some(claim) = &self.seat {
            call.state.check_seat(organisation, &claim.seat())??;
        }
        Ok(())
    }

    fn enact(&self, call: &mut Call<'_, '_>) -> Result<(), Halt> {
        let (organisation, height, chain) = (self.organisation, call.height(), call.state.block().chain);
        call.state.create(&organisation, Organisation::new(self.name.clone(), self.role, height));
        for key in &self.administrators {
            let account = Account::new(organisation, Capacity::Administrator, KeySet::of(*key));
            call.state.create(&AccountId::derive(chain, key), account);
        }
        call.emit(
            "organisation.admitted",
            ObjectRef::organisation(organisation),
            vec![fact("role", self.role), fact("administrators", self.administrators.len())],
        );
        match &self.seat {
            Some(claim) => super::seat_validator::give(call, organisation, claim),
            None => Ok(()),
        }
    }
}
