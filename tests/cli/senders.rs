//! The recipes of `examples/senders`: each is clean, its tests pass, and a daemon with it accepts what its sender signs and nothing else.

use flowtrigger_core::config::verification::preset::PRESETS;
use flowtrigger_testing::daemon::DaemonProcess;
use flowtrigger_testing::repository;
use flowtrigger_testing::sandbox::Sandbox;
use flowtrigger_testing::wait::wait_until;
use serde_json::Value;

const FOLDER: &str = "examples/senders";

/// One test for each recipe, and the names of all.
macro_rules! recipes {
    ($($name:ident)*) => {
        mod recipe_of {
            $(#[test] fn $name() { super::accepts_its_sender_and_nobody_else(stringify!($name)); })*
        }
        const TESTED: &[&str] = &[$(stringify!($name)),*];
    };
}

recipes! {
    zendesk upmind standard_webhooks svix github gitlab gitlab_signed stripe slack shopify intercom hubspot helpscout front front_rule
    freshdesk pagerduty linear jira typeform zoom discord telegram calendly meta
}

/// The secret of the daemon, the one that the sender signs with, and the one of somebody else.
struct RecipeSecrets {
    daemon: String,
    sender: String,
    other: String,
}

impl RecipeSecrets {
    fn of(recipe: &str) -> Self {
        let shared = |secret: &str, other: &str| Self {
            daemon: secret.to_owned(),
            sender: secret.to_owned(),
            other: other.to_owned(),
        };
        match recipe {
            "standard_webhooks" | "svix" | "gitlab_signed" => shared(
                "whsec_YzRuYXJ5LXNlY3JldC1vZi0zMi1ieXRlcyEhISE=",
                "whsec_YW5vdGhlci1zZWNyZXQtb2YtMzItYnl0ZXMhISEhISE=",
            ),
            "stripe" => shared(
                "whsec_0123456789abcdef0123456789abcdef",
                "whsec_fedcba9876543210fedcba9876543210",
            ),
            // The first two keys of RFC 8032, section 7.1.
            "discord" => Self {
                daemon: "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a".into(),
                sender: "whsk_nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=".into(),
                other: "whsk_TM0Imyj/ltqdtsNG7BFOD1uKMZ81q6Yk2oz27U+4pvs=".into(),
            },
            name => shared(
                &format!("a-secret-of-{name}-0123456789abcdef"),
                &format!("another-secret-of-{name}-0123456789"),
            ),
        }
    }
}

/// The recipe in a sandbox, with the secret of the daemon.
fn sandbox(recipe: &str, secrets: &RecipeSecrets) -> Sandbox {
    let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_flowtrigger"));
    let folder = repository::path(FOLDER).join(recipe);
    for file in repository::files_below(&folder) {
        let name = file.strip_prefix(&folder).expect("a file of the folder");
        sandbox.write(name.to_str().expect("UTF-8"), repository::read(&file));
    }
    sandbox
        .with_env(&variable(recipe), &secrets.daemon)
        .with_env(
            "FLOWTRIGGER_SECRET_META_TOKEN",
            "a-token-of-meta-0123456789abcdef",
        )
}

fn variable(recipe: &str) -> String {
    format!("FLOWTRIGGER_SECRET_{}_KEY", recipe.to_uppercase())
}

/// The sample as a request without a proof: header lines, and the body.
fn unsigned(sandbox: &Sandbox) -> (String, String) {
    let mut event: Value = serde_json::from_str(&sandbox.read("event.json")).expect("JSON");
    let request = event
        .as_object_mut()
        .and_then(|event| event.remove("$request"));
    let headers = request.unwrap_or_default()["headers"].clone();
    let lines = headers.as_object().into_iter().flatten();
    let lines = lines.map(|(name, value)| format!("{name}: {}\r\n", value.as_str().expect("text")));
    let lines: String = lines.collect();
    (
        format!("content-type: application/json\r\n{lines}"),
        event.to_string(),
    )
}

fn accepts_its_sender_and_nobody_else(recipe: &str) {
    let secrets = RecipeSecrets::of(recipe);
    let source = if recipe == "zendesk" {
        "support"
    } else {
        recipe
    };
    let sandbox = sandbox(recipe, &secrets);

    let checked = sandbox.run(&["check"]);
    assert_eq!(checked.code, 0, "{checked:#?}");
    assert_eq!(
        (checked.stdout.as_str(), checked.stderr.as_str()),
        ("1 rule in 1 file, no errors\n", "")
    );
    sandbox
        .run(&["test"])
        .expect_stdout(0, &["2 passed, 0 failed"]);

    let daemon = DaemonProcess::start(&sandbox);
    let to = [
        "send",
        "--to",
        &daemon.address,
        "--source",
        source,
        "event.json",
    ];
    let (headers, body) = unsigned(&sandbox);
    let path = format!("/events/{source}");
    let anonymous = daemon.request("POST", &path, &headers, body.as_bytes());
    anonymous.expect_rejected(401, &["the sender could not be verified"]);

    let sandbox = sandbox.with_env(&variable(recipe), &secrets.other);
    sandbox
        .run(&to)
        .expect_stdout(1, &["event.json:1: rejected with 401"]);
    let counts_events = || {
        daemon
            .get("/metrics")
            .body
            .contains("flowtrigger_events_total{")
    };
    assert!(!counts_events(), "a rejected request became an event");

    let sandbox = sandbox.with_env(&variable(recipe), &secrets.sender);
    let rule = repository::read(sandbox.path(&format!("rules/{recipe}.yaml")));
    let rule = rule.lines().find_map(|line| line.strip_prefix("name: "));
    let started = format!("  {}  ", rule.expect("the name of the rule"));
    sandbox
        .run(&to)
        .expect_stdout(0, &["event.json:1: accepted, event ", &started]);
    assert!(counts_events());
    wait_until("the run is done", || daemon.count("done") == 1);
    assert_eq!(sandbox.read("data/outbox/chat.ndjson").lines().count(), 1);

    let listed = |option: &str| {
        let output = sandbox.run(&["deliveries", option, "--format", "json"]);
        let statuses = output.json_lines();
        let statuses = statuses.iter().map(|row| row["status"].as_u64());
        statuses.flatten().collect::<Vec<u64>>()
    };
    assert_eq!(
        (listed("--accepted"), listed("--rejected")),
        (vec![200], vec![401, 401])
    );
    let runs = sandbox.run(&["runs", "list", "--format", "json"]);
    assert_eq!(runs.json_lines().len(), 1, "{runs:#?}");
    daemon.stop();
}

#[test]
fn each_sender_that_verify_knows_has_a_recipe() {
    let presets: Vec<&str> = PRESETS.iter().map(|preset| preset.name).collect();
    assert_eq!(TESTED, presets);
    let folders = repository::entries(repository::path(FOLDER));
    let folders: Vec<String> = folders
        .iter()
        .map(|path| repository::file_name(path))
        .collect();
    let mut sorted = presets;
    sorted.sort_unstable();
    assert_eq!(folders, sorted);
    for name in sorted {
        let config = repository::read(repository::path(&format!(
            "{FOLDER}/{name}/flowtrigger.yaml"
        )));
        let verify = format!("    verify: {name}\n");
        assert!(config.contains(&verify), "{name}: {config}");
    }
}
