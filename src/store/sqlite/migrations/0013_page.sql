-- What the web page reads: numbers by minute, receivers of requests, commands that people gave, and indexes for lists.

-- The numbers of one minute as JSON with a version. The key counts minutes since 1970, in UTC.
CREATE TABLE minutes (
    minute  INTEGER PRIMARY KEY,
    content TEXT NOT NULL
);

-- Events of a type or an entry by the time of their receipt, those with runs and those without apart.
CREATE INDEX events_by_type ON events (type, matched, received);
CREATE INDEX events_by_endpoint ON events (endpoint, matched, received);
CREATE INDEX events_redelivered ON events (received) WHERE redelivered > 0;

-- Runs of a rule by state and time.
CREATE INDEX runs_by_rule_state ON runs (queue, state, planned);

-- Scheme, host and port of the requests, each once.
CREATE TABLE receivers (
    id     INTEGER PRIMARY KEY,
    origin TEXT NOT NULL UNIQUE
);
ALTER TABLE exchanges ADD COLUMN receiver INTEGER;
-- The result of the attempt: microseconds, 1 if it failed, and the status of the response. NULL if it was stopped, and
-- for exchanges that earlier versions wrote.
ALTER TABLE exchanges ADD COLUMN took INTEGER;
ALTER TABLE exchanges ADD COLUMN failed INTEGER;
ALTER TABLE exchanges ADD COLUMN status INTEGER;
-- The receivers of a run are read without its exchanges.
DROP INDEX exchanges_by_run;
CREATE INDEX exchanges_by_run ON exchanges (run, receiver);
CREATE INDEX exchanges_by_receiver ON exchanges (receiver, started, failed, status, took)
    WHERE receiver IS NOT NULL;

-- Commands to runs and to stored events: who gave them, from where, and what came of them.
CREATE TABLE commands (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    at       INTEGER NOT NULL,
    -- `retry`, `replay` or `cancel`.
    command  TEXT NOT NULL,
    -- The run, or the stored event of a command that names no run.
    run      INTEGER,
    event    INTEGER,
    -- Who gave it, if that is known, and from where: `page`, `command_line` or `socket`.
    name     TEXT,
    origin   TEXT NOT NULL,
    -- Why, in the words of that person. Empty if nothing was said.
    note     TEXT NOT NULL,
    -- The runs that it queued or changed, a JSON list of numbers.
    runs     TEXT NOT NULL,
    -- Why it was rejected; NULL if it was executed.
    rejected TEXT
);
CREATE INDEX commands_by_run ON commands (run, id) WHERE run IS NOT NULL;
CREATE INDEX commands_by_time ON commands (at);
