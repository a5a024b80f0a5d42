//! The documents stay true: README's transcripts run, its tables are those of the code, its dependencies
//! are those of Cargo.toml, and every link and path leads somewhere. `UPDATE_CASES=1` writes the tables
//! anew, `TRYCMD=overwrite` the transcripts.

use std::fs;
use std::path::{Path, PathBuf};

use flowtrigger::core::config::{
    ARCHIVE, COMMANDS, CONFIG, CONNECTION, HMAC, LIMITS, LISTEN, LOOP_GUARD, OUTGOING, RETENTION,
    SOURCE, VERIFY,
};
use flowtrigger::core::flow::vocabulary::{
    BRANCH, CONFINE, EXEC, FLOW, HTTP, JQ, RETRY, STEP, WAIT,
};
use flowtrigger::core::rule::gates::{DEBOUNCE, DEDUPE, THROTTLE};
use flowtrigger::core::rule::operator::SPECS;
use flowtrigger::core::rule::ruletest::TEST;
use flowtrigger::core::rule::template::filter::FILTERS;
use flowtrigger::core::rule::vocabulary::{Built, JOBSPEC, Vocabulary};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    let path = path.as_ref();
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn words(vocabulary: &Vocabulary) -> String {
    let built = vocabulary
        .words
        .iter()
        .filter(|word| word.built == Built::Now);
    let rows = built.map(|word| format!("| `{}` | {} |\n", word.name, word.summary));
    table("key", rows)
}

fn table(first: &str, rows: impl Iterator<Item = String>) -> String {
    format!("| {first} | |\n|---|---|\n{}", rows.collect::<String>())
}

/// What stands between the markers of each name.
fn tables() -> Vec<(&'static str, String)> {
    let operators = SPECS.iter().map(|spec| {
        let case = if spec.compares_text {
            " Takes `ignore_case`."
        } else {
            ""
        };
        format!("| `{}` | {}{case} |\n", spec.name, spec.summary)
    });
    let filters = FILTERS.iter().map(|filter| {
        let summary = filter.summary.replace('|', "\\|");
        format!("| `{}` | {summary} |\n", filter.name)
    });
    vec![
        ("rule", words(&JOBSPEC)),
        ("dedupe", words(&DEDUPE)),
        ("debounce", words(&DEBOUNCE)),
        ("throttle", words(&THROTTLE)),
        ("operators", table("operator", operators)),
        ("filters", table("filter", filters)),
        ("step", words(&STEP)),
        ("branch", words(&BRANCH)),
        ("wait", words(&WAIT)),
        ("jq", words(&JQ)),
        ("flow", words(&FLOW)),
        ("http", words(&HTTP)),
        ("exec", words(&EXEC)),
        ("confine", words(&CONFINE)),
        ("retry", words(&RETRY)),
        ("test", words(&TEST)),
        ("config", words(&CONFIG)),
        ("connection", words(&CONNECTION)),
        ("source", words(&SOURCE)),
        ("verify", words(&VERIFY)),
        ("hmac", words(&HMAC)),
        ("listen", words(&LISTEN)),
        ("outgoing", words(&OUTGOING)),
        ("commands", words(&COMMANDS)),
        ("loop_guard", words(&LOOP_GUARD)),
        ("archive", words(&ARCHIVE)),
        ("retention", words(&RETENTION)),
        ("limits", words(&LIMITS)),
    ]
}

#[test]
fn the_tables_are_those_of_the_code() {
    let path = root().join("README.md");
    let mut readme = read(&path);
    for (name, wanted) in tables() {
        let (open, close) = (
            format!("<!-- {name} -->\n"),
            format!("<!-- end of {name} -->"),
        );
        let start = readme
            .find(&open)
            .unwrap_or_else(|| panic!("README.md: no {open}"))
            + open.len();
        let end = start
            + readme[start..]
                .find(&close)
                .unwrap_or_else(|| panic!("no {close}"));
        if readme[start..end] == wanted {
            continue;
        }
        let update = std::env::var_os("UPDATE_CASES").is_some();
        assert!(
            update,
            "the table `{name}` of README.md is old; it should be\n{wanted}"
        );
        readme.replace_range(start..end, &wanted);
        fs::write(&path, &readme).expect("a writable README");
    }
}

#[test]
fn every_dependency_has_its_reason() {
    let readme = read(root().join("README.md"));
    let manifest = read(root().join("Cargo.toml"));
    let mut section = "";
    for line in manifest.lines() {
        if line.starts_with('[') {
            section = line;
        }
        let Some((name, _)) = line
            .split_once(" = ")
            .filter(|(name, _)| !name.starts_with('#'))
        else {
            continue;
        };
        let is_own = line.contains("path = ");
        if !is_own && ["[dependencies]", "[dev-dependencies]"].contains(&section) {
            assert!(
                readme.contains(&format!("| `{name}` |")),
                "README.md does not say why `{name}`"
            );
        }
    }
}

