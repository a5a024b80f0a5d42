//! Which command is asked for, and for what: named runs, all runs that a filter selects, one event, or the events of a
//! time. The same fields stand in the address of the question and in its form.

use jiff::Timestamp;

use crate::page::page_error::PageError;
use crate::page::page_request::PageRequest;
use crate::page::part::link;
use crate::page::runs::query::{FormField, RunQuery};
use crate::report::replay::scope::{EarlierStates, EventScope, ReplayRules};
use crate::report::run::command::RunCommand;
use crate::store::history::EventRowId;
use flowtrigger_core::run::RunId;

/// A command with what it is for.
#[derive(Debug, Clone, PartialEq)]
pub struct CommandRequest {
    pub command: RunCommand,
    pub scope: CommandScope,
    pub results: EarlierResults,
}

/// Whether a replay also takes what is done already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EarlierResults {
    LeaveOut,
    Include,
}

#[derive(Debug, Clone, PartialEq)]
pub enum CommandScope {
    /// Named runs.
    Runs(Vec<RunId>),
    /// All runs that a filter selects, up to the newest one that the person has seen.
    Matching {
        query: Box<RunQuery>,
        newest: Option<RunId>,
    },
    /// One stored event.
    Event {
        row: EventRowId,
        rule: Option<String>,
    },
    /// The events of a time.
    Period(Box<EventScope>),
}

/// Runs that are named one by one.
const MAX_NAMED: usize = 1_000;

impl CommandRequest {
    pub fn read(request: &PageRequest) -> Result<Self, PageError> {
        let command = match request.text("command") {
            Some("retry") => RunCommand::Retry,
            Some("replay") => RunCommand::Replay(ReplayRules::ItsRule),
            Some("cancel") => RunCommand::Cancel,
            Some(other) => {
                let error = PageError::parameter("command", format!("`{other}` is not a command"));
                return Err(error.help("the commands are `retry`, `replay` and `cancel`"));
            }
            None => {
                return Err(PageError::parameter("command", "it is missing")
                    .help("the commands are `retry`, `replay` and `cancel`"));
            }
        };
        let results = match request.text("results") {
            Some("include") => EarlierResults::Include,
            Some(_) | None => EarlierResults::LeaveOut,
        };
        Ok(Self {
            scope: scope(request, command, results)?,
            command,
            results,
        })
    }

    /// Whether it can take many runs, so that only one of its kind is executed at a time.
    pub fn is_bulk(&self) -> bool {
        match &self.scope {
            CommandScope::Runs(_) | CommandScope::Event { .. } => false,
            CommandScope::Matching { .. } | CommandScope::Period(_) => true,
        }
    }

    /// The fields that select the same runs or events again.
    pub fn fields(&self) -> Vec<FormField> {
        let mut fields = vec![FormField::new("command", self.command.as_str())];
        match &self.scope {
            CommandScope::Runs(runs) => {
                let runs = runs.iter();
                fields.extend(runs.map(|RunId(run)| FormField::new("run", run)));
            }
            CommandScope::Matching { query, newest } => {
                fields.push(FormField::new("scope", "all"));
                fields.extend(query.fields());
                let newest = newest.iter();
                fields.extend(newest.map(|RunId(run)| FormField::new("newest", run)));
            }
            CommandScope::Event { row, rule } => {
                fields.push(FormField::new("event", row.0));
                let rule = rule.iter();
                fields.extend(rule.map(|rule| FormField::new("rule", rule)));
            }
            CommandScope::Period(scope) => {
                let since = scope.since.iter();
                fields.extend(since.map(|since| FormField::new("since", since)));
                fields.push(FormField::new("until", scope.until));
                let rules = scope.rules.iter();
                fields.extend(rules.map(|rule| FormField::new("rule", rule)));
                let ticket = scope.ticket.iter();
                fields.extend(ticket.map(|ticket| FormField::new("ticket", ticket)));
                let entry = scope.endpoint.iter();
                fields.extend(entry.map(|entry| FormField::new("endpoint", entry)));
                if scope.unmatched {
                    fields.push(FormField::new("unmatched", "yes"));
                }
            }
        }
        if self.results == EarlierResults::Include {
            fields.push(FormField::new("results", "include"));
        }
        fields
    }

    /// The address that asks this.
    pub fn address(&self) -> String {
        let fields = self.fields();
        let fields: Vec<(&str, &str)> = fields
            .iter()
            .map(|field| (field.name, field.value.as_str()))
            .collect();
        link::query("/confirm", &fields)
    }

    /// Where the person comes from.
    pub fn back(&self) -> String {
        match &self.scope {
            CommandScope::Runs(runs) => match runs.as_slice() {
                [run] => link::run(*run),
                [] | [_, _, ..] => "/runs".to_owned(),
            },
            CommandScope::Matching { query, .. } => {
                let fields = query.fields();
                let fields: Vec<(&str, &str)> = fields
                    .iter()
                    .map(|field| (field.name, field.value.as_str()))
                    .collect();
                link::query("/runs", &fields)
            }
            CommandScope::Event { row, .. } => link::event(*row),
            CommandScope::Period(_) => "/events".to_owned(),
        }
    }

    /// For the log.
    pub fn describe(&self) -> String {
        match &self.scope {
            CommandScope::Runs(runs) => match runs.as_slice() {
                [RunId(run)] => format!("run {run}"),
                runs => format!("{} named runs", runs.len()),
            },
            CommandScope::Matching { query, .. } => format!("runs {}", query.describe()),
            CommandScope::Event { row, .. } => format!("event {}", row.0),
            CommandScope::Period(scope) => match scope.since {
                Some(since) => format!("events from {since} to {}", scope.until),
                None => format!("events before {}", scope.until),
            },
        }
    }
}

