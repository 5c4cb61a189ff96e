//! Published vectors and cross-checks; nothing depends on it.
