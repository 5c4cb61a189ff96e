//! Who is in a release: patients whose consents permit it in the state after a height, by the ledger's own rule.

use medveil_ledger::decision::is_in_cohort;
use medveil_ledger::state::Record as _;
use medveil_ledger::state::consent::Consent;
use medveil_ledger::state::patient::Patient;
use medveil_ledger::state::request::{Obligations, Request, Subject};
use medveil_ledger::terms::{ConsentMode, Terms};
use medveil_ledger::vocabulary::provision::study_tag;
use medveil_ledger::{AccountId, ConsentId, Digest, OrganisationId};

use crate::ledger::{LedgerError, Prefetched, Reader, at, latest};

/// What decides about patients: a granted request and the height at which they are picked.
pub(crate) struct Rule<'a> {
    pub(crate) request: &'a Request,
    pub(crate) terms: &'a Terms,
    pub(crate) obligations: &'a Obligations,
    /// The owner of the dataset.
    pub(crate) owner: OrganisationId,
    /// Patients are picked from the state after this height ...
    pub(crate) height: u64,
    /// ... whose block has this time.
    pub(crate) time_ms: u64,
}

/// Whether records that are nobody's are in it: they are of no patient who could consent, or be silent.
pub(crate) fn takes_everyone(request: &Request, terms: &Terms) -> bool {
    request.ask.subject == Subject::Cohort && matches!(terms.consent, ConsentMode::Waiver { .. })
}

impl Rule<'_> {
    /// Whether a patient is in it. Without a handle, or with one that the hospital did not have on the ledger by then, a patient has said nothing.
    pub(crate) fn admits(
        &self,
        ledger: &dyn Reader,
        tie: Option<(AccountId, Digest)>,
    ) -> Result<bool, LedgerError> {
        let (mut consents, mut tag) = (Vec::new(), None);
        if let Some((handle, salt)) = tie {
            tag = self.terms.study.map(|study| study_tag(&study, &salt));
            let patient = at::<Patient>(ledger, &handle, self.height)?;
            if let Some(patient) = patient.filter(|patient| patient.value.organisation == self.owner) {
                for number in &patient.value.open {
                    let id = ConsentId::derive(ledger.chain(), handle, *number);
                    consents.extend(at::<Consent>(ledger, &id, self.height)?.map(|consent| consent.value));
                }
            }
        }
        Ok(is_in_cohort(self.request, self.terms, self.obligations, &consents, self.time_ms, tag))
    }
}

/// Reads at once what [`Rule::admits`] asks about these handles.
pub(crate) fn prefetch<'a>(
    ledger: &'a dyn Reader,
    handles: impl Iterator<Item = AccountId> + Clone,
) -> Result<Prefetched<'a>, LedgerError> {
    let mut all = Prefetched::new(ledger);
    all.load(handles.clone().map(|handle| Patient::head_key(&handle)))?;
    let mut consents = Vec::new();
    for handle in handles {
        let Some(patient) = latest::<Patient>(&all, &handle)? else { continue };
        let ids = patient.value.open.iter();
        consents
            .extend(ids.map(|number| Consent::head_key(&ConsentId::derive(ledger.chain(), handle, *number))));
    }
    all.load(consents)?;
    Ok(all)
}
