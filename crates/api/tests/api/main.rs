//! One node on this machine, asked over real HTTP.

#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr, reason = "these are tests")]

mod fixture;
mod flips;
mod life;
mod limits;
mod lists;
mod live;
mod memory;
mod proofs;
mod rebuild;
mod refusals;
