//! Keeping objects whole: who holds what, whether it is still right, and what to do when it is not.
//!
//! ```text
//!  Placement  which member holds which shard; what moves when members come and go
//!  scrub      a member reads what it holds, compares it with the manifest, names what is lost or wrong
//!  repair     ... builds it anew from other members' shards
//!  Health     what that means: how many more members an object can lose
//! ```
//!
//! Both read at a [`Pace`], so that they do not get in the way.

mod health;
mod pace;
mod placement;
mod repair;
mod scrub;

pub use health::{Damage, Health, Status};
pub use pace::{Pace, Paced};
pub use placement::{Move, Placement};
pub use repair::{RepairReport, repair};
pub use scrub::{ScrubReport, scrub};
