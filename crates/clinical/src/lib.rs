//! The same plans applied to FHIR.

pub mod fhir;
