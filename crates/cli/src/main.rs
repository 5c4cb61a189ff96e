//! The binary `medveil`.
fn main() {}
