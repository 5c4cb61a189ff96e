//! One node on this machine, asked over real HTTP.

mod fixture;
mod flips;
mod limits;
mod lists;
mod live;
mod memory;
mod proofs;
mod rebuild;
mod refusals;
