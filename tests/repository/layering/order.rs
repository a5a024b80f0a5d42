//! Checks the order of layers: a folder imports only folders before it.

use super::breach::Breach;
use super::references::{Resolver, Target};
use super::source::Crate;

/// Folders and files of one layer. They may import all layers before theirs, except some.
pub struct Layer {
    pub names: &'static [&'static str],
    pub except: &'static [&'static str],
}

const fn layer(names: &'static [&'static str]) -> Layer {
    Layer { names, except: &[] }
}

const fn layer_except(names: &'static [&'static str], except: &'static [&'static str]) -> Layer {
    Layer { names, except }
}

/// The pure core.
pub const CORE: &[Layer] = &[
    layer(&["lookalike"]),
    layer(&["diagnostic"]),
    layer(&["fingerprint"]),
    layer(&["number"]),
    layer(&["secret"]),
    layer(&["document"]),
    layer(&["schedule"]),
    layer(&["event"]),
    layer(&["path"]),
    layer(&["language"]),
    layer(&["run"]),
    layer(&["gate"]),
    layer(&["loop_guard"]),
    layer(&["egress"]),
    layer(&["flow"]),
    layer(&["config"]),
    layer(&["suspension"]),
    layer(&["rule"]),
    layer(&["matching"]),
    layer_except(
        &["bundle"],
        &[
            "run",
            "gate",
            "loop_guard",
            "egress",
            "flow",
            "config",
            "suspension",
            "rule",
            "matching",
        ],
    ),
    layer(&["compile"]),
    layer(&["analysis"]),
    layer_except(&["convert"], &["compile", "analysis"]),
    layer_except(&["mutation"], &["convert"]),
    // What `lib.rs` re-exports for other programs.
    layer(&["api"]),
];

/// The root package. `core` is in it until it becomes a crate.
pub const ROOT: &[Layer] = &[
    layer(&["core"]),
    layer(&["tls"]),
    layer(&["store"]),
    layer_except(&["source"], &["store"]),
    layer_except(&["action"], &["store", "source"]),
    layer(&["engine"]),
    layer(&["report"]),
    layer(&["page"]),
    layer_except(&["lsp"], &["page"]),
    layer(&["cli"]),
];

/// The parts of `engine`, whose `mod.rs` only declares and re-exports.
pub const ENGINE: &[Layer] = &[
    layer(&["clock"]),
    layer(&["lease"]),
    layer(&["store_location"]),
    layer(&["listener_certificate"]),
    layer(&["link_key"]),
    layer(&["metrics"]),
    layer(&["rulebook"]),
    layer(&["limits"]),
    layer(&["suspensions"]),
    layer(&["fixed_settings"]),
    layer(&["reloads"]),
    layer(&["state"]),
    layer(&["runner"]),
    layer(&["handle"]),
    layer(&["intake"]),
    layer(&["commands"]),
    layer(&["answer_command"]),
    layer(&["answers"]),
    layer(&["ticks"]),
    layer(&["traces"]),
    layer(&["daemon"]),
];

/// Checks the modules below `base` against their order. The module `base` itself only declares them.
pub fn check(name: &str, sources: &Crate, base: &[&str], order: &[Layer]) -> Vec<Breach> {
    let resolver = Resolver::new(sources);
    let below = |module: &[String]| {
        let (start, rest) = module.split_at_checked(base.len())?;
        let part = rest.first()?;
        start.iter().eq(base).then(|| part.clone())
    };
    let position = |part: &str| order.iter().position(|layer| layer.names.contains(&part));
    let mut breaches = Vec::new();
    for source in &sources.sources {
        let Some(from) = below(&source.module) else {
            continue;
        };
        let Some(own) = position(&from) else {
            let key = format!("{name}: `{from}` has no layer");
            breaches.push(Breach::new(key, &source.path));
            continue;
        };
        for reference in resolver.references(source) {
            let Target::Own(module, _) = &reference.target else {
                continue;
            };
            let Some(to) = below(module).filter(|to| *to != from) else {
                continue;
            };
            // What has no layer is reported once, above.
            let Some(other) = position(&to) else {
                continue;
            };
            if other > own || order[own].except.contains(&to.as_str()) {
                let key = format!("{name}: `{from}` imports `{to}`");
                let place = format!("{}:{}", source.path, reference.line);
                breaches.push(Breach::new(key, place));
            }
        }
    }
    breaches
}

/// Checks that the root package's `main.rs` uses `cli` and the allocator alone, and that `lib.rs` only declares modules.
pub fn check_roots(sources: &Crate) -> Vec<Breach> {
    let resolver = Resolver::new(sources);
    let mut breaches = Vec::new();
    for source in sources.sources.iter().filter(|s| s.module.is_empty()) {
        for reference in resolver.references(source) {
            let is_cli = |module: &[String]| module.first().is_some_and(|first| first == "cli");
            let is_fine = match &reference.target {
                Target::Own(module, _) => source.file_name() == "main.rs" && is_cli(module),
                Target::Crate(path) if path[0] == "mimalloc" => source.file_name() == "main.rs",
                Target::Crate(path) => path[0] == "std" || path[0] == "flowtrigger_core",
            };
            if !is_fine {
                let key = format!("{} imports more than it may", source.path);
                breaches.push(Breach::new(key, format!("line {}", reference.line)));
            }
        }
    }
    breaches
}
