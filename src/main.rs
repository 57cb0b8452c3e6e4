//! The `worldloom` program.

fn main() {}
