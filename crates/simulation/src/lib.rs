//! Nodes of a chain in one deterministic process.
//!
//! [`World`] runs what a process runs, [`medveil_engine::node::start`], for every member: on a runtime that draws the order of tasks from a seed, whose time passes
//! when nothing is left to do, with a network and disks in memory. The same seed gives the same run, to the byte. What goes wrong is decided by who drives it:
//!
//! | fault | how |
//! |---|---|
//! | power is lost, at any write or any moment; what was not flushed is torn | [`Node::lose_power_after`], [`Node::kill`] |
//! | links are cut, slow, lossy | [`World::connect`] |
//! | a clock is wrong | [`ChainConfig::clock_offset`](medveil_engine::ChainConfig::clock_offset) |
//! | a member is there twice, and says one thing to some and another to others | [`World::start_twins`] |
//! | a member withholds | [`Node::withhold`] |
//! | a member sends anything at all | [`Node::inject`] |
//! | a member proposes what is not valid | its [`StateMachine`](medveil_engine::StateMachine) |
//!
//! This crate is generic code made concrete, which takes long to compile, and changes rarely. Scenarios and what must hold in them are in `crates/conformance/tests/simulation`.

mod host;
mod members;
mod power;
mod wire;
mod world;

pub use medveil_engine as engine;
pub use world::{Link, Node, World, run};
