//! `contract.set-standing`: a contract is frozen, opened again, or closed.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use super::{ActionSpec, Execute};
use crate::Text;
use crate::call::{Call, Halt};
use crate::id::{ChainId, ContractId, ObjectRef};
use crate::refusal::fact;
use crate::role::{Authority, Capacity, KeyUse, Role};
use crate::state::Record;
use crate::state::contract::{Contract, ContractRefusal, Standing};
use crate::state::key::Key;
use crate::transaction::Body;

/// Freezes a contract at once, lifts the freeze, or closes the contract. In an emergency one owner is enough.
///
/// # Rules
/// > CTR-6: the publisher or an owner of a dataset freezes; whoever froze lifts it; the publisher closes, for ever. Nothing is granted, released or accessed under a contract that is not open.
///
/// See `docs/spec/contracts.md`.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ContractSetStanding {
    /// Which contract.
    pub contract: ContractId,
    /// How it stands from now on.
    pub standing: Standing,
}

impl Execute for ContractSetStanding {
    const SPEC: ActionSpec = ActionSpec {
        number: 72,
        name: "contract.set-standing",
        doc: Text { en: "freezes, opens or closes a contract", zh: "冻结、恢复或终止合同" },
        authority: Authority {
            capacities: &[Capacity::Administrator, Capacity::Staff],
            roles: Role::ALL,
            key: KeyUse::Everyday,
            while_frozen: false,
        },
        rules: &["CTR-6"],
    };

    fn verify(&self, _: ChainId) -> Result<(), Halt> {
        Ok(())
    }

    fn execute(&self, call: &mut Call<'_, '_>) -> Result<(), Halt> {
        let before = call.state.contract(&self.contract)?;
        let caller = call.caller.account.organisation;
        let Contract { organisation: publisher, standing: now, set_by: (by, since), .. } = before.value;
        let owner = before.value.owners.contains(&caller);
        let closes = self.standing == Standing::Closed;
        if caller != publisher && (closes || !owner) {
            return Err(ContractRefusal::NotYours { contract: self.contract }.into());
        }
        if now == Standing::Closed {
            return Err(ContractRefusal::Closed { since }.into());
        }
        if now == self.standing {
            return Err(ContractRefusal::Standing { standing: now, since }.into());
        }
        if now == Standing::Frozen && self.standing == Standing::Open && by != caller {
            return Err(ContractRefusal::FrozenBy { organisation: by, since }.into());
        }
        let set_by = (caller, call.height());
        let after = Contract { standing: self.standing, set_by, ..before.value };
        call.state.succeed(&self.contract, before.version, after);
        call.emit(
            "contract.standing-set",
            ObjectRef::contract(self.contract),
            vec![fact("standing", self.standing)],
        );
        Ok(())
    }

    fn reads(&self, _: &Body, keys: &mut Vec<Key>) {
        keys.push(Contract::head_key(&self.contract));
    }
}
