//! Settings of integrations, one row per integration and scope. Retention never deletes them.

use rusqlite::{OptionalExtension, params};
use serde_json::Value;

use super::codec;
use super::transaction::WriteTransaction;
use crate::store::StoreError;
use crate::store::integration_settings::SettingsScope;

impl WriteTransaction<'_> {
    pub fn integration_scopes(&self, integration: &str) -> Result<Vec<String>, StoreError> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT scope FROM settings WHERE integration = ?1 ORDER BY scope")?;
        let scopes = statement.query_map([integration], |row| row.get(0))?;
        Ok(scopes.collect::<Result<_, _>>()?)
    }

    pub fn integration_settings(&self, scope: &SettingsScope) -> Result<Option<Value>, StoreError> {
        let text: Option<String> = self
            .connection
            .prepare_cached("SELECT value FROM settings WHERE integration = ?1 AND scope = ?2")?
            .query_row([&scope.integration, &scope.scope], |row| row.get(0))
            .optional()?;
        let value = text.map(|text| codec::json(&text, "settings of a bundle"));
        Ok(value.transpose()?)
    }

    pub fn patch_integration_settings(
        &self,
        scope: &SettingsScope,
        patch: Value,
    ) -> Result<Value, StoreError> {
        let before = self.integration_settings(scope)?;
        if before.is_none() {
            scope.check_count(self.count_scopes(&scope.integration)?)?;
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

    fn count_scopes(&self, integration: &str) -> Result<usize, StoreError> {
        let count: i64 = self
            .connection
            .prepare_cached("SELECT count(*) FROM settings WHERE integration = ?1")?
            .query_row([integration], |row| row.get(0))?;
        Ok(usize::try_from(count).expect("a count is not negative"))
    }
}
