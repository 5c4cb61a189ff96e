//! `patient.set-guardians`: who may act for a patient.

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
use crate::state::patient::{Guardians, Patient};
use crate::transaction::Body;

/// Names the caller's guardians, in place of those before.
///
/// # Rules
/// > PAT-4: who has a wallet names their own guardians; the hospital names those of one who is invited, and none afterwards.
/// >
/// > PAT-6: guardians are other enrolled patients of the hospital, at most four.
///
/// See `docs/spec/patients.md`.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PatientSetGuardians {
    /// Those who may act from now on.
    pub guardians: Guardians,
}

impl Execute for PatientSetGuardians {
    const SPEC: ActionSpec = ActionSpec {
        number: 54,
        name: "patient.set-guardians",
        doc: Text { en: "names who may act for the patient", zh: "指定可代患者操作的监护人" },
        authority: Authority {
            capacities: &[Capacity::Patient],
            roles: Role::ALL,
            key: KeyUse::Master,
            while_frozen: false,
        },
        rules: &["PAT-4", "PAT-6"],
    };

    fn verify(&self, _: ChainId) -> Result<(), Halt> {
        Ok(())
    }

    fn execute(&self, call: &mut Call<'_, '_>) -> Result<(), Halt> {
        let id = call.caller.id;
        let patient = call.acts_for(&id)?;
        call.check_guardians(&id, patient.value.organisation, &self.guardians)?;
        let guardians = self.guardians.clone();
        call.state.succeed(&id, patient.version, Patient { guardians, ..patient.value });
        call.emit(
            "patient.guardians-set",
            ObjectRef::account(id),
            vec![fact("guardians", self.guardians.len())],
        );
        Ok(())
    }

    fn reads(&self, body: &Body, keys: &mut Vec<Key>) {
        keys.push(Patient::head_key(&body.account));
        keys.extend(self.guardians.iter().map(Patient::head_key));
    }
}
