//! Rules that change all the time while events arrive: no event is evaluated by a part of one set and a part of another.

use std::fs;
use std::os::unix::fs::symlink;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use flowtrigger_testing::daemon::DaemonProcess;
use flowtrigger_testing::sandbox::Sandbox;
use flowtrigger_testing::wait::wait_until;
use rustix::process::Signal;
use serde_json::Value;

use super::desk::{event, sandbox};

const SETS: u64 = 100;
/// Rules that are read between the two that must agree.
const BETWEEN: u64 = 40;
/// Between two sets, times 0 to 4: from none, so that sets are replaced while they are read, to enough for a reload.
const PAUSE: Duration = Duration::from_millis(25);

fn rule(name: &str, kind: &str) -> String {
    format!("name: {name}\nevent_source: desk\nevent_type: {kind}\nflow: [succeed: fine]\n")
}

/// Every second set has a mistake in its last file.
fn is_broken(set: u64) -> bool {
    set % 2 == 1
}

/// Writes a set to a folder of its own, and replaces the link to the one before.
fn deploy(sandbox: &Sandbox, set: u64) {
    let folder = sandbox.path(&format!("sets/{set}"));
    fs::create_dir_all(&folder).unwrap();
    let write = |name: &str, text: String| fs::write(folder.join(name), text).unwrap();
    write("a.yaml", rule(&format!("first-{set}"), "made"));
    for number in 0..BETWEEN {
        write(
            &format!("m-{number}.yaml"),
            rule(&format!("other-{number}"), "else"),
        );
    }
    let last = rule(&format!("last-{set}"), "made");
    write(
        "z.yaml",
        match is_broken(set) {
            true => last.replace("flow:", "folw:"),
            false => last,
        },
    );
    let new = sandbox.path("new");
    symlink(&folder, &new).unwrap();
    fs::rename(new, sandbox.path("rules")).unwrap();
}

/// The set of the two rules that matched an event.
#[track_caller]
fn set_of(answer: &Value) -> u64 {
    let runs = answer["runs"].as_array().expect("runs");
    let mut names: Vec<&str> = runs
        .iter()
        .map(|run| run["rule"].as_str().expect("a rule"))
        .collect();
    names.sort_unstable();
    let [first, last] = names.as_slice() else {
        panic!("not two rules: {answer}");
    };
    let sets = (first.strip_prefix("first-"), last.strip_prefix("last-"));
    let (Some(first), Some(last)) = sets else {
        panic!("not one of each: {answer}");
    };
    assert_eq!(first, last, "parts of two sets: {answer}");
    first.parse().expect("a number")
}

#[test]
fn no_event_is_evaluated_by_parts_of_two_sets() {
    let sandbox = sandbox("");
    fs::remove_dir_all(sandbox.path("rules")).unwrap();
    deploy(&sandbox, 0);
    let daemon = DaemonProcess::start_watching(&sandbox);
    let is_over = AtomicBool::new(false);
    let mut seen = std::thread::scope(|scope| {
        scope.spawn(|| {
            for set in 1..=SETS {
                deploy(&sandbox, set);
                // Most sets are found by the daemon alone.
                if set % 7 == 0 {
                    daemon.signal(Signal::HUP);
                }
                std::thread::sleep(PAUSE * u32::try_from(set % 5).unwrap());
            }
            is_over.store(true, Ordering::Relaxed);
        });
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                // A result of either kind: the set may be broken, or change again and again.
                let result = daemon.admin("POST", "/reload");
                assert_eq!(result.status(), 200, "{result:?}");
                std::thread::sleep(PAUSE);
            }
        });
        let mut seen = Vec::new();
        while !is_over.load(Ordering::Relaxed) {
            let number = seen.len() as u64;
            let answer = daemon.accept("desk", &event(&format!("e{number}"), number, "made"));
            seen.push(set_of(&answer));
        }
        seen
    });
    let mut number = seen.len();
    wait_until("the last set is in force", || {
        number += 1;
        let answer = daemon.accept("desk", &event(&format!("e{number}"), 1, "made"));
        seen.push(set_of(&answer));
        seen.last() == Some(&SETS)
    });
    assert!(seen.iter().all(|set| !is_broken(*set)), "{seen:?}");
    assert!(seen.is_sorted(), "{seen:?}");
    daemon.wait_until_idle();
    daemon.stop();
}
