//! Reads what is stored of a rule: its text in the revision in force, its runs, and the events of its types.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::report::error::CommandError;
use crate::report::why::rule::near_misses::EventSample;
use crate::report::why::rule::shadow_comparison::ShadowComparison;
use crate::store::History;
use crate::store::history::revision::written_names;
use crate::store::history::{
    Page, PastRevision, RevisionInForce, RunDetail, RunFilter, SuspendedTarget,
};
use flowtrigger_core::document::suggest;
use flowtrigger_core::rule::Rule;
use flowtrigger_core::rule::shadow_version::written_name;
use flowtrigger_core::run::exchange::RecordedExchange;
use flowtrigger_core::schedule::ScheduleState;
use flowtrigger_core::schedule::every::Every;
use flowtrigger_core::suspension::SuspensionTarget;

/// Runs of a rule among which its newest match is searched; the others report on dead runs.
const RECENT_RUNS: usize = 100;

pub const DAY: SignedDuration = SignedDuration::from_hours(24);
const WEEK: SignedDuration = SignedDuration::from_hours(7 * 24);

/// The newest run that a match of the rule led to.
pub struct LastMatch {
    pub run: RunDetail,
    pub exchanges: Vec<RecordedExchange>,
}

/// Everything that is stored of a rule.
pub struct RuleHistory {
    pub name: String,
    /// When this was read.
    pub now: Timestamp,
    /// The revision that came into force last; `None` before the first start of a daemon.
    pub in_force: Option<RevisionInForce>,
    pub loaded: LoadedRule,
    /// The run of the newest event that it matched.
    pub last_match: Option<LastMatch>,
    /// How many runs are in each state, by the state's name.
    pub last_day: Vec<(String, u64)>,
    pub last_week: Vec<(String, u64)>,
    /// What is paused or down of the rule itself, its connections, or everything.
    pub suspended: Vec<SuspendedTarget>,
    /// `None` if the rule is not loaded, so that its types are unknown.
    pub events: Option<EventSample>,
    /// How it compares with its shadow version, or with the rule that it is the shadow version of.
    pub comparison: Option<ShadowComparison>,
}

/// Whether the revision in force has the rule.
pub enum LoadedRule {
    Loaded {
        rule: Arc<Rule>,
        revision: Box<PastRevision>,
    },
    /// This version of the program finds so many errors in the revision, and no such rule in the rest.
    Unclear(usize),
    NotLoaded,
}

impl RuleHistory {
    /// Returns `None` if no rule of this name is loaded or has a run.
    pub fn read(
        name: &str,
        now: Timestamp,
        history: &dyn History,
    ) -> Result<Option<Self>, CommandError> {
        let in_force = history.latest_revision()?;
        let loaded = loaded(name, in_force, history)?;
        let last_match = last_match(name, history)?;
        let before = |age: SignedDuration| now.checked_sub(age).unwrap_or(Timestamp::MIN);
        let last_week = history.rule_counts(name, before(WEEK))?;
        let rule = match &loaded {
            LoadedRule::Loaded { rule, .. } => Some(rule),
            LoadedRule::Unclear(_) | LoadedRule::NotLoaded => None,
        };
        if rule.is_none() && last_match.is_none() && last_week.is_empty() {
            return Ok(None);
        }
        let sample = |rule: &Arc<Rule>| EventSample::read(rule, before(DAY), history);
        let suspended = suspended(name, rule.map(|rule| &**rule), history)?;
        Ok(Some(Self {
            name: name.to_owned(),
            now,
            suspended,
            in_force,
            last_match,
            last_day: history.rule_counts(name, before(DAY))?,
            last_week,
            events: rule.map(sample).transpose()?,
            comparison: rule
                .and_then(|rule| Some((rule, rule.counterpart.as_deref()?)))
                .map(|(rule, other)| ShadowComparison::read(rule, other, before(WEEK), history))
                .transpose()?,
            loaded,
        }))
    }
}

impl RuleHistory {
    pub fn rule(&self) -> Option<&Rule> {
        match &self.loaded {
            LoadedRule::Loaded { rule, .. } => Some(rule),
            LoadedRule::Unclear(_) | LoadedRule::NotLoaded => None,
        }
    }

