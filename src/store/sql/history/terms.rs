//! The terms of a statement's WHERE clause, with their numbered parameters.

use crate::store::sql::SqlValue;

#[derive(Debug, Clone, Default)]
pub struct FilterTerms<'f> {
    terms: Vec<String>,
    values: Vec<SqlValue<'f>>,
}

impl<'f> FilterTerms<'f> {
    /// Adds a term; each `?` in it stands for the value.
    pub fn add(&mut self, sql: &str, value: impl Into<SqlValue<'f>>) {
        let number = self.parameter(value);
        self.terms.push(sql.replace('?', &number));
    }

    /// Adds a term if there is a value.
    pub fn add_some(&mut self, sql: &str, value: Option<impl Into<SqlValue<'f>>>) {
        if let Some(value) = value {
            self.add(sql, value);
        }
    }

    /// Adds a term without a value.
    pub fn add_plain(&mut self, sql: impl Into<String>) {
        self.terms.push(sql.into());
    }

    /// Adds a parameter, and returns how the statement names it.
    pub fn parameter(&mut self, value: impl Into<SqlValue<'f>>) -> String {
        self.values.push(value.into());
        format!("?{}", self.values.len())
    }

    /// The clause, empty without terms.
    pub fn clause(&self) -> String {
        match self.terms.is_empty() {
            true => String::new(),
            false => format!("WHERE {}", self.terms.join(" AND ")),
        }
    }

    pub fn values(self) -> Vec<SqlValue<'f>> {
        self.values
    }
}
