//! The manual pages: one for the program and one for every command, which `mandoc` accepts.

use std::path::Path;
use std::process::Command;

use flowtrigger_testing::program::{Output, command, finish};
use flowtrigger_testing::sandbox::Sandbox;

fn run(folder: &Path, arguments: &[&str]) -> Output {
    let mut program = command(env!("CARGO_BIN_EXE_flowtrigger"), folder, arguments);
    // Pages of a package must not depend on who built it.
    program.env("FLOWTRIGGER_RULES", "/home/builder/rules");
    Output::new(finish(program.spawn().unwrap()))
}

#[test]
fn every_command_has_a_manual_page() {
    let folder = tempfile::tempdir().unwrap();
    let printed = run(folder.path(), &["man"]);
    assert_eq!(printed.code, 0, "{printed:?}");
    let written = run(folder.path(), &["man", "--dir", "new/man1"]);
    assert_eq!(
        (written.code, written.stdout.as_str()),
        (0, ""),
        "{written:?}"
    );
    let pages = folder.path().join("new/man1");
    let read = |name: &str| std::fs::read_to_string(pages.join(name)).unwrap();
    assert_eq!(read("flowtrigger.1"), printed.stdout);
    let help = run(folder.path(), &["--help"]).stdout;
    let (_, commands) = help.split_once("\nCommands:\n").unwrap();
    let (commands, _) = commands.split_once("\n\n").unwrap();
    let names = commands
        .lines()
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let names: Vec<&str> = names
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert!(
        names.contains(&"daemon") && names.contains(&"man"),
        "{names:?}"
    );
    for name in names.iter().filter(|name| **name != "help") {
        let page = read(&format!("flowtrigger-{name}.1"));
        assert!(
            page.contains(".SH OPTIONS") && page.contains(".SH EXTRA\n.nf\nExamples:"),
            "{name}: {page}"
        );
        assert!(!page.contains("/home/builder"), "{name}: {page}");
    }
    assert!(read("flowtrigger-runs-list.1").contains("\\-\\-state"));
    mandoc(&pages);
}

/// Where `DEPLOY_TESTS_MUST_RUN` is set, `mandoc` must be installed.
#[allow(clippy::print_stderr)]
fn mandoc(pages: &Path) {
    let files = std::fs::read_dir(pages).unwrap();
    let mut mandoc = Command::new("mandoc");
    mandoc.args(["-T", "lint", "-W", "error"]);
    mandoc.args(files.map(|file| file.unwrap().path()));
    match mandoc.output() {
        Ok(output) => {
            let found = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(output.status.success(), "{found}");
        }
        Err(error) => {
            let must = std::env::var_os("DEPLOY_TESTS_MUST_RUN").is_some();
            assert!(!must, "`mandoc` cannot be started: {error}");
            eprintln!("not tested: `mandoc` is not installed");
        }
    }
}

#[test]
fn a_folder_that_cannot_be_written_to_is_reported() {
    let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_flowtrigger"));
    sandbox.write("file", "");
    let output = sandbox.run(&["man", "--dir", "file/man1"]);
    output.expect_stderr(
        5,
        &[
            "failed to write manual pages to `file/man1`",
            "choose a folder",
        ],
    );
}
