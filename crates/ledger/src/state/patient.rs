//! Patients: handles that say nothing but which hospital gave them.
//!
//! A handle is the id of the patient's account. It comes from a key that the hospital draws at random for the enrolment code, and differs at each hospital; only the
//! hospital can tie it to a record.

use std::collections::BTreeSet;

use borsh::{BorshDeserialize, BorshSerialize};
use serde::Serialize;

use super::account::{Account, KeySet};
use super::key::{self, Domain};
use super::{Missing, Record, State, Versioned};
use crate::bounded::BoundedSet;
use crate::call::{Call, Halt};
use crate::encoding::Canonical;
use crate::id::{AccountId, Digest, OrganisationId, RequestId};
use crate::public_key::PublicKey;
use crate::refusal::refusals;

/// A patient of a hospital.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize)]
pub struct Patient {
    /// The hospital that enrolled them.
    pub organisation: OrganisationId,
    /// Whether a wallet is bound.
    pub enrolment: Enrolment,
    /// Patients of the same hospital who may act for them.
    pub guardians: Guardians,
    /// Another key that is to replace a lost one.
    pub recovery: Option<Recovery>,
    /// Consents given so far; they are numbered from 1.
    pub consents: u32,
    /// The numbers of those in force.
    pub open: BTreeSet<u32>,
    /// Requests about this patient alone that are open.
    pub requests: BTreeSet<RequestId>,
}

/// The guardians of a patient.
pub type Guardians = BoundedSet<AccountId, 0, 4>;

/// Whether a patient's wallet is bound.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Enrolment {
    /// The code can be used until before this time, in milliseconds since 1970.
    Invited {
        /// That time.
        until_ms: u64,
    },
    /// A wallet signs.
    Enrolled,
}

/// A replacement under way.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize)]
pub struct Recovery {
    /// The wallet's new key.
    pub key: PublicKey,
    /// The time from which on it can be completed without a guardian.
    pub ready_ms: u64,
}

/// How long the holder of the old key can object: 72 hours, in milliseconds.
pub const RECOVERY_MS: u64 = 72 * 3_600_000;
/// How long an enrolment code can be used at most: 90 days, in milliseconds.
pub const MAX_CODE_MS: u64 = 90 * 86_400_000;
/// Consents of a patient that can be in force at once.
pub const MAX_CONSENTS: usize = 16;
/// Requests about one patient that can be open at once: a withdrawal decides all of them anew in its block.
pub const MAX_REQUESTS: usize = 16;

impl Record for Patient {
    const DOMAIN: Domain = Domain::Patient;
    type Id = AccountId;
}

refusals! {
    /// Why nothing is done for a patient.
    pub enum PatientRefusal in "patient" {
        /// PAT-1: there is no such handle.
        Unknown { patient: AccountId } = "unknown",
            "there is no patient `{patient}`", "患者标识不存在";
        /// PAT-1: the handle is another hospital's.
        OtherHospital { patient: AccountId, organisation: OrganisationId } = "other_hospital",
            "the patient `{patient}` was enrolled by `{organisation}`", "该患者由其他医院登记";
        /// PAT-2: no wallet is bound yet.
        NotEnrolled { patient: AccountId } = "not_enrolled",
            "the patient `{patient}` has no wallet yet", "患者尚未绑定钱包";
        /// PAT-2: a wallet is bound already.
        Enrolled { patient: AccountId } = "enrolled",
            "the patient `{patient}` has a wallet already", "患者已绑定钱包";
        /// PAT-2: the enrolment code is no longer taken.
        CodeExpired { until_ms: u64, now_ms: u64 } = "code_expired",
            "the enrolment code could be used until {until_ms}, it is {now_ms}", "登记码已过期";
        /// PAT-2: the time until which the code is taken.
        CodeTerm { until_ms: u64, now_ms: u64, max_ms: u64 } = "code_term",
            "a code until {until_ms} at {now_ms}: it must end later, and within {max_ms} milliseconds", "登记码有效期不当";
        /// PAT-3: the key is or was a patient's.
        KeyTaken {} = "key_taken",
            "the key is or was used for a patient's handle: a wallet takes another for each hospital", "密钥已用于其他患者标识";
        /// PAT-4: neither the patient nor a guardian.
        NotYours { patient: AccountId } = "not_yours",
            "only the patient `{patient}` or a guardian may do this", "仅患者本人或监护人可操作";
        /// PAT-5: there is still time to object.
        RecoveryWaits { ready_ms: u64, now_ms: u64 } = "recovery_waits",
            "the key can be replaced from {ready_ms} on, it is {now_ms}", "更换密钥仍在异议期内";
        /// PAT-5: no such replacement is under way.
        NoRecovery { patient: AccountId } = "no_recovery",
            "no such replacement of the key of `{patient}` is under way", "没有进行中的密钥更换";
        /// PAT-6: who can be a guardian.
        Guardian { guardian: AccountId } = "guardian",
            "`{guardian}` is not another enrolled patient of the hospital", "监护人须为本院已登记的其他患者";
        /// PAT-7: consents are in force.
        ConsentsOpen { count: u64 } = "consents_open",
            "{count} consents are in force: withdraw them first", "仍有生效的授权，须先撤回";
    }
}

