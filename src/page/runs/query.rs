//! Which runs a page or a command means: the filter of the address, read, described, and written into an address again.

use jiff::Timestamp;

use crate::page::page_error::PageError;
use crate::page::page_request::PageRequest;
use crate::report::render::diagnostics::number;
use crate::report::time_argument::seconds;
use crate::store::ReplayId;
use crate::store::history::{RunComparison, RunFilter};
use flowtrigger_core::document::suggest::nearest;
use flowtrigger_core::run::STATES;

/// The fields of a filter as they were written, for its form.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ShownRunFilter {
    pub states: Vec<String>,
    pub rule: String,
    pub ticket: String,
    pub event: String,
    pub endpoint: String,
    pub sent_to: String,
    pub since: String,
    pub until: String,
    pub error: String,
    pub replay: String,
    pub shadow: String,
}

/// A filter with the fields of its form.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RunQuery {
    pub filter: RunFilter,
    pub shown: ShownRunFilter,
}

/// A field of a form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormField {
    pub name: &'static str,
    pub value: String,
}

impl FormField {
    pub fn new(name: &'static str, value: impl ToString) -> Self {
        Self {
            name,
            value: value.to_string(),
        }
    }
}

impl RunQuery {
    pub fn read(request: &PageRequest) -> Result<Self, PageError> {
        let states = request.texts("state").into_iter();
        let states = states.flat_map(|names| names.split(','));
        let states: Vec<String> = states.map(|name| name.trim().to_owned()).collect();
        for state in &states {
            known(state)?;
        }
        let owned = |name: &str| request.text(name).map(str::to_owned);
        let replay = "write the id of a replay, such as r63f1a2b4c5d6e";
        let filter = RunFilter {
            states: states.clone(),
            rule: owned("rule"),
            key: owned("ticket").map(|ticket| ticket.trim_start_matches('#').to_owned()),
            event: owned("event"),
            endpoint: owned("endpoint"),
            since: request.time("since")?,
            until: request.time("until")?,
            error: owned("error"),
            sent_to: owned("sent_to"),
            replay: request.parse::<ReplayId>("replay", replay)?,
            comparison: request
                .text("shadow")
                .is_some_and(|shadow| shadow == "differs")
                .then_some(RunComparison::Different),
            ..RunFilter::default()
        };
        if let (Some(since), Some(until)) = (filter.since, filter.until)
            && since >= until
        {
            let error = PageError::parameter("since", "it is not before `until`");
            return Err(error.help("write the earlier time as `since`"));
        }
        let shown = |name: &str| request.text(name).unwrap_or_default().to_owned();
        Ok(Self {
            filter,
            shown: ShownRunFilter {
                states,
                rule: shown("rule"),
                ticket: shown("ticket"),
                event: shown("event"),
                endpoint: shown("endpoint"),
                sent_to: shown("sent_to"),
                since: shown("since"),
                until: shown("until"),
                error: shown("error"),
                replay: shown("replay"),
                shadow: shown("shadow"),
            },
        })
    }

    pub fn is_empty(&self) -> bool {
        self.filter.is_empty()
    }

    /// The filter as fields, with fixed times, so that it selects the same runs later.
    pub fn fields(&self) -> Vec<FormField> {
        let filter = &self.filter;
        let states = filter.states.iter();
        let mut fields: Vec<FormField> =
            states.map(|state| FormField::new("state", state)).collect();
        let mut add = |name: &'static str, value: Option<String>| {
            fields.extend(value.map(|value| FormField { name, value }));
        };
        add("rule", filter.rule.clone());
        add("ticket", filter.key.clone());
        add("event", filter.event.clone());
        add("endpoint", filter.endpoint.clone());
        add("sent_to", filter.sent_to.clone());
        add("since", filter.since.map(|at| at.to_string()));
        add("until", filter.until.map(|at| at.to_string()));
        add("error", filter.error.clone());
        add("replay", filter.replay.map(|replay| replay.to_string()));
        add("shadow", filter.comparison.map(|_| "differs".to_owned()));
        fields
    }

    /// `retrying, held or dead, planned since 05:00`
    pub fn describe(&self) -> String {
        let filter = &self.filter;
        let mut parts = Vec::new();
        if let Some((last, others)) = filter.states.split_last() {
            parts.push(match others {
                [] => last.clone(),
                others => format!("{} or {last}", others.join(", ")),
            });
        }
        let quoted = |what: &str, value: &Option<String>| {
            let value = value.as_deref()?;
            Some(format!("{what} `{value}`"))
        };
        parts.extend(quoted("of rule", &filter.rule));
        parts.extend(quoted("for ticket", &filter.key));
        parts.extend(quoted("for event", &filter.event));
        parts.extend(quoted("at entry", &filter.endpoint));
        parts.extend(quoted("sent to", &filter.sent_to));
        parts.extend(quoted("with the error", &filter.error));
        let time = |what: &str, at: Option<Timestamp>| {
            at.map(|at| format!("planned {what} {}", seconds(at)))
        };
        parts.extend(time("since", filter.since));
        parts.extend(time("before", filter.until));
        parts.extend(filter.replay.map(|replay| format!("of replay {replay}")));
        let differs = "started by only one of a rule and its shadow version";
        parts.extend(filter.comparison.map(|_| differs.to_owned()));
        parts.join(", ")
    }
}

fn known(state: &str) -> Result<(), PageError> {
    if STATES.contains(&state) {
        return Ok(());
    }
    let error = PageError::parameter("state", format!("`{state}` is not a state of a run"));
    Err(match nearest(state, STATES.into_iter()) {
        Some(near) => error.help(format!("did you mean `{near}`?")),
        None => error.help(format!("the states are {}", STATES.join(", "))),
    })
}

/// `54 runs match`, or that there are more than were counted.
pub fn describe_count(count: u64, is_capped: bool) -> String {
    let count = number(usize::try_from(count).unwrap_or(usize::MAX), "run");
    match is_capped {
        true => format!("more than {count}"),
        false => count,
    }
}
