//! How the SQL of SQLite and that of Postgres differ.

/// The database that a statement is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    Sqlite,
    Postgres,
}

impl Dialect {
    /// One of two texts, where no text is valid on both.
    pub fn choose<'t>(self, sqlite: &'t str, postgres: &'t str) -> &'t str {
        match self {
            Dialect::Sqlite => sqlite,
            Dialect::Postgres => postgres,
        }
    }
}

/// The runs that count at a gate, and the oldest of them: SQLite gives the row of `min(at)`.
pub const COUNTED: &str =
    "SELECT count(*), min(at), (array_agg(run ORDER BY at, run))[1] FROM gate_admissions
    WHERE queue = ?1 AND gate = ?2 AND value = ?3 AND at > ?4 AND run <> ?5";
pub const CAUSE: &str = "";
