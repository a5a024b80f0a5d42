//! Reads `--tick RULE[@TIME]`: the tick of a rule, as the daemon would make it.

use jiff::{SignedDuration, Timestamp};

use crate::engine::Rulebook;
use crate::report::dry_run::known_rules;
use crate::report::error::CommandError;
use crate::report::input::{Input, InputEvent};
use crate::report::time_argument::TimeArgument;

/// The tick of a rule: the next one, or the first one from the given time on.
pub fn read<'c>(argument: &str, book: &Rulebook) -> Result<Input<'c>, CommandError> {
    let (name, from) = match argument.split_once('@') {
        Some((name, time)) => (name, Some(time)),
        None => (argument, None),
    };
    known_rules(&[name.to_owned()], book)?;
    let mut rules = book.rules.rules.iter();
    let rule = rules.find(|rule| rule.name == name);
    let ticking = rule.and_then(|rule| Some((rule, rule.every.as_ref()?)));
    let Some((rule, every)) = ticking else {
        let failure = CommandError::usage(format!("the rule `{name}` has no `every`"));
        return Err(failure.help("pass an event that it listens to as a file"));
    };
    let now = Timestamp::now();
    let after = match from {
        None => now,
        Some(time) => {
            let time = TimeArgument::parse(time)
                .map_err(CommandError::usage)?
                .from(now);
            time.checked_sub(SignedDuration::from_nanos(1))
                .unwrap_or(time)
        }
    };
    let next = every.next(after);
    let tick = next.and_then(|next| rule.tick(next, false));
    let Some(tick) = tick else {
        let failure = CommandError::usage(format!("the rule `{name}` has no tick after this time"));
        return Err(failure.help("give an earlier time after the `@`"));
    };
    Ok(Input {
        place: argument.to_owned(),
        event: Ok(InputEvent::Event(Box::new(tick))),
    })
}
