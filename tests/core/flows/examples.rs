//! The shipped rules and bundles, cut off at every line of every run of every sample event.

use std::fs;
use std::path::{Path, PathBuf};

use flowtrigger::core::config::{self, Config};
use flowtrigger::core::diagnostic::{Diagnostics, Files};
use flowtrigger::core::event::Event;

use super::machine::World;
use super::{compile, event, read, root};

fn files(folder: &Path, wanted: &impl Fn(&Path) -> bool) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        match path.is_dir() {
            true => found.extend(files(&path, wanted)),
            false if wanted(&path) => found.push(path),
            false => {}
        }
    }
    found.sort();
    found
}

fn configured(path: &Path) -> Config {
    let (mut files, mut diagnostics) = (Files::default(), Diagnostics::default());
    let text = read(path);
    let file = files.add("flowtrigger.yaml", text.as_str());
    let config = config::parse(file, &text, &Default::default(), &mut diagnostics);
    assert!(!diagnostics.has_errors(), "{diagnostics:?}");
    config
}

fn samples() -> Vec<Event> {
    let json = |path: &Path| path.extension().is_some_and(|ending| ending == "json");
    let paths = files(&root().join("examples/events"), &json);
    let events = paths.iter().filter_map(|path| event(&read(path)));
    events.collect()
}

fn is_rule(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let endings = [".yaml", ".yml", ".json"];
    let written = endings.iter().any(|ending| name.ends_with(ending));
    written && !name.ends_with(".test.yaml") && name != "flowtrigger.yaml"
}

/// How many runs there were, and how many lines the longest had.
fn cut_all(folder: &str, config: &str) -> (usize, usize) {
    let rules = files(&root().join(folder), &is_rule);
    let texts: Vec<_> = rules
        .iter()
        .map(|path| (path.display().to_string(), read(path)))
        .collect();
    let set = compile(&texts, &configured(&root().join(config)));
    let (mut runs, mut longest) = (0, 0);
    for event in samples() {
        for rule in set.listening(&event) {
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
fn every_shipped_rule_goes_on_wherever_it_is_cut() {
    let (runs, longest) = cut_all("rules", "flowtrigger.yaml");
    assert!(runs > 50 && longest > 2, "{runs} runs, {longest} lines");
}

#[test]
fn every_shipped_bundle_goes_on_wherever_it_is_cut() {
    let (runs, longest) = cut_all("examples/bundles", "examples/bundles/flowtrigger.yaml");
    assert!(runs > 8 && longest > 4, "{runs} runs, {longest} lines");
}