#[test]
fn every_figure_is_told() {
    let readme = read(root().join("README.md"));
    let source = read(root().join("src/engine/metrics.rs"));
    let names = source.split("name(\"").skip(1);
    let names: Vec<&str> = names
        .filter_map(|rest| Some(rest.split_once('"')?.0))
        .collect();
    assert!(names.len() >= 8, "{names:?}");
    for name in names {
        let told = readme.contains(&format!("| `flowtrigger_{name}"));
        assert!(told, "README.md does not tell of `flowtrigger_{name}`");
    }
}

fn documents() -> Vec<PathBuf> {
    let markdown = |folder: PathBuf| {
        let entries = fs::read_dir(folder).into_iter().flatten();
        let paths = entries.map(|entry| entry.expect("an entry").path());
        paths
            .filter(|path| path.extension().is_some_and(|ending| ending == "md"))
            .collect::<Vec<_>>()
    };
    [markdown(root()), markdown(root().join("docs"))].concat()
}

#[test]
fn every_link_leads_somewhere() {
    let mut dead = Vec::new();
    for document in documents() {
        let text = read(&document);
        let folder = document.parent().expect("a folder");
        for target in targets(&text) {
            let (file, heading) = target.split_once('#').unwrap_or((&target, ""));
            let path = if file.is_empty() {
                document.clone()
            } else {
                folder.join(file)
            };
            let there = path.exists() && (heading.is_empty() || has_heading(&path, heading));
            if !there {
                dead.push(format!("{}: {target}", document.display()));
            }
        }
    }
    assert!(dead.is_empty(), "dead links:\n{}", dead.join("\n"));
}

/// What the links point at within the project, and the paths that are named in backticks.
fn targets(text: &str) -> Vec<String> {
    let links = text
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split_once(')'));
    let links = links
        .map(|(target, _)| target)
        .filter(|target| !target.contains("://"));
    let paths = text
        .split('`')
        .skip(1)
        .step_by(2)
        .filter(|span| is_path(span));
    links.chain(paths).map(str::to_owned).collect()
}

/// A path of ours, such as `src/core/` or `rules/spam-cleanup.yaml`, without placeholders.
fn is_path(span: &str) -> bool {
    let ours = ["src/", "tests/", "rules/", "examples/", "schema/", ".ci/"];
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "/._-".contains(c);
    ours.iter().any(|start| span.starts_with(start)) && span.chars().all(plain)
}

fn has_heading(path: &Path, wanted: &str) -> bool {
    read(path)
        .lines()
        .filter(|line| line.starts_with('#'))
        .any(|line| {
            let title = line.trim_start_matches('#').trim().to_lowercase();
            let kept = title
                .chars()
                .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
            kept.collect::<String>().replace(' ', "-") == wanted
        })
}

#[test]
fn the_schema_is_that_of_the_program() {
    let program = env!("CARGO_BIN_EXE_flowtrigger");
    let output = std::process::Command::new(program)
        .arg("schema")
        .output()
        .expect("it starts");
    let printed = String::from_utf8(output.stdout).expect("UTF-8");
    let kept = read(root().join("schema/rule.schema.json"));
    assert!(
        printed == kept,
        "schema/rule.schema.json is old: `just schema` writes it anew"
    );
}

/// Every test that SECURITY.md names is one that exists.
#[test]
fn every_defence_has_its_test() {
    let security = read(root().join("SECURITY.md"));
    let (_, rest) = security.split_once("<!-- threats -->\n").expect("a table");
    let (table, _) = rest.split_once("<!-- end of threats -->").expect("its end");
    let sources = sources(&root().join("src")) + &sources(&root().join("tests"));
    let rows = table.lines().skip(2);
    let mut named = 0;
    for row in rows {
        let tests = row.trim_end_matches('|').rsplit('|').next().unwrap_or("");
        let tests = tests.split('`').skip(1).step_by(2);
        for test in tests {
            let exists = sources.contains(&format!("fn {test}("));
            assert!(exists, "SECURITY.md: no test is called `{test}`");
            named += 1;
        }
        assert!(row.contains('`'), "SECURITY.md: no test in {row}");
    }
    assert!(named >= 10, "{named}");
}

fn sources(folder: &Path) -> String {
    let entries = fs::read_dir(folder).expect("a folder");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let texts = paths.map(|path| match path.is_dir() {
        true => sources(&path),
        false if path.extension().is_some_and(|ending| ending == "rs") => read(&path),
        false => String::new(),
    });
    texts.collect()
}
