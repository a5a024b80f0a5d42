//! Confined commands: the kernel reports that each limit is in force. Fails on a machine that cannot enforce
//! them.

mod files;
mod starting;

use std::fs;
use std::path::Path;
use std::time::Duration;

use flowtrigger::action::Performer;
use flowtrigger::action::command::sandbox;
use flowtrigger_core::flow::call::ExecCall;
use flowtrigger_core::flow::confinement::Confinement;
use flowtrigger_core::language::rendered_text::RenderedText;
use flowtrigger_core::run::call_result::CallFailure;
use serde_json::Value;

use super::{exec, failed, perform_exec, performer, succeeded, with};

fn confined(argv: &[&str], confinement: Confinement) -> ExecCall {
    ExecCall {
        confine: Some(Box::new(confinement)),
        ..exec(argv)
    }
}

fn shell(script: &str, confinement: Confinement) -> ExecCall {
    confined(&["/bin/sh", "-c", script], confinement)
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

fn stdout(value: &Value) -> &str {
    value["stdout"].as_str().unwrap()
}

/// Whether this machine can enforce the limits; if not, the command must not have started.
async fn can(performer: &Performer, call: &ExecCall) -> bool {
    let confinement = call.confine.as_deref().unwrap();
    let warnings = sandbox::warnings(confinement);
    let Some(doubt) = warnings.first() else {
        return true;
    };
    let failure = failed(perform_exec(performer, call.clone()).await);
    assert!(
        failure
            .message
            .ends_with(&format!("was not started: {doubt}")),
        "{}",
        failure.message
    );
    assert!(!failure.retryable);
    false
}

fn as_nobody() -> Confinement {
    Confinement {
        user: Some("nobody".into()),
        ..Confinement::default()
    }
}

#[tokio::test]
async fn the_limits_of_a_step_are_in_force() {
    let all = Confinement {
        cpu: Some(Duration::from_secs(7)),
        memory: Some(64 << 20),
        file_size: Some(4096),
        ..Confinement::default()
    };
    let value =
        succeeded(perform_exec(&performer(), confined(&["cat", "/proc/self/limits"], all)).await);
    for (name, soft, hard) in [
        ("Max cpu time", "7", "8"),
        ("Max address space", "67108864", "67108864"),
        ("Max file size", "4096", "4096"),
        ("Max core file size", "0", "0"),
    ] {
        let line = stdout(&value)
            .lines()
            .find(|line| line.starts_with(name))
            .unwrap();
        let words: Vec<&str> = line[name.len()..].split_whitespace().collect();
        assert_eq!(&words[..2], [soft, hard], "{line}");
    }
    let value = succeeded(
        perform_exec(
            &performer(),
            confined(&["cat", "/proc/self/status"], as_small()),
        )
        .await,
    );
    assert!(stdout(&value).contains("NoNewPrivs:\t1"), "{value}");
}

fn as_small() -> Confinement {
    Confinement {
        memory: Some(64 << 20),
        ..Confinement::default()
    }
}

async fn ends(call: ExecCall) -> CallFailure {
    failed(perform_exec(&performer(), call).await)
}

#[tokio::test]
async fn a_command_over_a_limit_ends_and_names_it() {
    let spinning = Confinement {
        cpu: Some(Duration::from_secs(1)),
        ..Confinement::default()
    };
    let message = ends(shell("while :; do :; done", spinning)).await.message;
    assert!(
        message.contains("reached its limit of CPU time (`confine.cpu`)"),
        "{message}"
    );

    let folder = tempfile::tempdir().unwrap();
    let writing = Confinement {
        file_size: Some(10_000),
        ..Confinement::default()
    };
    let output = text(&folder.path().join("big"));
    let argv = [
        "dd",
        "if=/dev/zero",
        &format!("of={output}"),
        "bs=1000",
        "count=100",
    ];
    let message = ends(confined(&argv, writing)).await.message;
    assert!(
        message.contains("reached its limit of file size (`confine.file_size`)"),
        "{message}"
    );
    assert_eq!(fs::metadata(&output).unwrap().len(), 10_000);

    let growing = "head -c 200000000 /dev/zero | tail >/dev/null";
    let message = ends(shell(growing, as_small())).await.message;
    assert!(message.contains("ended with status 1"), "{message}");
    assert!(message.contains("memory"), "{message}");
}

#[tokio::test]
async fn another_user_has_its_own_rights_and_home_and_no_other_group() {
    let call = shell(
        "id -u; id -g; id -G; echo $HOME; cat /etc/shadow",
        as_nobody(),
    );
    if !can(&performer(), &call).await {
        return;
    }
    let failure = ends(call).await;
    assert!(
        failure.message.contains("Permission denied"),
        "{}",
        failure.message
    );
    let value =
        succeeded(perform_exec(&performer(), shell("id -u; id -G; echo $HOME", as_nobody())).await);
    let passwd = fs::read_to_string("/etc/passwd").unwrap();
    let nobody = passwd
        .lines()
        .find(|line| line.starts_with("nobody:"))
        .unwrap();
    let fields: Vec<&str> = nobody.split(':').collect();
    assert_eq!(
        stdout(&value),
        format!("{}\n{}\n{}\n", fields[2], fields[3], fields[5])
    );
    let mut own = shell("echo $HOME", as_nobody());
    own.env = vec![("HOME".into(), RenderedText::plain("/mine"))];
    assert_eq!(
        stdout(&succeeded(perform_exec(&performer(), own).await)),
        "/mine\n"
    );
}

#[tokio::test]
async fn the_processes_of_a_user_are_counted() {
    let few = Confinement {
        processes: Some(5),
        ..as_nobody()
    };
    let script = "for i in 1 2 3 4 5 6 7 8 9 10; do sleep 5 & done; echo all";
    let call = shell(script, few);
    if can(&performer(), &call).await {
        let failure = ends(call).await;
        assert!(
            failure.message.to_lowercase().contains("fork"),
            "{}",
            failure.message
        );
    }
    if rustix::process::geteuid().is_root() {
        let of_root = Confinement {
            processes: Some(5),
            ..Confinement::default()
        };
        let failure = ends(shell("true", of_root)).await;
        assert_eq!(
            failure.message,
            "the command `/bin/sh` was not started: `confine.processes` does not limit processes of root; \
             add a `user` that is not root"
        );
    }
}

#[tokio::test]
async fn a_confined_command_keeps_its_recorded_process() {
    let folder = tempfile::tempdir().unwrap();
    let performer = with(|options| options.processes = Some(folder.path().to_owned()));
    let note = text(&folder.path().join(super::KEY));
    let script = format!(
        "until grep -q ^command {note}; do sleep 0.01; done; grep ^command {note}; cat /proc/$$/stat"
    );
    let value = succeeded(perform_exec(&performer, shell(&script, as_small())).await);
    let (noted, stat) = stdout(&value).split_once('\n').unwrap();
    let noted: Vec<&str> = noted.split(' ').collect();
    let (before, after) = stat.rsplit_once(')').unwrap();
    assert_eq!(before.split(' ').next(), Some(noted[1]));
    assert_eq!(
        after.split_whitespace().nth(19),
        Some(noted[2]),
        "the same start"
    );
}

#[tokio::test]
async fn a_confined_command_gets_the_same_environment_arguments_and_input() {
    let mut bare = exec(&[
        "/bin/sh",
        "-c",
        "cat; env | grep -v ^_= | sort; printf '<%s>' \"$0\" \"$@\"",
        "a b",
        "",
        "$(id)",
        "--",
        "\n",
    ]);
    bare.stdin = RenderedText::plain("input\n");
    bare.env = vec![("MINE".into(), RenderedText::plain("a\nb"))];
    let plain = succeeded(perform_exec(&performer(), bare.clone()).await);
    bare.confine = Some(Box::new(as_small()));
    assert_eq!(succeeded(perform_exec(&performer(), bare).await), plain);
}

#[tokio::test]
async fn a_confined_command_that_never_ends_is_killed() {
    let mut call = shell(
        "echo $$ > pid; trap '' TERM; while :; do sleep 600; done",
        as_small(),
    );
    let folder = tempfile::tempdir().unwrap();
    call.cwd = text(folder.path());
    call.timeout = Duration::from_millis(300);
    let performer = with(|options| options.grace = Duration::from_millis(100));
    let message = failed(perform_exec(&performer, call).await).message;
    assert!(message.contains("did not end within 300ms"), "{message}");
}

/// Whether this kernel can keep a process from sending signals to others.
fn can_restrict_signals() -> bool {
    use landlock::{CompatLevel, Compatible, Ruleset, RulesetAttr, Scope};
    let rules = Ruleset::default().set_compatibility(CompatLevel::HardRequirement);
    rules
        .scope(Scope::Signal)
        .and_then(|rules| rules.create())
        .is_ok()
}

#[tokio::test]
async fn a_confined_command_sends_no_signal_to_other_processes() {
    let mut other = std::process::Command::new("sleep")
        .arg("60")
        .spawn()
        .unwrap();
    let script = format!("kill -0 {}", other.id());
    let free = exec(&["/bin/sh", "-c", &script]);
    succeeded(perform_exec(&performer(), free).await);
    let confined = perform_exec(&performer(), shell(&script, as_small())).await;
    let own = "sleep 60 & kill $! && wait $! || true";
    succeeded(perform_exec(&performer(), shell(own, as_small())).await);
    other.kill().unwrap();
    other.wait().unwrap();
    match can_restrict_signals() {
        true => assert!(failed(confined).message.contains("ot permitted")),
        false => drop(succeeded(confined)),
    }
}
