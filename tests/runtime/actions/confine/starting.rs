//! Confined commands that cannot start: each reports why, and none of it has run. A command that starts and
//! fails is not reported as one that did not start.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use flowtrigger_core::flow::confinement::Confinement;

use super::{as_nobody, as_small, can, confined, ends, shell, text};
use crate::actions::performer;

#[tokio::test]
async fn a_limit_that_cannot_be_enforced_prevents_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let done = text(&folder.path().join("done"));
    for (confinement, words) in [
        (
            Confinement {
                user: Some("no-such-user".into()),
                ..Confinement::default()
            },
            "`confine.user` is `no-such-user`, which is not in /etc/passwd; create the user",
        ),
        (
            Confinement {
                read: Some(vec!["/no/such/folder".into()]),
                ..Confinement::default()
            },
            "`/no/such/folder` of `confine` does not exist; create it",
        ),
        (
            Confinement {
                memory: Some(16 << 40),
                cpu: Some(Duration::from_secs(1)),
                write: Some(vec!["relative/to/nowhere".into()]),
                ..Confinement::default()
            },
            "`relative/to/nowhere` of `confine` does not exist",
        ),
    ] {
        let failure = ends(confined(&["touch", &done], confinement)).await;
        assert!(
            failure.message.contains("was not started: "),
            "{}",
            failure.message
        );
        assert!(failure.message.contains(words), "{}", failure.message);
        assert!(!failure.retryable);
    }
    assert!(!Path::new(&done).exists());
}

#[tokio::test]
async fn a_program_that_its_user_may_not_execute_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("program");
    fs::copy("/bin/true", &program).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
    let call = confined(&[program.to_str().unwrap()], as_nobody());
    if can(&performer(), &call).await {
        let failure = ends(call).await;
        assert!(
            failure
                .message
                .contains("could not be started: permission denied under `confine`"),
            "{}",
            failure.message
        );
        assert!(!failure.retryable);
    }
}

#[tokio::test]
async fn a_failed_start_is_reported_as_without_limits() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("script");
    fs::write(&script, "#!/no/such/interpreter\n").unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let call = confined(&[script.to_str().unwrap()], as_small());
    let message = ends(call).await.message;
    // Another fork may hold the file open for a moment; that failure is temporary.
    if !message.contains("Text file busy") {
        assert!(
            message.contains("the interpreter in its first line does not exist"),
            "{message}"
        );
    }
}

#[tokio::test]
async fn a_command_cannot_imitate_a_failed_start() {
    let failure = ends(shell("echo 'errno 13' >&2; exit 125", as_small())).await;
    assert!(
        failure.message.contains("ended with status 125: errno 13"),
        "{}",
        failure.message
    );
    assert!(failure.retryable);
}
