//! The custodian: acts for an organisation on what the ledger decided, and on nothing else. And the auditor, who catches one that does not.
//!
//! ```text
//!  sources --sync--> registered versions, each with a private copy
//!                          |
//!  final events --> jobs --+--> granted     pick patients -> run the plan -> custody -> release.post
//!                          +--> withdrawn   the next version, or its destruction
//!                          +--> challenged  open the rows that were drawn, sealed to the auditor -> audit.answer
//!                          +--> ordered     destroy the private copies -> destruction.attest
//!
//!  auditor: sealed openings --judge--> the plan again on the opened rows, compared with the released -> audit.verdict
//! ```
//!
//! # Guarantees
//! - It acts on final decisions only: it never sees anything else ([`Ledger`]).
//! - Only records of patients whose consents permit the use, by the ledger's own rule and as of a height that is posted, are given to a plan.
//! - Each step is done once: what lasts is written whole, noted after it is done and looked for on the ledger before it is done; a run that is repeated gives the same bytes. A
//!   restart at any [`Point`] goes on to the same end.
//! - Nothing partial is released. What cannot be done has a named [`Reason`], on the trail of the request as a digest.
//!
//! What it is *not* held to by code is what audits are for: whoever runs it can change it. [`audit`] tells what is caught, and what is not.
//!
//! | to find | look in |
//! |---|---|
//! | what an operator sets | [`Settings`] |
//! | what it needs of ledger and custody | [`Ledger`], [`Vault`] |
//! | how handles are tied to patients | [`patients`] |
//! | how a release is made | `release`, `pick`, `cohort`, `run` |
//! | what a record is, and whose | `records` |
//! | how a source in a bucket is read | `arrivals` |
//! | what an auditor is shown | [`openings`] |
//! | what an auditor finds | [`audit`] |

mod answer;
mod arrivals;
pub mod audit;
pub mod bundle;
mod cohort;
mod custodian;
mod destroy;
mod error;
mod held;
mod interrupt;
mod keys;
mod layout;
pub mod ledger;
mod look_after;
pub mod openings;
pub mod patients;
mod pick;
mod plans;
mod prune;
mod reason;
mod records;
mod release;
mod run;
mod settings;
mod source;
pub mod store;
mod vault;
mod versions;

pub use custodian::{Custodian, Turn, openings_file, reason_digest};
pub use error::CustodianError;
pub use interrupt::{Interrupt, Interrupted, Never, Point};
pub use ledger::{Done, Ledger, LedgerError, Reader, Tip};
pub use reason::Reason;
pub use settings::{DatasetSettings, Place, Settings};
pub use vault::{Vault, VaultError, custody_label};
