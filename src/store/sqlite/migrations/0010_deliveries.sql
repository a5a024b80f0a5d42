-- Accepted requests beside the rejected ones, and the request that delivered an event.

-- The entry under `sources` at the path. Earlier versions stored its name as the source.
ALTER TABLE deliveries ADD COLUMN endpoint TEXT;
UPDATE deliveries SET endpoint = source;
-- 1 for an accepted request: then `reason` and `detail` are empty, and the other columns have its events.
ALTER TABLE deliveries ADD COLUMN accepted INTEGER NOT NULL DEFAULT 0;
ALTER TABLE deliveries ADD COLUMN events INTEGER;
ALTER TABLE deliveries ADD COLUMN matched INTEGER;
ALTER TABLE deliveries ADD COLUMN redelivered INTEGER;
ALTER TABLE deliveries ADD COLUMN first_event TEXT;
-- `omitted` counts requests like this one that followed; this is when the last of them was received. Earlier
-- versions counted those before it, and stored no time.
ALTER TABLE deliveries ADD COLUMN omitted_until INTEGER;
CREATE INDEX deliveries_by_kind ON deliveries (accepted, id);

-- The request that delivered the event, and the position in its array, from 0. A row that was received at another
-- time is another request: an id that was not written before a crash is given again.
ALTER TABLE events ADD COLUMN delivery INTEGER;
ALTER TABLE events ADD COLUMN delivery_index INTEGER;
