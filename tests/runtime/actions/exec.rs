//! Commands as processes: arguments, environment, input, output and exit.

mod hostile;
mod stopping;

use flowtrigger_core::flow::call::{ExecCall, KeepOutput};
use flowtrigger_core::language::rendered_text::RenderedText;
use serde_json::json;

use super::{exec, failed, perform_exec, performer, secret, succeeded, with};

fn shell(script: &str) -> ExecCall {
    exec(&["/bin/sh", "-c", script])
}

#[tokio::test]
async fn a_command_gives_status_and_both_outputs() {
    let value = succeeded(perform_exec(&performer(), shell("echo out; echo err >&2")).await);
    assert_eq!(
        value,
        json!({"status": 0, "stdout": "out\n", "stderr": "err\n"})
    );
}

#[tokio::test]
async fn json_on_standard_output_becomes_the_body() {
    let mut call = exec(&["cat"]);
    call.stdin = RenderedText::plain("{\"id\": [1]}\n");
    let value = succeeded(perform_exec(&performer(), call).await);
    assert_eq!(value["body"], json!({"id": [1]}));
}

#[tokio::test]
async fn keep_selects_the_result() {
    for (keep, kept) in [
        (KeepOutput::Status, json!({"status": 0})),
        (KeepOutput::None, json!({})),
    ] {
        let call = ExecCall {
            keep,
            ..exec(&["true"])
        };
        assert_eq!(succeeded(perform_exec(&performer(), call).await), kept);
    }
}

#[tokio::test]
async fn output_that_is_not_utf8_is_replaced() {
    let value = succeeded(perform_exec(&performer(), shell("printf 'a\\377b'")).await);
    assert_eq!(value["stdout"], "a\u{fffd}b");
}

#[tokio::test]
async fn the_environment_is_clean() {
    assert!(
        std::env::var("CARGO_MANIFEST_DIR").is_ok(),
        "something that must not be passed on"
    );
    let mut call = exec(&["env"]);
    call.env = vec![
        ("MINE".into(), secret("TOKEN")),
        ("LANG".into(), RenderedText::plain("xx")),
    ];
    let value = succeeded(perform_exec(&performer(), call).await);
    let lines: Vec<&str> = value["stdout"].as_str().unwrap().lines().collect();
    for line in [
        "MINE=[secret TOKEN]",
        "LANG=xx",
        "FLOWTRIGGER_IDEMPOTENCY_KEY=key-1",
    ] {
        assert!(lines.contains(&line), "{line} in {lines:?}");
    }
    let allowed = [
        "PATH",
        "HOME",
        "LANG",
        "LC_ALL",
        "TZ",
        "TMPDIR",
        "MINE",
        "FLOWTRIGGER_IDEMPOTENCY_KEY",
        "FLOWTRIGGER_DAEMON",
    ];
    for line in lines {
        assert!(allowed.contains(&line.split('=').next().unwrap()), "{line}");
    }
}

#[tokio::test]
async fn relative_programs_and_the_folder_start_at_cwd() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("bin")).unwrap();
    std::os::unix::fs::symlink("/bin/pwd", folder.path().join("bin/where")).unwrap();
    let cwd = folder.path().canonicalize().unwrap().display().to_string();
    let call = ExecCall {
        cwd: cwd.clone(),
        ..exec(&["./bin/where"])
    };
    let value = succeeded(perform_exec(&performer(), call).await);
    assert_eq!(value["stdout"], format!("{cwd}\n"));
}

#[tokio::test]
async fn a_failure_shows_the_end_of_standard_error() {
    let failure = failed(
        perform_exec(
            &performer(),
            shell("echo first >&2; echo 's3cr\"t/1 it broke' >&2; exit 3"),
        )
        .await,
    );
    assert_eq!(
        failure.message,
        "the command `/bin/sh` ended with status 3: first [secret TOKEN] it broke; run it by hand \
         with the same input to see why"
    );
    assert!(failure.retryable);
    let failure = failed(perform_exec(&performer(), shell("kill -9 $$")).await);
    assert!(
        failure
            .message
            .contains("was ended by signal 9, with nothing on standard error"),
        "{}",
        failure.message
    );
}