    /// The schedules of the rule as they are now.
    pub fn schedules(&self) -> Vec<ScheduleState> {
        let rule = self.rule().into_iter();
        let schedules = rule.flat_map(Rule::schedules);
        schedules.map(|schedule| schedule.state(self.now)).collect()
    }

    /// The next tick of a rule with `every`, and its expression.
    pub fn next_tick(&self) -> Option<(Option<Timestamp>, &Every)> {
        let every = self.rule()?.every.as_deref()?;
        Some((every.next(self.now), every))
    }
}

/// What keeps runs of a rule from continuing.
fn suspended(
    name: &str,
    rule: Option<&Rule>,
    history: &dyn History,
) -> Result<Vec<SuspendedTarget>, CommandError> {
    let mut found = history.suspended()?;
    let uses = |connection: &str| {
        let mut steps = rule.into_iter().flat_map(Rule::steps);
        steps.any(|step| step.connection() == Some(connection))
    };
    found.retain(|found| match &found.target {
        SuspensionTarget::Everything => true,
        SuspensionTarget::Rule(suspended) => suspended == name,
        SuspensionTarget::Connection(connection) => uses(connection),
        // Hosts are known only when a request is rendered.
        SuspensionTarget::Host(_) => false,
    });
    Ok(found)
}

fn loaded(
    name: &str,
    in_force: Option<RevisionInForce>,
    history: &dyn History,
) -> Result<LoadedRule, CommandError> {
    let texts = in_force.map(|revision| history.revision_texts(revision.id));
    let Some(texts) = texts.transpose()?.flatten() else {
        return Ok(LoadedRule::NotLoaded);
    };
    let revision = PastRevision::compile_rule(texts, name);
    let rules = &revision.rules.rules;
    Ok(match rules.iter().find(|rule| rule.name == name) {
        Some(rule) => LoadedRule::Loaded {
            rule: Arc::clone(rule),
            revision: Box::new(revision),
        },
        None => match revision.diagnostics.errors() {
            0 => LoadedRule::NotLoaded,
            errors => LoadedRule::Unclear(errors),
        },
    })
}

fn last_match(name: &str, history: &dyn History) -> Result<Option<LastMatch>, CommandError> {
    let filter = RunFilter {
        rule: Some(name.to_owned()),
        ..RunFilter::default()
    };
    let runs = history.runs(&filter, Page::first(RECENT_RUNS))?;
    let Some(newest) = runs.iter().find(|run| run.tells_of.is_none()) else {
        return Ok(None);
    };
    let Some(run) = history.run(newest.id)? else {
        return Ok(None);
    };
    let exchanges = history.exchanges(newest.id)?;
    Ok(Some(LastMatch { run, exchanges }))
}

/// Whether a rule of this name is loaded or has a run.
pub fn is_known(name: &str, history: &dyn History) -> Result<bool, CommandError> {
    if history.rules_with_runs()?.iter().any(|rule| rule == name) {
        return Ok(true);
    }
    let Some(in_force) = history.latest_revision()? else {
        return Ok(false);
    };
    // Most texts that are asked about are in no rule, which is known without compiling any.
    let texts = history.revision_texts(in_force.id)?;
    let is_written = texts.is_some_and(|texts| {
        let mut files = texts.files.iter();
        files.any(|(_, text)| text.contains(written_name(name)))
    });
    let has_rule = |loaded| matches!(loaded, LoadedRule::Loaded { .. });
    Ok(is_written && has_rule(loaded(name, Some(in_force), history)?))
}

/// Names of rules that resemble a text, the most similar first.
pub fn nearest(text: &str, history: &dyn History) -> Result<Vec<String>, CommandError> {
    let mut names = history.rules_with_runs()?;
    if let Some(revision) = history.latest_revision()?
        && let Some(texts) = history.revision_texts(revision.id)?
    {
        let files = texts.files.iter();
        names.extend(
            files
                .flat_map(|(_, text)| written_names(text))
                .map(str::to_owned),
        );
    }
    let near = suggest::nearest(text, names.iter().map(String::as_str));
    Ok(near.map(str::to_owned).into_iter().collect())
}
