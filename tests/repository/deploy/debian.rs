//! The Debian package: its content, and what installation, upgrade, removal and purge do to a folder in place of the root.
//! systemd does not run there: programs in its place write down what they were called with.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::super::docs::root;
use super::{folder, is_installed, report, succeeds, succeeds_with_rules};

#[test]
fn the_rules_of_the_package_load_and_pass_their_tests() {
    let files = folder("debian");
    for command in ["check", "test"] {
        succeeds_with_rules(
            command,
            &files.join("flowtrigger.yaml"),
            &files.join("rules"),
        );
    }
}

#[test]
fn the_scripts_of_the_package_are_shell_scripts() {
    for script in ["postinst", "prerm", "postrm", "generate"] {
        succeeds(Command::new("sh").args(["-n", script]), &folder("debian"));
    }
}

const CONFIG: &str = "etc/flowtrigger/flowtrigger.yaml";

/// Builds the package with this version in a folder; returns its path.
fn build(version: &str, target: &Path) -> PathBuf {
    let path = target.join(format!("flowtrigger-{version}.deb"));
    let mut command = Command::new("cargo");
    command.args(["deb", "--no-build", "--no-strip", "--fast", "--quiet"]);
    command.args(["--deb-version", version]);
    succeeds(command.arg("--output").arg(&path), root());
    path
}

/// A folder in place of the root, in which programs write down their arguments instead of controlling services.
struct Root {
    folder: tempfile::TempDir,
}

impl Root {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = Self { folder };
        fs::create_dir_all(root.path("var/lib/dpkg/info")).unwrap();
        fs::create_dir_all(root.path("var/lib/dpkg/updates")).unwrap();
        fs::write(root.path("var/lib/dpkg/status"), "").unwrap();
        fs::create_dir_all(root.path("run/systemd/system")).unwrap();
        let programs = root.path("programs");
        fs::create_dir(&programs).unwrap();
        for name in ["systemctl", "deb-systemd-invoke"] {
            let calls = root.path("calls");
            let script = format!("#!/bin/sh\necho {name} \"$@\" >>{}\n", calls.display());
            fs::write(programs.join(name), script).unwrap();
            let executable = fs::Permissions::from_mode(0o755);
            fs::set_permissions(programs.join(name), executable).unwrap();
        }
        root
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn exists(&self, name: &str) -> bool {
        self.path(name).exists()
    }

    /// Runs dpkg; returns what the scripts of the package called.
    #[track_caller]
    fn dpkg(&self, arguments: &[&str]) -> String {
        drop(fs::remove_file(self.path("calls")));
        let path = std::env::var("PATH").unwrap();
        let path = format!("{}:{path}:/usr/sbin:/sbin", self.path("programs").display());
        let mut command = Command::new("dpkg");
        command.arg("--root").arg(self.folder.path());
        // The root has no shell, and none of the packages that the program needs.
        command.args([
            "--force-script-chrootless",
            "--force-depends",
            "--force-not-root",
        ]);
        command.args(["--force-confold", "--log=/dev/null"]);
        let output: Output = command.args(arguments).env("PATH", path).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        fs::read_to_string(self.path("calls")).unwrap_or_default()
    }
}

fn content(package: &Path) -> BTreeSet<String> {
    let mut command = Command::new("dpkg-deb");
    let output = command.arg("--contents").arg(package).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let lines = String::from_utf8(output.stdout).unwrap();
    let paths = lines.lines().map(|line| {
        let mut words = line.split_whitespace();
        let (mode, path) = (words.next().unwrap(), words.nth(4).unwrap());
        format!("{mode} {path}")
    });
    paths.filter(|path| !path.ends_with('/')).collect()
}

/// Two versions of the package, built once: the program is large.
#[test]
fn the_package_is_installed_upgraded_removed_and_purged() {
    if !is_installed("dpkg-deb", "dpkg") || !is_installed("cargo-deb", "cargo-deb") {
        return;
    }
    let packages = tempfile::tempdir().unwrap();
    succeeds(
        Command::new("deploy/debian/generate").arg(env!("CARGO_BIN_EXE_flowtrigger")),
        root(),
    );
    let first = build("0.0.1", packages.path());
    let second = build("0.0.2", packages.path());
    has_its_files(&first);
    is_handled_by_dpkg(&first, &second);
    runs_under_systemd(&first, &second);
}

