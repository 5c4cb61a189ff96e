//! `budget.set`: how much privacy loss a dataset may have in all.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use super::{ActionSpec, Execute};
use crate::Text;
use crate::call::{Call, Halt};
use crate::id::{ChainId, DatasetId, ObjectRef};
use crate::refusal::fact;
use crate::role::{Authority, Capacity, KeyUse, Role};
use crate::state::Record;
use crate::state::budget::Budget;
use crate::state::contract::ContractRefusal;
use crate::state::dataset::Dataset;
use crate::state::key::Key;
use crate::state::release::ReleaseRefusal;
use crate::transaction::Body;

/// Sets the ceiling of a dataset's budget, over all contracts and recipients. What is spent stays spent.
///
/// # Rules
/// > DEC-6: a dataset's owner sets its ceiling; one below what is spent lets nothing more through.
///
/// See `docs/spec/decisions.md`.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct BudgetSet {
    /// Which dataset.
    pub dataset: DatasetId,
    /// The ceiling, in millionths of epsilon.
    pub ceiling: u64,
}

impl Execute for BudgetSet {
    const SPEC: ActionSpec = ActionSpec {
        number: 75,
        name: "budget.set",
        doc: Text { en: "sets the privacy budget of a dataset", zh: "设定数据集的隐私预算" },
        authority: Authority {
            capacities: &[Capacity::Administrator],
            roles: Role::ALL,
            key: KeyUse::Master,
            while_frozen: false,
        },
        rules: &["DEC-6"],
    };

    fn verify(&self, _: ChainId) -> Result<(), Halt> {
        Ok(())
    }

    fn execute(&self, call: &mut Call<'_, '_>) -> Result<(), Halt> {
        let dataset = self.dataset;
        let found = call.state.latest::<Dataset>(&dataset)?;
        let organisation = found.ok_or(ContractRefusal::UnknownDataset { dataset })?.value.organisation;
        if organisation != call.caller.account.organisation {
            return Err(ReleaseRefusal::NotOwner { dataset, organisation }.into());
        }
        let object = ObjectRef::dataset(dataset);
        let budget = call.state.budget(&object)?;
        let facts = vec![fact("ceiling", self.ceiling), fact("spent", budget.spent)];
        call.state.set_budget(&object, Budget { ceiling: Some(self.ceiling), ..budget })?;
        call.emit("budget.set", object, facts);
        Ok(())
    }

    fn reads(&self, _: &Body, keys: &mut Vec<Key>) {
        keys.push(Dataset::head_key(&self.dataset));
        keys.push(Budget::head_key(&ObjectRef::dataset(self.dataset)));
    }
}
