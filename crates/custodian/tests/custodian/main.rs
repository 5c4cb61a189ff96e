//! The custodian and the auditor on the real rules of the ledger, without a network: what is released, what is refused, what is caught.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    dead_code,
    reason = "these are tests"
)]

mod audits;
mod buckets;
mod challenge;
mod cheat;
mod crashes;
mod figures;
mod formats;
mod held;
mod refusals;
mod releases;
mod sources;
mod world;

#[path = "../../../ledger/tests/it/common.rs"]
mod common;
#[path = "../../../ledger/tests/it/scene.rs"]
mod scene;
