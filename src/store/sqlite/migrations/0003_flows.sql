-- Rules that are made of more than one document, or stand beside others in one; waits and settings.

-- The rule's name, where its document makes several.
ALTER TABLE rules ADD COLUMN picked TEXT;
-- Named flows that it runs, a JSON list of {file, line, text}; NULL where it stands alone.
ALTER TABLE rules ADD COLUMN parts TEXT;

-- Events gathered by a debounce; its id is the first run that it took in.
CREATE TABLE windows (
    id     INTEGER PRIMARY KEY,
    queue  INTEGER NOT NULL,
    value  TEXT NOT NULL,
    -- The run that acts once it has closed.
    run    INTEGER NOT NULL,
    -- When the first event came, how many there are, and their bytes where the run reads them all.
    opened INTEGER NOT NULL,
    events INTEGER NOT NULL,
    bytes  INTEGER NOT NULL DEFAULT 0,
    -- 1 while it gathers.
    open   INTEGER NOT NULL
);
CREATE UNIQUE INDEX windows_open ON windows (queue, value) WHERE open = 1;
CREATE INDEX windows_by_run ON windows (run);
-- The window that took a run in, whether it acts for it or not.
ALTER TABLE runs ADD COLUMN gathering INTEGER;
CREATE INDEX runs_by_gathering ON runs (gathering, id) WHERE gathering IS NOT NULL;

-- What a run reads under `events`, in the order in which it came. These events are kept as long as the
-- run that acts on them.
CREATE TABLE gathered (
    gathering INTEGER NOT NULL,
    number    INTEGER NOT NULL,
    event     INTEGER NOT NULL,
    PRIMARY KEY (gathering, number)
) WITHOUT ROWID;
CREATE INDEX gathered_by_event ON gathered (event);

-- A log may be long: how many attempts it has and what the last failed one said are kept beside it.
ALTER TABLE runs ADD COLUMN attempts INTEGER NOT NULL DEFAULT 0;
ALTER TABLE runs ADD COLUMN failed TEXT;
UPDATE runs SET
    attempts = (SELECT count(*) FROM lines WHERE run = runs.id AND kind = 'attempt'),
    failed = (SELECT json_extract(detail, '$.message') FROM lines
        WHERE run = runs.id AND outcome = 'failed' ORDER BY number DESC LIMIT 1);

-- Settings of integrations, one JSON object a scope. They are nobody's history: retention leaves them.
CREATE TABLE settings (
    integration TEXT NOT NULL,
    scope       TEXT NOT NULL,
    value       TEXT NOT NULL,
    PRIMARY KEY (integration, scope)
) WITHOUT ROWID;
