//! The table of what runs wait for: subjects are registered with a revision and with waiters, and deleted when nothing names
//! them any more.

use std::collections::HashSet;
use std::sync::Arc;

use jiff::SignedDuration;
use rusqlite::{Connection, params};

use crate::store::StoreError;
use crate::store::awaited::{AwaitedSubject, AwaitedTypes};
use crate::store::sqlite::codec::micros;
use crate::store::sqlite::transaction::WriteTransaction;

/// How long a subject is kept that neither the rules in use nor waiters name: events may still arrive with an earlier
/// revision.
const KEEP_UNUSED: SignedDuration = SignedDuration::from_hours(1);

impl WriteTransaction<'_> {
    /// The row of a subject, inserted if it is new.
    pub fn subject(&mut self, subject: &AwaitedSubject) -> Result<i64, StoreError> {
        if let Some(row) = self.state.awaited.load().row(subject) {
            return Ok(row);
        }
        if self.state.reserved.is_some() {
            // The rows of another database are inserted before its transaction begins.
            let missing = "a subject of a waiter was not looked up".to_owned();
            return Err(StoreError::Broken(missing));
        }
        self.use_subject(subject)?;
        self.read_subjects()?;
        let row = self.state.awaited.load().row(subject);
        row.ok_or_else(|| StoreError::Broken("a subject that was just inserted is missing".into()))
    }

    fn use_subject(&self, subject: &AwaitedSubject) -> Result<(), StoreError> {
        self.connection
            .prepare_cached(
                "INSERT INTO awaited (source, type, path, used) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (source, type, path) DO UPDATE SET used = excluded.used",
            )?
            .execute(params![
                subject.source,
                subject.event_type,
                subject.path,
                micros(self.now())
            ])?;
        Ok(())
    }

    /// Registers what runs of the rules in use may wait for, before the first of them is planned.
    pub fn register_subjects(&mut self, subjects: &[AwaitedSubject]) -> Result<(), StoreError> {
        for subject in subjects {
            self.use_subject(subject)?;
        }
        self.read_subjects()?;
        self.state.registered = Some(subjects.iter().cloned().collect());
        Ok(())
    }

    fn read_subjects(&mut self) -> Result<(), StoreError> {
        let types = read_subjects(self.connection)?;
        self.state.awaited.store(Arc::new(types));
        Ok(())
    }

    /// Deletes subjects that neither the rules in use nor waiters name.
    pub fn delete_unused_subjects(&mut self) -> Result<(), StoreError> {
        let Some(registered) = &self.state.registered else {
            return Ok(());
        };
        let unused: Vec<i64> = {
            let mut statement = self.connection.prepare_cached(
                "SELECT id, source, type, path FROM awaited WHERE used < ?1
                     AND NOT EXISTS (SELECT 1 FROM waiters WHERE subject = awaited.id)",
            )?;
            let until = micros(self.now() - KEEP_UNUSED);
            let rows = statement.query_map([until], subject_row)?;
            let rows = rows.collect::<Result<Vec<_>, _>>()?;
            let unused = rows.into_iter();
            let unused = unused.filter(|(_, subject)| !registered.contains(subject));
            unused.map(|(row, _)| row).collect()
        };
        if unused.is_empty() {
            return Ok(());
        }
        for row in unused {
            let sql = "DELETE FROM awaited WHERE id = ?1";
            self.connection.prepare_cached(sql)?.execute([row])?;
        }
        self.read_subjects()
    }
}

/// The subjects that the rules in use name.
pub type RegisteredSubjects = HashSet<AwaitedSubject>;

/// All rows of the table.
pub fn read_subjects(connection: &Connection) -> rusqlite::Result<AwaitedTypes> {
    let mut statement =
        connection.prepare_cached("SELECT id, source, type, path FROM awaited ORDER BY id")?;
    let rows = statement.query_map([], subject_row)?;
    Ok(AwaitedTypes::new(rows.collect::<Result<Vec<_>, _>>()?))
}

fn subject_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<(i64, AwaitedSubject)> {
    Ok((
        row.get(0)?,
        AwaitedSubject {
            source: row.get(1)?,
            event_type: row.get(2)?,
            path: row.get(3)?,
        },
    ))
}