fn scope(
    request: &PageRequest,
    command: RunCommand,
    results: EarlierResults,
) -> Result<CommandScope, PageError> {
    let is_all = request.has("all") || request.text("scope") == Some("all");
    if is_all {
        let query = RunQuery::read(request)?;
        if query.is_empty() {
            let word = command.as_str();
            let error = PageError::invalid(format!("without a filter this would {word} every run"));
            return Err(error.help("filter the runs first"));
        }
        let newest = request.parse("newest", "write the id of a run")?;
        return Ok(CommandScope::Matching {
            query: Box::new(query),
            newest: newest.map(RunId),
        });
    }
    let named = request.texts("run");
    if !named.is_empty() {
        return runs(&named).map(CommandScope::Runs);
    }
    if request.text("scope") == Some("selected") {
        return Err(PageError::invalid("no run is selected")
            .help("go back and select runs, or all that match the filter"));
    }
    if !matches!(command, RunCommand::Replay(_)) {
        return Err(PageError::invalid("no run is named").help("name runs with `run=ID`"));
    }
    if let Some(row) = request.parse("event", "write the number of a stored event")? {
        return Ok(CommandScope::Event {
            row: EventRowId(row),
            rule: request.text("rule").map(str::to_owned),
        });
    }
    period(request, results).map(|scope| CommandScope::Period(Box::new(scope)))
}

fn runs(named: &[&str]) -> Result<Vec<RunId>, PageError> {
    if named.len() > MAX_NAMED {
        let error = PageError::invalid(format!("more than {MAX_NAMED} runs are named"));
        return Err(error.help("filter the runs, and take all that match"));
    }
    let mut runs = Vec::with_capacity(named.len());
    for name in named {
        let id = name
            .parse()
            .map(RunId)
            .map_err(|_| PageError::parameter("run", format!("`{name}` is not the id of a run")))?;
        if !runs.contains(&id) {
            runs.push(id);
        }
    }
    Ok(runs)
}

fn period(request: &PageRequest, results: EarlierResults) -> Result<EventScope, PageError> {
    let since = request.time("since")?;
    let ticket = request.text("ticket").map(str::to_owned);
    if since.is_none() && ticket.is_none() {
        return Err(PageError::invalid("nothing is selected")
            .help("a replay needs a run, an event, a ticket, or a time: `since=-1h`"));
    }
    let until: Timestamp = request.time("until")?.unwrap_or(request.now);
    if since.is_some_and(|since| since >= until) {
        let error = PageError::parameter("since", "it is not before `until`");
        return Err(error.help("write the earlier time as `since`"));
    }
    Ok(EventScope {
        since,
        until,
        rules: request
            .texts("rule")
            .into_iter()
            .map(str::to_owned)
            .collect(),
        ticket,
        source: request.text("source").map(str::to_owned),
        endpoint: request.text("endpoint").map(str::to_owned),
        unmatched: request.has("unmatched"),
        earlier: earlier(results),
        row: None,
    })
}

pub fn earlier(results: EarlierResults) -> EarlierStates {
    match results {
        EarlierResults::LeaveOut => EarlierStates::WithoutResult,
        EarlierResults::Include => EarlierStates::WithDone,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::page_request::PageRequest;

    fn read(query: &str) -> Result<CommandRequest, String> {
        CommandRequest::read(&PageRequest::of_text(query))
            .map_err(|error| error.json()["error"].to_string())
    }

    /// The address of a question leads to the same question, with times that stay.
    #[test]
    fn what_is_asked_is_carried_along() {
        for (query, subject, back) in [
            ("command=retry&run=7", "run 7", "/runs/7"),
            ("command=cancel&run=7&run=8&run=7", "2 named runs", "/runs"),
            (
                "command=retry&all&state=dead,held&rule=a%26b&newest=9",
                "runs dead or held, of rule `a&b`",
                "/runs?state=dead&state=held&rule=a%26b",
            ),
            ("command=replay&event=5&rule=vip", "event 5", "/events/5"),
            (
                "command=replay&since=2026-01-07&until=2026-01-08&results=include",
                "events from 2026-01-07T00:00:00Z to 2026-01-08T00:00:00Z",
                "/events",
            ),
        ] {
            let asked = read(query).unwrap();
            assert_eq!(
                (asked.describe().as_str(), asked.back().as_str()),
                (subject, back)
            );
            let (_, again) = asked
                .address()
                .split_once('?')
                .map(|(a, b)| (a.to_owned(), b.to_owned()))
                .unwrap();
            assert_eq!(read(&again).as_ref(), Ok(&asked), "{again}");
        }
        let relative = read("command=retry&scope=all&since=-1h").unwrap();
        let address = relative.address();
        assert!(!address.contains("-1h"), "{address}");
    }

    #[test]
    fn questions_without_a_command_or_a_subject_are_errors() {
        for (query, error) in [
            ("run=7", "it is missing"),
            ("command=drop&run=7", "`drop` is not a command"),
            (
                "command=retry&all",
                "without a filter this would retry every run",
            ),
            ("command=retry&scope=selected", "no run is selected"),
            ("command=cancel&since=-1h", "no run is named"),
            ("command=replay", "nothing is selected"),
            ("command=retry&run=x", "`x` is not the id of a run"),
            (
                "command=retry&all&state=dea",
                "`dea` is not a state of a run",
            ),
            (
                "command=replay&since=2026-01-08&until=2026-01-07",
                "not before `until`",
            ),
        ] {
            let found = read(query).unwrap_err();
            assert!(found.contains(error), "{query}: {found}");
        }
        let many: Vec<String> = (0..=MAX_NAMED).map(|run| format!("run={run}")).collect();
        assert!(read(&format!("command=retry&{}", many.join("&"))).is_err());
    }
}
