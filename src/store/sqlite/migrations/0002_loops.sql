-- Where a run stands in a chain of our own actions.

-- How many times in a row an event followed from our own action.
ALTER TABLE runs ADD COLUMN depth INTEGER NOT NULL DEFAULT 0;
-- The run that caused the event; at depth 0 one that only may have.
ALTER TABLE runs ADD COLUMN cause INTEGER;
-- Whom it writes as, a JSON list; NULL where it writes as nobody known, or nothing.
ALTER TABLE runs ADD COLUMN actors TEXT;

-- What wrote something about a ticket last: `value` is the source and the key, and `queue` is 0 for
-- replays, which count in no rate.
CREATE INDEX charges_of_loops ON charges (value, at, run) WHERE gate = 'loop_guard';
