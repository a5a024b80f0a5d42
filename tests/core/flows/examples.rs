//! The shipped rules and bundles, interrupted at every log entry of every run of every sample event.

use std::path::Path;

use flowtrigger_core::event::Event;
use flowtrigger_testing::{repository, rules};

use super::event;
use super::machine::World;

fn samples() -> Vec<Event> {
    let paths = repository::files_below(repository::path("examples/events"));
    let json = paths
        .iter()
        .filter(|path| path.extension().is_some_and(|ending| ending == "json"));
    let events = json.filter_map(|path| event(&repository::read(path)));
    events.collect()
}

fn is_rule(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let endings = [".yaml", ".yml", ".json"];
    let written = endings.iter().any(|ending| name.ends_with(ending));
    written && !name.ends_with(".test.yaml") && name != "flowtrigger.yaml"
}

/// The number of runs, and of log entries of the longest.
fn interrupt_all(folder: &str, config: &str) -> (usize, usize) {
    let mut files = repository::files_below(repository::path(folder));
    files.retain(|path| is_rule(path));
    let texts = files
        .iter()
        .map(|path| (path.display().to_string(), repository::read(path)));
    let texts: Vec<(String, String)> = texts.collect();
    let texts: Vec<(&str, &str)> = texts
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_str()))
        .collect();
    let set = rules::load(
        &texts,
        &rules::config(&repository::read(repository::path(config))),
    );
    let (mut runs, mut longest) = (0, 0);
    for event in samples() {
        for rule in set.subscribed(&event) {
            for luck in 0..8 {
                let world = World {
                    flow: &rule.flow,
                    event: &event,
                    vars: &rule.vars,
                    luck,
                    failures: luck % 4,
                };
                let ended = world.cut_everywhere(luck as usize * 7);
                let ended = ended.unwrap_or_else(|why| panic!("{}: {why}", rule.name));
                runs += 1;
                longest = longest.max(ended.log.len());
            }
        }
    }
    (runs, longest)
}

#[test]
fn every_shipped_rule_continues_after_an_interruption() {
    let (runs, longest) = interrupt_all("rules", "flowtrigger.yaml");
    assert!(runs > 50 && longest > 2, "{runs} runs, {longest} lines");
}

#[test]
fn every_shipped_bundle_continues_after_an_interruption() {
    let (runs, longest) = interrupt_all("examples/bundles", "examples/bundles/flowtrigger.yaml");
    assert!(runs > 8 && longest > 4, "{runs} runs, {longest} lines");
}
