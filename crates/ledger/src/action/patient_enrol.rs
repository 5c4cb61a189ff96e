//! `patient.enrol`: a wallet is bound to a handle.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use super::{ActionSpec, Execute};
use crate::Text;
use crate::call::{Call, Halt};
use crate::id::{ChainId, ObjectRef};
use crate::public_key::PublicKey;
use crate::refusal::fact;
use crate::role::{Authority, Capacity, KeyUse, Role};
use crate::state::Record;
use crate::state::account::KeySetFault;
use crate::state::key::Key;
use crate::state::patient::{Enrolment, Patient, PatientRefusal};
use crate::transaction::Body;

/// Replaces the enrolment code's key by the wallet's. It is signed with the code's key, so that it can neither be forged nor taken over on its way.
///
/// # Rules
/// > PAT-2: a code is taken once, before its time is up; what its key signed binds the wallet.
/// >
/// > PAT-3: a key is used for one handle, once and for ever.
///
/// See `docs/spec/patients.md`.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PatientEnrol {
    /// The wallet's key for this hospital.
    pub wallet: PublicKey,
}

impl Execute for PatientEnrol {
    const SPEC: ActionSpec = ActionSpec {
        number: 51,
        name: "patient.enrol",
        doc: Text {
            en: "binds a wallet to a handle, signed with the enrolment code",
            zh: "凭登记码绑定患者钱包",
        },
        authority: Authority {
            capacities: &[Capacity::Patient],
            roles: Role::ALL,
            key: KeyUse::Master,
            while_frozen: false,
        },
        rules: &["PAT-2", "PAT-3"],
    };

    fn verify(&self, _: ChainId) -> Result<(), Halt> {
        if self.wallet.check() { Ok(()) } else { Err(KeySetFault::Invalid { key: self.wallet }.into()) }
    }

    fn execute(&self, call: &mut Call<'_, '_>) -> Result<(), Halt> {
        let (id, now_ms) = (call.caller.id, call.now_ms());
        let patient = call.state.patient(&id)?;
        match patient.value.enrolment {
            Enrolment::Enrolled => return Err(PatientRefusal::Enrolled { patient: id }.into()),
            Enrolment::Invited { until_ms } if now_ms >= until_ms => {
                return Err(PatientRefusal::CodeExpired { until_ms, now_ms }.into());
            }
            Enrolment::Invited { .. } => {}
        }
        call.state.take_wallet_key(&self.wallet)?;
        call.state.bind_wallet(&id, self.wallet)?;
        let enrolled = Patient { enrolment: Enrolment::Enrolled, recovery: None, ..patient.value };
        call.state.succeed(&id, patient.version, enrolled);
        call.emit("patient.enrolled", ObjectRef::account(id), vec![fact("suite", self.wallet.suite())]);
        Ok(())
    }

    fn reads(&self, body: &Body, keys: &mut Vec<Key>) {
        keys.push(Patient::head_key(&body.account));
    }
}
