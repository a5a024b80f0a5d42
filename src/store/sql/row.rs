//! One row of an answer. A column is read with the types of `rusqlite` from both databases.

use rusqlite::Row;
use rusqlite::types::FromSql;

/// A row.
pub enum SqlRow<'r> {
    Sqlite(&'r Row<'r>),
}

impl<'r> From<&'r Row<'r>> for SqlRow<'r> {
    fn from(row: &'r Row<'r>) -> Self {
        SqlRow::Sqlite(row)
    }
}

impl SqlRow<'_> {
    /// The value of a column, counted from 0.
    pub fn get<T: FromSql>(&self, column: usize) -> rusqlite::Result<T> {
        match self {
            SqlRow::Sqlite(row) => row.get(column),
        }
    }
}
