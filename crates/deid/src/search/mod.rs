//! Finding the transformation that loses least among those that satisfy the privacy models.

mod achieved;
mod check;
mod criteria;
mod exact;
mod index;
mod key;
mod lattice;
mod problem;
mod recoding;
mod solution;
mod tuples;

pub use exact::Effort;
pub use problem::{Attribute, Problem, ProblemError, Sensitive};
pub use recoding::Recoding;
pub use solution::{Achieved, Candidate, Outcome, Solution, solve};
pub use tuples::{Counter, TooManyRecords, Tuples};
