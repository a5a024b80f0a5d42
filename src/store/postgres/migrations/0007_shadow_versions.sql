-- Runs of a rule and of its shadow version: 1 if the other rule matched the event too, 0 if it did not; NULL for all other
-- runs.
ALTER TABLE live_runs ADD COLUMN counterpart BIGINT;
ALTER TABLE ended_runs ADD COLUMN counterpart BIGINT;
CREATE OR REPLACE VIEW runs AS
    SELECT id, event, rule, queue, generation, lane, state, why, gate, error, asks, planned, changed, position, ready, due,
        suspect, crashes, depth, cause, actors, gathering, attempts, failed, writes, replay, day, event_day, daemon, claim,
        reported_by, counterpart
    FROM live_runs
    UNION ALL
    SELECT id, event, rule, queue, generation, lane, state, why, gate, error, asks, planned, changed, position, ready, due,
        suspect, crashes, depth, cause, actors, gathering, attempts, failed, writes, replay, day, event_day,
        NULL::bigint AS daemon, NULL::bigint AS claim, reported_by, counterpart
    FROM ended_runs;
