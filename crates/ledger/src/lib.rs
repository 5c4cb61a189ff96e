//! The rules of the consortium's ledger: a deterministic state machine.
//!
//! Given a block's transactions and the state before it, [`execute_block`] gives what the state has afterwards, what became of each transaction and what
//! happened, the same on every replica: there is no clock, no randomness, no floating point and no hash-ordered map in it, and it does no I/O.
//!
//! ```text
//!            Transaction::decode   verify_signatures      execute_block
//!   bytes ----------------------> ------------------> Verified ---------> writes · receipts · events · next validators
//!                                                        |                      |
//!                                   Snapshot: the state before the block    refused? the nonce is used,
//!                                   (missing keys are told, never awaited)  the reason is recorded
//! ```
//!
//! | to find | look in |
//! |---|---|
//! | what members can ask for, and who may | [`action`], one file each |
//! | what members decide by vote | [`measure`], one file each |
//! | what patients, contracts and requests are made of, and how it is compared | [`vocabulary`], [`terms`], [`template`] |
//! | what is granted, and why not | [`decision`] |
//! | what a contract's policies forbid besides | [`policy`] |
//! | what the state keeps, and under which keys | [`state`] |
//! | who signs, and how it is checked | [`signature`] |
//! | certificates of organisations' SM2 keys | [`x509`], [`state::certificate`] |
//! | how a chain begins | [`genesis`] |
//! | the rules in words | `docs/spec/` |
//!
//! # Example
//! ```
//! use medveil_ledger::action::AuditNotarise;
//! use medveil_ledger::state::trail::{Reason, Step};
//! use medveil_ledger::*;
//!
//! // An administrator's key, and a consortium of one hospital.
//! let key = SigningKey::ed25519([7; 32]);
//! let genesis = Genesis::from_toml(&format!(r#"
//!     chain = "example"
//!     time-ms = 1767225600000
//!     [relying-party]
//!     id = "wallet.example.cn"
//!     origins = ["https://wallet.example.cn"]
//!     [parameters]
//!     min-validators = 1
//!     [[member]]
//!     organisation = "hospital-1"
//!     name = "第一医院"
//!     role = "hospital"
//!     accounts = {{ "{}" = "administrator" }}
//!     seat = {{ key = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", address = "10.0.0.1:7001" }}
//! "#, key.public()))?;
//! let (chain, state) = (genesis.chain_id(), genesis.writes());
//!
//! // It notes that a record was captured; the details stay in the hospital.
//! let body = Body {
//!     chain,
//!     account: AccountId::derive(chain, &key.public()),
//!     signer: key.public(),
//!     nonce: 0,
//!     expires: 100,
//!     action: AuditNotarise {
//!         object: ObjectRef::external(Digest([1; 32])),
//!         step: Step::Capture,
//!         reason: Reason::Treatment,
//!         details: Digest([2; 32]),
//!     }
//!     .into(),
//! };
//! let transaction = Transaction::decode(&body.sign(&key).encode())?;
//! let transaction = Verified::check(transaction, &genesis.relying_party)?;
//!
//! let block = BlockContext { chain, height: 1, epoch: 0, time_ms: 1_767_225_601_000, epoch_end: false };
//! let outcome = execute_block(&block, &[transaction], &state)?;
//! assert_eq!(outcome.receipts[0].outcome, Outcome::Applied);
//! assert_eq!(outcome.events[0].kind, "audit.notarised");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod action;
pub mod bounded;
mod call;
pub mod decision;
pub mod encoding;
pub mod event;
pub mod execute;
pub mod genesis;
pub mod governance;
pub mod id;
pub mod measure;
pub mod policy;
pub mod public_key;
pub mod refusal;
pub mod role;
pub mod signature;
pub mod state;
pub mod template;
pub mod terms;
pub mod transaction;
pub mod vocabulary;
mod withdrawal;
pub mod x509;

pub use action::Action;
pub use encoding::{Canonical, DecodeError};
pub use event::Event;
pub use execute::{
    AdmissionError, BlockContext, BlockOutcome, ExecuteError, Inadmissible, Outcome, Receipt, admissible,
    block_reads, execute_block, propose_block, reads,
};
pub use genesis::Genesis;
pub use id::{
    AccessId, AccountId, CertificateId, ChainId, ChallengeId, ConsentId, ContractId, CustodyId, DatasetId,
    Digest, IncidentId, IssuerId, ObjectKind, ObjectRef, OrganisationId, ReleaseId, RequestId, Slug,
};
pub use measure::Measure;
pub use public_key::{PublicKey, Suite};
pub use refusal::{Fact, FactValue, Named, Refusal};
pub use signature::{RelyingParty, Signature, SignatureFault, SigningKey, verify_signatures};
pub use state::key::Key;
pub use state::{Missing, Snapshot, Versioned};
pub use transaction::{Body, MAX_TRANSACTION_BYTES, Transaction, Verified};

/// A sentence in the two languages of the product.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Text {
    /// English.
    pub en: &'static str,
    /// Chinese.
    pub zh: &'static str,
}
