//! The tables that a move reads and writes: their columns in both databases, and which of their rows belong to which part.

use crate::store::postgres::cell::{
    AWAITED, CONFIGS, COUNTED_EVENTS, COUNTED_VALUES, Cell, CellType, Cells, Column,
    GATE_ADMISSIONS, GATHERED, INBOX, LANES, LOG_ENTRIES, NOTICES, QUEUES, RECENT_EVENTS, RULES,
    RUNS, TEXTS, TableColumns, UNTRACED_RUNS, WAITERS, WINDOWS,
};
use crate::store::postgres::schema::day_of;

/// A table of the source whose rows go to a table of the target.
pub struct MovedTable {
    /// The kind of its rows in the report.
    pub kind: &'static str,
    pub table: &'static TableColumns,
    /// The name in Postgres.
    pub target: &'static str,
    /// The condition on rows; `t` is the table. Rows of everything without one.
    pub rows: &'static str,
    /// Values of the columns in `more`: SQL expressions over `t`.
    pub values: &'static [&'static str],
    pub more: &'static [MoreColumn],
}

/// A column that only Postgres has, and how its value is made from the one that was read.
#[derive(Clone, Copy)]
pub struct MoreColumn {
    pub name: &'static str,
    pub kind: MoreKind,
}

#[derive(Clone, Copy)]
pub enum MoreKind {
    /// The day of a time in microseconds.
    Day,
    /// The number itself.
    Number,
}

impl MoreColumn {
    pub fn value(self, read: &Cell) -> i64 {
        let number = read.int().unwrap_or_default();
        match self.kind {
            MoreKind::Day => day_of(number),
            MoreKind::Number => number,
        }
    }
}

const DAY: &[MoreColumn] = &[MoreColumn {
    name: "day",
    kind: MoreKind::Day,
}];

const RUN_DAYS: &[MoreColumn] = &[
    MoreColumn {
        name: "day",
        kind: MoreKind::Day,
    },
    MoreColumn {
        name: "event_day",
        kind: MoreKind::Day,
    },
];

const DAEMON: &[MoreColumn] = &[MoreColumn {
    name: "daemon",
    kind: MoreKind::Number,
}];

macro_rules! columns {
    ($id:ident, $name:literal, $key:literal, [$($cell:ident $column:literal),* $(,)?]) => {
        static $id: TableColumns = TableColumns {
            name: $name,
            key: $key,
            columns: &[$(Column { name: $column, cell: CellType::$cell }),*],
        };
    };
}

columns!(REVISIONS, "revisions", 1, [Int "id", Blob "digest", Int "config", Text "files", Int "since"]);
columns!(ACTIVATIONS, "activations", 1, [Int "id", Int "revision", Int "at"]);
columns!(SETTINGS, "settings", 2, [Text "integration", Text "scope", Text "value"]);
columns!(SEEN, "events", 1, [Text "endpoint", Text "event_id", Int "id"]);
columns!(REQUEST_URLS, "request_urls", 1, [Int "id", Text "url"]);
columns!(RECEIVERS, "receivers", 1, [Int "id", Text "origin"]);
columns!(MINUTES, "minutes", 1, [Int "minute", Text "content"]);
columns!(EXCHANGES, "exchanges", 1, [
    Int "id", Int "run", Text "step", Int "attempt", Int "started", Text "method", Int "url", Int "size",
    Text "content", Int "receiver", Int "took", Int "failed", Int "status",
]);
columns!(DELIVERIES, "deliveries", 1, [
    Int "id", Int "received", Text "source", Text "method", Text "path", Text "peer", Text "reason", Int "status",
    Int "size", Text "detail", Int "omitted", Text "endpoint", Int "accepted", Int "events", Int "matched",
    Int "redelivered", Text "first_event", Int "omitted_until", Int "differed",
]);
columns!(COMMANDS, "commands", 1, [
    Int "id", Int "at", Text "command", Int "run", Int "event", Text "name", Text "origin", Text "note", Text "runs",
    Text "rejected", Text "target",
]);
columns!(TICKS, "ticks", 1, [Text "rule", Text "expression", Int "last"]);
columns!(ANSWER_KEYS, "answer_keys", 1, [Int "id", Blob "key"]);
columns!(SUSPENSIONS, "suspensions", 1, [Text "target", Int "version", Text "content"]);
// Events without the column that says in which table of Postgres they are.
columns!(STORED_EVENTS, "events", 1, [
    Int "id", Text "source", Text "type", Text "event_id", Text "key", Int "received", Int "revision",
    Int "redelivered", Int "last_received", Int "size", Text "body", Text "endpoint", Int "differed", Int "had_runs",
    Int "last_generation", Int "delivery", Int "delivery_index", Int "received_unmatched", Int "awaited",
]);

