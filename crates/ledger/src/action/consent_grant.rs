//! `consent.grant`: a patient permits and denies uses.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use super::{ActionSpec, Execute};
use crate::Text;
use crate::call::{Call, Halt};
use crate::id::{AccountId, ChainId, ConsentId, Digest, ObjectRef};
use crate::refusal::fact;
use crate::role::{Authority, Capacity, KeyUse, Role};
use crate::state::consent::{Consent, ConsentRefusal, check_terms};
use crate::state::key::Key;
use crate::state::patient::{MAX_CONSENTS, Patient};
use crate::state::{Record, Versioned, coverage};
use crate::transaction::Body;
use crate::vocabulary::Provisions;

/// Gives a consent: sentences that permit or deny. What no sentence permits is not permitted; a denial wins over every permission, also of other consents.
///
/// # Rules
/// > PAT-4: the patient gives it, or a guardian for them.
/// >
/// > CON-1: consents of a patient are numbered from 1 without gaps; at most 16 are in force.
/// >
/// > CON-2: each sentence has a term that ends in the future, within ten years.
/// >
/// > CON-3: a denial takes effect in the block that carries it: open requests about the patient are decided anew, releases of cohorts that it can touch are not used any more.
///
/// See `docs/spec/consents.md`.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ConsentGrant {
    /// The patient.
    pub patient: AccountId,
    /// The number that this consent is.
    pub number: u32,
    /// What is permitted and denied.
    pub provisions: Provisions,
    /// Digest of the form that the patient was shown.
    pub form: Digest,
}

impl Execute for ConsentGrant {
    const SPEC: ActionSpec = ActionSpec {
        number: 60,
        name: "consent.grant",
        doc: Text { en: "gives a consent", zh: "给予授权" },
        authority: Authority {
            capacities: &[Capacity::Patient],
            roles: Role::ALL,
            key: KeyUse::Everyday,
            while_frozen: false,
        },
        rules: &["PAT-4", "CON-1", "CON-2", "CON-3"],
    };

    fn verify(&self, _: ChainId) -> Result<(), Halt> {
        Ok(())
    }

    fn execute(&self, call: &mut Call<'_, '_>) -> Result<(), Halt> {
        let Versioned { version, height, value: mut patient } = call.acts_for(&self.patient)?;
        let expected = patient.consents + 1;
        if self.number != expected {
            return Err(ConsentRefusal::Number { expected, got: self.number }.into());
        }
        if patient.open.len() >= MAX_CONSENTS {
            let (count, max) = (patient.open.len() as u64, MAX_CONSENTS as u64);
            return Err(ConsentRefusal::TooMany { count, max }.into());
        }
        check_terms(&self.provisions, call.now_ms())?;
        let organisation = patient.organisation;
        let consent = ConsentId::derive(call.state.block().chain, self.patient, self.number);
        let record = Consent {
            patient: self.patient,
            organisation,
            number: self.number,
            provisions: self.provisions.clone(),
            form: self.form,
            signed_by: call.caller.id,
            since: call.height(),
            withdrawn: None,
        };
        call.state.count_in(organisation, &self.provisions)?;
        call.state.create(&consent, record);
        patient.consents = self.number;
        patient.open.insert(self.number);
        call.emit(
            "consent.granted",
            ObjectRef::consent(consent),
            vec![fact("patient", self.patient), fact("number", self.number), fact("form", self.form)],
        );
        call.redecide(&self.patient, Versioned { version, height, value: patient })
    }

    fn reads(&self, _: &Body, keys: &mut Vec<Key>) {
        keys.push(Patient::head_key(&self.patient));
    }
}

/// Keys that a change of a consent reads besides it.
pub(super) fn coverage_keys(consent: &Consent) -> Vec<Key> {
    let purposes = consent.provisions.iter().flat_map(|provision| provision.purposes.iter());
    coverage::keys(consent.organisation, purposes).collect()
}
