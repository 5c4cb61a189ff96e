//! `unfreeze`: what was frozen goes on.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use super::{Class, Enact, MeasureSpec, freeze};
use crate::Text;
use crate::call::{Call, Halt};
use crate::id::{ChainId, ObjectRef};
use crate::refusal::fact;
use crate::state::freeze::FreezeRefusal;

/// Ends a freeze.
///
/// # Rules
/// > GOV-10: what exists and is not frozen can be frozen; what is frozen can be unfrozen.
///
/// See `docs/spec/governance.md`.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Unfreeze {
    /// What.
    pub object: ObjectRef,
}

impl Enact for Unfreeze {
    const SPEC: MeasureSpec = MeasureSpec {
        name: "unfreeze",
        class: Class::Unfreeze,
        doc: Text { en: "ends a freeze", zh: "解除冻结" },
        rules: &["GOV-10"],
    };

    fn verify(&self, _: ChainId) -> Result<(), Halt> {
        Ok(())
    }

    fn check(&self, call: &Call<'_, '_>) -> Result<(), Halt> {
        let object = self.object;
        match freeze::frozen(call, object)? {
            Some(_) => Ok(()),
            None => Err(FreezeRefusal::NotFrozen { object }.into()),
        }
    }

    fn enact(&self, call: &mut Call<'_, '_>) -> Result<(), Halt> {
        let since = freeze::frozen(call, self.object)?.unwrap_or(0);
        freeze::set(call, self.object, None)?;
        call.emit("freeze.unfrozen", self.object, vec![fact("since", since)]);
        Ok(())
    }
}
