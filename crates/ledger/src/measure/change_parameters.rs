//! `change-parameters`: other values for parameters.

use std::collections::BTreeMap;

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use super::{Class, Enact, MeasureSpec};
use crate::Text;
use crate::call::{Call, Halt};
use crate::id::{ChainId, ObjectRef};
use crate::refusal::fact;
use crate::state::Versioned;
use crate::state::parameters::{Parameter, ParameterRefusal, Parameters};

/// Changes parameters, from the next block on. Those that are not named keep the values they have when the votes are there.
///
/// # Rules
/// > PAR-1: each parameter has bounds that no vote can leave.
/// >
/// > PAR-2: a change takes effect in the block after the one that decided it.
///
/// See `docs/spec/parameters.md`.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ChangeParameters {
    /// New values by name.
    pub changes: BTreeMap<Parameter, u64>,
}

impl Enact for ChangeParameters {
    const SPEC: MeasureSpec = MeasureSpec {
        name: "change-parameters",
        class: Class::Parameters,
        doc: Text { en: "changes parameters from the next block on", zh: "自下一区块起更改参数" },
        rules: &["PAR-1", "PAR-2", "PAR-3"],
    };

    fn verify(&self, _: ChainId) -> Result<(), Halt> {
        if self.changes.is_empty() { Err(ParameterRefusal::NoChange {}.into()) } else { Ok(()) }
    }

    fn check(&self, call: &Call<'_, '_>) -> Result<(), Halt> {
        parameters(call)?.value.changed(&self.changes)?;
        Ok(())
    }

    fn enact(&self, call: &mut Call<'_, '_>) -> Result<(), Halt> {
        // Those of the state, not of the block's beginning: two changes may be decided in one block.
        let before = parameters(call)?;
        let after = before.value.changed(&self.changes)?;
        call.state.succeed(&(), before.version, after);
        let facts = self.changes.iter().map(|(parameter, value)| fact(parameter.name(), *value)).collect();
        call.emit("parameters.changed", ObjectRef::parameters(), facts);
        Ok(())
    }
}

fn parameters(call: &Call<'_, '_>) -> Result<Versioned<Parameters>, Halt> {
    Ok(call.state.latest(&())?.expect("the genesis writes the parameters"))
}
