//! The store on disk: one SQLite file, one thread that writes to it, many commits in one fsync.
//! It refuses to answer before what it answers for is on disk.

pub mod codec;
pub mod journal;
