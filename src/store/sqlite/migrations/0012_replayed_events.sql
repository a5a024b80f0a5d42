-- 1 if the event matched no rule when it was received, and a replay has planned runs for it since.
ALTER TABLE events ADD COLUMN received_unmatched INTEGER NOT NULL DEFAULT 0;
CREATE INDEX events_replayed ON events (received_unmatched, received) WHERE received_unmatched = 1;
