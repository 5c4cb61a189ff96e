//! The ledger through its public interface: what each rule lets through and refuses.

#![allow(clippy::unwrap_used, reason = "these are tests")]

mod accounts;
mod admission;
mod audit;
mod blocks;
mod certificates;
mod challenges;
mod claims;
mod common;
mod consents;
mod contracts;
mod custody;
mod datasets;
mod encoding;
mod genesis;
mod governance;
mod history;
mod life;
mod patients;
mod policies;
mod releases;
mod requests;
mod scene;
mod signatures;
mod spec;
mod splitting;
mod validators;
