//! The words for what is paused or down.

use std::collections::BTreeMap;

use super::*;
use crate::report::output::Output;
use flowtrigger_core::config::ConfigSource;
use flowtrigger_core::suspension::Suspension;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn found(target: SuspensionTarget, suspension: Suspension) -> SuspendedTarget {
    SuspendedTarget {
        target,
        suspension,
        waiting: 3,
        oldest: Some(at(60)),
    }
}

fn paused(note: &str) -> Suspension {
    Suspension::default().paused(Pause {
        since: at(0),
        by: "ines, on the page".into(),
        note: note.into(),
    })
}

fn down() -> Suspension {
    Suspension {
        outage: Some(Outage {
            since: at(0),
            failures: 7,
            message: "answered\n503".into(),
            next_probe: at(90),
            probe: None,
            last_probed: None,
        }),
        ..Suspension::default()
    }
}

#[test]
fn a_sentence_names_the_command_that_ends_a_pause() {
    let rule = found(
        SuspensionTarget::Rule("two words".into()),
        paused("upgrade"),
    );
    assert_eq!(
        sentences(&rule, None),
        [
            "rule `two words` is paused since 1970-01-01T00:00:00Z by ines, on the page: upgrade; 3 runs wait; `flowtrigger resume --rule 'two words'` ends the pause"
        ]
    );
    let chat = found(SuspensionTarget::Connection("chat".into()), down());
    assert_eq!(
        sentences(&chat, None),
        [
            "connection `chat` is down since 1970-01-01T00:00:00Z: 7 failures, the last: answered\\n503; next probe at 1970-01-01T00:01:30Z; 3 runs wait"
        ]
    );
    let over = found(SuspensionTarget::Everything, Suspension::default());
    assert_eq!(
        sentences(&over, None),
        [
            "3 runs wait for everything, which is neither paused nor down: they continue in order within each lane, at most 100 a second; new runs of other lanes do not wait behind them"
        ]
    );
    assert_eq!(
        resume_command(&SuspensionTarget::Everything),
        "flowtrigger resume --all"
    );
}

#[test]
fn a_table_has_a_row_for_a_pause_and_one_for_an_outage() {
    assert!(table(&[], None).is_none());
    let both = Suspension {
        outage: down().outage,
        ..paused("")
    };
    let chat = found(SuspensionTarget::Connection("chat".into()), both);
    let (mut out, written) = Output::captured();
    table(&[chat], None).unwrap().write(&mut out).unwrap();
    out.finish().unwrap();
    let text = written.text();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 4, "{text}");
    assert!(lines[1].contains("paused") && lines[1].contains("by ines, on the page"));
    assert!(lines[2].contains("`flowtrigger resume --connection chat` ends the pause"));
    assert!(lines[3].contains("down") && lines[3].contains("7 failures"));
}

#[test]
fn what_continues_says_how_fast_and_for_how_long() {
    let text = "connections:\n  chat: { base_url: 'https://chat.example', breaker: { resume: 2/s } }\n  crm: { base_url: 'https://crm.example', breaker: off }\n";
    let config =
        ConfigSource::new("flowtrigger.yaml".into(), text.into(), BTreeMap::new()).compile();
    let mut chat = found(
        SuspensionTarget::Connection("chat".into()),
        Suspension::default(),
    );
    chat.waiting = 260;
    let continued = |found: &SuspendedTarget, config| describe_continued(found, config);
    let said = continued(&chat, Some(&config)).unwrap();
    for part in [
        "260 runs wait for connection `chat`",
        "in order within each lane, at most 2 a second (`breaker.resume`), which takes at least 2m10s",
        "new runs of other lanes do not wait",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let said = continued(&chat, None).unwrap();
    assert!(said.contains("`breaker.resume` (default: 10/s)"), "{said}");
    let host = SuspensionTarget::Host("api.example:443".into());
    let paused = after_pause(&host, 0, 0, Some(&config));
    assert!(
        paused[2].ends_with("at most 10 a second (`breaker.resume`)"),
        "{paused:?}"
    );
    let crm = SuspensionTarget::Connection("crm".into());
    let paused = after_pause(&crm, 0, 0, Some(&config));
    assert!(
        paused[2].ends_with("all at once, because `breaker` is `off`"),
        "{paused:?}"
    );
    let everything = after_resume(&SuspensionTarget::Everything, None, 88, None);
    assert!(
        everything[0].starts_with("88 runs unfinished: they continue"),
        "{everything:?}"
    );
    assert_eq!(after_resume(&crm, None, 88, None), ["no run is waiting"]);
}

#[test]
fn without_a_waiting_run_nothing_is_due() {
    let mut chat = found(SuspensionTarget::Connection("chat".into()), down());
    chat.waiting = 0;
    let down = describe_down(&chat).unwrap();
    assert!(
        down.ends_with("tested by the next run that needs it; 0 runs wait"),
        "{down}"
    );
    chat.suspension = Suspension::default();
    assert_eq!(describe_continued(&chat, None), None);
    assert!(table(&[chat], None).is_none());
}