#[tokio::test]
async fn a_failure_with_much_output_shows_its_end() {
    let script = "i=0; while [ $i -lt 2000 ]; do echo \"line $i of the flood\" >&2; i=$((i+1)); done; exit 1";
    let performer = with(|options| options.output_cap = 1000);
    let message = failed(perform_exec(&performer, shell(script)).await).message;
    assert!(
        message.contains("line 1999 of the flood; run it"),
        "{message}"
    );
    assert!(message.len() < 700, "{message}");
}

#[tokio::test]
async fn large_output_is_read_to_its_end_and_kept_in_part() {
    let performer = with(|options| options.output_cap = 1000);
    let value = succeeded(
        perform_exec(
            &performer,
            shell("printf 1; head -c 30000000 /dev/zero | tr '\\0' ' '; echo end >&2"),
        )
        .await,
    );
    assert_eq!(value["stdout"], format!("1{}", " ".repeat(999)));
    assert_eq!(
        (&value["stderr"], &value["truncated"]),
        (&json!("end\n"), &json!(true))
    );
    assert_eq!(
        value.get("body"),
        None,
        "what is left of it must not pass for all of it"
    );
}

#[tokio::test]
async fn unread_input_is_no_failure() {
    let mut call = exec(&["true"]);
    call.stdin = RenderedText::plain("x".repeat(1_000_000));
    assert_eq!(
        succeeded(perform_exec(&performer(), call).await)["status"],
        0
    );
}

#[tokio::test]
async fn input_and_output_larger_than_a_pipe_do_not_wait_for_each_other() {
    let mut call = exec(&["cat"]);
    call.stdin = RenderedText::plain("x".repeat(1_000_000));
    let performer = with(|options| options.output_cap = 2_000_000);
    let value = succeeded(perform_exec(&performer, call).await);
    assert_eq!(value["stdout"].as_str().unwrap().len(), 1_000_000);
}

#[tokio::test]
async fn an_unexecutable_command_fails_permanently() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("script"), "#!/bin/sh\n").unwrap();
    let cwd = folder.path().display().to_string();
    let here = |argv: &[&str]| ExecCall {
        cwd: cwd.clone(),
        ..exec(argv)
    };
    let long = "x".repeat(128 * 1024);
    let variable = |name: &str, value: &str| ExecCall {
        env: vec![(name.into(), RenderedText::plain(value))],
        ..exec(&["true"])
    };
    for (call, words) in [
        (exec(&[]), "the command is empty; name a program"),
        (
            exec(&["no-such-command-here"]),
            "the command `no-such-command-here` was not found on PATH (looked in /",
        ),
        (
            here(&["./gone"]),
            "the command `./gone` was not found (looked in `",
        ),
        (
            here(&["./script"]),
            "permission denied: the command `./script` is not executable; run `chmod +x",
        ),
        (
            ExecCall {
                cwd: "/no/such/folder".into(),
                ..exec(&["true"])
            },
            "the folder `/no/such/folder` of the command `true`",
        ),
        (
            exec(&["true", "a\0b"]),
            "argument 1 of the command `true` contains a NUL character",
        ),
        (
            exec(&["true", "a", &long]),
            "argument 2 of the command `true` has 131072 bytes",
        ),
        (
            variable("A", &long),
            "the variable `A` of the command `true` has 131074 bytes",
        ),
        (variable("A=B", ""), "`A=B` is not a valid variable name"),
        (
            variable("A", "\0"),
            "the variable `A` of the command `true` contains a NUL",
        ),
        (
            ExecCall {
                argv: vec![RenderedText::plain("true"), secret("UNSET")],
                ..exec(&[])
            },
            "secret `UNSET` is not set",
        ),
    ] {
        let failure = failed(perform_exec(&performer(), call).await);
        assert!(
            failure.message.contains(words),
            "{words} in {}",
            failure.message
        );
        assert!(!failure.retryable, "{}", failure.message);
    }
}

#[tokio::test]
async fn a_missing_interpreter_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("script");
    std::fs::write(&script, "#!/no/such/interpreter\n").unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&script, mode).unwrap();
    let call = ExecCall {
        cwd: folder.path().display().to_string(),
        ..exec(&["./script"])
    };
    let failure = failed(perform_exec(&performer(), call).await);
    // Another fork may hold the file open for a moment; that failure is temporary.
    if !failure.message.contains("Text file busy") {
        assert!(
            failure
                .message
                .contains("the interpreter in its first line does not exist"),
            "{}",
            failure.message
        );
        assert!(!failure.retryable);
    }
}
