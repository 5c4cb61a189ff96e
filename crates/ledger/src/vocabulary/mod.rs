//! The words that consents, contracts and requests are made of, and how they are compared.
//!
//! | words | from |
//! |---|---|
//! | [`Purpose`] | GA4GH Data Use Ontology, release 2021-02-23, and the uses of Chinese law and standards, in one order |
//! | [`Condition`] | the modifiers of the same ontology |
//! | [`DataClass`] | the categories of GB/T 39725-2020, clause 6.1, after FHIR's resources |
//! | [`Recipients`] | roles and names of organisations |
//! | [`Provision`] | one sentence of a consent, after FHIR R4 `Consent.provision` |
//!
//! None of them names a disease: what a patient's consent is about must not tell what the patient has.

pub mod condition;
pub mod data_class;
pub mod provision;
pub mod purpose;
pub mod recipients;

pub use condition::Condition;
pub use data_class::{DataClass, DataClasses};
pub use provision::{Commerce, Effect, Provision, Provisions, StudyId, Use};
pub use purpose::{Purpose, Purposes};
pub use recipients::Recipients;
