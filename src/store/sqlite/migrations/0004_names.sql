-- Tables, columns, indexes and one value get the terms of the glossary. No row is lost or added.

ALTER TABLE charges RENAME TO gate_admissions;
DROP INDEX charges_by_run;
DROP INDEX charges_until;
DROP INDEX charges_of_loops;
CREATE INDEX gate_admissions_by_run ON gate_admissions (run);
CREATE INDEX gate_admissions_until ON gate_admissions (until);
-- Which run wrote last about a ticket: `value` is the source and the key, and `queue` is 0 for replays,
-- which count in no rate.
CREATE INDEX gate_admissions_of_loop_guard ON gate_admissions (value, at, run)
    WHERE gate = 'loop_guard';

ALTER TABLE lines RENAME TO log_entries;
ALTER TABLE log_entries RENAME COLUMN try TO attempt;
-- `runs retry` queued the run again.
UPDATE log_entries SET kind = 'retried' WHERE kind = 'revived';

ALTER TABLE editions RENAME TO revisions;
ALTER TABLE events RENAME COLUMN edition TO revision;
ALTER TABLE events RENAME COLUMN last_came TO last_received;
DROP INDEX events_by_edition;
CREATE INDEX events_by_revision ON events (revision);

-- The order of a run within its queue.
ALTER TABLE runs RENAME COLUMN turn TO position;

-- The rule's name if its document defines several, and the named flows that it includes.
ALTER TABLE rules RENAME COLUMN picked TO rule_name;
ALTER TABLE rules RENAME COLUMN parts TO included;
