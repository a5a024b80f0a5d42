//! File access of confined commands, for every combination that a step may have. Each attempt is checked on the
//! files themselves, not by the exit status.

use std::fs;
use std::path::Path;

use flowtrigger_core::flow::confinement::Confinement;

use super::{can, shell, text};
use crate::actions::{perform_exec, performer};

/// A folder with a file in each of `seen`, `made` and `hidden`.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["seen", "made", "hidden"] {
        fs::create_dir(folder.path().join(name)).unwrap();
        fs::write(folder.path().join(name).join("file"), name).unwrap();
    }
    folder
}

async fn tried(folder: &Path, confinement: &Confinement, script: &str) -> bool {
    let mut call = shell(script, confinement.clone());
    call.cwd = text(folder);
    let performed = perform_exec(&performer(), call).await;
    performed.is_ok()
}

#[tokio::test]
async fn files_are_accessible_only_as_the_step_allows() {
    let folder = folder();
    let at = |name: &str| text(&folder.path().join(name));
    let both = Confinement {
        read: Some(vec![at("seen")]),
        write: Some(vec![at("made")]),
        ..Confinement::default()
    };
    if !can(&performer(), &shell("true", both.clone())).await {
        return;
    }
    let writing = Confinement {
        write: Some(vec![at("made")]),
        ..Confinement::default()
    };
    let reading = Confinement {
        read: Some(vec![at("seen")]),
        ..Confinement::default()
    };
    let nothing = Confinement {
        write: Some(vec![]),
        ..Confinement::default()
    };
    // The attempt, and whether it succeeds with: both, writing only, reading only, writing nowhere.
    for (script, expected) in [
        ("cat seen/file", [true, true, true, true]),
        ("cat hidden/file", [false, true, false, true]),
        ("cat /etc/shadow", [false, true, false, true]),
        ("ls /", [false, true, false, true]),
        ("cat made/file", [true, true, false, true]),
        ("echo x > made/new", [true, true, false, false]),
        (
            "mkdir made/folder && rmdir made/folder",
            [true, true, false, false],
        ),
        ("rm made/new", [true, true, false, false]),
        ("echo x > seen/file", [false, false, false, false]),
        ("echo x > hidden/file", [false, false, false, false]),
        ("rm seen/file", [false, false, false, false]),
        ("mv hidden/file made/stolen", [false, false, false, false]),
        ("ln seen/file made/linked", [false, false, false, false]),
        ("truncate -s 0 hidden/file", [false, false, false, false]),
        ("echo x > /dev/null", [true, true, true, true]),
        (
            "cp /bin/true made/true && ! made/true",
            [true, false, false, false],
        ),
        (
            "head -c 1 /dev/urandom > /dev/null",
            [true, true, true, true],
        ),
    ] {
        let confinements = [&both, &writing, &reading, &nothing];
        for (confinement, expected) in confinements.into_iter().zip(expected) {
            fs::remove_file(folder.path().join("made/true")).ok();
            fs::write(folder.path().join("made/new"), "").unwrap();
            if rustix::process::geteuid().is_root() || !script.contains("shadow") {
                let went = tried(folder.path(), confinement, script).await;
                assert_eq!(went, expected, "{script} with {}", confinement.describe());
            }
        }
        for name in ["seen", "made", "hidden"] {
            let file = folder.path().join(name).join("file");
            assert_eq!(fs::read_to_string(file).unwrap(), name, "after {script}");
        }
    }
}
