//! What a batch changed: the rows of a table compared with those that were loaded.

use std::collections::HashMap;

use rusqlite::params_from_iter;

use super::{Workspace, select_from};
use crate::store::postgres::cell::{Cells, TableColumns};
use crate::store::postgres::error::PostgresError;

/// What a batch changed in one table.
#[derive(Debug, Default)]
pub struct TableChanges {
    pub inserted: Vec<Cells>,
    pub updated: Vec<RowUpdate>,
    pub deleted: Vec<Cells>,
}

#[derive(Debug)]
pub struct RowUpdate {
    pub before: Cells,
    pub after: Cells,
}

impl Workspace {
    /// The rows of a table that differ from what was loaded.
    pub fn changes(&self, table: &'static TableColumns) -> Result<TableChanges, PostgresError> {
        let own;
        let sql = match self.selects.get(table.name) {
            Some(known) => known,
            None => {
                own = select_from(table);
                &own
            }
        };
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query([])?;
        let (empty, mut changes) = (HashMap::new(), TableChanges::default());
        let loaded = self.loaded.get(table.name).unwrap_or(&empty);
        let mut kept = 0;
        while let Some(row) = rows.next()? {
            let mut cells = Cells::with_capacity(table.columns.len());
            for index in 0..table.columns.len() {
                cells.push(row.get::<_, rusqlite::types::Value>(index)?.into());
            }
            match loaded.get(&cells[..table.key]) {
                None => changes.inserted.push(cells),
                Some(before) => {
                    kept += 1;
                    if *before != cells {
                        changes.updated.push(RowUpdate {
                            before: before.clone(),
                            after: cells,
                        });
                    }
                }
            }
        }
        drop(rows);
        if kept < loaded.len() {
            changes.deleted = self.deleted(table, loaded)?;
        }
        Ok(changes)
    }

    fn deleted(
        &self,
        table: &'static TableColumns,
        loaded: &HashMap<Cells, Cells>,
    ) -> Result<Vec<Cells>, PostgresError> {
        let terms: Vec<String> = table.columns[..table.key]
            .iter()
            .enumerate()
            .map(|(index, column)| format!("{} = ?{}", column.name, index + 1))
            .collect();
        let sql = format!("SELECT 1 FROM {} WHERE {}", table.name, terms.join(" AND "));
        let mut statement = self.connection.prepare_cached(&sql)?;
        let mut deleted = Vec::new();
        for (key, cells) in loaded {
            if !statement.exists(params_from_iter(key))? {
                deleted.push(cells.clone());
            }
        }
        Ok(deleted)
    }
}
