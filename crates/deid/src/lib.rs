//! De-identification of tables: detect, plan, transform, assess, prove.

pub mod code;
