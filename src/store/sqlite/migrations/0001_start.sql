-- Everything that came, everything that was done for it, and the rules of the time.
-- Times are microseconds since 1970, in UTC. What is JSON carries a version of its own.

-- Facts about the file: up to where retention came, by what it deletes.
CREATE TABLE facts (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) WITHOUT ROWID;

-- Texts of rule files and configurations, each kept once.
CREATE TABLE texts (
    id     INTEGER PRIMARY KEY,
    digest BLOB NOT NULL UNIQUE,
    text   TEXT NOT NULL
);

-- Configurations as they were written, with the variables that lay over them (a JSON object).
CREATE TABLE configs (
    id          INTEGER PRIMARY KEY,
    digest      BLOB NOT NULL UNIQUE,
    file        TEXT NOT NULL,
    text        INTEGER NOT NULL REFERENCES texts,
    environment TEXT NOT NULL
);

-- All rules and the configuration of one time: `files` is a JSON list of [name, text id].
CREATE TABLE editions (
    id     INTEGER PRIMARY KEY,
    digest BLOB NOT NULL UNIQUE,
    config INTEGER NOT NULL REFERENCES configs,
    files  TEXT NOT NULL,
    since  INTEGER NOT NULL
);

-- Versions of rules that runs were planned with; the document's text is enough to compile it again.
CREATE TABLE rules (
    id       INTEGER PRIMARY KEY,
    digest   BLOB NOT NULL UNIQUE,
    name     TEXT NOT NULL,
    file     TEXT NOT NULL,
    line     INTEGER NOT NULL,
    document TEXT NOT NULL,
    config   INTEGER NOT NULL REFERENCES configs
);

CREATE TABLE events (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    source      TEXT NOT NULL,
    type        TEXT NOT NULL,
    event_id    TEXT NOT NULL,
    key         TEXT,
    received    INTEGER NOT NULL,
    edition     INTEGER NOT NULL,
    -- 1 where it led to runs: then a repeat of it is a redelivery.
    matched     INTEGER NOT NULL,
    -- How often it came again, and when last.
    redelivered INTEGER NOT NULL DEFAULT 0,
    last_came   INTEGER,
    -- Bytes of the body.
    size        INTEGER NOT NULL,
    -- The whole event as JSON.
    body        TEXT NOT NULL
);
CREATE INDEX events_by_id ON events (event_id);
CREATE INDEX events_by_key ON events (key, received);
CREATE INDEX events_unmatched ON events (received, size) WHERE matched = 0;
CREATE INDEX events_by_edition ON events (edition);

-- Names of rules, small enough to be indexed with every run.
CREATE TABLE queues (
    id   INTEGER PRIMARY KEY,
    rule TEXT NOT NULL UNIQUE
);

-- A lane is there while a run owns it.
CREATE TABLE lanes (
    queue INTEGER NOT NULL,
    value TEXT NOT NULL,
    owner INTEGER NOT NULL,
    PRIMARY KEY (queue, value)
) WITHOUT ROWID;

CREATE TABLE runs (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    event      INTEGER NOT NULL REFERENCES events,
    rule       INTEGER NOT NULL REFERENCES rules,
    queue      INTEGER NOT NULL REFERENCES queues,
    generation INTEGER NOT NULL,
    -- What the run waits for others by; NULL waits for none.
    lane       TEXT,
    state      TEXT NOT NULL,
    why        TEXT,
    -- The gate, where one is closed.
    gate       TEXT,
    -- `error.…` as JSON, where the run tells of another one's death.
    error      TEXT,
    -- What its gates were asked, as JSON, so that a `dedupe` can be given back.
    asks       TEXT,
    -- When it was planned, and when its state changed last.
    planned    INTEGER NOT NULL,
    changed    INTEGER NOT NULL,
    -- Its turn: the order within its queue. A revived run gets a new one.
    turn       INTEGER NOT NULL,
    -- 1: may start now. 0: waits behind another run of its lane. NULL: neither.
    ready      INTEGER,
    -- When a retrying run may start.
    due        INTEGER,
    -- 1 while it was under way when the program ended without a word.
    suspect    INTEGER NOT NULL DEFAULT 0,
    -- How often the program ended while this run alone was under way.
    crashes    INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX runs_by_event ON runs (event);
CREATE INDEX runs_by_rule ON runs (rule);
CREATE INDEX runs_ready ON runs (queue, turn) WHERE ready = 1;
CREATE INDEX runs_behind ON runs (queue, lane, turn) WHERE ready = 0;
CREATE INDEX runs_due ON runs (due) WHERE due IS NOT NULL;
CREATE INDEX runs_by_state ON runs (state, id);
CREATE INDEX runs_suspect ON runs (turn) WHERE suspect = 1;
-- What can be deleted one day.
CREATE INDEX runs_over ON runs (changed)
    WHERE state IN ('done', 'skipped', 'shadow', 'suppressed', 'dead', 'cancelled');

-- Lines of logs, in order.
CREATE TABLE lines (
    run     INTEGER NOT NULL REFERENCES runs,
    number  INTEGER NOT NULL,
    -- `started`, `attempt`, `revived`.
    kind    TEXT NOT NULL,
    step    TEXT,
    try     INTEGER,
    at      INTEGER NOT NULL,
    -- Of an attempt: how long it took in microseconds, `succeeded` or `failed`, and what came of it.
    took    INTEGER,
    outcome TEXT,
    detail  TEXT,
    PRIMARY KEY (run, number)
) WITHOUT ROWID;

-- Runs that count at a gate, until when.
CREATE TABLE charges (
    queue INTEGER NOT NULL,
    gate  TEXT NOT NULL,
    value TEXT NOT NULL,
    at    INTEGER NOT NULL,
    run   INTEGER NOT NULL,
    until INTEGER NOT NULL,
    PRIMARY KEY (queue, gate, value, at, run)
) WITHOUT ROWID;
CREATE INDEX charges_by_run ON charges (run);
CREATE INDEX charges_until ON charges (until);
