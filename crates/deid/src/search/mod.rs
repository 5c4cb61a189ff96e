//! Finding the transformation that loses least among those that satisfy the privacy models.

mod achieved;
mod check;
mod criteria;
mod exact;
mod explain;
mod index;
mod key;
mod lattice;
mod local;
mod problem;
mod recoding;
mod searched;
mod solution;
mod solve_local;
mod tuples;

pub use achieved::Achieved;
pub use exact::Effort;
pub use explain::{Explanation, FrontierPoint, Neighbour, Price, explain, frontier, neighbours_of};
pub(crate) use index::Index;
pub use problem::{Attribute, Problem, ProblemError, Sensitive};
pub use recoding::Recoding;
pub use searched::{Comparison, SearchResult, Searched, SearchedColumn, SearchedModel, Step};
pub use solution::{Candidate, Outcome, Solution, solve};
pub use solve_local::{LocalOutcome, solve_locally};
pub use tuples::{Counter, TooManyRecords, Tuples};
