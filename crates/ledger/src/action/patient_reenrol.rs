//! `patient.reenrol`: another wallet for a patient who lost theirs.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use super::{ActionSpec, Execute};
use crate::Text;
use crate::call::{Call, Halt};
use crate::id::{AccountId, ChainId, ObjectRef};
use crate::public_key::PublicKey;
use crate::refusal::fact;
use crate::role::{Authority, Capacity, KeyUse, Role};
use crate::state::Record;
use crate::state::account::{Account, KeySetFault};
use crate::state::key::Key;
use crate::state::patient::{Enrolment, Patient, PatientRefusal, RECOVERY_MS, Recovery};
use crate::transaction::Body;

/// Puts a wallet's key in the place of a lost one: the hospital asks for it, whoever still holds the old key has 72 hours to object, then the hospital completes it; a
/// guardian completes it at once. Handle and consents stay.
///
/// # Rules
/// > PAT-1: a handle belongs to the hospital that made it.
/// >
/// > PAT-3: a key is used for one handle, once and for ever.
/// >
/// > PAT-5: a key is replaced 72 hours after the hospital asked for it unless the old key objects, or when a guardian agrees; where no wallet is bound yet, at once.
///
/// See `docs/spec/patients.md`.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PatientReenrol {
    /// The patient.
    pub patient: AccountId,
    /// The new wallet's key.
    pub wallet: PublicKey,
}

impl Execute for PatientReenrol {
    const SPEC: ActionSpec = ActionSpec {
        number: 52,
        name: "patient.reenrol",
        doc: Text {
            en: "replaces the key of a patient who lost it", zh: "为遗失密钥的患者更换钱包"
        },
        authority: Authority {
            capacities: &[Capacity::Administrator, Capacity::Custodian, Capacity::Patient],
            roles: &[Role::Hospital],
            key: KeyUse::Master,
            while_frozen: false,
        },
        rules: &["PAT-1", "PAT-3", "PAT-5"],
    };

    fn verify(&self, _: ChainId) -> Result<(), Halt> {
        if self.wallet.check() { Ok(()) } else { Err(KeySetFault::Invalid { key: self.wallet }.into()) }
    }

    fn execute(&self, call: &mut Call<'_, '_>) -> Result<(), Halt> {
        let (id, now_ms) = (self.patient, call.now_ms());
        let guardian = call.caller.account.capacity == Capacity::Patient;
        let patient = if guardian { call.state.patient(&id)? } else { call.own_patient(&id)? };
        if guardian && !patient.value.guardians.contains(&call.caller.id) {
            return Err(PatientRefusal::NotYours { patient: id }.into());
        }
        let asked = patient.value.recovery.as_ref().filter(|recovery| recovery.key == self.wallet);
        let bound = patient.value.enrolment == Enrolment::Enrolled;
        match asked {
            None if guardian => return Err(PatientRefusal::NoRecovery { patient: id }.into()),
            None if bound => {
                let ready_ms = now_ms.saturating_add(RECOVERY_MS);
                let recovery = Some(Recovery { key: self.wallet, ready_ms });
                call.state.succeed(&id, patient.version, Patient { recovery, ..patient.value });
                call.emit("patient.recovery-asked", ObjectRef::account(id), vec![fact("ready_ms", ready_ms)]);
                return Ok(());
            }
            Some(recovery) if !guardian && now_ms < recovery.ready_ms => {
                let ready_ms = recovery.ready_ms;
                return Err(PatientRefusal::RecoveryWaits { ready_ms, now_ms }.into());
            }
            _ => {}
        }
        call.state.take_wallet_key(&self.wallet)?;
        call.state.bind_wallet(&id, self.wallet)?;
        let enrolled = Patient { enrolment: Enrolment::Enrolled, recovery: None, ..patient.value };
        call.state.succeed(&id, patient.version, enrolled);
        call.emit("patient.reenrolled", ObjectRef::account(id), vec![fact("by_guardian", guardian)]);
        Ok(())
    }

    fn reads(&self, _: &Body, keys: &mut Vec<Key>) {
        keys.extend([Patient::head_key(&self.patient), Account::head_key(&self.patient)]);
    }
}
