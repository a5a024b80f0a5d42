-- The entry under `sources` that received an event: ids are unique per entry. Earlier versions did not store it, so
-- that a known event counts as received at the entry with the name of its source.
ALTER TABLE events ADD COLUMN endpoint TEXT NOT NULL DEFAULT '';
UPDATE events SET endpoint = source;
