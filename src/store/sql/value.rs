//! The parameters of a statement. They borrow texts, and an empty one has a type, because Postgres asks for it.

use std::borrow::Cow;

use rusqlite::ToSql;
use rusqlite::types::{ToSqlOutput, ValueRef};

/// A parameter.
#[derive(Debug, Clone, PartialEq)]
pub enum SqlValue<'v> {
    Integer(Option<i64>),
    Text(Option<Cow<'v, str>>),
}

impl SqlValue<'_> {
    /// The same with texts of its own.
    pub fn into_owned(self) -> SqlValue<'static> {
        match self {
            SqlValue::Integer(value) => SqlValue::Integer(value),
            SqlValue::Text(text) => SqlValue::Text(text.map(|text| Cow::Owned(text.into_owned()))),
        }
    }
}

impl From<i64> for SqlValue<'_> {
    fn from(value: i64) -> Self {
        SqlValue::Integer(Some(value))
    }
}

impl From<Option<i64>> for SqlValue<'_> {
    fn from(value: Option<i64>) -> Self {
        SqlValue::Integer(value)
    }
}

impl<'v> From<&'v str> for SqlValue<'v> {
    fn from(text: &'v str) -> Self {
        SqlValue::Text(Some(Cow::Borrowed(text)))
    }
}

impl<'v> From<Option<&'v str>> for SqlValue<'v> {
    fn from(text: Option<&'v str>) -> Self {
        SqlValue::Text(text.map(Cow::Borrowed))
    }
}

impl From<String> for SqlValue<'_> {
    fn from(text: String) -> Self {
        SqlValue::Text(Some(Cow::Owned(text)))
    }
}

impl ToSql for SqlValue<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let value = match self {
            SqlValue::Integer(Some(value)) => ValueRef::Integer(*value),
            SqlValue::Text(Some(text)) => ValueRef::Text(text.as_bytes()),
            SqlValue::Integer(None) | SqlValue::Text(None) => ValueRef::Null,
        };
        Ok(ToSqlOutput::Borrowed(value))
    }
}

/// The parameters of a statement, from integers and texts.
macro_rules! params {
    ($($value:expr),* $(,)?) => {
        &[$($crate::store::sql::SqlValue::from($value)),*]
    };
}
pub(in crate::store) use params;
