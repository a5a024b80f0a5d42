//! Creates the files of a new cluster once, and copies them for each server.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::installation::Installation;

/// Changes when the content of the template changes.
const VERSION: u32 = 1;

/// Writes the files of a new cluster into a folder that does not exist.
pub fn copy_cluster(installation: &Installation, to: &Path) {
    copy(&template(installation), to);
    installation.give(to);
}

/// The cluster that is copied. The first process that needs it creates it; others wait for that.
fn template(installation: &Installation) -> PathBuf {
    let folder = build_folder();
    fs::create_dir_all(&folder).expect("a writable folder");
    let template = folder.join(format!("postgres-{VERSION}-{}", installation.label()));
    let lock = File::create(folder.join("postgres.lock")).expect("a writable folder");
    lock.lock().expect("a lock");
    if !template.exists() {
        // In a folder that the server's user can reach.
        let place = tempfile::tempdir().expect("a temporary folder");
        installation.give(place.path());
        let new = place.path().join("data");
        create(installation, &new);
        let beside = template.with_extension("new");
        drop(fs::remove_dir_all(&beside));
        copy(&new, &beside);
        fs::rename(&beside, &template).expect("a new folder");
    }
    template
}

/// `target/tmp`, which the tests of other processes use too.
fn build_folder() -> PathBuf {
    let program = std::env::current_exe().unwrap_or_default();
    let built = program.ancestors().find(|folder| {
        let name = folder.file_name();
        name.is_some_and(|name| name == "deps")
    });
    match built.and_then(|deps| deps.ancestors().nth(2)) {
        Some(target) => target.join("tmp"),
        None => std::env::temp_dir(),
    }
}

/// An empty cluster, with the role that owns the databases of tests.
fn create(installation: &Installation, data: &Path) {
    let mut initdb = installation.server("initdb");
    initdb.args(["--no-sync", "--auth=trust", "--username=postgres"]);
    initdb.args(["--encoding=UTF8", "--locale=C", "--wal-segsize=4"]);
    initdb.arg("-D").arg(data);
    finish(&mut initdb, "");
    let mut single = installation.server("postgres");
    single.args(["--single", "-F", "-D"]).arg(data);
    finish(single.arg("postgres"), "CREATE ROLE flowtrigger LOGIN\n");
}

fn finish(command: &mut Command, input: &str) {
    command.stdin(Stdio::piped());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program starts");
    let mut stdin = child.stdin.take().expect("standard input is piped");
    stdin.write_all(input.as_bytes()).expect("it reads");
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{command:?}: {output:?}");
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).expect("a new folder");
    let permissions = fs::metadata(from).expect("a folder").permissions();
    fs::set_permissions(to, permissions).expect("its own folder");
    for entry in fs::read_dir(from).expect("a readable folder") {
        let entry = entry.expect("an entry");
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        match entry.file_type().expect("a type").is_dir() {
            true => copy(&from, &to),
            false => drop(fs::copy(&from, &to).expect("a readable file")),
        }
    }
}