/// States of runs that are unfinished, or that a person may continue: they are moved once, and never again.
pub const KEPT_STATES: &str =
    "('queued', 'running', 'retrying', 'waiting', 'debouncing', 'held', 'dead', 'cancelled')";

/// States of runs that Postgres keeps in `live_runs`.
const LIVE_RUNS: &str =
    "t.id IN moved_runs AND t.state IN ('queued', 'running', 'retrying', 'waiting', 'debouncing')";
const ENDED_RUNS: &str = "t.id IN moved_runs AND t.state NOT IN ('queued', 'running', 'retrying', 'waiting', 'debouncing')";

const RECEIVED: &[&str] = &["t.received"];
const RUN_TIMES: &[&str] = &[
    "t.planned",
    "coalesce((SELECT e.received FROM events e WHERE e.id = t.event), t.planned)",
];
const RUN_TIME: &[&str] = &["(SELECT r.planned FROM runs r WHERE r.id = t.run)"];
const ADMITTED: &[&str] = &["coalesce((SELECT r.planned FROM runs r WHERE r.id = t.run), t.at)"];

const fn whole(kind: &'static str, table: &'static TableColumns) -> MovedTable {
    MovedTable {
        kind,
        table,
        target: table.name,
        rows: "1",
        values: &[],
        more: &[],
    }
}

const fn part(kind: &'static str, table: &'static TableColumns, rows: &'static str) -> MovedTable {
    MovedTable {
        rows,
        ..whole(kind, table)
    }
}

/// What decides about the future: rules, settings, gates, unfinished runs with what they read, and the events by
/// which a redelivery is recognised. `moved_runs` and `moved_events` are temporary tables of the source.
pub const ESSENTIAL: &[MovedTable] = &[
    whole("texts of rules", &TEXTS),
    whole("configurations", &CONFIGS),
    whole("revisions", &REVISIONS),
    whole("activations", &ACTIVATIONS),
    whole("rules", &RULES),
    whole("names of rules", &QUEUES),
    whole("settings", &SETTINGS),
    whole("suspensions", &SUSPENSIONS),
    whole("ticks", &TICKS),
    whole("keys of answer links", &ANSWER_KEYS),
    MovedTable {
        target: "matched_events",
        values: RECEIVED,
        more: DAY,
        ..part(
            "events",
            &STORED_EVENTS,
            "t.matched = 1 AND t.id IN moved_events",
        )
    },
    // An event of a window or a held run that counts as unmatched.
    MovedTable {
        target: "unmatched_events",
        values: RECEIVED,
        more: DAY,
        ..part(
            "events",
            &STORED_EVENTS,
            "t.matched = 0 AND t.id IN moved_events",
        )
    },
    MovedTable {
        target: "seen",
        values: RECEIVED,
        more: DAY,
        ..part("event ids", &SEEN, "t.matched = 1 AND t.id IN moved_events")
    },
    MovedTable {
        target: "live_runs",
        values: RUN_TIMES,
        more: RUN_DAYS,
        ..part("runs", &RUNS, LIVE_RUNS)
    },
    MovedTable {
        target: "ended_runs",
        values: RUN_TIMES,
        more: RUN_DAYS,
        ..part("runs", &RUNS, ENDED_RUNS)
    },
    MovedTable {
        values: RUN_TIME,
        more: DAY,
        ..part("log entries", &LOG_ENTRIES, "t.run IN moved_runs")
    },
    part("lanes", &LANES, "t.owner IN moved_runs"),
    MovedTable {
        values: ADMITTED,
        more: DAY,
        ..part("gate admissions", &GATE_ADMISSIONS, "t.run IN moved_runs")
    },
    part("windows", &WINDOWS, "t.id IN moved_windows"),
    part("gathered events", &GATHERED, "t.gathering IN moved_windows"),
    part("counted events", &COUNTED_EVENTS, "t.run IN moved_runs"),
    whole("counted values", &COUNTED_VALUES),
    whole("notices", &NOTICES),
    whole("awaited event types", &AWAITED),
    part("awaited events of runs", &WAITERS, "t.run IN moved_runs"),
    part("decided waits", &INBOX, "t.run IN moved_runs"),
    whole("recent events", &RECENT_EVENTS),
    // No daemon has this id, so that the first one exports them.
    MovedTable {
        values: &["0"],
        more: DAEMON,
        ..part("traces to export", &UNTRACED_RUNS, "t.run IN moved_runs")
    },
];

