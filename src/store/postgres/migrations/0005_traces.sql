-- Runs that have ended and whose trace is not exported yet; only if an exporter is configured. A daemon exports the runs that
-- ended on it, and those of daemons that are no longer live.
CREATE TABLE untraced_runs (
    ended  BIGINT NOT NULL,
    run    BIGINT NOT NULL,
    daemon BIGINT NOT NULL
);
CREATE INDEX untraced_runs_by_daemon ON untraced_runs (daemon, ended);