impl State<'_> {
    /// The patient of a handle.
    pub(crate) fn patient(&self, patient: &AccountId) -> Result<Versioned<Patient>, Halt> {
        Ok(self.latest(patient)?.ok_or(PatientRefusal::Unknown { patient: *patient })?)
    }

    /// Takes a key for a handle, once and for ever: two handles with one key would be known as one person's (PAT-3).
    pub(crate) fn take_wallet_key(&mut self, key: &PublicKey) -> Result<(), Halt> {
        let digest = Digest::of("medveil/wallet-key/1", &[&[key.suite() as u8], key.bytes()]);
        let key = key::wallet_key(&digest);
        if self.has(&key)? {
            return Err(PatientRefusal::KeyTaken {}.into());
        }
        self.write(key, true.encode());
        Ok(())
    }

    /// Gives a patient's account one key, a master key, in place of all others.
    pub(crate) fn bind_wallet(&mut self, patient: &AccountId, wallet: PublicKey) -> Result<(), Missing> {
        let account: Versioned<Account> =
            self.latest(patient)?.expect("a patient's handle is the id of an account");
        let version = account.version;
        self.succeed(patient, version, Account { keys: KeySet::of(wallet), ..account.value });
        Ok(())
    }
}

impl Call<'_, '_> {
    /// The patient for whom the caller acts: themselves, or one whose guardian they are (PAT-4).
    pub(crate) fn acts_for(&self, id: &AccountId) -> Result<Versioned<Patient>, Halt> {
        let patient = self.state.patient(id)?;
        let caller = self.caller.id;
        if caller != *id && !patient.value.guardians.contains(&caller) {
            return Err(PatientRefusal::NotYours { patient: *id }.into());
        }
        // A guardian acts for one who has no wallet: a child.
        if caller == *id && patient.value.enrolment != Enrolment::Enrolled {
            return Err(PatientRefusal::NotEnrolled { patient: *id }.into());
        }
        Ok(patient)
    }

    /// Refuses guardians who are not other enrolled patients of the hospital (PAT-6).
    pub(crate) fn check_guardians(
        &self,
        patient: &AccountId,
        hospital: OrganisationId,
        guardians: &Guardians,
    ) -> Result<(), Halt> {
        self.state.need(guardians.iter().map(Patient::head_key))?;
        for guardian in guardians.iter() {
            let found = self.state.latest::<Patient>(guardian)?.map(|found| found.value);
            let fit = found.is_some_and(|found| {
                found.organisation == hospital && found.enrolment == Enrolment::Enrolled
            });
            if !fit || guardian == patient {
                return Err(PatientRefusal::Guardian { guardian: *guardian }.into());
            }
        }
        Ok(())
    }

    /// The patient of the caller's hospital.
    pub(crate) fn own_patient(&self, id: &AccountId) -> Result<Versioned<Patient>, Halt> {
        let patient = self.state.patient(id)?;
        let organisation = patient.value.organisation;
        if organisation != self.caller.account.organisation {
            return Err(PatientRefusal::OtherHospital { patient: *id, organisation }.into());
        }
        Ok(patient)
    }
}
