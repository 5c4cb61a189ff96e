//! `contract.countersign`: another owner agrees to the terms.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use super::{ActionSpec, Execute};
use crate::Text;
use crate::call::{Call, Halt};
use crate::id::{ChainId, ContractId, ObjectRef};
use crate::refusal::fact;
use crate::role::{Authority, Capacity, KeyUse, Role};
use crate::state::Record;
use crate::state::contract::{Contract, ContractRefusal};
use crate::state::key::Key;
use crate::transaction::Body;

/// Agrees to the terms of a contract that has a dataset of the caller's organisation.
///
/// # Rules
/// > CTR-3: every other owner of a dataset countersigns the terms before anything is granted under them; it says which.
///
/// See `docs/spec/contracts.md`.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ContractCountersign {
    /// Which contract.
    pub contract: ContractId,
    /// Which of its terms.
    pub revision: u64,
}

impl Execute for ContractCountersign {
    const SPEC: ActionSpec = ActionSpec {
        number: 71,
        name: "contract.countersign",
        doc: Text {
            en: "agrees to the terms of a contract as an owner of its data",
            zh: "作为数据方会签合同",
        },
        authority: Authority {
            capacities: &[Capacity::Administrator, Capacity::Staff],
            roles: Role::ALL,
            key: KeyUse::Master,
            while_frozen: false,
        },
        rules: &["CTR-3"],
    };

    fn verify(&self, _: ChainId) -> Result<(), Halt> {
        Ok(())
    }

    fn execute(&self, call: &mut Call<'_, '_>) -> Result<(), Halt> {
        let before = call.state.contract(&self.contract)?;
        let (expected, got) = (before.value.revision, self.revision);
        if expected != got {
            return Err(ContractRefusal::Revision { expected, got }.into());
        }
        let mut contract = before.value;
        if !contract.awaiting.remove(&call.caller.account.organisation) {
            return Err(ContractRefusal::NothingToSign { contract: self.contract }.into());
        }
        let awaiting = contract.awaiting.len();
        call.state.succeed(&self.contract, before.version, contract);
        call.emit(
            "contract.countersigned",
            ObjectRef::contract(self.contract),
            vec![fact("revision", got), fact("awaiting", awaiting)],
        );
        Ok(())
    }

    fn reads(&self, _: &Body, keys: &mut Vec<Key>) {
        keys.push(Contract::head_key(&self.contract));
    }
}
