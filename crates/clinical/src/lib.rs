//! The same plans applied to FHIR.
