-- Notices by `on_dead` and `on_outage`: how long a cause is not reported again, and which run reported a dead one.
CREATE TABLE notices (
    -- The queue of the rule whose runs died; 0 for a receiver that fails.
    queue   BIGINT NOT NULL,
    -- A hash of the reason without what differs from run to run, or of the receiver.
    cause   TEXT COLLATE "C" NOT NULL,
    -- Until then, no further run reports the cause at once.
    until   BIGINT NOT NULL,
    -- The run that waits for that time, and reports what happened until then.
    summary BIGINT,
    PRIMARY KEY (queue, cause)
);
CREATE INDEX notices_until ON notices (until);

-- The run that reports that this one is dead, or held by the loop guard.
ALTER TABLE live_runs ADD COLUMN reported_by BIGINT;
ALTER TABLE ended_runs ADD COLUMN reported_by BIGINT;
CREATE OR REPLACE VIEW runs AS
    SELECT id, event, rule, queue, generation, lane, state, why, gate, error, asks, planned, changed, position, ready, due,
        suspect, crashes, depth, cause, actors, gathering, attempts, failed, writes, replay, day, event_day, daemon, claim,
        reported_by
    FROM live_runs
    UNION ALL
    SELECT id, event, rule, queue, generation, lane, state, why, gate, error, asks, planned, changed, position, ready, due,
        suspect, crashes, depth, cause, actors, gathering, attempts, failed, writes, replay, day, event_day,
        NULL::bigint AS daemon, NULL::bigint AS claim, reported_by
    FROM ended_runs;
