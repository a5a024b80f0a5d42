//! Tests of loading rulebooks: mistakes, calendars, pushed revisions.

use std::fs;

use super::*;
use crate::store::{PushedRevision, PushedTexts};

const RULE: &str = "name: NAME\nevent_source: support\nevent_type: ticket.TicketCreated\nflow:\n  - succeed: fine\n";

fn rule(name: &str) -> String {
    RULE.replace("NAME", name)
}

fn places(folder: &tempfile::TempDir) -> RulebookPaths {
    RulebookPaths {
        config: ConfigFile::IfThere(folder.path().join("flowtrigger.yaml")),
        ..RulebookPaths::new(folder.path().join("rules"))
    }
}

fn with_files(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

fn only_message(reading: &LoadedRulebook) -> (Code, String) {
    let all = reading.diagnostics.sorted();
    assert_eq!(all.len(), 1, "{all:?}");
    (all[0].code, all[0].message.clone())
}

#[test]
fn rules_are_read_from_all_folders_in_order() {
    let (a, b, c) = (rule("a"), rule("b"), rule("c"));
    let folder = with_files(&[
        ("rules/z.yml", b.as_bytes()),
        ("rules/deep/er/a.yaml", a.as_bytes()),
        ("rules/z.test.yaml", b"not: read"),
        ("rules/readme.md", b"not read"),
        ("rules/flowtrigger.yaml", b"mode: live"),
        ("rules/.hidden/c.yaml", c.as_bytes()),
    ]);
    let book = places(&folder).read().accepted().expect("sound rules");
    let names: Vec<&str> = book.rules.rules.iter().map(|r| r.name.as_str()).collect();
    assert_eq!(names, ["a", "b"]);
    assert_eq!(book.test_files.len(), 1);
}

#[test]
fn one_file_comes_with_the_tests_beside_it_whichever_is_named() {
    let (a, b) = (rule("a"), rule("b"));
    let folder = with_files(&[
        ("rules/a.yaml", a.as_bytes()),
        ("rules/a.test.yaml", b"not: read"),
        ("rules/b.yml", b.as_bytes()),
    ]);
    for (named, tests) in [("a.yaml", 1), ("a.test.yaml", 1), ("b.yml", 0)] {
        let path = folder.path().join("rules").join(named);
        let book = RulebookPaths::new(path)
            .read()
            .accepted()
            .expect("a sound rule");
        assert_eq!(book.rules.rules.len(), 1, "{named}");
        assert_eq!(book.rules.rules[0].name, named[..1], "{named}");
        assert_eq!(book.test_files.len(), tests, "{named}");
    }
}

#[test]
fn a_missing_folder_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let reading = places(&folder).read();
    let (code, message) = only_message(&reading);
    assert_eq!(code, Code::Unreadable);
    assert!(message.ends_with("/rules` does not exist"), "{message}");
    assert!(reading.accepted().is_err());
}

#[test]
fn an_empty_folder_is_an_error() {
    let folder = with_files(&[("rules/readme.md", b"")]);
    let (code, message) = only_message(&places(&folder).read());
    assert_eq!(code, Code::NoRules);
    assert!(
        message.ends_with("/rules` contains no rule file"),
        "{message}"
    );
}

#[test]
fn a_file_that_is_not_utf_8_is_named_with_the_byte() {
    let folder = with_files(&[("rules/a.yaml", b"name: x\ndesc: \xff\n")]);
    let reading = places(&folder).read();
    let all = reading.diagnostics.sorted();
    assert_eq!((all[0].code, all.len()), (Code::Unreadable, 1));
    assert_eq!((all[0].at.line, all[0].at.column), (2, 7));
    assert!(all[0].message.contains("byte 14"), "{}", all[0].message);
}

#[test]
fn a_broken_file_hides_no_other() {
    let broken = rule("b").replace("flow:", "folw:");
    let folder = with_files(&[
        ("rules/a.yaml", b"\xff"),
        ("rules/b.yaml", broken.as_bytes()),
    ]);
    let reading = places(&folder).read();
    let files: std::collections::BTreeSet<FileId> =
        reading.diagnostics.iter().map(|d| d.at.file).collect();
    assert_eq!(files.len(), 2);
}

