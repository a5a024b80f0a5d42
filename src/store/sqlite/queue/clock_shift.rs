//! Moves the times that are still to come when the clock was set back. Recorded times stay as they are.

use jiff::SignedDuration;

use crate::store::StoreError;
use crate::store::sqlite::transaction::WriteTransaction;

impl WriteTransaction<'_> {
    pub fn shift_clock(&mut self, by: SignedDuration) -> Result<(), StoreError> {
        if let Some(since) = &mut self.state.receiving_since {
            *since = since.checked_add(by).unwrap_or(*since);
        }
        let by = i64::try_from(by.as_micros()).expect("the shift is shorter than 292,000 years");
        for sql in [
            "UPDATE runs SET due = due + ?1 WHERE due IS NOT NULL",
            "UPDATE windows SET opened = opened + ?1 WHERE open = 1",
            "UPDATE notices SET until = until + ?1",
            "UPDATE gate_admissions SET at = at + ?1, until = until + ?1",
            "UPDATE waiters SET deadline = deadline + ?1 WHERE deadline IS NOT NULL AND closed IS NULL",
            "UPDATE OR REPLACE untraced_runs SET ended = ended + ?1",
        ] {
            self.connection.execute(sql, [by])?;
        }
        Ok(())
    }
}
