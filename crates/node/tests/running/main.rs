//! Nodes that run: a chain of one validator in this process.

#![expect(clippy::unwrap_used, reason = "tests")]

mod agent;
mod chain;
mod custodian;
mod custody;
