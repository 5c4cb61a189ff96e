//! What keeps the ledger from taking a release, and may pass: a release waits for it as long as its term lasts.

use medveil_ledger::ObjectRef;
use medveil_ledger::state::contract::Standing;
use medveil_ledger::state::freeze::Freeze;
use medveil_ledger::state::organisation::{Organisation, Status};
use serde::{Deserialize, Serialize};

use crate::custodian::Custodian;
use crate::error::Stop;
use crate::interrupt::Interrupt;
use crate::ledger::{Ledger, latest};
use crate::reason::Reason;
use crate::release::{Grant, Progress};
use crate::vault::Vault;

/// A refusal for what may pass.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Refused {
    pub(crate) name: String,
    /// The height at which it was refused.
    pub(crate) at: u64,
}

/// Refusals of `release.post` for what may cease by what others do, and is read in the state before it is posted again.
const READ: [&str; 4] = [STANDING, FROZEN, ORGANISATION_FROZEN, ORGANISATION_INACTIVE];
const STANDING: &str = "decision.standing";
const FROZEN: &str = "decision.frozen";
const ORGANISATION_FROZEN: &str = "authority.organisation_frozen";
const ORGANISATION_INACTIVE: &str = "authority.organisation_inactive";

/// Such refusals for what a custodian does not read: the ledger is asked again.
const ASKED: [&str; 2] = ["decision.coverage", "authority.account_frozen"];

/// Blocks after which it is asked again: each time costs a transaction, which is final and calls for another turn.
const ASK_AGAIN: u64 = 100;

/// Whether a release waits for what the ledger refused it for. What was decided about it, as by the contract's policies (`decision.policy` and its like), is no cause that passes: the job ends.
pub(crate) fn may_pass(refusal: &str) -> bool {
    READ.contains(&refusal) || ASKED.contains(&refusal)
}

impl<L: Ledger, V: Vault, I: Interrupt> Custodian<L, V, I> {
    /// Refuses where the ledger would not take a release now: what stands in its state is read there, what does not was said by its last refusal.
    pub(crate) fn check_taken(&self, grant: &Grant, progress: &Progress) -> Result<(), Stop> {
        let held = |name: &str| -> Result<(), Stop> { Err(Reason::Held { name: name.to_owned() }.into()) };
        match grant.standing {
            Standing::Open => {}
            Standing::Frozen => return held(STANDING),
            Standing::Closed => return Err(Reason::NotGranted { status: "under a closed contract" }.into()),
        }
        let ask = &grant.request.ask;
        let datasets = ask.datasets.iter().copied().map(ObjectRef::dataset);
        for object in std::iter::once(ObjectRef::contract(ask.contract)).chain(datasets) {
            if latest::<Freeze>(&self.ledger, &object)?.is_some_and(|freeze| freeze.value.since.is_some()) {
                return held(FROZEN);
            }
        }
        if let Some(own) = latest::<Organisation>(&self.ledger, &self.ledger.organisation())? {
            if own.value.status != Status::Active {
                return held(ORGANISATION_INACTIVE);
            }
            if own.value.frozen.is_some() {
                return held(ORGANISATION_FROZEN);
            }
        }
        match &progress.refused {
            Some(Refused { name, at })
                if ASKED.contains(&name.as_str())
                    && self.ledger.tip()?.height < at.saturating_add(ASK_AGAIN) =>
            {
                held(name)
            }
            _ => Ok(()),
        }
    }
}
