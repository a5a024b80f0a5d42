-- Rejected requests, repeats whose body differed, and the times at which revisions came into force.

-- The newest rejected requests, without headers and bodies.
CREATE TABLE deliveries (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    received INTEGER NOT NULL,
    -- The source at its path, if there is one.
    source   TEXT,
    method   TEXT NOT NULL,
    path     TEXT NOT NULL,
    peer     TEXT,
    reason   TEXT NOT NULL,
    status   INTEGER NOT NULL,
    -- Bytes of the body, if the sender announced them.
    size     INTEGER,
    detail   TEXT NOT NULL,
    -- Rejected requests just before this one that were not kept, because there were too many.
    omitted  INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX deliveries_by_time ON deliveries (received);

-- How often the event was redelivered with another body.
ALTER TABLE events ADD COLUMN differed INTEGER NOT NULL DEFAULT 0;

-- When a revision came into force: with every start and every reload.
CREATE TABLE activations (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    revision INTEGER NOT NULL,
    at       INTEGER NOT NULL
);
CREATE INDEX activations_by_revision ON activations (revision, at);
INSERT INTO activations (revision, at) SELECT id, since FROM revisions ORDER BY since, id;
