//! The daemons that share a store, as data and JSON: who runs what, and whether all use the same rules.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::report::time_argument::seconds;
use crate::store::history::DaemonRow;

/// The daemons that are live, and whether they differ.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LiveDaemons {
    pub rows: Vec<DaemonRow>,
    /// The digest of the rules that most of them use; `None` if none has loaded rules.
    pub common_digest: Option<String>,
}

impl LiveDaemons {
    pub fn of(daemons: &[DaemonRow]) -> Self {
        let mut rows: Vec<DaemonRow> = daemons.iter().filter(|row| row.is_live).cloned().collect();
        rows.sort_by_key(|row| row.id);
        let mut uses: BTreeMap<&str, usize> = BTreeMap::new();
        for digest in rows.iter().filter_map(|row| row.digest.as_deref()) {
            *uses.entry(digest).or_default() += 1;
        }
        let common = uses.iter().max_by_key(|(_, uses)| **uses);
        let common_digest = common.map(|(digest, _)| (*digest).to_owned());
        Self {
            rows,
            common_digest,
        }
    }

    /// Whether a daemon uses other rules or another configuration than most.
    pub fn differs(&self, row: &DaemonRow) -> bool {
        row.digest != self.common_digest
    }

    /// How many daemons use other rules than most.
    pub fn differing(&self) -> usize {
        self.rows.iter().filter(|row| self.differs(row)).count()
    }

    /// How many versions of the program they are.
    pub fn versions(&self) -> usize {
        let mut versions: Vec<&str> = self.rows.iter().map(|row| row.version.as_str()).collect();
        versions.sort_unstable();
        versions.dedup();
        versions.len()
    }

    pub fn json(&self) -> Value {
        self.rows.iter().map(|row| self.row_json(row)).collect()
    }

    fn row_json(&self, row: &DaemonRow) -> Value {
        json!({
            "id": row.id,
            "host": row.host,
            "process": row.process,
            "address": row.address,
            "version": row.version,
            "since": seconds(row.since),
            "last_beat": seconds(row.beat),
            "revision": row.revision.map(|revision| revision.0),
            "digest": row.digest,
            "differs": self.differs(row),
            "reload_failed": row.reload_failed,
            "running": row.running,
        })
    }
}

#[cfg(test)]
pub mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::store::RevisionId;

    pub fn daemon(id: u64, digest: &str) -> DaemonRow {
        DaemonRow {
            id,
            host: format!("desk-{id}"),
            process: 100 + id,
            address: Some("10.0.0.7:8080".into()),
            version: "0.1.0".into(),
            since: Timestamp::UNIX_EPOCH,
            beat: Timestamp::UNIX_EPOCH,
            is_live: true,
            revision: Some(RevisionId(3)),
            digest: Some(digest.into()),
            reload_failed: false,
            running: 2,
        }
    }

    #[test]
    fn a_daemon_with_other_rules_is_marked() {
        let ended = DaemonRow {
            is_live: false,
            ..daemon(4, "cc")
        };
        let rows = [daemon(3, "aa"), ended, daemon(2, "bb"), daemon(1, "aa")];
        let live = LiveDaemons::of(&rows);
        let marked: Vec<(u64, bool)> = live
            .rows
            .iter()
            .map(|row| (row.id, live.differs(row)))
            .collect();
        assert_eq!(marked, [(1, false), (2, true), (3, false)]);
        assert_eq!((live.differing(), live.versions()), (1, 1));
        assert_eq!(live.json()[1]["differs"], true);
        assert_eq!(LiveDaemons::of(&[]).differing(), 0);
    }
}
