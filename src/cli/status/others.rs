//! The table of the daemons that share a store.

use std::io::Write;

use super::StatusAnswer;
use crate::report::error::CommandError;
use crate::report::output::Output;
use crate::report::render::color::Tone;
use crate::report::render::escape::plain;
use crate::report::render::table::Table;
use crate::report::time_argument::seconds;
use crate::store::history::DaemonRow;
use crate::store::short_digest;

impl StatusAnswer {
    /// The daemons that share the store.
    pub(super) fn others(&self, out: &mut Output) -> Result<(), CommandError> {
        if self.stored.daemons.rows.is_empty() {
            return Ok(());
        }
        writeln!(out)?;
        let mut table = Table::default();
        table.row([
            "DAEMON",
            "HOST",
            "PROCESS",
            "ADDRESS",
            "VERSION",
            "SINCE",
            "LAST BEAT",
            "RULES",
            "RUNNING",
        ]);
        for row in &self.stored.daemons.rows {
            let cells = cells(row);
            let differs = self.stored.daemons.differs(row);
            match differs || row.reload_failed {
                true => table.row_in(Tone::Red, cells),
                false => table.row(cells),
            }
            if differs {
                table.note("  uses other rules or another configuration than most");
            }
            if row.reload_failed {
                table.note(
                    "  its last reload failed, as its log says: its previous rules stay in use",
                );
            }
        }
        table.write(out)?;
        if self.daemon.is_none() && self.silent.is_none() {
            writeln!(
                out,
                "\nno daemon runs on this data folder; {} the database",
                match self.stored.daemons.rows.len() {
                    1 => "1 daemon uses".to_owned(),
                    count => format!("{count} daemons use"),
                }
            )?;
        }
        if self.stored.daemons.differing() > 0 {
            writeln!(
                out,
                "\nthe daemons differ in their rules or configuration: {} of {}; load the same files on all, or let all use pushed rules (`store: {{ rules: pushed }}`)",
                self.stored.daemons.differing(),
                self.stored.daemons.rows.len()
            )?;
        }
        if self.stored.daemons.versions() > 1 {
            writeln!(
                out,
                "the daemons are of {} versions",
                self.stored.daemons.versions()
            )?;
        }
        Ok(())
    }
}

fn cells(row: &DaemonRow) -> [String; 9] {
    [
        row.id.to_string(),
        plain(&row.host).into_owned(),
        row.process.to_string(),
        row.address.clone().unwrap_or_default(),
        row.version.clone(),
        seconds(row.since),
        seconds(row.beat),
        row.digest
            .as_deref()
            .map_or("none", short_digest)
            .to_owned(),
        row.running.to_string(),
    ]
}
