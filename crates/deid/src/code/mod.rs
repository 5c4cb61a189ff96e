//! Code systems and check-digit rules: what a value *is*, decided from the value alone.
//!
//! Three parts of the product lean on this module. Detection asks whether a string obeys the rule of a
//! code (a resident id with a right check character is hardly an accident); generalisation climbs a
//! code's hierarchy (county to prefecture to province, disease category to block to chapter); the
//! synthetic hospital composes values that obey the same rules.
//!
//! Everything here is a pure function of its arguments: no clock, no randomness, no I/O, no panic on any
//! input. Tables are facts of the cited standards and are read once, on first use. Values are
//! personal data, so no error and no `Debug` output of this module contains one.

pub mod address;
pub mod calendar;
pub mod division;
pub mod icd10;
pub mod icd9cm3;
pub mod luhn;
pub mod mainland_phone;
pub mod plate;
pub mod postcode;
pub mod resident_id;
pub mod travel_document;
pub mod uscc;
pub mod vin;
pub mod zip3;
