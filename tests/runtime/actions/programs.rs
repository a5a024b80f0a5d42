//! Commands run only if the configuration lists their program. A program that is not listed must not start.

use std::path::Path;

use flowtrigger::action::Performer;
use flowtrigger::action::command::allowlist::ProgramAllowlist;
use flowtrigger_core::config::commands::Commands;

use super::{exec, failed, perform_exec, succeeded, with};

fn allowing(paths: &[&str]) -> Performer {
    let commands = Commands {
        allow: Some(paths.iter().map(|path| (*path).to_owned()).collect()),
    };
    with(|options| options.programs = ProgramAllowlist::from_config(&commands, Path::new("/")))
}

#[tokio::test]
async fn only_listed_programs_run() {
    let folder = tempfile::tempdir().unwrap();
    let mark = folder.path().join("mark").display().to_string();
    for (allow, argv, expected) in [
        (&["/bin/echo"][..], &["echo", "x"][..], true),
        (&["/usr/bin/*"], &["echo", "x"], true),
        (&["bin/echo"], &["/bin/echo", "x"], true),
        (&["/bin/echo"], &["touch", &mark], false),
        (
            &["/bin/echo"],
            &["/bin/sh", "-c", &format!("touch {mark}")],
            false,
        ),
        (&["/usr/local/bin/*"], &["touch", &mark], false),
        (&[], &["touch", &mark], false),
    ] {
        let performed = perform_exec(&allowing(allow), exec(argv)).await;
        if expected {
            succeeded(performed);
            continue;
        }
        let failure = failed(performed);
        assert!(!failure.retryable);
        assert!(
            failure
                .message
                .contains("is not an allowed program; to allow it, add `/"),
            "{}",
            failure.message
        );
    }
    assert!(!Path::new(&mark).exists());
}
