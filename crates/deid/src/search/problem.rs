//! What is searched for: a table as distinct tuples, the hierarchies of its quasi-identifiers, and what the result must satisfy.

use std::sync::Arc;

use super::tuples::Tuples;
use crate::hierarchy::Hierarchy;
use crate::metric::Metric;
use crate::model::Model;

/// A quasi-identifier.
#[derive(Clone, Debug)]
pub struct Attribute {
    /// The column.
    pub name: String,
    /// How it is generalised.
    pub hierarchy: Arc<Hierarchy>,
    /// How much its loss weighs against that of the others; 1 unless said otherwise.
    pub weight: f64,
}

/// A sensitive attribute.
#[derive(Clone, Debug)]
pub struct Sensitive {
    /// The column.
    pub name: String,
    /// How many values it has: codes in the tuples are below this.
    pub values: usize,
    /// Its hierarchy, whose rows are the codes; asked for by `hierarchical-t`, and the order of values for `ordered-t`.
    pub hierarchy: Option<Arc<Hierarchy>>,
}

/// A search.
#[derive(Debug)]
pub struct Problem {
    /// The quasi-identifiers.
    pub attributes: Vec<Attribute>,
    /// The sensitive attributes.
    pub sensitive: Vec<Sensitive>,
    /// The table.
    pub tuples: Tuples,
    /// What every release must satisfy.
    pub models: Vec<Model>,
    /// The largest share of records that may be suppressed: at most its product with the number of records, rounded down.
    pub suppression: f64,
    /// What is to be small.
    pub metric: Metric,
}

impl Problem {
    /// How many combinations of levels there are; the largest number where there are more.
    pub fn lattice_size(&self) -> u64 {
        let levels = self.attributes.iter().map(|attribute| attribute.hierarchy.levels() as u64);
        levels.fold(1, u64::saturating_mul)
    }
}

/// Why a search cannot start.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ProblemError {
    /// Tuples do not fit.
    #[error(
        "the quasi-identifiers and sensitive attributes need {bits} bits a record, and at most {most} are possible; use fewer of them, or coarser values"
    )]
    TooWide {
        /// Bits that all codes need.
        bits: u32,
        /// Bits that there are.
        most: u32,
    },
    /// No quasi-identifier.
    #[error("no quasi-identifier is named")]
    NoAttributes,
    /// No record.
    #[error("the table has no records")]
    Empty,
    /// Nothing is asked.
    #[error("no privacy model is asked for; say for instance `k=5`")]
    NoModels,
    /// A share that is none.
    #[error("the suppression limit is a share from 0 to 1")]
    Suppression,
    /// A class that no table of this size has.
    #[error("`{model}` asks for classes of {k} records, and the table has {records}")]
    ClassLargerThanTable {
        /// The model.
        model: String,
        /// Records of a class.
        k: u64,
        /// Records of the table.
        records: u64,
    },
    /// A model of a sensitive attribute where there is none.
    #[error("`{model}` is about a sensitive attribute, and none is named")]
    NoSensitive {
        /// The model.
        model: String,
    },
    /// A model of another attribute than the sensitive ones.
    #[error("`{model}`: `{attribute}` is not named as a sensitive attribute")]
    UnknownSensitive {
        /// The model.
        model: String,
        /// The attribute.
        attribute: String,
    },
    /// A model that needs the population.
    #[error("`{model}` needs a table of the population")]
    NoPopulation {
        /// The model.
        model: String,
    },
    /// Records that the population does not have.
    #[error("{records} records have no match in the population table, of which the table must be a part")]
    NotInPopulation {
        /// How many.
        records: u64,
    },
    /// A model that needs a hierarchy.
    #[error("`{model}` needs a hierarchy of `{attribute}`")]
    NoHierarchy {
        /// The model.
        model: String,
        /// The sensitive attribute.
        attribute: String,
    },
    /// More levels than a node holds.
    #[error(
        "the hierarchies of {attributes} quasi-identifiers have more levels together than are supported; use fewer"
    )]
    TooManyLevels {
        /// How many attributes.
        attributes: usize,
    },
    /// A weight that is none.
    #[error("the weight of `{attribute}` must be a number above 0")]
    Weight {
        /// The attribute.
        attribute: String,
    },
}
