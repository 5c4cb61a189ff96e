//! A member's node.
//!
//! It puts the [rules](Rules) of the ledger on the [engine](medveil_engine), and keeps beside the chain what people ask about. Everything that a
//! member has lies in one [folder](Folder); a [network](Members) is such a folder for each member.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use medveil_node::{Folder, Members, clock};
//!
//! let members = Members::parse(&std::fs::read_to_string("members.toml")?)?;
//! members.create("network".as_ref(), clock::now_ms())?;
//! let opened = Folder::new("network/hospital-1").open(clock::now_ms())?;
//! let node = opened.start(clock::now_ms(), 0).await?;
//! println!("{:?}", node.readiness().await);
//! # Ok(()) }
//! ```
//!
//! | to find | look in |
//! |---|---|
//! | the ledger as the engine's state machine | [`rules`] |
//! | a running node, and whether it follows the chain | [`node`], [`readiness`], [`clock`] |
//! | what the node itself does on the ledger | [`agent`], [`services`], [`custody`], [`custodian`] |
//! | a member's part in custody | [`custody`] |
//! | a member's folder, its settings, its keys, in files and tokens | [`folder`], [`config`], [`keys`], [`account_key`], [`marker`] |
//! | a new network | [`network`] |
//! | lists and look-ups of what is on the chain | [`index`] |
//! | what a node tells of itself, and to its own machine alone | [`status`], [`control`] |
//! | why something is refused | [`refusal`] |

pub mod account_key;
pub mod agent;
pub mod clock;
pub mod config;
#[cfg(unix)]
pub mod control;
pub mod custodian;
pub mod custody;
pub mod folder;
pub mod index;
pub mod keys;
pub mod marker;
pub mod network;
pub mod node;
pub mod read;
pub mod readiness;
pub mod refusal;
pub mod rules;
pub mod services;
pub mod status;
pub mod stores;

pub use account_key::{AccountKey, TokenPlace};
pub use agent::Agent;
pub use config::Settings;
pub use custody::Custody;
pub use folder::{Folder, Opened};
pub use index::Index;
pub use keys::KeyFile;
pub use network::Members;
pub use node::{Config, Node, StartError};
pub use readiness::Unready;
pub use refusal::Refusal;
pub use rules::{OwnPacing, Rules};
pub use services::Services;
pub use stores::Stores;
