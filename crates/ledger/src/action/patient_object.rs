//! `patient.object`: the old key objects to being replaced.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use super::{ActionSpec, Execute};
use crate::Text;
use crate::call::{Call, Halt};
use crate::id::{ChainId, ObjectRef};
use crate::role::{Authority, Capacity, KeyUse, Role};
use crate::state::Record;
use crate::state::key::Key;
use crate::state::patient::{Patient, PatientRefusal};
use crate::transaction::Body;

/// Stops the replacement of the caller's key.
///
/// # Rules
/// > PAT-5: whoever holds the old key objects as long as the replacement is not completed.
///
/// See `docs/spec/patients.md`.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PatientObject {}

impl Execute for PatientObject {
    const SPEC: ActionSpec = ActionSpec {
        number: 53,
        name: "patient.object",
        doc: Text {
            en: "objects to the replacement of one's own key", zh: "对更换本人密钥提出异议"
        },
        authority: Authority {
            capacities: &[Capacity::Patient],
            roles: Role::ALL,
            key: KeyUse::Everyday,
            while_frozen: false,
        },
        rules: &["PAT-5"],
    };

    fn verify(&self, _: ChainId) -> Result<(), Halt> {
        Ok(())
    }

    fn execute(&self, call: &mut Call<'_, '_>) -> Result<(), Halt> {
        let id = call.caller.id;
        let patient = call.state.patient(&id)?;
        if patient.value.recovery.is_none() {
            return Err(PatientRefusal::NoRecovery { patient: id }.into());
        }
        call.state.succeed(&id, patient.version, Patient { recovery: None, ..patient.value });
        call.emit("patient.recovery-stopped", ObjectRef::account(id), vec![]);
        Ok(())
    }

    fn reads(&self, body: &Body, keys: &mut Vec<Key>) {
        keys.push(Patient::head_key(&body.account));
    }
}
