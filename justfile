# Frequent commands. `just --list` lists them.

# Build the program.
build:
    cargo build

# Run every test.
test:
    cargo test

# Run every test in a process of its own. Needs cargo-nextest.
isolated:
    cargo nextest run --locked

# Format check and lints, warnings denied.
lint:
    cargo fmt --check
    cargo fmt --check -p flowtrigger-testing
    cargo clippy --all-targets --locked -- -D warnings
    cargo clippy -p flowtrigger-testing --locked -- -D warnings

# Run all checks that a change must pass.
ci:
    .ci/run

# Run the long property, crash and load tests with a new seed, then each fuzz target for ten minutes.
long seed=`od -An -N4 -tu4 /dev/urandom`:
    @echo "seed {{ trim(seed) }}"
    PROPTEST_RNG_SEED={{ trim(seed) }} PROPTEST_CASES=20000 cargo test --test core -- conditions:: hostile_input:: matching::
    PROPTEST_RNG_SEED={{ trim(seed) }} PROPTEST_CASES=2000 cargo test --release --test core -- mutants::
    PROPTEST_RNG_SEED={{ trim(seed) }} PROOF_PAIRS=10000000 cargo test --release --test core -- --nocapture analysis::
    PROPTEST_RNG_SEED={{ trim(seed) }} PROPTEST_CASES=5000 cargo test --lib
    PROPTEST_RNG_SEED={{ trim(seed) }} PROPTEST_CASES=5000 cargo test --test core -- flows::
    DURABILITY_TESTS_SEED={{ trim(seed) }} DURABILITY_TESTS_LONG=1 cargo test --test resilience -- --nocapture crash:: attack::
    ROUNDS=1000 DURABILITY_TESTS_SEED={{ trim(seed) }} cargo test --test resilience -- --nocapture cluster::faults
    BACKTEST_EVENTS=5000 BACKTEST_SEED={{ trim(seed) }} cargo test --test runtime -- --nocapture daemon::backtest
    OUTAGE_RUNS=10000 cargo test --release --test runtime -- --nocapture outages::an_hour
    cargo test --release -p flowtrigger-core --lib -- --ignored every_clock_change_of_every_zone_is_swept_with_many_expressions
    just isolated
    just questions
    just fuzz

# Time every question to a data folder of 1,000,000 events and 100,000 runs. Needs 3 GB on the disk.
questions:
    HISTORY_TESTS_LONG=1 cargo test --release --test runtime -- --nocapture history::large

# Make screenshots of every page in target/screenshots, and those of the documents. Needs chromium and chromedriver.
screenshots:
    mkdir -p target/screenshots docs/images
    SCREENSHOTS="$PWD/target/screenshots" BROWSER_TESTS_MUST_RUN=1 cargo test --test browser screenshots
    cp target/screenshots/overview-1440-light.png docs/images/overview.png
    cp target/screenshots/event-1440-light.png docs/images/event.png
    cp target/screenshots/run-1440-light.png docs/images/run.png

# Run all fuzz targets, or the named ones, for a number of seconds each. Needs cargo-fuzz.
fuzz seconds="600" *targets:
    fuzz/run {{ seconds }} {{ targets }}

# Attack a daemon, and print each attempt and its result.
attack:
    cargo test --test resilience -- --nocapture attack::

# Write the JSON Schemas of rules, configuration, requests and replays.
schema:
    mkdir -p schema
    cargo run --quiet -- schema > schema/rule.schema.json
    cargo run --quiet -- schema --of test > schema/test.schema.json
    cargo run --quiet -- schema --of config > schema/config.schema.json
    cargo run --quiet -- schema --of delivery > schema/delivery.schema.json
    cargo run --quiet -- schema --of replay > schema/replay.schema.json
    cargo run --quiet -- schema --of why > schema/why.schema.json
    cargo run --quiet -- schema --of runs > schema/runs.schema.json
    cargo run --quiet -- schema --of run > schema/run.schema.json
    cargo run --quiet -- schema --of send > schema/send.schema.json
    cargo run --quiet -- schema --of events > schema/events.schema.json
    cargo run --quiet -- schema --of dry-run > schema/dry-run.schema.json
    cargo run --quiet -- schema --of check > schema/check.schema.json
    cargo run --quiet -- schema --of diff > schema/diff.schema.json
    cargo run --quiet -- schema --of pause > schema/pause.schema.json
    cargo run --quiet -- schema --of push > schema/push.schema.json
    cargo run --quiet -- schema --of backup > schema/backup.schema.json
    cargo run --quiet -- schema --of restore > schema/restore.schema.json
    cargo run --quiet -- schema --of move > schema/move.schema.json
    cargo run --quiet -- schema --of status > schema/status.schema.json
    cargo run --quiet -- schema --of reload > schema/reload.schema.json
    cargo run --quiet -- schema --of test-results > schema/test-results.schema.json
    cargo run --quiet -- schema --of backtest > schema/backtest.schema.json
    cargo run --quiet -- schema --of expected-runs > schema/expected-runs.schema.json

# Build the Debian package in target/debian. Needs cargo-deb.
deb profile="dist":
    cargo build --locked --profile {{ profile }} --bin flowtrigger
    deploy/debian/generate "${CARGO_TARGET_DIR:-target}/{{ if profile == "dev" { "debug" } else { profile } }}/flowtrigger"
    cargo deb --no-build

# Build two versions of the Debian package, and test them under a systemd in namespaces. Needs root, cargo-deb and systemd.
systemd-test:
    SYSTEMD_TESTS=1 DEPLOY_TESTS_MUST_RUN=1 cargo test --test repository -- --nocapture deploy::debian

# Build the file system of the container, and run it without a container engine. Needs bubblewrap.
container-test profile="dev":
    deploy/container/test {{ profile }}

# Write the manual pages and completions to target/package.
man:
    deploy/debian/generate "${CARGO_TARGET_DIR:-target}/debug/flowtrigger"

# Write the software bill of materials to target/sbom. Needs cargo-cyclonedx.
sbom:
    deploy/sbom

# Explain every sample event with the rules of this repository.
samples:
    for file in examples/events/zis/*.json examples/events/webhook/*.json examples/events/upmind/*.json; do cargo run --quiet -- dry-run --explain "$file" || true; done

# Process the sample update and execute its runs.
run:
    cargo run -- run examples/events/update.ndjson
