//! Measures another build of this program, such as that of the commit before, with the same rules and events.

use std::process::Command;

use serde_json::Value;

use crate::options::Options;

/// How many events the other build matches a second, as a share of those that it skips in the same run.
pub fn share_of_skipping(program: &str, size: usize, options: &Options) -> Result<f64, String> {
    let numbers = [
        ("--sizes", size.to_string()),
        ("--events", options.events.to_string()),
        ("--seconds", options.seconds.to_string()),
        ("--rounds", options.rounds.to_string()),
        ("--seed", options.seed.to_string()),
    ];
    let mut command = Command::new(program);
    command.args(["--engines", "ours,skip", "--no-load", "--format", "json"]);
    command.args(
        numbers
            .iter()
            .flat_map(|(option, number)| [*option, number]),
    );
    command.args(options.rule_options());
    let output = command
        .output()
        .map_err(|error| format!("{program}: {error}"))?;
    let report: Value = serde_json::from_slice(&output.stdout)
        .map_err(|error| format!("{program} prints no report: {error}"))?;
    let rate = |engine: &str| {
        let mut lanes = report["races"][0]["lanes"].as_array()?.iter();
        lanes.find(|lane| lane[0] == engine)?[1]["Ok"]["rate"].as_f64()
    };
    let share = rate("Ours")
        .zip(rate("Skip"))
        .map(|(ours, skip)| ours / skip);
    share.ok_or_else(|| format!("{program} prints another report"))
}
