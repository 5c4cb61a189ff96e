//! Destruction: what an order names is destroyed here, and then it is attested.

use std::time::Instant;

use medveil_ledger::action::DestructionAttest;
use medveil_ledger::state::destruction::Destruction;
use medveil_ledger::state::release::Release;
use medveil_ledger::{ObjectRef, Outcome, ReleaseId};

use crate::custodian::{Custodian, remove};
use crate::error::Stop;
use crate::interrupt::{Interrupt, Point};
use crate::ledger::{Ledger, latest};
use crate::reason::Reason;
use crate::vault::Vault;

impl<L: Ledger, V: Vault, I: Interrupt> Custodian<L, V, I> {
    /// Destroys the private copies of a release, and what this member holds of it in custody; then attests it. Who was in it is kept: later releases are compared
    /// with it, since the recipient has had it.
    pub(crate) fn destroy(&mut self, id: ReleaseId) -> Result<(), Stop> {
        let object = ObjectRef::release(id);
        let order = latest::<Destruction>(&self.ledger, &object)?
            .ok_or_else(|| Reason::Ledger { name: "destruction.not_ordered".into() })?;
        let since = Instant::now();
        remove(&self.releases(id))?;
        let release = latest::<Release>(&self.ledger, &id)?;
        if let Some(custody) = release.and_then(|release| release.value.figures.custody) {
            self.vault.destroy(custody)?;
        }
        self.interrupt.at(Point::Destroyed)?;
        if order.value.attested.contains_key(&self.ledger.organisation()) {
            return Ok(());
        }
        let outcome = self.act(DestructionAttest { object })?;
        self.took("destroy", since);
        match outcome {
            Outcome::Applied => Ok(()),
            // It was attested before the custodian was stopped.
            Outcome::Refused(refusal) if refusal.name == "destruction.attested" => Ok(()),
            Outcome::Refused(refusal) => Err(Reason::Ledger { name: refusal.name.into_owned() }.into()),
        }
    }
}