const CALENDAR: &str =
    "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20261225\nEND:VEVENT\nEND:VCALENDAR\n";
const OFFICE: &[u8] =
    b"schedules: { office: { zone: UTC, hours: { daily: all day }, holidays: [h.ics] } }\n";

#[test]
fn calendars_beside_the_configuration_are_part_of_it() {
    let a = rule("a");
    let folder = with_files(&[
        ("rules/a.yaml", a.as_bytes()),
        ("flowtrigger.yaml", OFFICE),
        ("h.ics", CALENDAR.as_bytes()),
    ]);
    let paths = places(&folder);
    let book = paths.read().accepted().expect("sound rules");
    let christmas = "2026-12-25T12:00:00Z".parse().unwrap();
    assert!(!book.config.schedules["office"].is_open(christmas));
    assert_eq!(&*book.config.source.calendars["h.ics"], CALENDAR);
    let watched = fingerprint::LoadedFiles::named_by(&book);
    assert_eq!(watched, [folder.path().join("h.ics")]);
    assert!(book.has_read_calendars());
    let other = CALENDAR.replace("20261225", "20261226");
    fs::write(folder.path().join("h.ics"), other).unwrap();
    assert!(!book.has_read_calendars());
    let reloaded = paths.read().accepted().expect("sound rules");
    assert!(reloaded.config.schedules["office"].is_open(christmas));
    assert!(changes::changes_between(&book, &reloaded).configuration);
}

#[test]
fn a_missing_calendar_is_reported_where_it_is_named() {
    let a = rule("a");
    let folder = with_files(&[("rules/a.yaml", a.as_bytes()), ("flowtrigger.yaml", OFFICE)]);
    let reading = places(&folder).read();
    let (code, message) = only_message(&reading);
    assert_eq!(code, Code::Unreadable);
    assert!(message.ends_with("/h.ics` does not exist"), "{message}");
    let at = reading.diagnostics.sorted()[0].at;
    assert_eq!((at.line, at.column), (1, 73));
    // It is watched, so that a reload follows when it appears.
    let watched = fingerprint::LoadedFiles::named_by(&reading.rulebook);
    assert_eq!(watched, [folder.path().join("h.ics")]);
}

/// Pushed rules bring their calendars, and the daemon does not look for the files.
#[test]
fn pushed_calendars_are_used_instead_of_files() {
    let folder = with_files(&[]);
    let texts = PushedTexts {
        files: vec![("rules/a.yaml".into(), rule("a").into())],
        config: (
            "flowtrigger.yaml".into(),
            std::str::from_utf8(OFFICE).unwrap().into(),
        ),
        calendars: BTreeMap::from([("h.ics".to_owned(), CALENDAR.into())]),
    };
    let head = PushedHead {
        id: 1,
        digest: texts.digest(),
        rules: 1,
        at: jiff::Timestamp::UNIX_EPOCH,
        by: None,
        note: String::new(),
    };
    let pushed = PushedRevision { head, texts };
    let book = places(&folder).read_pushed(&pushed);
    let book = book.accepted().expect("sound rules");
    let christmas = "2026-12-25T12:00:00Z".parse().unwrap();
    assert!(!book.config.schedules["office"].is_open(christmas));
    assert!(book.has_read_calendars());
    assert_eq!(
        fingerprint::LoadedFiles::named_by(&book),
        [] as [PathBuf; 0]
    );
    let mut other = pushed.texts.clone();
    other.calendars.clear();
    assert_ne!(other.digest(), pushed.texts.digest());
}

#[test]
fn the_configuration_must_be_there_when_it_is_named() {
    let a = rule("a");
    let folder = with_files(&[("rules/a.yaml", a.as_bytes())]);
    let mut places = places(&folder);
    assert!(!places.read().diagnostics.has_errors());
    places.config = ConfigFile::Named(folder.path().join("mine.yaml"));
    let (code, message) = only_message(&places.read());
    assert_eq!(code, Code::Unreadable);
    assert!(message.ends_with("/mine.yaml` does not exist"), "{message}");
}
