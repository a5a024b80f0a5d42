//! Reads rows from SQLite and from Postgres with the same SQL texts. A text is written for SQLite; [`dialect`] rewrites
//! it for Postgres.

pub mod dialect;
pub mod history;
mod row;
mod value;

pub use row::SqlRow;
pub use value::SqlValue;
pub(in crate::store) use value::params;

use rusqlite::{Connection, params_from_iter};

use dialect::Dialect;

/// A database that answers questions. It never writes.
pub trait SqlDatabase {
    const DIALECT: Dialect;

    /// The error of a column is that of `rusqlite` on both databases.
    type Error: From<rusqlite::Error>;

    /// All rows of one statement, whose limit the caller sets. The statement ends before they are used.
    fn rows<T>(
        &self,
        sql: &str,
        params: &[SqlValue<'_>],
        read: impl FnMut(&SqlRow<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, Self::Error>;

    /// The first row of a statement.
    fn first<T>(
        &self,
        sql: &str,
        params: &[SqlValue<'_>],
        read: impl FnMut(&SqlRow<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, Self::Error> {
        Ok(self.rows(sql, params, read)?.into_iter().next())
    }
}

/// Without a time limit, for the transactions of the store.
impl SqlDatabase for Connection {
    const DIALECT: Dialect = Dialect::Sqlite;

    type Error = rusqlite::Error;

    fn rows<T>(
        &self,
        sql: &str,
        params: &[SqlValue<'_>],
        mut read: impl FnMut(&SqlRow<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<Vec<T>> {
        let mut statement = self.prepare_cached(sql)?;
        let mut rows = statement.query(params_from_iter(params))?;
        let mut read_rows = Vec::new();
        while let Some(row) = rows.next()? {
            read_rows.push(read(&SqlRow::Sqlite(row))?);
        }
        Ok(read_rows)
    }

    /// Reads no further than the first row.
    fn first<T>(
        &self,
        sql: &str,
        params: &[SqlValue<'_>],
        mut read: impl FnMut(&SqlRow<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<Option<T>> {
        let mut statement = self.prepare_cached(sql)?;
        let mut rows = statement.query(params_from_iter(params))?;
        rows.next()?
            .map(|row| read(&SqlRow::Sqlite(row)))
            .transpose()
    }
}
