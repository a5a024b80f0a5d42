-- Runs that have ended and whose trace is not exported yet; only if an exporter is configured. A run that ends again after
-- `runs retry` may have two rows.
CREATE TABLE untraced_runs (
    ended INTEGER NOT NULL,
    run   INTEGER NOT NULL,
    PRIMARY KEY (ended, run)
) WITHOUT ROWID;
