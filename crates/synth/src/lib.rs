//! A synthetic Chinese hospital.
