//! The same plans applied to FHIR.

pub mod dataset;
pub mod fhir;
