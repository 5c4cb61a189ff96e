//! `consent.narrow`: a patient permits less than before.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use super::consent_withdraw::open_consent;
use super::{ActionSpec, Execute};
use crate::Text;
use crate::call::{Call, Halt};
use crate::id::{ChainId, ConsentId, ObjectRef};
use crate::refusal::fact;
use crate::role::{Authority, Capacity, KeyUse, Role};
use crate::state::Record;
use crate::state::consent::{Consent, ConsentRefusal, check_terms};
use crate::state::key::Key;
use crate::transaction::Body;
use crate::vocabulary::Provisions;
use crate::vocabulary::provision::is_narrower;

/// Replaces the sentences of a consent by narrower ones. To permit more is another consent, so that nothing is widened by mistake.
///
/// # Rules
/// > PAT-4: the patient narrows it, or a guardian for them.
/// >
/// > CON-2: each sentence has a term that ends in the future, within ten years.
/// >
/// > CON-3: it takes effect in the block that carries it, as a withdrawal does.
/// >
/// > CON-4: a withdrawn consent is not changed.
/// >
/// > CON-5: each permission is within one of before; each denial of before is kept.
///
/// See `docs/spec/consents.md`.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ConsentNarrow {
    /// Which consent.
    pub consent: ConsentId,
    /// What holds from now on.
    pub provisions: Provisions,
}

impl Execute for ConsentNarrow {
    const SPEC: ActionSpec = ActionSpec {
        number: 61,
        name: "consent.narrow",
        doc: Text { en: "narrows a consent", zh: "缩小授权范围" },
        authority: Authority {
            capacities: &[Capacity::Patient],
            roles: Role::ALL,
            key: KeyUse::Everyday,
            while_frozen: false,
        },
        rules: &["PAT-4", "CON-2", "CON-3", "CON-4", "CON-5"],
    };

    fn verify(&self, _: ChainId) -> Result<(), Halt> {
        Ok(())
    }

    fn execute(&self, call: &mut Call<'_, '_>) -> Result<(), Halt> {
        let (before, patient) = open_consent(call, self.consent)?;
        let Consent { patient: id, organisation, number, since, .. } = before.value;
        if !is_narrower(&self.provisions, &before.value.provisions) {
            return Err(ConsentRefusal::NotNarrower { consent: self.consent }.into());
        }
        check_terms(&self.provisions, call.now_ms())?;
        call.state.count_out(organisation, &before.value.provisions, since)?;
        call.state.count_in(organisation, &self.provisions)?;
        let provisions = self.provisions.clone();
        let narrowed = Consent { provisions, signed_by: call.caller.id, ..before.value };
        call.state.succeed(&self.consent, before.version, narrowed);
        call.emit(
            "consent.narrowed",
            ObjectRef::consent(self.consent),
            vec![fact("patient", id), fact("number", number)],
        );
        call.redecide(&id, patient)
    }

    fn reads(&self, _: &Body, keys: &mut Vec<Key>) {
        keys.push(Consent::head_key(&self.consent));
    }
}
