-- What attempts sent and received, and the search for requests by a part of their URL.

-- The URLs of requests, each once: many attempts have the same one.
CREATE TABLE request_urls (
    id  INTEGER PRIMARY KEY,
    url TEXT NOT NULL UNIQUE
);

-- One row for each attempt of a request or a command.
CREATE TABLE exchanges (
    id      INTEGER PRIMARY KEY,
    run     INTEGER NOT NULL,
    -- The step's path in the flow, and the number of the attempt. Numbers start again after `runs retry`.
    step    TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    started INTEGER NOT NULL,
    -- Of a request; NULL for a command.
    method  TEXT,
    url     INTEGER,
    -- Bytes of the content.
    size    INTEGER NOT NULL,
    -- JSON with a version; NULL if only method and URL are kept.
    content TEXT
);
CREATE INDEX exchanges_by_run ON exchanges (run);
CREATE INDEX exchanges_by_url ON exchanges (url, run) WHERE url IS NOT NULL;

-- Finds URLs by any three letters. It stores no positions: a candidate is compared with the text afterwards.
CREATE VIRTUAL TABLE request_url_trigrams USING fts5 (
    url, content = '', contentless_delete = 1, detail = 'none', tokenize = 'trigram'
);
