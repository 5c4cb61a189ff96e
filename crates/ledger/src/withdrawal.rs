//! What follows from a change of consents, in the block that carries it.

use std::collections::BTreeSet;

use crate::call::{Call, Halt};
use crate::decision::{decide, refund};
use crate::id::{AccountId, ObjectRef, ReleaseId, RequestId};
use crate::policy::Step;
use crate::refusal::{Refusal, fact};
use crate::state::contract::Contract;
use crate::state::destruction::{Destruction, DestructionCause};
use crate::state::patient::Patient;
use crate::state::request::{Request, RequestStatus};
use crate::state::{Record, Versioned};
use crate::terms::OnWithdrawal;

impl Call<'_, '_> {
    /// Decides every open request about one patient anew, and writes the patient: what is not covered any more is refused, or ends, and is destroyed where the
    /// contract says so. At most [`MAX_REQUESTS`](crate::state::patient::MAX_REQUESTS), so the work is bounded. Releases of cohorts are not looked up: see [`coverage`](crate::state::coverage).
    pub(crate) fn redecide(&mut self, id: &AccountId, patient: Versioned<Patient>) -> Result<(), Halt> {
        let mut patient_after = patient.value;
        // They are read through the patient as it is from now on.
        self.state.succeed(id, patient.version, patient_after.clone());
        self.state.need(patient_after.requests.iter().map(Request::head_key))?;
        let mut open = BTreeSet::new();
        for request in &patient_after.requests {
            if self.redecide_one(*request)? {
                open.insert(*request);
            }
        }
        if open != patient_after.requests {
            patient_after.requests = open;
            self.state.succeed(id, patient.version + 1, patient_after);
        }
        Ok(())
    }

    /// Decides an open request anew; whether it is still open.
    fn redecide_one(&mut self, id: RequestId) -> Result<bool, Halt> {
        let request = self.state.request(&id)?;
        if !request.value.is_open(self.now_ms()) {
            return Ok(false);
        }
        let until_ms = match &request.value.status {
            RequestStatus::Granted(obligations) => Some(obligations.until_ms),
            _ => None,
        };
        match decide(self.state, &request.value.ask, request.value.by(), Step::Request, until_ms) {
            Ok(_) => Ok(true),
            Err(Halt::Refused(reason)) => {
                self.end_request(id, request, reason)?;
                Ok(false)
            }
            Err(missing) => Err(missing),
        }
    }

    /// Ends an open request by a reason: a pending one is refused, a granted one is over, its releases are destroyed where its contract says so, and what it took of budgets is given back if nothing was
    /// released.
    pub(crate) fn end_request(
        &mut self,
        id: RequestId,
        request: Versioned<Request>,
        refusal: Refusal,
    ) -> Result<(), Halt> {
        let at = self.height();
        let version = request.version;
        let mut request = request.value;
        let reason = refusal.name.clone().into_owned();
        let mut facts = vec![fact("reason", reason.clone())];
        // Which policies it was: nobody else would know.
        let told = ["policies", "because"];
        facts.extend(refusal.facts.into_iter().filter(|fact| told.contains(&fact.name.as_ref())));
        match std::mem::replace(&mut request.status, RequestStatus::Cancelled { at }) {
            RequestStatus::Granted(obligations) => {
                request.status = RequestStatus::Ended { reason, at };
                if request.released.is_empty() {
                    let contract: Versioned<Contract> = self.state.contract(&request.ask.contract)?;
                    refund(self.state, &request.ask, request.by(), &contract.value.terms)?;
                }
                self.emit("request.ended", ObjectRef::request(id), facts);
                if obligations.on_withdrawal == OnWithdrawal::Destroy {
                    for dataset in &request.released {
                        let release = ObjectRef::release(ReleaseId::derive(id, *dataset));
                        self.order_destruction(
                            release,
                            DestructionCause::Withdrawal,
                            obligations.destroy_ms,
                        )?;
                    }
                }
            }
            _ => {
                request.status = RequestStatus::Refused { reason, at };
                self.emit("request.refused", ObjectRef::request(id), facts);
            }
        }
        self.state.succeed(&id, version, request);
        Ok(())
    }

    /// Orders the destruction of something, unless it is ordered.
    pub(crate) fn order_destruction(
        &mut self,
        object: ObjectRef,
        cause: DestructionCause,
        within_ms: u64,
    ) -> Result<(), Halt> {
        if self.state.destruction_since(&object)?.is_some() {
            return Ok(());
        }
        let (ordered_at, due_ms) = (self.height(), self.now_ms().saturating_add(within_ms));
        let order = Destruction { cause, ordered_at, due_ms, attested: Default::default() };
        self.state.create(&object, order);
        self.emit("destruction.ordered", object, vec![fact("cause", cause), fact("due_ms", due_ms)]);
        Ok(())
    }
}
