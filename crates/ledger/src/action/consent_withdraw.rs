//! `consent.withdraw`: a patient takes a consent back.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use super::consent_grant::coverage_keys;
use super::{ActionSpec, Execute};
use crate::Text;
use crate::call::{Call, Halt};
use crate::id::{ChainId, ConsentId, ObjectRef};
use crate::refusal::fact;
use crate::role::{Authority, Capacity, KeyUse, Role};
use crate::state::consent::{Consent, ConsentRefusal};
use crate::state::key::Key;
use crate::state::patient::Patient;
use crate::state::{Record, Versioned};
use crate::transaction::Body;

/// Withdraws a consent, at any time and without a reason (Personal Information Protection Law, Art. 15).
///
/// # Rules
/// > PAT-4: the patient withdraws it, or a guardian for them.
/// >
/// > CON-3: a withdrawal takes effect in the block that carries it: open requests about the patient are decided anew, releases of cohorts that can stand on the consent are not used any more.
/// >
/// > CON-4: a consent is withdrawn once.
///
/// See `docs/spec/consents.md`.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ConsentWithdraw {
    /// Which consent.
    pub consent: ConsentId,
}

impl Execute for ConsentWithdraw {
    const SPEC: ActionSpec = ActionSpec {
        number: 62,
        name: "consent.withdraw",
        doc: Text { en: "takes a consent back", zh: "撤回授权" },
        authority: Authority {
            capacities: &[Capacity::Patient],
            roles: Role::ALL,
            key: KeyUse::Everyday,
            while_frozen: false,
        },
        rules: &["PAT-4", "CON-3", "CON-4"],
    };

    fn verify(&self, _: ChainId) -> Result<(), Halt> {
        Ok(())
    }

    fn execute(&self, call: &mut Call<'_, '_>) -> Result<(), Halt> {
        let (before, mut patient) = open_consent(call, self.consent)?;
        let Consent { patient: id, organisation, number, since, .. } = before.value;
        call.state.count_out(organisation, &before.value.provisions, since)?;
        let withdrawn = Consent { withdrawn: Some(call.height()), signed_by: call.caller.id, ..before.value };
        call.state.succeed(&self.consent, before.version, withdrawn);
        patient.value.open.remove(&number);
        call.emit(
            "consent.withdrawn",
            ObjectRef::consent(self.consent),
            vec![fact("patient", id), fact("number", number)],
        );
        call.redecide(&id, patient)
    }

    fn reads(&self, _: &Body, keys: &mut Vec<Key>) {
        keys.push(Consent::head_key(&self.consent));
    }
}

/// A consent in force, with its patient, for whom the caller acts.
pub(super) fn open_consent(
    call: &Call<'_, '_>,
    consent: ConsentId,
) -> Result<(Versioned<Consent>, Versioned<Patient>), Halt> {
    let found: Versioned<Consent> =
        call.state.latest(&consent)?.ok_or(ConsentRefusal::Unknown { consent })?;
    let mut keys = coverage_keys(&found.value);
    keys.push(Patient::head_key(&found.value.patient));
    call.state.need(keys)?;
    let patient = call.acts_for(&found.value.patient)?;
    match found.value.withdrawn {
        Some(since) => Err(ConsentRefusal::Withdrawn { consent, since }.into()),
        None => Ok((found, patient)),
    }
}
