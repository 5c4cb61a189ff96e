//! What becomes of a release once it is posted: consents that change and terms that end.

use medveil_ledger::action::DestructionOrder;
use medveil_ledger::encoding::Canonical as _;
use medveil_ledger::state::coverage::{Coverage, Withdrawals, last_change};
use medveil_ledger::state::destruction::{Destruction, DestructionCause};
use medveil_ledger::state::key;
use medveil_ledger::state::release::Release;
use medveil_ledger::state::request::Subject;
use medveil_ledger::terms::{ConsentMode, OnWithdrawal};
use medveil_ledger::{ObjectRef, Outcome};

use crate::custodian::Custodian;
use crate::error::{CustodianError, Stop};
use crate::interrupt::Interrupt;
use crate::ledger::{Ledger, LedgerError, latest};
use crate::reason::Reason;
use crate::release::{Grant, Progress};
use crate::store::JobKind;
use crate::vault::Vault;

impl<L: Ledger, V: Vault, I: Interrupt> Custodian<L, V, I> {
    /// Looks after what was posted: what consents no longer cover is made anew or destroyed, as the contract says; what is over is destroyed.
    pub(crate) fn look_after(&mut self) -> Result<(), CustodianError> {
        for (id, version) in self.store.posted()? {
            let Some(release) = latest::<Release>(&self.ledger, &id)? else { continue };
            let object = ObjectRef::release(id);
            if release.value.failed.is_some() || latest::<Destruction>(&self.ledger, &object)?.is_some() {
                continue;
            }
            let (request, dataset) = (release.value.request, release.value.dataset);
            let grant = match self.grant(request) {
                Ok(grant) => grant,
                Err(Stop::Error(error)) => return Err(error),
                Err(Stop::Reason(Reason::NotGranted { status: "over" })) => {
                    self.order(object, DestructionCause::TermEnded)?;
                    continue;
                }
                Err(Stop::Reason(_)) => continue,
            };
            if !self.is_stale(&grant, release.value.figures.cohort_at)? {
                continue;
            }
            match grant.terms.on_withdrawal {
                OnWithdrawal::Destroy => self.order(object, DestructionCause::Withdrawal)?,
                OnWithdrawal::Refresh => {
                    let progress = Progress::new(request, dataset);
                    self.store.add(JobKind::Release, id.0, version + 1, progress.to_text())?;
                }
            }
        }
        Ok(())
    }

    /// Whether a consent that a release can stand on has ceased since its patients were picked (REL-4).
    fn is_stale(&self, grant: &Grant, cohort_at: u64) -> Result<bool, CustodianError> {
        let counted = match grant.terms.consent {
            ConsentMode::Waiver { .. } => return Ok(false),
            ConsentMode::Required => Withdrawals::OfPosted,
            ConsentMode::OptOut => Withdrawals::None,
        };
        if grant.request.ask.subject != Subject::Cohort {
            return Ok(false);
        }
        let owner = self.ledger.organisation();
        let changed_at = last_change(grant.request.ask.purposes.iter(), counted, |purpose| {
            let Some(bytes) = self.ledger.get(&key::coverage(&owner, purpose))? else {
                return Ok(Coverage::default());
            };
            Coverage::decode(&bytes).map_err(|error| LedgerError(format!("no coverage: {error}")))
        })?;
        Ok(changed_at > cohort_at)
    }

    pub(crate) fn order(&self, object: ObjectRef, cause: DestructionCause) -> Result<(), CustodianError> {
        if let Outcome::Refused(refusal) = self.act(DestructionOrder { object, cause })? {
            // Somebody else may have ordered it meanwhile.
            tracing::info!(%object, name = %refusal.name, "the destruction was not ordered");
        }
        Ok(())
    }
}
