//! A data folder that a daemon cannot have, or cannot read: it says so, changes nothing and goes away.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use crate::daemon::Daemon;
use crate::place::{Place, event, telling};
use crate::receiver::Receiver;
use crate::wire::Wire;

fn place() -> (Receiver, Place) {
    let receiver = Receiver::fine();
    let place = Place::new(&telling("tell", "made", receiver.port, ""));
    (receiver, place)
}

/// A place whose store holds some runs.
fn used(events: u64) -> (Receiver, Place) {
    let (receiver, place) = place();
    let daemon = Daemon::start(&place);
    for ticket in 0..events {
        daemon.takes(&event(&format!("e{ticket}"), ticket, "made"));
    }
    daemon.rests();
    daemon.stops();
    // All in one file, and nothing beside it.
    drop(
        rusqlite::Connection::open(place.database())
            .unwrap()
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())),
    );
    (receiver, place)
}

#[test]
fn a_second_daemon_is_told_who_has_the_folder_and_disturbs_nobody() {
    let (receiver, place) = place();
    let first = Daemon::start(&place);
    let who = format!("a daemon (process {}, since ", first.process());
    let refused = place.refused();
    refused.tells(5, &["failed to lock the data folder", &who, "`--data`"]);
    first.takes(&event("a", 1, "made"));
    receiver.gets(1);
    first.kill();
    // The lock went with its holder.
    Daemon::start(&place).stops();
}

#[test]
fn a_folder_that_cannot_be_written_to_is_told() {
    let (_receiver, place) = place();
    place.write("data", "no folder");
    let refused = place.refused();
    refused.tells(5, &["failed to use the data folder", "`--data`"]);
    assert_eq!(place.read("data"), "no folder");
}

#[test]
fn a_folder_that_is_read_only_is_told() {
    let (_receiver, place) = used(1);
    let before = fs::read(place.database()).unwrap();
    let mode = |path: &str, mode| {
        fs::set_permissions(place.path(path), fs::Permissions::from_mode(mode)).unwrap();
    };
    mode("data/lock", 0o400);
    mode("data", 0o500);
    // Whoever may write anyway finds no such folder.
    let may_write = fs::write(place.path("data/probe"), "").is_ok();
    let refused = (!may_write).then(|| place.refused());
    mode("data", 0o700);
    if let Some(refused) = refused {
        refused.tells(5, &["failed to use the data folder", "`--data`"]);
        assert!(fs::read(place.database()).unwrap() == before);
    }
}

#[test]
fn a_file_of_a_newer_version_is_refused_and_left_alone() {
    let (_receiver, place) = used(1);
    let database = rusqlite::Connection::open(place.database()).unwrap();
    database.pragma_update(None, "user_version", 99).unwrap();
    drop(database);
    let before = fs::read(place.database()).unwrap();
    place
        .refused()
        .tells(5, &["written by a newer flowtrigger", "99", "`--data`"]);
    assert!(fs::read(place.database()).unwrap() == before);
    assert_eq!(aside(&place), Vec::<PathBuf>::new());
}

/// Files that were set aside.
fn aside(place: &Place) -> Vec<PathBuf> {
    let files = fs::read_dir(place.path("data")).unwrap();
    let files = files.map(|file| file.unwrap().path());
    let aside = files.filter(|path| {
        let name = path.to_string_lossy();
        name.contains(".db.damaged-") && !name.ends_with("-wal") && !name.ends_with("-shm")
    });
    aside.collect()
}

/// A store in use with its file damaged, in a place that is told from where a table or an index begins.
fn damaged(damage: impl Fn(&mut Vec<u8>, &dyn Fn(&str) -> usize)) -> (Receiver, Place, Vec<u8>) {
    let (receiver, place) = used(40);
    let mut bytes = fs::read(place.database()).unwrap();
    let database = rusqlite::Connection::open(place.database()).unwrap();
    let begins = |name: &str| {
        let sql = "SELECT (rootpage - 1) * page_size FROM sqlite_master, pragma_page_size WHERE name = ?1";
        let begin: i64 = database.query_row(sql, [name], |row| row.get(0)).unwrap();
        usize::try_from(begin).unwrap()
    };
    damage(&mut bytes, &begins);
    drop(database);
    fs::write(place.database(), &bytes).unwrap();
    (receiver, place, bytes)
}

/// A start refuses the file and sets it aside untouched; the next one begins anew.
#[track_caller]
fn is_set_aside(receiver: &Receiver, place: &Place, bytes: &[u8]) {
    let refused = place.refused();
    refused.tells(5, &["the file is damaged", "set aside", ".recover"]);
    let aside = aside(place);
    assert_eq!(aside.len(), 1, "{aside:?}");
    let named = aside[0].file_name().unwrap().to_string_lossy().into_owned();
    refused.tells(5, &[&named]);
    let is_as_it_was = || fs::read(&aside[0]).unwrap() == bytes;
    assert!(is_as_it_was(), "it was changed");
    let daemon = Daemon::start(place);
    let came = receiver.count();
    daemon.takes(&event("new", 1, "made"));
    daemon.rests();
    assert_eq!((daemon.count("done"), receiver.count()), (1, came + 1));
    daemon.stops();
    assert!(is_as_it_was(), "it was changed later");
}

#[test]
fn rubbish_in_place_of_a_database_is_set_aside() {
    let (receiver, place, bytes) = damaged(|bytes, _| bytes.fill(b'x'));
    is_set_aside(&receiver, &place, &bytes);
}

#[test]
fn a_database_whose_middle_is_damaged_is_set_aside() {
    let (receiver, place, bytes) = damaged(|bytes, _| bytes[4096..].fill(0xA5));
    is_set_aside(&receiver, &place, &bytes);
}

#[test]
fn a_database_that_was_cut_is_set_aside() {
    let (receiver, place, bytes) = damaged(|bytes, _| bytes.truncate(bytes.len() / 8));
    is_set_aside(&receiver, &place, &bytes);
}

fn spoil(bytes: &mut [u8], begin: usize) {
    bytes[begin..begin + 100].fill(0xA5);
}

#[test]
fn a_damage_that_is_met_when_runs_are_looked_for_is_set_aside() {
    let (receiver, place, bytes) = damaged(|bytes, begins| spoil(bytes, begins("runs_by_state")));
    is_set_aside(&receiver, &place, &bytes);
}

#[test]
fn a_damage_that_is_met_in_use_ends_the_program_and_the_next_start_sets_it_aside() {
    for table in ["events", "log_entries"] {
        let (receiver, place, bytes) = damaged(|bytes, begins| spoil(bytes, begins(table)));
        let mut daemon = Daemon::start(&place);
        let mut wire = Wire::connect(&daemon.address).unwrap();
        let event = event("more", 1, "made").to_string();
        let answer = wire.ask("POST", "/events/desk", &event);
        // Where the damage is met later, it is taken.
        assert!(table == "log_entries" || answer.is_err() || answer.unwrap().status() == 503);
        assert_eq!(daemon.ends(), Some(5), "{}", daemon.log());
        daemon.says("the database is damaged");
        let bytes = match table {
            "log_entries" => fs::read(place.database()).unwrap(),
            _ => bytes,
        };
        is_set_aside(&receiver, &place, &bytes);
    }
}
