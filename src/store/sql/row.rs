//! One row of an answer. A column is read with the types of `rusqlite` from both databases.

use std::error::Error;

use rusqlite::types::{FromSql, FromSqlError, Type, ValueRef};
use tokio_postgres::types as postgres;

/// A row.
pub enum SqlRow<'r> {
    Sqlite(&'r rusqlite::Row<'r>),
    Postgres(&'r tokio_postgres::Row),
}

impl<'r> From<&'r rusqlite::Row<'r>> for SqlRow<'r> {
    fn from(row: &'r rusqlite::Row<'r>) -> Self {
        SqlRow::Sqlite(row)
    }
}

impl SqlRow<'_> {
    /// The value of a column, counted from 0.
    pub fn get<T: FromSql>(&self, column: usize) -> rusqlite::Result<T> {
        match self {
            SqlRow::Sqlite(row) => row.get(column),
            SqlRow::Postgres(row) => {
                let cell: PostgresCell<'_> = row
                    .try_get(column)
                    .map_err(|error| unreadable(column, Type::Null, error.into()))?;
                let PostgresCell(value) = cell;
                T::column_result(value).map_err(|error| match error {
                    FromSqlError::Other(error) => unreadable(column, value.data_type(), error),
                    error => unreadable(column, value.data_type(), error.into()),
                })
            }
        }
    }
}

fn unreadable(column: usize, found: Type, why: Box<dyn Error + Send + Sync>) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, found, why)
}

/// A value of Postgres as SQLite would have it: an integer, a text or bytes.
struct PostgresCell<'c>(ValueRef<'c>);

impl<'c> postgres::FromSql<'c> for PostgresCell<'c> {
    fn from_sql(
        found: &postgres::Type,
        raw: &'c [u8],
    ) -> Result<Self, Box<dyn Error + Sync + Send>> {
        let value = match *found {
            postgres::Type::BOOL => ValueRef::Integer(bool::from_sql(found, raw)?.into()),
            postgres::Type::INT2 => ValueRef::Integer(i16::from_sql(found, raw)?.into()),
            postgres::Type::INT4 => ValueRef::Integer(i32::from_sql(found, raw)?.into()),
            postgres::Type::INT8 => ValueRef::Integer(i64::from_sql(found, raw)?),
            postgres::Type::BYTEA => ValueRef::Blob(raw),
            _ => ValueRef::Text(raw),
        };
        Ok(Self(value))
    }

    fn from_sql_null(_: &postgres::Type) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(ValueRef::Null))
    }

    fn accepts(found: &postgres::Type) -> bool {
        [
            postgres::Type::BOOL,
            postgres::Type::INT2,
            postgres::Type::INT4,
            postgres::Type::INT8,
            postgres::Type::BYTEA,
            postgres::Type::TEXT,
            postgres::Type::VARCHAR,
        ]
        .contains(found)
    }
}
