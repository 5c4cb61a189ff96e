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
mod searched;
mod solution;
mod step;
mod tuples;

pub use exact::Effort;
pub(crate) use index::Index;
pub use problem::{Attribute, Problem, ProblemError, Sensitive};
pub use recoding::Recoding;
pub use searched::{Comparison, SearchResult, Searched, SearchedColumn, SearchedModel};
pub use solution::{Achieved, Candidate, Outcome, Solution, solve};
pub use step::{Step, steps_from};
pub use tuples::{Counter, TooManyRecords, Tuples};
