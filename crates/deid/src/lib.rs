//! De-identification of tables: detect, plan, transform, assess, prove.
//!
//! De-identification here is a pure function of (data, [plan], [key and study](study), seed): the same inputs give the same
//! bytes on any machine, which is what makes a [receipt] provable.

pub mod action;
pub mod assess;
pub mod code;
pub mod detect;
pub mod hierarchy;
pub mod kind;
pub mod merkle;
pub mod metric;
pub mod model;
pub mod pipeline;
pub mod plan;
pub mod receipt;
pub mod reidentify;
pub mod report;
pub mod risk;
pub mod search;
mod sha256;
pub mod study;
pub mod table;
pub mod utility;
