//! The `flowtrigger` program: hands over to `cli` and turns its answer into an exit code.

fn main() {}
