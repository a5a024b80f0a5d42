-- Waiting for events and answers, counting of events, ticks of rules with `every`, files of the configuration.

-- The texts of the calendars that a configuration names, by their names: a JSON object.
ALTER TABLE configs ADD COLUMN calendars TEXT NOT NULL DEFAULT '{}';

-- What runs wait for: an event type or a family (`ticket.*`) of a source, and the path in such an event whose value says
-- which runs it is for. `used` is when a revision or a run named it last.
CREATE TABLE awaited (
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    source TEXT NOT NULL,
    type   TEXT NOT NULL,
    path   TEXT NOT NULL,
    used   INTEGER NOT NULL,
    UNIQUE (source, type, path)
);

-- What the `wait_for` steps of runs wait for, from when the run is planned.
CREATE TABLE waiters (
    run         INTEGER NOT NULL,
    -- The step's path in the flow, and which of its events it is, from 1.
    step        TEXT NOT NULL,
    number      INTEGER NOT NULL,
    -- One row of `awaited` for each event type.
    subject     INTEGER NOT NULL,
    -- The value that the event must have at the path; NULL once no event is compared any more.
    value       TEXT,
    -- The version of the rule whose condition is tested.
    rule        INTEGER NOT NULL,
    -- The time of the run's event: earlier events do not count.
    since       INTEGER NOT NULL,
    -- The end of the wait, once the step has begun: later events do not count.
    deadline    INTEGER,
    -- When the step was decided or the run ended; NULL while an event may decide it.
    closed      INTEGER,
    -- How many events came that did not match, and the predicates of the last one that failed, as JSON.
    came        INTEGER NOT NULL DEFAULT 0,
    last_failed TEXT,
    -- How many events matched after the step had expired, and when the last one came.
    late        INTEGER NOT NULL DEFAULT 0,
    late_at     INTEGER,
    PRIMARY KEY (run, step, number, subject)
) WITHOUT ROWID;
CREATE INDEX waiters_by_value ON waiters (subject, value);
CREATE INDEX waiters_closed ON waiters (closed) WHERE closed IS NOT NULL AND value IS NOT NULL;

-- What decides the `wait_for` steps of runs: the first event or answer, or that nothing came. Columns are those of a log
-- entry; the claim of the run copies them into its log. A row stays, so that nothing decides a step twice.
CREATE TABLE inbox (
    run    INTEGER NOT NULL,
    step   TEXT NOT NULL,
    -- `arrived`, `answered` or `expired`.
    kind   TEXT NOT NULL,
    -- Which of the events of the step came.
    number INTEGER,
    at     INTEGER NOT NULL,
    detail TEXT,
    -- The event that came.
    event  INTEGER,
    -- 1 once the log of the run has it.
    logged INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (run, step)
) WITHOUT ROWID;
CREATE INDEX inbox_by_event ON inbox (event) WHERE event IS NOT NULL;

-- Awaited events of the last minutes, for runs that are planned after an event that they wait for.
CREATE TABLE recent_events (
    subject INTEGER NOT NULL,
    value   TEXT NOT NULL,
    event   INTEGER NOT NULL,
    -- The time of the event, and when it was received.
    time    INTEGER NOT NULL,
    at      INTEGER NOT NULL,
    PRIMARY KEY (subject, value, event)
) WITHOUT ROWID;
CREATE INDEX recent_events_at ON recent_events (at);

-- 1 for an event that matched no rule and that runs may wait for: then a repeat of it is a redelivery.
ALTER TABLE events ADD COLUMN awaited INTEGER NOT NULL DEFAULT 0;

-- When each rule with `every` ticked last, or was loaded first.
CREATE TABLE ticks (
    rule       TEXT PRIMARY KEY,
    expression TEXT NOT NULL,
    last       INTEGER NOT NULL
) WITHOUT ROWID;
-- The key that signs the links of answers: one row.
CREATE TABLE answer_keys (
    id  INTEGER PRIMARY KEY CHECK (id = 1),
    key BLOB NOT NULL
);

-- Events that a count or a sequence of a rule keeps, by the settings and the value that group them. `started` is 1 for an
-- event that completed a group when it arrived: its run started.
CREATE TABLE counted_events (
    queue   INTEGER NOT NULL,
    value   TEXT NOT NULL,
    -- The time at which the event counts.
    time    INTEGER NOT NULL,
    event   INTEGER NOT NULL,
    -- The value that counts once, or the steps that the event matches as a number.
    item    TEXT NOT NULL,
    run     INTEGER NOT NULL,
    started INTEGER NOT NULL,
    size    INTEGER NOT NULL,
    PRIMARY KEY (queue, value, time, event)
) WITHOUT ROWID;
CREATE INDEX counted_events_by_run ON counted_events (run);

-- What is known of each value beside its events.
CREATE TABLE counted_values (
    queue        INTEGER NOT NULL,
    value        TEXT NOT NULL,
    -- Groups before this time are complete for ever.
    floor        INTEGER NOT NULL,
    -- An event before this time is too late.
    accepts_from INTEGER NOT NULL,
    newest       INTEGER NOT NULL,
    oldest       INTEGER NOT NULL,
    -- When the next group may begin.
    ends         INTEGER NOT NULL,
    -- Groups since `floor` for which a run started.
    started      INTEGER NOT NULL,
    events       INTEGER NOT NULL,
    -- The run of the last group.
    last_run     INTEGER,
    -- When the last event was received.
    changed      INTEGER NOT NULL,
    PRIMARY KEY (queue, value)
) WITHOUT ROWID;
CREATE INDEX counted_values_changed ON counted_values (changed);
