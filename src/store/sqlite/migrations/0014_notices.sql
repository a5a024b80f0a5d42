-- Notices by `on_dead` and `on_outage`: how long a cause is not reported again, and which run reported a dead one.

CREATE TABLE notices (
    -- The queue of the rule whose runs died; 0 for a receiver that fails.
    queue   INTEGER NOT NULL,
    -- A hash of the reason without what differs from run to run, or of the receiver.
    cause   TEXT NOT NULL,
    -- Until then, no further run reports the cause at once.
    until   INTEGER NOT NULL,
    -- The run that waits for that time, and reports what happened until then.
    summary INTEGER,
    PRIMARY KEY (queue, cause)
) WITHOUT ROWID;

-- The run that reports that this one is dead, or held by the loop guard.
ALTER TABLE runs ADD COLUMN reported_by INTEGER;
