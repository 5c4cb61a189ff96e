//! What an evidence file says, in terms of the ledger, to whoever has the genesis and trusts nobody.
//!
//! [`medveil_chain`] checks that the statements of a file hold on a chain: keys of the state with their values or without, entries of a block. What the keys and
//! bytes mean is known to [`medveil_ledger`]. This crate puts the two together: [`read`] gives a [`Reading`] of [`Statement`]s such as *version 2 of the dataset was in force
//! from height 120 until 340* or *the trail has these three entries and no other*, with the decoded values, and refuses what the rules of the ledger cannot have
//! written. It does no I/O.
//!
//! ```text
//!  file --> Evidence::decode --> verify: links, certificate, proofs --> claims --> keys and values of the ledger --> Reading --> answer(Question)
//!           \________________ medveil-chain, genesis only _________________/       \___ medveil-ledger ___/
//! ```
//!
//! A file proves what its statements say, which may be less than was asked for: [`Reading::answer`] tells whether a [`Question`] is answered, and how. Which statements
//! answer which question is fixed in `docs/decisions/0041-what-evidence-must-contain.md`.
//!
//! # Example
//! ```no_run
//! use medveil_evidence::{Question, Subject, read};
//!
//! let genesis = medveil_ledger::Genesis::from_toml(&std::fs::read_to_string("genesis.toml")?)?;
//! let reading = read(&std::fs::read("dataset.evidence")?, &genesis)?;
//! for statement in &reading.statements {
//!     println!("{}", statement.words().en);
//! }
//! let dataset = Subject::Dataset("5b1d5a3d0c4f1a4e8c1f5a2b9d7e6f3c5b1d5a3d0c4f1a4e8c1f5a2b9d7e6f3c".parse()?);
//! let then = reading.answer(&Question::At(dataset, 120));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod question;
mod reading;
mod refused;
mod subject;
mod words;

pub use question::{Answer, Question};
pub use reading::{At, History, Period, Reading, Statement, Until};
pub use refused::Refused;
pub use subject::{Form, Subject, SubjectError, Value};
pub use words::Words;

use medveil_chain::{Claim, Evidence, StateProof, ValidatorSet};
use medveil_ledger::Genesis;
use reading::Fact;

/// What every evidence file begins with; receipts and other files do not.
pub const MAGIC: &[u8] = b"MEDVEIL";

/// Reads and checks a file. Nothing is trusted but the genesis.
///
/// # Errors
/// [`Refused`] names the first thing that does not hold.
pub fn read(file: &[u8], genesis: &Genesis) -> Result<Reading, Refused> {
    let evidence = Evidence::decode(file).map_err(|error| Refused::Damaged(error.to_string()))?;
    let links = evidence.links.len();
    let verified = evidence.verify(&chain_genesis(genesis).map_err(Refused::Genesis)?)?;
    let facts: Vec<Fact<'_>> = verified.claims().iter().map(fact).collect();
    let header = verified.header();
    let at = At {
        height: header.height,
        time_ms: header.time,
        epoch: header.epoch,
        block: medveil_ledger::Digest(header.digest().0),
        validator_changes: links,
    };
    Reading::of(genesis, at, &facts)
}

/// The genesis that headers and evidence name. It commits to everything in the ledger's.
///
/// # Errors
/// Fails when the ledger's genesis was put together by hand and no chain can begin so.
pub fn chain_genesis(genesis: &Genesis) -> Result<medveil_chain::Genesis, String> {
    let validators: Result<Vec<_>, _> = genesis
        .validators()
        .validators
        .iter()
        .map(|validator| {
            medveil_chain::public_key(&validator.key.0)
                .map_err(|error| format!("validator key `{}`: {error}", validator.key))
        })
        .collect();
    let writes: Vec<_> = genesis.writes().into_iter().collect();
    medveil_chain::Genesis::new(
        genesis.chain.to_string(),
        genesis.time_ms,
        genesis.epoch_length,
        ValidatorSet::new(validators?).map_err(|error| error.to_string())?,
        medveil_chain::Genesis::commit_application(&writes),
    )
    .map_err(|error| error.to_string())
}

/// What a claim says, without its proof.
fn fact(claim: &Claim) -> Fact<'_> {
    match claim {
        Claim::State { key, proof: StateProof::Present { value, .. } } => {
            Fact::State { key, value: Some(value) }
        }
        Claim::State { key, proof: StateProof::Absent { .. } } => Fact::State { key, value: None },
        Claim::Entry { kind, index, entry, .. } => Fact::Entry { kind: *kind, index: *index, entry },
    }
}

#[cfg(test)]
mod tests;
