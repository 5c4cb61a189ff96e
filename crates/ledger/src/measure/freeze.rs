//! `freeze`: nothing more happens to an account, an organisation, a dataset or a contract.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use super::{Class, Enact, Grounds, MeasureSpec};
use crate::Text;
use crate::call::{Call, Halt};
use crate::id::{AccountId, ChainId, ContractId, DatasetId, ObjectKind, ObjectRef, OrganisationId};
use crate::refusal::fact;
use crate::state::Versioned;
use crate::state::account::Account;
use crate::state::contract::Contract;
use crate::state::dataset::Dataset;
use crate::state::freeze::{self, FreezeRefusal};
use crate::state::organisation::Organisation;

/// Freezes an account (its transactions are refused), an organisation (those of all its accounts but patients) a dataset (no new versions) or a contract (nothing under it is
/// granted, released or accessed; of a dataset neither).
///
/// # Rules
/// > GOV-9: a freeze stops every action but proposing and voting, so that nobody gains a majority by freezing others.
/// >
/// > GOV-10: what exists and is not frozen can be frozen; what is frozen can be unfrozen.
///
/// See `docs/spec/governance.md`.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Freeze {
    /// What.
    pub object: ObjectRef,
    /// Why.
    pub grounds: Grounds,
}

impl Enact for Freeze {
    const SPEC: MeasureSpec = MeasureSpec {
        name: "freeze",
        class: Class::Freeze,
        doc: Text {
            en: "freezes an account, an organisation, a dataset or a contract",
            zh: "冻结账户、机构、数据集或合同",
        },
        rules: &["GOV-9", "GOV-10"],
    };

    fn verify(&self, _: ChainId) -> Result<(), Halt> {
        Ok(())
    }

    fn check(&self, call: &Call<'_, '_>) -> Result<(), Halt> {
        let object = self.object;
        match frozen(call, object)? {
            Some(since) => Err(FreezeRefusal::Already { object, since }.into()),
            None => Ok(()),
        }
    }

    fn enact(&self, call: &mut Call<'_, '_>) -> Result<(), Halt> {
        let since = call.height();
        set(call, self.object, Some(since))?;
        call.emit(
            "freeze.frozen",
            self.object,
            vec![fact("cause", self.grounds.cause), fact("details", self.grounds.details)],
        );
        Ok(())
    }
}

enum Target {
    Account(AccountId, Versioned<Account>),
    Organisation(OrganisationId, Versioned<Organisation>),
    Object,
}

/// What a reference names, if it exists and can be frozen.
fn target(call: &Call<'_, '_>, object: ObjectRef) -> Result<Target, Halt> {
    let state = &*call.state;
    let found = match object.kind {
        ObjectKind::Account => {
            let id = AccountId(object.id);
            state.latest(&id)?.map(|account| Target::Account(id, account))
        }
        ObjectKind::Organisation => match object.as_organisation() {
            Some(id) => state.latest(&id)?.map(|organisation| Target::Organisation(id, organisation)),
            None => None,
        },
        ObjectKind::Dataset => state.latest::<Dataset>(&DatasetId(object.id))?.map(|_| Target::Object),
        ObjectKind::Contract => state.latest::<Contract>(&ContractId(object.id))?.map(|_| Target::Object),
        _ => return Err(FreezeRefusal::Kind { object }.into()),
    };
    Ok(found.ok_or(FreezeRefusal::Unknown { object })?)
}

/// The height since which an object is frozen.
pub(super) fn frozen(call: &Call<'_, '_>, object: ObjectRef) -> Result<Option<u64>, Halt> {
    Ok(match target(call, object)? {
        Target::Account(_, account) => account.value.frozen,
        Target::Organisation(_, organisation) => organisation.value.frozen,
        Target::Object => call.state.frozen_since(&object)?,
    })
}

/// Freezes or unfreezes an object.
pub(super) fn set(call: &mut Call<'_, '_>, object: ObjectRef, frozen: Option<u64>) -> Result<(), Halt> {
    match target(call, object)? {
        Target::Account(id, before) => {
            call.state.succeed(&id, before.version, Account { frozen, ..before.value });
        }
        Target::Organisation(id, before) => {
            call.state.succeed(&id, before.version, Organisation { frozen, ..before.value });
        }
        Target::Object => {
            let before = call.state.latest::<freeze::Freeze>(&object)?.map_or(0, |freeze| freeze.version);
            call.state.succeed(&object, before, freeze::Freeze { since: frozen });
        }
    }
    Ok(())
}
