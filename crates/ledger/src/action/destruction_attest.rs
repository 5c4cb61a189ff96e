//! `destruction.attest`: an organisation says that it has destroyed what it held.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use super::{ActionSpec, Execute};
use crate::Text;
use crate::call::{Call, Halt};
use crate::id::{ChainId, ObjectRef};
use crate::refusal::fact;
use crate::role::{Authority, Capacity, KeyUse, Role};
use crate::state::Record;
use crate::state::destruction::{Destruction, DestructionRefusal};
use crate::state::key::Key;
use crate::transaction::Body;

/// Attests that the caller's organisation has destroyed its data, shards and key shares of an object. It answers for the statement: a copy that turns up later is an incident of its own.
///
/// # Rules
/// > DES-3: each organisation attests once what was ordered; the attestation says whether it was in time.
///
/// See `docs/spec/destruction.md`.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct DestructionAttest {
    /// What was destroyed.
    pub object: ObjectRef,
}

impl Execute for DestructionAttest {
    const SPEC: ActionSpec = ActionSpec {
        number: 121,
        name: "destruction.attest",
        doc: Text { en: "attests that something was destroyed", zh: "证明已销毁" },
        authority: Authority {
            capacities: &[Capacity::Administrator, Capacity::Staff, Capacity::Custodian],
            roles: Role::ALL,
            key: KeyUse::Everyday,
            while_frozen: false,
        },
        rules: &["DES-3"],
    };

    fn verify(&self, _: ChainId) -> Result<(), Halt> {
        Ok(())
    }

    fn execute(&self, call: &mut Call<'_, '_>) -> Result<(), Halt> {
        let object = self.object;
        let before = call.state.latest::<Destruction>(&object)?;
        let before = before.ok_or(DestructionRefusal::NotOrdered { object })?;
        let (organisation, height) = (call.caller.account.organisation, call.height());
        let mut order = before.value;
        if let Some(since) = order.attested.insert(organisation, height) {
            return Err(DestructionRefusal::Attested { organisation, since }.into());
        }
        let (in_time, attested) = (call.now_ms() <= order.due_ms, order.attested.len());
        call.state.succeed(&object, before.version, order);
        call.emit("destruction.attested", object, vec![fact("in_time", in_time), fact("attested", attested)]);
        Ok(())
    }

    fn reads(&self, _: &Body, keys: &mut Vec<Key>) {
        keys.push(Destruction::head_key(&self.object));
    }
}
