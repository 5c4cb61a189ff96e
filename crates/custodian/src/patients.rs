//! Handles and enrolment codes: only the hospital ties a handle to a record, and it is in this file that it does.

use std::fmt;
use std::path::Path;

use medveil_ledger::action::PatientInvite;
use medveil_ledger::state::patient::{Enrolment, Guardians, Patient};
use medveil_ledger::{AccountId, ChainId, Digest, OrganisationId, Outcome, SigningKey};
use zeroize::Zeroizing;

use crate::custodian::{Custodian, private_file};
use crate::error::CustodianError;
use crate::interrupt::Interrupt;
use crate::ledger::{Ledger, latest};
use crate::store::{Store, StoreError, Tie};
use crate::vault::Vault;

/// What a patient is handed over to bind a wallet with: the seed of the code's key.
#[derive(Clone)]
pub struct EnrolmentCode(Zeroizing<[u8; 32]>);

impl EnrolmentCode {
    /// The code of a seed.
    pub fn from_seed(seed: [u8; 32]) -> Self {
        EnrolmentCode(Zeroizing::new(seed))
    }

    /// The seed. Whoever has it enrols in the patient's place.
    pub fn seed(&self) -> &[u8; 32] {
        &self.0
    }

    /// The key of the code.
    pub fn key(&self) -> SigningKey {
        SigningKey::ed25519(*self.0)
    }

    /// The salt of the patient's study tags: hospital and wallet both have the code, nobody else has.
    pub fn salt(&self) -> Digest {
        Digest::of("medveil/study-salt/1", &[self.0.as_slice()])
    }
}

impl fmt::Debug for EnrolmentCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EnrolmentCode(..)")
    }
}

/// A handle that was made for a patient.
#[derive(Debug)]
pub struct Invitation {
    /// The handle.
    pub handle: AccountId,
    /// What the patient is handed over.
    pub code: EnrolmentCode,
}

/// Ties handles that were made elsewhere (by `patient.invite` of an administrator) to the patients of the hospital's records: all or none. A patient who has a tie gets this one.
///
/// # Errors
/// [`StoreError`].
pub fn tie(
    folder: &Path,
    chain: ChainId,
    organisation: OrganisationId,
    patients: &[(String, EnrolmentCode)],
) -> Result<(), StoreError> {
    let mut store = Store::open(&private_file(folder), chain, organisation)?;
    let ties: Vec<(Tie, &[u8; 32])> =
        patients.iter().map(|(patient, code)| (tie_of(chain, patient, code), code.seed())).collect();
    store.set_ties(ties.iter().map(|(tie, seed)| (tie, *seed)))
}

fn tie_of(chain: ChainId, patient: &str, code: &EnrolmentCode) -> Tie {
    let handle = AccountId::derive(chain, &code.key().public());
    Tie { patient: patient.to_owned(), handle, salt: code.salt() }
}

impl<L: Ledger, V: Vault, I: Interrupt> Custodian<L, V, I> {
    /// Makes a handle for a patient and the code that is handed over to them. Asked again before a wallet is bound, it gives the same code: one that was not printed
    /// is not lost. `None` when a wallet is bound already.
    ///
    /// # Errors
    /// [`CustodianError`].
    pub fn invite(
        &mut self,
        patient: &str,
        until_ms: u64,
        guardians: &Guardians,
    ) -> Result<Option<Invitation>, CustodianError> {
        let known = self.store.tie(patient)?;
        let code = match known {
            Some((tie, code)) => match (latest::<Patient>(&self.ledger, &tie.handle)?, code) {
                (Some(found), code) => {
                    let now_ms = self.ledger.tip()?.time_ms;
                    match (found.value.enrolment, code) {
                        (Enrolment::Enrolled, _) => return Ok(None),
                        (Enrolment::Invited { until_ms }, Some(code)) if now_ms < until_ms => {
                            return Ok(Some(Invitation { handle: tie.handle, code: EnrolmentCode(code) }));
                        }
                        // The code's time is over: another handle.
                        (Enrolment::Invited { .. }, _) => self.draw_code(patient)?,
                    }
                }
                // It was drawn, and never got onto the ledger.
                (None, Some(code)) => EnrolmentCode(code),
                (None, None) => self.draw_code(patient)?,
            },
            None => self.draw_code(patient)?,
        };
        let handle = AccountId::derive(self.ledger.chain(), &code.key().public());
        let action = PatientInvite { code: code.key().public(), until_ms, guardians: guardians.clone() };
        match self.act(action)? {
            Outcome::Applied => Ok(Some(Invitation { handle, code })),
            Outcome::Refused(refusal) => {
                Err(CustodianError::Refused { action: "patient.invite", name: refusal.name.into_owned() })
            }
        }
    }

    /// Draws a code and keeps it, before anybody else sees it.
    fn draw_code(&mut self, patient: &str) -> Result<EnrolmentCode, CustodianError> {
        let mut seed = Zeroizing::new([0; 32]);
        getrandom::fill(seed.as_mut()).map_err(|error| CustodianError::Randomness(error.to_string()))?;
        let code = EnrolmentCode(seed);
        let tie = tie_of(self.ledger.chain(), patient, &code);
        self.store.set_ties([(&tie, code.seed())])?;
        Ok(code)
    }
}
