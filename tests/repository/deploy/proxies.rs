//! The proxies: nginx and Caddy accept their configuration, which leads to the ports of the units.

use std::fs;
use std::process::Command;

use super::super::docs::read;
use super::{folder, is_installed, succeeds};

/// A certificate for this test.
fn certificate(folder: &std::path::Path) {
    let arguments = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 \
                     -subj /CN=localhost -keyout privkey.pem -out fullchain.pem";
    succeeds(
        Command::new("openssl").args(arguments.split_whitespace()),
        folder,
    );
}

#[test]
fn nginx_accepts_its_configuration() {
    if !is_installed("nginx", "nginx") {
        return;
    }
    let copy = tempfile::tempdir().unwrap();
    certificate(copy.path());
    let here = copy.path().display();
    let text = read(folder("nginx").join("flowtrigger.conf"));
    // The check opens what the servers listen on.
    let text = text.replace("/etc/ssl/flowtrigger", &here.to_string());
    let text = text.replace("listen [::]:443", "#");
    let text = text.replace("listen 443", &format!("listen unix:{here}/socket"));
    let text = format!(
        "pid {here}/pid;\nerror_log stderr;\nevents {{}}\nhttp {{\naccess_log off;\n{text}\n}}\n"
    );
    let file = copy.path().join("nginx.conf");
    fs::write(&file, text).unwrap();
    let nginx = match fs::exists("/usr/sbin/nginx") {
        Ok(true) => "/usr/sbin/nginx",
        Ok(false) | Err(_) => "nginx",
    };
    succeeds(
        Command::new(nginx)
            .args(["-t", "-e", "stderr", "-p", ".", "-c"])
            .arg(&file),
        copy.path(),
    );
}

#[test]
fn caddy_accepts_its_configuration() {
    if !is_installed("caddy", "caddy") {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let mut command = Command::new("caddy");
    command.args(["validate", "--adapter", "caddyfile", "--config"]);
    command.arg(folder("caddy").join("Caddyfile"));
    command.env("HOME", home.path());
    command
        .env_remove("XDG_DATA_HOME")
        .env_remove("XDG_CONFIG_HOME");
    succeeds(&mut command, home.path());
}

/// With the proxy under `trusted_proxies`, Prometheus on this machine gets 403 from the events listener.
#[test]
fn the_configuration_for_the_proxies_has_a_listener_for_metrics() {
    let folder_of = [("nginx", "flowtrigger.conf"), ("caddy", "Caddyfile")];
    for (name, file) in folder_of {
        let text = read(folder(name).join(file));
        let lines = text.lines().map_while(|line| line.strip_prefix('#'));
        let config: Vec<&str> = lines
            .map(str::trim_start)
            .filter(|line| line.starts_with("listen: ") || line.starts_with("page: "))
            .collect();
        let copy = tempfile::tempdir().unwrap();
        let rules = copy.path().join("rules");
        fs::create_dir(&rules).unwrap();
        let rule = "name: one\nevent_source: support\nevent_type: ticket.TicketCreated\nflow:\n- succeed: fine\n";
        fs::write(rules.join("one.yaml"), rule).unwrap();
        let config_file = copy.path().join("flowtrigger.yaml");
        let config = format!("{}\n", config.join("\n"));
        fs::write(&config_file, &config).unwrap();
        super::succeeds_with_rules("check", &config_file, &rules);
        let listen: serde_json::Value = serde_yaml::from_str(&config).unwrap();
        let metrics = listen["listen"]["metrics"].as_str().unwrap();
        let prometheus = read(folder("prometheus").join("prometheus.yaml"));
        assert!(prometheus.contains(metrics), "{metrics}: {prometheus}");
    }
}

/// The ports of the socket units are the default ones.
#[test]
fn the_proxies_lead_to_the_sockets_of_the_units() {
    let nginx = read(folder("nginx").join("flowtrigger.conf"));
    let caddy = read(folder("caddy").join("Caddyfile"));
    for (unit, port) in [
        ("flowtrigger.socket", "8080"),
        ("flowtrigger-page.socket", "8081"),
    ] {
        let unit = read(folder("systemd").join(unit));
        let address = format!("127.0.0.1:{port}");
        assert!(
            unit.contains(&format!("\nListenStream={address}\n")),
            "{unit}"
        );
        assert!(nginx.contains(&format!("server {address};")), "{nginx}");
        assert!(
            caddy.contains(&format!("reverse_proxy {address} {{")),
            "{caddy}"
        );
    }
}
