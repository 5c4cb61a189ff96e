//! Differential-privacy mechanisms with exact samplers.
