//! Times that wait for the clock, moved with it when it was set back.
//! It leaves alone what is history: when something came, began and ended stays as it was written.

use jiff::SignedDuration;
use rusqlite::params;

use super::ledger::Ledger;
use crate::store::StoreError;

impl Ledger<'_> {
    pub fn shift(&mut self, by: SignedDuration) -> Result<(), StoreError> {
        let by = i64::try_from(by.as_micros()).expect("no clock is set back by ages");
        self.connection
            .execute("UPDATE runs SET due = due + ?1 WHERE due IS NOT NULL", [by])?;
        self.connection.execute(
            "UPDATE windows SET opened = opened + ?1 WHERE open = 1",
            [by],
        )?;
        self.connection.execute(
            "UPDATE charges SET at = at + ?1, until = until + ?1",
            params![by],
        )?;
        Ok(())
    }
}
