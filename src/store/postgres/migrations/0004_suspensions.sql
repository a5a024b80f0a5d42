-- What is suspended: paused by a person, or a receiver that is down. `content` is JSON with a version.
CREATE TABLE suspensions (
    -- `everything`, `rule NAME`, `connection NAME` or `host NAME:PORT`.
    target  TEXT COLLATE "C" PRIMARY KEY,
    -- Another one after each change.
    version BIGINT NOT NULL,
    content TEXT NOT NULL
);
-- Runs that wait for the end of a suspension: `gate` has its target.
CREATE INDEX live_runs_parked ON live_runs (gate, position) WHERE state = 'retrying' AND gate IS NOT NULL;
-- What a pause or the end of a pause names; NULL for commands to runs and events.
ALTER TABLE commands ADD COLUMN target TEXT;
