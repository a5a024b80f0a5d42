-- Runs of a rule and of its shadow version: 1 if the other rule matched the event too, 0 if it did not; NULL for all other
-- runs.
ALTER TABLE runs ADD COLUMN counterpart INTEGER;
