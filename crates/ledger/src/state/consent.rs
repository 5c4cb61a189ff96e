//! Consents: what patients permit and deny.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::Serialize;

use super::key::Domain;
use super::{Missing, Record, State};
use crate::id::{AccountId, ConsentId, Digest, OrganisationId};
use crate::refusal::refusals;
use crate::state::patient::Patient;
use crate::vocabulary::provision::cover;
use crate::vocabulary::{Effect, Provision, Provisions, Use};

/// A consent of a patient.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize)]
pub struct Consent {
    /// The patient's handle.
    pub patient: AccountId,
    /// The hospital whose records it is about.
    pub organisation: OrganisationId,
    /// Counted from 1 for each patient.
    pub number: u32,
    /// What it permits and denies.
    pub provisions: Provisions,
    /// Digest of the form that the patient was shown.
    pub form: Digest,
    /// Who signed last: the patient or a guardian.
    pub signed_by: AccountId,
    /// The height at which it was given.
    pub since: u64,
    /// The height at which it was withdrawn.
    pub withdrawn: Option<u64>,
}

impl Record for Consent {
    const DOMAIN: Domain = Domain::Consent;
    type Id = ConsentId;
}

/// The longest that a consent can run: 10 years, in milliseconds.
pub const MAX_TERM_MS: u64 = 3_653 * 86_400_000;

refusals! {
    /// Why nothing is done with a consent.
    pub enum ConsentRefusal in "consent" {
        /// CON-1: not the next number.
        Number { expected: u32, got: u32 } = "number",
            "consent number {got}, the next is {expected}", "授权编号不连续";
        /// CON-1: too many are in force.
        TooMany { count: u64, max: u64 } = "too_many",
            "{count} consents are in force, at most {max} are allowed", "生效授权过多";
        /// CON-2: the term of a provision.
        Term { from_ms: u64, until_ms: u64, now_ms: u64 } = "term",
            "a provision from {from_ms} until {until_ms} at {now_ms}: it must end after it begins, in the future, and within ten years", "授权期限不当";
        /// CON-4: there is no such consent.
        Unknown { consent: ConsentId } = "unknown",
            "there is no consent `{consent}`", "授权不存在";
        /// CON-4: it has been withdrawn.
        Withdrawn { consent: ConsentId, since: u64 } = "withdrawn",
            "the consent `{consent}` was withdrawn at height {since}", "授权已撤回";
        /// CON-5: it would permit more.
        NotNarrower { consent: ConsentId } = "not_narrower",
            "the provisions are not within those of `{consent}`: give another consent to permit more", "新条款超出原授权范围";
    }
}

/// Refuses provisions whose term is no term (CON-2).
pub(crate) fn check_terms(provisions: &[Provision], now_ms: u64) -> Result<(), ConsentRefusal> {
    for Provision { from_ms, until_ms, .. } in provisions {
        let (from_ms, until_ms) = (*from_ms, *until_ms);
        let longest = from_ms.max(now_ms).saturating_add(MAX_TERM_MS);
        if from_ms >= until_ms || until_ms <= now_ms || until_ms > longest {
            return Err(ConsentRefusal::Term { from_ms, until_ms, now_ms });
        }
    }
    Ok(())
}

/// What the consents of one patient say about a use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// One permits it, none denies it.
    Permitted,
    /// None says anything about it.
    Silent,
    /// One denies it.
    Denied,
}

/// What consents in force say about a use. A permission must come from one consent whole; a denial in any of them wins.
pub fn answer<'c>(consents: impl IntoIterator<Item = &'c Consent> + Clone, used: &Use<'_>) -> Answer {
    let in_force = |consent: &&Consent| consent.withdrawn.is_none();
    let mut all = consents.clone().into_iter().filter(in_force).flat_map(|consent| consent.provisions.iter());
    if all.any(|provision| provision.effect == Effect::Deny && provision.denies(used)) {
        return Answer::Denied;
    }
    let permitted = consents.into_iter().filter(in_force).any(|consent| cover(&consent.provisions, used));
    if permitted { Answer::Permitted } else { Answer::Silent }
}

impl State<'_> {
    /// The consents in force of a patient: at most [`MAX_CONSENTS`](super::patient::MAX_CONSENTS).
    pub(crate) fn consents(&self, id: &AccountId, patient: &Patient) -> Result<Vec<Consent>, Missing> {
        let chain = self.block().chain;
        let ids: Vec<ConsentId> =
            patient.open.iter().map(|number| ConsentId::derive(chain, *id, *number)).collect();
        self.need(ids.iter().map(Consent::head_key))?;
        let mut consents = Vec::with_capacity(ids.len());
        for id in &ids {
            consents.push(self.latest::<Consent>(id)?.expect("what is open was given").value);
        }
        Ok(consents)
    }
}
