//! The units: systemd accepts them, and finds the service well confined.

use std::fs;
use std::process::Command;

use super::super::docs::read;
use super::{folder, is_installed, succeeds};

/// Of `systemd-analyze security`: 0 is best, 10 worst.
const MAX_EXPOSURE: f64 = 1.5;

#[test]
fn the_service_is_confined() {
    if !is_installed("systemd-analyze", "systemd") {
        return;
    }
    let mut command = Command::new("systemd-analyze");
    command.args(["security", "--offline=true", "--no-pager"]);
    let output = command.arg(folder("systemd").join("flowtrigger.service"));
    let output = String::from_utf8(output.output().unwrap().stdout).unwrap();
    let (_, level) = output.split_once("exposure level for ").expect(&output);
    let (_, level) = level.split_once(": ").unwrap();
    let exposure: f64 = level.split(' ').next().unwrap().parse().unwrap();
    assert!(exposure <= MAX_EXPOSURE, "{exposure}: {output}");
}

/// With the program and the manual page where the package puts them, systemd has nothing to complain about.
#[test]
fn systemd_accepts_the_units() {
    if !is_installed("systemd-analyze", "systemd") {
        return;
    }
    let copies = tempfile::tempdir().unwrap();
    let mut units = Vec::new();
    for name in [
        "flowtrigger.service",
        "flowtrigger.socket",
        "flowtrigger-page.socket",
    ] {
        let text = read(folder("systemd").join(name));
        let text = text.replace("/usr/bin/flowtrigger", env!("CARGO_BIN_EXE_flowtrigger"));
        let text: String = text
            .split_inclusive('\n')
            .filter(|line| !line.starts_with("Documentation="))
            .collect();
        let path = copies.path().join(name);
        fs::write(&path, text).unwrap();
        units.push(path);
    }
    succeeds(
        Command::new("systemd-analyze").arg("verify").args(units),
        copies.path(),
    );
}

/// The drop-in for rules with commands: only settings that the service has, or that its comments explain.
#[test]
fn the_drop_in_for_commands_is_a_unit() {
    if !is_installed("systemd-analyze", "systemd") {
        return;
    }
    let folder_of_units = tempfile::tempdir().unwrap();
    let service = read(folder("systemd").join("flowtrigger.service"));
    let service = service.replace("/usr/bin/flowtrigger", env!("CARGO_BIN_EXE_flowtrigger"));
    let service = service.replace("Documentation=", "#");
    let drop_in = read(folder("systemd").join("commands.conf"));
    // Also what is commented out.
    let drop_in: String = drop_in
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(setting) if !setting.starts_with(' ') => format!("{setting}\n"),
            Some(_) | None => format!("{line}\n"),
        })
        .collect();
    let path = folder_of_units.path().join("flowtrigger.service");
    fs::write(&path, service).unwrap();
    let drop_ins = folder_of_units.path().join("flowtrigger.service.d");
    fs::create_dir(&drop_ins).unwrap();
    fs::write(drop_ins.join("commands.conf"), drop_in).unwrap();
    let mut command = Command::new("systemd-analyze");
    command.arg("verify").arg(&path);
    let output = command.output().unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    let unknown = errors
        .lines()
        .find(|line| line.contains("Unknown") || line.contains("commands.conf:"));
    assert_eq!(unknown, None, "{errors}");
}
