//! jq programs in their worker process: results, errors, and programs that never end.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use flowtrigger::action::jq::JqPool;
use flowtrigger_core::flow::call::{Call, JqCall};
use flowtrigger_core::run::call_result::CallFailure;
use serde_json::{Value, json};

use super::{KEY, performer, succeeded};

fn jq() -> JqPool {
    JqPool::new(env!("CARGO_BIN_EXE_flowtrigger"))
}

fn call(program: &str, input: Value) -> JqCall {
    JqCall {
        program: program.into(),
        input,
    }
}

fn failure(jq: &JqPool, program: &str) -> CallFailure {
    let failure = jq.run_blocking(&call(program, json!(null))).unwrap_err();
    assert!(!failure.retryable, "{failure:?}");
    failure
}

#[tokio::test]
async fn a_program_gives_its_result_to_the_step() {
    let input = json!({"id": 9007199254740993_u64, "tags": ["b", "a"]});
    let program = "{z: .id, a: (.tags | sort), text: \"#\\(.id)\\n\"}";
    let performed = performer()
        .perform(&Call::Jq(call(program, input)), KEY)
        .await;
    let value = succeeded(performed);
    assert_eq!(
        value.to_string(),
        r##"{"z":9007199254740993,"a":["a","b"],"text":"#9007199254740993\n"}"##
    );
}

#[tokio::test]
async fn a_jq_error_is_truncated_and_contains_no_secret() {
    let program = "error(.text)";
    let input = json!({"text": format!("s3cr\"t/1 {}", "x".repeat(1000))});
    let performed = performer()
        .perform(&Call::Jq(call(program, input)), KEY)
        .await;
    let Err(failure) = performed else {
        panic!("it succeeded");
    };
    assert!(!failure.message.contains("s3cr"), "{}", failure.message);
    assert!(failure.message.contains("…"), "{}", failure.message);
    assert!(failure.message.len() < 500, "{}", failure.message);
}

#[test]
fn an_endless_or_large_jq_program_does_not_affect_others() {
    let jq = jq();
    for (program, why) in [
        ("last(repeat(1))", "2 s of CPU time"),
        ("reduce range(60) as $i ([0]; . + .)", "MiB of memory"),
        ("\"x\" * 1000000000", "MiB of memory"),
        ("def f: 1 + f; f", "recurses too deeply"),
        ("[range(100000)]", "its result has more than 256 KiB"),
        ("\"x\" * 300000", "its result has more than 256 KiB"),
        ("mpa(.)", "did you mean `map`?"),
        ("env", "cannot read the environment"),
    ] {
        let message = failure(&jq, program).message;
        assert!(message.contains(why), "{program}: {message}");
        // The next program works.
        let next = jq.run_blocking(&call(". + 1", json!(1)));
        assert_eq!(next, Ok(json!(2)), "behind {program}");
    }
}

#[test]
fn a_child_killed_while_idle_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let (script, process) = (folder.path().join("jq"), folder.path().join("process"));
    let text = format!(
        "#!/bin/sh\necho $$ > {}\nexec {} \"$@\"\n",
        process.display(),
        env!("CARGO_BIN_EXE_flowtrigger")
    );
    fs::write(&script, text).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let jq = JqPool::new(&script);
    let one = call("1", json!(null));
    assert_eq!(jq.run_blocking(&one), Ok(json!(1)));
    let first = fs::read_to_string(&process).unwrap();
    assert_eq!(jq.run_blocking(&one), Ok(json!(1)));
    assert_eq!(
        first,
        fs::read_to_string(&process).unwrap(),
        "a child serves many"
    );
    let killed = Command::new("kill").args(["-9", first.trim()]).status();
    assert!(killed.unwrap().success());
    assert_eq!(jq.run_blocking(&one), Ok(json!(1)));
    assert_ne!(first, fs::read_to_string(&process).unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_programs_at_once_do_not_mix() {
    let jq = jq();
    let tasks: Vec<_> = (0..40)
        .map(|n| {
            let jq = jq.clone();
            tokio::spawn(async move { (n, jq.run(&call("{n: .}", json!(n))).await) })
        })
        .collect();
    for task in tasks {
        let (n, result) = task.await.unwrap();
        assert_eq!(result, Ok(json!({"n": n})));
    }
}
