//! Settings of integrations in rows of their own, which nothing deletes.
//! It refuses to grow without bound; what a patch means is said elsewhere.

use rusqlite::{OptionalExtension, params};
use serde_json::Value;

use super::codec;
use super::ledger::Ledger;
use crate::store::StoreError;
use crate::store::scopes::Scope;

impl Ledger<'_> {
    pub fn scope(&self, scope: &Scope) -> Result<Option<Value>, StoreError> {
        let text: Option<String> = self
            .connection
            .prepare_cached("SELECT value FROM settings WHERE integration = ?1 AND scope = ?2")?
            .query_row([&scope.integration, &scope.scope], |row| row.get(0))
            .optional()?;
        let value = text.map(|text| codec::json(&text, "settings of a bundle"));
        Ok(value.transpose()?)
    }

    pub fn patch_scope(&self, scope: &Scope, patch: Value) -> Result<Value, StoreError> {
        let before = self.scope(scope)?;
        if before.is_none() {
            let scopes = self.scopes(&scope.integration)?;
            scope.has_room(scopes)?;
        }
        let (settings, text) = scope.patched(before, patch)?;
        self.connection
            .prepare_cached(
                "INSERT INTO settings VALUES (?1, ?2, ?3)
                 ON CONFLICT DO UPDATE SET value = excluded.value",
            )?
            .execute(params![scope.integration, scope.scope, text])?;
        Ok(settings)
    }

    fn scopes(&self, integration: &str) -> Result<usize, StoreError> {
        let count: i64 = self
            .connection
            .prepare_cached("SELECT count(*) FROM settings WHERE integration = ?1")?
            .query_row([integration], |row| row.get(0))?;
        Ok(usize::try_from(count).expect("a count is not negative"))
    }
}
