-- Replays of archived events: which replay planned a run, and what retention has deleted of an event.

-- The replay that planned the run; it plans no second run of the same event and rule.
ALTER TABLE runs ADD COLUMN replay INTEGER;
CREATE INDEX runs_by_replay ON runs (replay, id) WHERE replay IS NOT NULL;

-- 1 if the event led to runs that retention has deleted.
ALTER TABLE events ADD COLUMN had_runs INTEGER NOT NULL DEFAULT 0;
-- The highest generation of the deleted runs, so that no key is used again.
ALTER TABLE events ADD COLUMN last_generation INTEGER NOT NULL DEFAULT 0;
-- Events that led to runs, in the order of their receipt. The others have an index already.
CREATE INDEX events_matched ON events (received) WHERE matched = 1;
