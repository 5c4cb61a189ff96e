//! A member's node.
//!
//! It puts the [rules](Rules) of the ledger on the [engine](medveil_engine), and keeps beside the chain what people ask about.
//!
//! | to find | look in |
//! |---|---|
//! | the ledger as the engine's state machine | [`rules`] |
//! | a running node | [`node`] |
//! | lists and look-ups of what is on the chain | [`index`] |

pub mod index;
pub mod node;
pub mod rules;

pub use index::Index;
pub use node::{Config, Node, StartError};
pub use rules::Rules;
