//! Policies of data-use contracts, in [Cedar](https://www.cedarpolicy.com/): admitted, compiled and evaluated alike on every node.
//!
//! A contract's terms say what is allowed. A policy is looked at after them and can only forbid: whatever it says, nothing is granted that the terms refuse.
//! It is part of consensus, so that the same text gives the same answer everywhere: the version of Cedar is pinned, what is admitted is bounded
//! (see [`limits`]), and how much stack a thread happens to have makes no difference (see `stack.rs`).
//!
//! ```text
//!  contract.publish       text --> size, brackets --> parse --> shape, depth --> types --> Policies       refused by name, with line and column
//!  request, release, access     Question (of a dataset at a time) --> every policy --> Verdict            ids of those that decided, sorted
//! ```
//!
//! How policies combine is Cedar's rule: one that forbids wins; where there are policies that permit, one of them must apply. A text that only forbids needs none.
//! What Cedar skips, a policy whose evaluation fails, forbids here.
//!
//! # Example
//! ```
//! use medveil_policy::{Dataset, Policies, Question, Verdict};
//!
//! let policies = Policies::compile(r#"
//!     @id("insurers-in-studies")
//!     @reason("insurers take part in studies only")
//!     forbid (principal, action, resource)
//!     when { principal.role == Role::"insurer" }
//!     unless { context has study };
//! "#)?;
//! let visits = [Dataset { id: "11", owner: "hospital-1", label: "visits", level: 4, records: 1000 }];
//! let question = Question { role: "insurer", datasets: &visits, ..Question::EXAMPLE };
//! let Verdict::Forbidden { policies: decided, because, .. } = policies.decide(&question) else { panic!() };
//! assert_eq!((decided.as_str(), because.as_str()), ("insurers-in-studies", "insurers take part in studies only"));
//! assert_eq!(policies.decide(&Question { study: Some("7f"), ..question }), Verdict::Allowed);
//!
//! let fault = Policies::compile("forbid (principal, action, resource)\nwhen { principal.role == Role::\"insurrer\" };").unwrap_err();
//! assert_eq!(fault.position().unwrap().line, 2);
//! # Ok::<(), medveil_policy::Fault>(())
//! ```

mod compile;
mod fault;
pub mod limits;
mod memo;
mod question;
mod stack;

pub use compile::{Policies, Verdict};
pub use fault::{Fault, Position};
pub use memo::compiled;
pub use question::{Dataset, Question, Released, Step};

/// What policies speak of, in Cedar's language of schemas.
pub const SCHEMA: &str = include_str!("contract.cedarschema");
