//! The statements that find runs to claim.

use crate::store::postgres::load::live;
use crate::store::postgres::shared::NOW;
use crate::store::postgres::subjects::VERSION;

/// The lease of this daemon, which cannot end before the transaction does.
pub const LEASE: &str = "SELECT 1::bigint FROM daemons WHERE id = $1 AND live = 1 FOR SHARE";

/// The clock, whether there are suspects, when the first run is due, the last position that was drawn, and the version of what
/// runs wait for.
pub fn outlook() -> String {
    format!(
        "SELECT ({NOW}), (SELECT count(*) FROM (SELECT 1 FROM live_runs WHERE suspect = 1 LIMIT 1) AS suspects),
             (SELECT due FROM live_runs WHERE due IS NOT NULL ORDER BY due LIMIT 1), (SELECT last_value FROM positions),
             {VERSION}"
    )
}

/// The queues with ready runs, from the one after `$1` on and around, at most `$2`; of each the first runs, within what its rule
/// may still have here. `$3` has queues with runs of this daemon, `$4` how many; `$5` is the limit of one rule,
/// `$6` the position at which the search begins.
pub fn candidates() -> String {
    format!(
        "WITH RECURSIVE after(queue, number) AS (
             (SELECT queue, 1 FROM live_runs WHERE ready = 1 AND position >= $6 AND queue > $1 ORDER BY queue LIMIT 1)
             UNION ALL SELECT next.queue, after.number + 1 FROM after CROSS JOIN LATERAL (
                 SELECT queue FROM live_runs WHERE ready = 1 AND position >= $6 AND queue > after.queue ORDER BY queue LIMIT 1) AS next
             WHERE after.number < $2),
         around(queue, number) AS (
             (SELECT queue, 1 FROM live_runs WHERE ready = 1 AND position >= $6 AND queue <= $1 ORDER BY queue LIMIT 1)
             UNION ALL SELECT next.queue, around.number + 1 FROM around CROSS JOIN LATERAL (
                 SELECT queue FROM live_runs WHERE ready = 1 AND position >= $6 AND queue > around.queue AND queue <= $1
                 ORDER BY queue LIMIT 1) AS next
             WHERE around.number < $2),
         served AS (SELECT found.queue, $5 - coalesce(busy.count, 0) AS room
             FROM (SELECT queue FROM after UNION ALL SELECT queue FROM around LIMIT $2) AS found
             LEFT JOIN unnest($3::bigint[], $4::bigint[]) AS busy(queue, count) ON busy.queue = found.queue
             WHERE coalesce(busy.count, 0) < $5)
         SELECT {} FROM served CROSS JOIN LATERAL (
             SELECT * FROM live_runs WHERE queue = served.queue AND ready = 1 AND suspect = 0 AND position >= $6 ORDER BY position
             LIMIT least(served.room, (SELECT ($2 + count(*) - 1) / greatest(count(*), 1) FROM served))
             FOR UPDATE SKIP LOCKED) AS run",
        live("run.")
    )
}

pub fn one_suspect() -> String {
    format!(
        "SELECT {} FROM live_runs WHERE suspect = 1 AND ready = 1 ORDER BY position LIMIT 1 FOR UPDATE SKIP LOCKED",
        live("")
    )
}
