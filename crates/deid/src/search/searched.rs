//! What a search inside a run found, in figures that name no value: for receipts, reports and the gate.

use serde::{Deserialize, Serialize};

/// What came of the search for a table.
#[derive(Clone, Debug, PartialEq)]
pub enum SearchResult {
    /// A transformation that satisfies every model.
    Found(Box<Searched>),
    /// None does within the limit on suppressed records.
    Nothing {
        /// By model, in the plan's words, the records in classes that violate it where nothing is generalised.
        violations: Vec<(String, u64)>,
        /// Records that may be suppressed.
        allowed: u64,
        /// Records of the table.
        records: u64,
        /// The least loss with any number of records suppressed: how many it suppresses.
        best: Option<u64>,
    },
    /// The table or the plan cannot be searched.
    Impossible {
        /// Why.
        reason: String,
    },
}

/// The transformation that was found best.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Searched {
    /// The measure that was made small.
    pub metric: String,
    /// What the transformation costs by it.
    pub score: f64,
    /// Records that it suppresses; a run drops them.
    pub suppressed: u64,
    /// Records that it might have suppressed.
    pub allowed: u64,
    /// Classes that it keeps.
    pub classes: u64,
    /// The quasi-identifiers that are released, in the order of the table.
    pub columns: Vec<SearchedColumn>,
    /// The models.
    pub models: Vec<SearchedModel>,
    /// Models of sensitive attributes of which the table releases none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub without_attribute: Vec<String>,
    /// How it compares; not part of a receipt.
    #[serde(skip)]
    pub comparison: Comparison,
}

/// A quasi-identifier and its level.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SearchedColumn {
    /// The column.
    pub column: String,
    /// The name of what made its hierarchy.
    pub hierarchy: String,
    /// The level to which it is generalised: 0 is what the rules released.
    pub level: u8,
    /// The highest level.
    pub highest: u8,
    /// Different values at level 0.
    pub values: u64,
    /// Different labels at the level.
    pub labels: u64,
    /// What the column loses, from 0 to 1.
    pub loss: f64,
}

/// A model and what is achieved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SearchedModel {
    /// As the plan writes it.
    pub model: String,
    /// The figure of the worst class that is kept, or of the table.
    pub achieved: Option<f64>,
    /// Records in classes that violate it at these levels: they are among the suppressed ones.
    pub violating: u64,
}

/// Why the transformation won.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Comparison {
    /// Transformations that there are.
    pub lattice_size: u64,
    /// Those that differ by one level of one column.
    pub steps: Vec<Step>,
}

/// A transformation that differs from the best by one level of one column.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Step {
    /// The column.
    pub column: String,
    /// Its level there.
    pub level: u8,
    /// What it scores; none if it suppresses more records than it may.
    pub score: Option<f64>,
    /// Records that it would have to suppress.
    pub suppressed: u64,
}

impl SearchResult {
    /// The transformation, if there is one.
    pub fn found(&self) -> Option<&Searched> {
        match self {
            SearchResult::Found(found) => Some(found),
            _ => None,
        }
    }
}

impl Searched {
    /// Whether `model`, in the plan's words, is shown to hold.
    pub fn shows(&self, model: &str) -> bool {
        self.models.iter().any(|shown| shown.model == model)
            || self.without_attribute.iter().any(|shown| shown == model)
    }

    /// Whether anything was made coarser, or dropped.
    pub fn changed(&self) -> bool {
        self.suppressed > 0 || self.columns.iter().any(|column| column.level > 0)
    }

    /// Of the transformations one level away that satisfy the models, the one that scores best.
    pub fn next_best(&self) -> Option<&Step> {
        let scored = self.comparison.steps.iter().filter(|step| step.score.is_some());
        scored.min_by(|a, b| a.score.unwrap_or(f64::INFINITY).total_cmp(&b.score.unwrap_or(f64::INFINITY)))
    }
}