/// Everything else. What is in the target is left as it is.
pub const HISTORY: &[MovedTable] = &[
    MovedTable {
        target: "matched_events",
        values: RECEIVED,
        more: DAY,
        ..part("events", &STORED_EVENTS, "t.matched = 1")
    },
    MovedTable {
        target: "seen",
        values: RECEIVED,
        more: DAY,
        ..part("event ids", &SEEN, "t.matched = 1 OR t.awaited = 1")
    },
    MovedTable {
        target: "unmatched_events",
        values: RECEIVED,
        more: DAY,
        ..part("events", &STORED_EVENTS, "t.matched = 0")
    },
    MovedTable {
        target: "ended_runs",
        values: RUN_TIMES,
        more: RUN_DAYS,
        ..part(
            "runs",
            &RUNS,
            "t.state NOT IN ('queued', 'running', 'retrying', 'waiting', 'debouncing', 'held', 'dead', 'cancelled')",
        )
    },
    MovedTable {
        values: RUN_TIME,
        more: DAY,
        ..part(
            "log entries",
            &LOG_ENTRIES,
            "t.run IN (SELECT id FROM runs)",
        )
    },
    MovedTable {
        values: ADMITTED,
        more: DAY,
        ..part(
            "gate admissions",
            &GATE_ADMISSIONS,
            "t.run NOT IN moved_runs",
        )
    },
    part(
        "windows",
        &WINDOWS,
        "t.open = 0 AND t.id NOT IN moved_windows",
    ),
    part(
        "gathered events",
        &GATHERED,
        "t.gathering NOT IN moved_windows",
    ),
    part(
        "awaited events of runs",
        &WAITERS,
        "t.run NOT IN moved_runs",
    ),
    part("decided waits", &INBOX, "t.run NOT IN moved_runs"),
    whole("request addresses", &REQUEST_URLS),
    whole("receivers", &RECEIVERS),
    MovedTable {
        values: &["t.started"],
        more: DAY,
        ..whole("exchanges", &EXCHANGES)
    },
    whole("deliveries", &DELIVERIES),
    whole("commands", &COMMANDS),
    MovedTable {
        values: &["0"],
        more: DAEMON,
        ..whole("minutes", &MINUTES)
    },
];

impl MovedTable {
    /// The columns that the statement of the target names, in the order of the values.
    pub fn target_columns(&self) -> String {
        let names = self.table.columns.iter().map(|column| match self.target {
            // The event's id has another name there.
            "seen" if column.name == "id" => "event",
            _ => column.name,
        });
        let more = self.more.iter().map(|column| column.name);
        names.chain(more).collect::<Vec<_>>().join(", ")
    }

    /// The statement that reads its rows in the order of the key, from a value of the first key column on if that is a
    /// number.
    pub fn select(&self) -> String {
        let mut columns = self.table.list("t.");
        for value in self.values {
            columns.push_str(", ");
            columns.push_str(value);
        }
        let key: Vec<&str> = self.keys().collect();
        let from = match self.position() {
            Some(column) => format!("t.{column} >= ?1"),
            None => "?1 IS NOT NULL".to_owned(),
        };
        format!(
            "SELECT {columns} FROM {} t WHERE ({}) AND {from} ORDER BY {}",
            self.table.name,
            self.rows,
            key.join(", ")
        )
    }

    /// The column by which an interrupted move continues; `None` for small tables with other keys.
    pub fn position(&self) -> Option<&'static str> {
        self.keys_columns()
            .first()
            .filter(|column| column.cell == CellType::Int)
            .map(|column| column.name)
    }

    /// The value of that column in a row.
    pub fn position_of(&self, row: &Cells) -> Option<i64> {
        let name = self.position()?;
        row[self.table.index(name)].int()
    }

    fn keys(&self) -> impl Iterator<Item = &'static str> {
        self.keys_columns().iter().map(|column| column.name)
    }

    /// `seen` is read by the id of the event, which is its last column.
    fn keys_columns(&self) -> &'static [Column] {
        match self.target {
            "seen" => &self.table.columns[2..],
            _ => &self.table.columns[..self.table.key],
        }
    }
}
