//! Every question to a data folder with many events: each is answered by one command in less than a second.
//! `HISTORY_TESTS_LONG=1` makes it 1,000,000 events and 100,000 runs, and prints the times; `just questions` does.

use std::time::{Duration, Instant};

use flowtrigger_testing::large_folder::{BUSY_TICKET, LargeFolder, Written};
use jiff::{SignedDuration, Timestamp};

use super::program::{Said, flowtrigger};

const EVENTS: usize = 2_000;
const MANY_EVENTS: usize = 1_000_000;
/// How often each question is asked; the median counts.
const ROUNDS: usize = 5;
const MAX_TIME: Duration = Duration::from_secs(1);

/// A command, its exit code, and a part of what it prints.
struct Question {
    arguments: Vec<String>,
    code: i32,
    expected: String,
}

fn question(arguments: &str, code: i32, expected: impl Into<String>) -> Question {
    let split = |part: &str| part.replace('_', " ");
    Question {
        arguments: arguments.split_whitespace().map(split).collect(),
        code,
        expected: expected.into(),
    }
}

fn questions(written: &Written) -> Vec<Question> {
    let Written {
        event,
        ticket,
        received,
        run,
        rule,
    } = written;
    let near = *received + SignedDuration::from_secs(10);
    let misspelt = format!("{}X", &event[..event.len() - 1]);
    let run_line = format!("run  {run} dead");
    let listed = format!("  {run}  dead");
    vec![
        question(
            &format!("why {ticket}"),
            0,
            "evaluated by the rules in force",
        ),
        question(&format!("why {ticket} --at {near}"), 0, &run_line),
        question(&format!("why {ticket} --all"), 0, &run_line),
        question(&format!("why {event}"), 0, &run_line),
        question(&format!("why {event} --rule {rule}"), 0, &run_line),
        question(&format!("why {event} --format json"), 0, "\"runs\""),
        question(
            &format!("why {ticket} --rule no-such"),
            1,
            "no rule called `no-such`",
        ),
        question(
            &format!("why {BUSY_TICKET}"),
            0,
            "evaluated by the rules in force",
        ),
        question(
            &format!("why {BUSY_TICKET} --rule no-such"),
            1,
            "no rule called `no-such`",
        ),
        question(&format!("why {misspelt}"), 1, "is stored here"),
        question("why 99", 1, "is stored here"),
        question("runs list", 0, "older runs"),
        question(&format!("runs list --rule {rule}"), 0, rule),
        question("runs list --rule no-such", 1, "no such run"),
        question("runs list --state dead,held", 0, "dead"),
        question("runs list --state held", 1, "run"),
        question(&format!("runs list --ticket {ticket}"), 0, &listed),
        question(&format!("runs list --event {event}"), 0, &listed),
        question("runs list --error answered_503", 0, "503"),
        question("runs list --error no_such_text", 1, "run"),
        question(
            &format!("runs list --rule {rule} --error no_such_text"),
            1,
            "run",
        ),
        question("runs list --since -2h", 0, "done"),
        question("runs list --until -6d", 0, "done"),
        question("runs list --until -8d", 1, "run"),
        question(&format!("runs show {run}"), 0, "answered 503"),
        question(&format!("runs show {run} --format json"), 0, "answered 503"),
        question(
            &format!("runs show {run} --attempt 1"),
            0,
            format!("https://pager.example/tickets/{ticket}"),
        ),
        question(&format!("runs list --sent-to tickets/{ticket}"), 0, &listed),
        question("runs list --sent-to no-such-address", 1, "run"),
        question("runs list --sent-to pager.example", 0, "older runs"),
        question(&format!("why {event} --event"), 0, ticket.as_str()),
        question(&format!("why {event} --as-test"), 0, "expect: match"),
        question(&format!("why {rule}"), 0, "last match"),
        question("why no-such-rule", 1, "is stored here"),
        question("deliveries", 0, "older requests"),
        question("deliveries --source support --status 400", 0, "not JSON"),
        question("deliveries --rejected --since -1d", 0, "not JSON"),
        question("deliveries --reason incomplete", 1, "no such request"),
        question("events", 0, "ticket.PriorityChanged"),
    ]
}

#[tokio::test]
async fn every_question_is_answered_in_time() {
    let long = std::env::var_os("HISTORY_TESTS_LONG").is_some();
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    let large = LargeFolder {
        events: if long { MANY_EVENTS } else { EVENTS },
        end: Timestamp::now(),
    };
    let began = Instant::now();
    let written = large.write(&folder.path().join("flowtrigger.db")).await;
    report(long, &format!("{large:?} written in {:?}", began.elapsed()));
    let mut slow = Vec::new();
    for question in questions(&written) {
        let arguments: Vec<&str> = question.arguments.iter().map(String::as_str).collect();
        let ask = || {
            let began = Instant::now();
            let said = flowtrigger(folder.path(), &arguments);
            check(&question, &said);
            began.elapsed()
        };
        let mut times: Vec<Duration> = (0..if long { ROUNDS } else { 1 }).map(|_| ask()).collect();
        times.sort_unstable();
        let median = times[times.len() / 2];
        report(
            long,
            &format!(
                "{:8.1} ms  {}",
                median.as_secs_f64() * 1e3,
                arguments.join(" ")
            ),
        );
        if long && median > MAX_TIME {
            slow.push(arguments.join(" "));
        }
    }
    assert!(slow.is_empty(), "slower than {MAX_TIME:?}: {slow:#?}");
}

fn check(question: &Question, said: &Said) {
    let Question {
        arguments,
        code,
        expected,
    } = question;
    assert_eq!(said.code, *code, "{arguments:?} {said:?}");
    assert!(
        said.out.contains(expected),
        "{expected}: {arguments:?} {said:?}"
    );
}

#[allow(clippy::print_stdout)]
fn report(long: bool, line: &str) {
    if long {
        println!("{line}");
    }
}
