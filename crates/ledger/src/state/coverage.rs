//! Coverage: for each hospital and purpose, how many consents permit it and when one last ceased to.
//!
//! Which patients a release is about is not on the ledger: it would tell who has the disease that is studied. So a withdrawal cannot look up the releases that it
//! touches, and need not: it moves a height forward, and every later use of a release whose patients were picked before that height is refused. The work
//! of a withdrawal is a few keys, whatever the number of consents, contracts and releases. See `docs/decisions/0060-withdrawal-by-scope.md`.

use std::collections::BTreeSet;

use borsh::{BorshDeserialize, BorshSerialize};
use serde::Serialize;

use super::key::{self, Key};
use super::{Missing, State};
use crate::encoding::Canonical;
use crate::id::OrganisationId;
use crate::vocabulary::{Effect, Provision, Purpose};

/// What a hospital's patients have said about a purpose. Heights are 0 when there was none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize)]
pub struct Coverage {
    /// Consents in force with a sentence that permits exactly this purpose; each is counted until it is withdrawn, expired or not.
    pub permits: u64,
    /// The last withdrawal or narrowing of a consent that permitted this purpose: patients who were picked before it are picked again.
    pub withdrawn_at: u64,
    /// The last of them by which a cohort that was posted for uses within this purpose can have lost a patient.
    pub lost_at: u64,
    /// The last new denial of this purpose: it touches uses within it.
    pub denied_at: u64,
    /// The last new denial of a narrower purpose: it touches uses of exactly this one.
    pub denied_below_at: u64,
    /// The last cohort for a use within this purpose.
    pub cohort_at: u64,
}

/// Which withdrawals touch a cohort.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Withdrawals {
    /// None: patients were not asked. Denials count all the same.
    None,
    /// Those by which a cohort that was posted can have lost a patient.
    OfPosted,
    /// All: of a cohort that is being posted the ledger did not know before.
    All,
}

/// Keys that a use for some purposes reads.
pub(crate) fn keys<'p>(
    organisation: OrganisationId,
    purposes: impl IntoIterator<Item = &'p Purpose>,
) -> impl Iterator<Item = Key> {
    let purposes = purposes.into_iter().flat_map(|purpose| purpose.with_broader());
    purposes.map(move |purpose| key::coverage(&organisation, purpose))
}

/// The purposes that sentences of an effect name, each once.
fn named(provisions: &[Provision], effect: Effect) -> BTreeSet<Purpose> {
    let of_effect = provisions.iter().filter(|provision| provision.effect == effect);
    of_effect.flat_map(|provision| provision.purposes.iter().copied()).collect()
}

impl State<'_> {
    /// What is counted of a hospital and a purpose.
    pub(crate) fn coverage(
        &self,
        organisation: OrganisationId,
        purpose: Purpose,
    ) -> Result<Coverage, Missing> {
        Ok(self.read(&key::coverage(&organisation, purpose))?.unwrap_or_default())
    }

    fn change_coverage(
        &mut self,
        organisation: OrganisationId,
        purpose: Purpose,
        change: impl FnOnce(&mut Coverage),
    ) -> Result<(), Missing> {
        let mut coverage = self.coverage(organisation, purpose)?;
        change(&mut coverage);
        self.write(key::coverage(&organisation, purpose), coverage.encode());
        Ok(())
    }

    /// Counts provisions that come into force.
    pub(crate) fn count_in(
        &mut self,
        organisation: OrganisationId,
        provisions: &[Provision],
    ) -> Result<(), Missing> {
        let height = self.block().height;
        let permitted = named(provisions, Effect::Permit);
        self.need(permitted.iter().map(|purpose| key::coverage(&organisation, *purpose)))?;
        for purpose in permitted {
            self.change_coverage(organisation, purpose, |coverage| coverage.permits += 1)?;
        }
        for purpose in named(provisions, Effect::Deny) {
            self.need(keys(organisation, [&purpose]))?;
            self.change_coverage(organisation, purpose, |coverage| coverage.denied_at = height)?;
            for broader in purpose.broader() {
                self.change_coverage(organisation, broader, |coverage| coverage.denied_below_at = height)?;
            }
        }
        Ok(())
    }

    /// Counts provisions that cease to be in force, of a consent given at `since`. Posted cohorts that were picked before it was given cannot have its patient in them by it.
    pub(crate) fn count_out(
        &mut self,
        organisation: OrganisationId,
        provisions: &[Provision],
        since: u64,
    ) -> Result<(), Missing> {
        let height = self.block().height;
        let permitted = named(provisions, Effect::Permit);
        self.need(permitted.iter().map(|purpose| key::coverage(&organisation, *purpose)))?;
        for purpose in permitted {
            self.change_coverage(organisation, purpose, |coverage| {
                coverage.permits -= 1;
                coverage.withdrawn_at = height;
                if coverage.cohort_at >= since {
                    coverage.lost_at = height;
                }
            })?;
        }
        Ok(())
    }

    /// Notes that a cohort was picked at a height for a use.
    pub(crate) fn note_cohort<'p>(
        &mut self,
        organisation: OrganisationId,
        purposes: impl IntoIterator<Item = &'p Purpose>,
        height: u64,
    ) -> Result<(), Missing> {
        for purpose in purposes {
            for above in purpose.with_broader() {
                self.change_coverage(organisation, above, |coverage| {
                    coverage.cohort_at = coverage.cohort_at.max(height);
                })?;
            }
        }
        Ok(())
    }

    /// At most how many consents of a hospital can permit a use: for each of its purposes, those that name it or a broader one; the least of these.
    pub(crate) fn permits_at_most<'p>(
        &self,
        organisation: OrganisationId,
        purposes: impl IntoIterator<Item = &'p Purpose>,
    ) -> Result<u64, Missing> {
        let mut least = u64::MAX;
        for purpose in purposes {
            let mut sum = 0;
            for above in purpose.with_broader() {
                sum += self.coverage(organisation, above)?.permits;
            }
            least = least.min(sum);
        }
        Ok(least)
    }

    /// The last height at which a patient of a cohort for a use can have ceased to be covered.
    pub(crate) fn last_change<'p>(
        &self,
        organisation: OrganisationId,
        purposes: impl IntoIterator<Item = &'p Purpose>,
        counted: Withdrawals,
    ) -> Result<u64, Missing> {
        last_change(purposes, counted, |purpose| self.coverage(organisation, purpose))
    }
}

/// The last height at which a patient of a cohort for a use can have ceased to be covered (REL-4), by what `read` gives of each purpose.
///
/// # Errors
/// Those of `read`.
pub fn last_change<'p, E>(
    purposes: impl IntoIterator<Item = &'p Purpose>,
    counted: Withdrawals,
    mut read: impl FnMut(Purpose) -> Result<Coverage, E>,
) -> Result<u64, E> {
    let mut last = 0;
    for purpose in purposes {
        last = last.max(read(*purpose)?.denied_below_at);
        for above in purpose.with_broader() {
            let coverage = read(above)?;
            last = last.max(coverage.denied_at);
            last = last.max(match counted {
                Withdrawals::None => 0,
                Withdrawals::OfPosted => coverage.lost_at,
                Withdrawals::All => coverage.withdrawn_at,
            });
        }
    }
    Ok(last)
}