fn has_its_files(package: &Path) {
    let files = content(package);
    for file in [
        "-rwxr-xr-x ./usr/bin/flowtrigger",
        "-rw-r--r-- ./usr/lib/systemd/system/flowtrigger.service",
        "-rw-r--r-- ./usr/lib/systemd/system/flowtrigger.socket",
        "-rw-r--r-- ./usr/lib/systemd/system/flowtrigger-page.socket",
        "-rw-r--r-- ./etc/flowtrigger/flowtrigger.yaml",
        "-rw-r--r-- ./etc/flowtrigger/rules/example.yaml",
        "-rw-r--r-- ./etc/default/flowtrigger",
        "-rw-r--r-- ./usr/share/man/man1/flowtrigger.1.gz",
        "-rw-r--r-- ./usr/share/man/man1/flowtrigger-runs-list.1.gz",
        "-rw-r--r-- ./usr/share/bash-completion/completions/flowtrigger",
        "-rw-r--r-- ./usr/share/zsh/vendor-completions/_flowtrigger",
        "-rw-r--r-- ./usr/share/fish/vendor_completions.d/flowtrigger.fish",
        "-rw-r--r-- ./usr/share/doc/flowtrigger/docs/deploy.md",
        "-rw-r--r-- ./usr/share/doc/flowtrigger/docs/decisions/README.md",
        "-rw-r--r-- ./usr/share/doc/flowtrigger/ARCHITECTURE.md",
        "-rw-r--r-- ./usr/share/doc/flowtrigger/examples/prometheus/alerts.yaml",
        "-rw-r--r-- ./usr/share/doc/flowtrigger/examples/grafana.json",
        "-rw-r--r-- ./usr/share/doc/flowtrigger/copyright",
    ] {
        assert!(files.contains(file), "{file}: {files:#?}");
    }
}

fn is_handled_by_dpkg(first: &Path, second: &Path) {
    let root = Root::new();
    let calls = root.dpkg(&["--install", first.to_str().unwrap()]);
    assert_eq!(
        calls, "systemctl --system daemon-reload\n",
        "nothing is started"
    );
    let secrets = fs::metadata(root.path("etc/flowtrigger/secrets")).unwrap();
    assert_eq!(secrets.mode() & 0o777, 0o700);
    succeeds(
        Command::new(root.path("usr/bin/flowtrigger")).arg("--version"),
        root.folder.path(),
    );
    // What an administrator and the daemon write.
    fs::write(root.path(CONFIG), "sources: { support: {} }\n").unwrap();
    fs::write(root.path("etc/flowtrigger/secrets/webhook"), "a secret").unwrap();
    fs::create_dir_all(root.path("var/lib/private/flowtrigger")).unwrap();
    fs::write(root.path("var/lib/private/flowtrigger/flowtrigger.db"), "").unwrap();

    let calls = root.dpkg(&["--install", second.to_str().unwrap()]);
    let expected =
        "systemctl --system daemon-reload\ndeb-systemd-invoke try-restart flowtrigger.service\n";
    assert_eq!(calls, expected, "the sockets stay open");
    let config = fs::read_to_string(root.path(CONFIG)).unwrap();
    assert_eq!(config, "sources: { support: {} }\n");

    let calls = root.dpkg(&["--remove", "flowtrigger"]);
    let stop =
        "deb-systemd-invoke stop flowtrigger.socket flowtrigger-page.socket flowtrigger.service\n";
    assert!(calls.starts_with(stop), "{calls}");
    assert!(
        calls.contains("--no-reload disable flowtrigger.socket"),
        "{calls}"
    );
    assert!(!root.exists("usr/bin/flowtrigger"));
    for kept in [
        CONFIG,
        "etc/flowtrigger/secrets/webhook",
        "var/lib/private/flowtrigger",
    ] {
        assert!(root.exists(kept), "{kept}");
    }
    root.dpkg(&["--purge", "flowtrigger"]);
    for gone in [
        "etc/flowtrigger",
        "etc/default/flowtrigger",
        "var/lib/private/flowtrigger",
    ] {
        assert!(!root.exists(gone), "{gone}");
    }
}

/// Starts a systemd in namespaces of its own, which takes a machine that permits this: only where `SYSTEMD_TESTS` is set.
fn runs_under_systemd(first: &Path, second: &Path) {
    if std::env::var_os("SYSTEMD_TESTS").is_none() {
        return report(
            "not tested under systemd: SYSTEMD_TESTS is not set; `just systemd-test` sets it\n",
        );
    }
    let mut command = Command::new("deploy/systemd/test");
    let output = command.arg(first).arg(second).current_dir(root()).output();
    let output = output.unwrap();
    let text = [&output.stdout[..], &output.stderr[..]].map(String::from_utf8_lossy);
    report(&text.concat());
    assert!(output.status.success(), "{}", text.concat());
}
