# What is done often. `just --list` shows it.

# Build the program.
build:
    cargo build

# Run every test.
test:
    cargo test

# Format check and lints, warnings denied.
lint:
    cargo fmt --check
    cargo fmt --check -p flowtrigger-testing
    cargo clippy --all-targets --locked -- -D warnings
    cargo clippy -p flowtrigger-testing --locked -- -D warnings

# Everything that must pass before a change lands.
ci:
    .ci/run

# The property tests with many more cases, and other ones each time; a hundred kills, a minute of
# flood; ten minutes of each target of the fuzzer.
long seed=`od -An -N4 -tu4 /dev/urandom`:
    @echo "seed {{ trim(seed) }}"
    PROPTEST_RNG_SEED={{ trim(seed) }} PROPTEST_CASES=20000 cargo test --test core -- conditions:: hostile_input:: matching::
    PROPTEST_RNG_SEED={{ trim(seed) }} PROPTEST_CASES=5000 cargo test --lib
    PROPTEST_RNG_SEED={{ trim(seed) }} PROPTEST_CASES=5000 cargo test --test core -- flows::
    DURABILITY_TESTS_SEED={{ trim(seed) }} DURABILITY_TESTS_LONG=1 cargo test --test resilience -- --nocapture crash:: attack::
    just fuzz

# Whatever bytes, for so many seconds each: all targets of the fuzzer, or those named. It needs cargo-fuzz.
fuzz seconds="600" *targets:
    fuzz/run {{ seconds }} {{ targets }}

# An attack on a daemon: what was tried, and what came of it.
attack:
    cargo test --test resilience -- --nocapture attack::

# Write the JSON Schemas of rules and configuration.
schema:
    mkdir -p schema
    cargo run --quiet -- schema > schema/rule.schema.json
    cargo run --quiet -- schema --of config > schema/config.schema.json

# Explain every sample event against the shipped rules.
samples:
    for file in examples/events/zis/*.json examples/events/webhook/*.json examples/events/upmind/*.json; do cargo run --quiet -- dry-run --explain "$file" || true; done

# Match the sample update and act on it.
run:
    cargo run -- run examples/events/update.ndjson
