//! Reads the event of a test: from its file, from the test, or as a tick of the rule, with the changes of `set`.

use jiff::{SignedDuration, Timestamp};

use crate::report::input;
use crate::report::input::InputEvent;
use crate::report::rule_test::suite::TestCase;
use flowtrigger_core::config::Config;
use flowtrigger_core::event::Event;
use flowtrigger_core::path::set::set_described;
use flowtrigger_core::rule::test::entry::{TestEntry, TestEvent};

/// Reads an event of a test and changes it.
pub fn read<'c>(
    case: &'c TestCase,
    entry: &TestEntry,
    config: &'c Config,
) -> Result<InputEvent<'c>, String> {
    let listening = case.rule.event_source.as_str();
    let (event, name) = match &entry.event {
        TestEvent::Tick(at, _) => {
            let tick = tick(case, entry, *at)?;
            (Ok(InputEvent::Event(Box::new(tick))), "the tick".into())
        }
        TestEvent::File(file, _) => {
            let path = case.folder.join(file);
            let shown = path.display().to_string();
            let help = "`event` is a path from the folder of the test";
            let bytes = std::fs::read(&path)
                .map_err(|e| format!("failed to read `{shown}`: {e}; {help}"))?;
            (input::single(bytes, listening, config), shown)
        }
        TestEvent::Inline(value, _) => (
            input::from_value(value.clone(), Some(listening), config)
                .map(|event| InputEvent::Event(Box::new(event))),
            "the inline event".into(),
        ),
    };
    let input = event.map_err(|error| format!("{name} is not an event: {}", error.message))?;
    if entry.set.is_empty() {
        return Ok(input);
    }
    let mut event = input.into_event(&config.catalogue);
    for (path, value) in &entry.set {
        let description = config.description_of(&event.source);
        set_described(&mut event, path, value.clone(), description)
            .map_err(|e| format!("failed to set a field: {e}"))?;
    }
    Ok(InputEvent::Event(Box::new(event)))
}

/// When tests with ticks start that do not say when.
const FIRST_TICKS: Timestamp = Timestamp::constant(1_767_225_600, 0);

/// The tick of a test, or the first one from the time of its entry on.
fn tick(case: &TestCase, entry: &TestEntry, at: Option<Timestamp>) -> Result<Event, String> {
    let rule = &case.rule;
    let Some(every) = &rule.every else {
        return Err("the rule has no `every`, so that it has no ticks".to_owned());
    };
    let from = at.or(case.test.now).unwrap_or(FIRST_TICKS);
    let offset = match at {
        Some(_) => SignedDuration::ZERO,
        None => SignedDuration::try_from(entry.offset).unwrap_or(SignedDuration::ZERO),
    };
    let before = offset - SignedDuration::from_nanos(1);
    let before = from.checked_add(before).unwrap_or(from);
    let next = every.next(before);
    match (at, next) {
        (Some(at), Some(next)) if at != next => Err(format!(
            "{at} is no time of the rule; the next one is {next}, {}",
            every.shown(next)
        )),
        (_, None) => Err("the rule has no tick after this time".to_owned()),
        (_, Some(next)) => {
            let event = rule.tick(next, false);
            event.ok_or_else(|| "the rule has no tick at this time".to_owned())
        }
    }
}
