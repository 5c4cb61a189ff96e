//! `patient.invite`: a handle for a patient, with an enrolment code.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use super::account_create::AccountRefusal;
use super::{ActionSpec, Execute};
use crate::Text;
use crate::call::{Call, Halt};
use crate::id::{AccountId, ChainId, ObjectRef};
use crate::public_key::PublicKey;
use crate::refusal::fact;
use crate::role::{Authority, Capacity, KeyUse, Role};
use crate::state::Record;
use crate::state::account::{Account, KeySet, KeySetFault};
use crate::state::key::Key;
use crate::state::patient::{Enrolment, Guardians, MAX_CODE_MS, Patient, PatientRefusal};
use crate::transaction::Body;

/// Makes a handle. The enrolment code is the seed of `code`'s private key: whoever has it binds a wallet with `patient.enrol`, and nobody else can.
///
/// # Rules
/// > PAT-1: a handle is made by a hospital and belongs to it; it is the id of an account whose first key the hospital draws at random.
/// >
/// > PAT-2: the code is taken once, until a time at most 90 days ahead.
/// >
/// > PAT-3: a key is used for one handle, once and for ever.
/// >
/// > PAT-6: guardians are other enrolled patients of the hospital, at most four.
///
/// See `docs/spec/patients.md`.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PatientInvite {
    /// The public key of the enrolment code.
    pub code: PublicKey,
    /// Until when the code is taken, in milliseconds since 1970.
    pub until_ms: u64,
    /// Who may act for the patient: a child's parents.
    pub guardians: Guardians,
}

impl Execute for PatientInvite {
    const SPEC: ActionSpec = ActionSpec {
        number: 50,
        name: "patient.invite",
        doc: Text {
            en: "makes a handle for a patient, with an enrolment code",
            zh: "为患者建立标识及登记码",
        },
        authority: Authority {
            capacities: &[Capacity::Administrator, Capacity::Custodian],
            roles: &[Role::Hospital],
            key: KeyUse::Master,
            while_frozen: false,
        },
        rules: &["PAT-1", "PAT-2", "PAT-3", "PAT-6"],
    };

    fn verify(&self, _: ChainId) -> Result<(), Halt> {
        if self.code.check() { Ok(()) } else { Err(KeySetFault::Invalid { key: self.code }.into()) }
    }

    fn execute(&self, call: &mut Call<'_, '_>) -> Result<(), Halt> {
        let (until_ms, now_ms) = (self.until_ms, call.now_ms());
        if until_ms <= now_ms || until_ms > now_ms.saturating_add(MAX_CODE_MS) {
            return Err(PatientRefusal::CodeTerm { until_ms, now_ms, max_ms: MAX_CODE_MS }.into());
        }
        let patient = AccountId::derive(call.state.block().chain, &self.code);
        if call.state.latest::<Account>(&patient)?.is_some() {
            return Err(AccountRefusal::Exists { account: patient }.into());
        }
        let organisation = call.caller.account.organisation;
        call.check_guardians(&patient, organisation, &self.guardians)?;
        call.state.take_wallet_key(&self.code)?;
        call.state.create(&patient, Account::new(organisation, Capacity::Patient, KeySet::of(self.code)));
        let record = Patient {
            organisation,
            enrolment: Enrolment::Invited { until_ms },
            guardians: self.guardians.clone(),
            recovery: None,
            consents: 0,
            open: Default::default(),
            requests: Default::default(),
        };
        call.state.create(&patient, record);
        call.emit(
            "patient.invited",
            ObjectRef::account(patient),
            vec![fact("until_ms", until_ms), fact("guardians", self.guardians.len())],
        );
        Ok(())
    }

    fn reads(&self, body: &Body, keys: &mut Vec<Key>) {
        keys.push(Account::head_key(&AccountId::derive(body.chain, &self.code)));
        keys.extend(self.guardians.iter().map(Patient::head_key));
    }
}
