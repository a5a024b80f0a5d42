//! `dry-run`: what would match, why, and exactly what would be sent, without any effect.
//! It runs the daemon's own decoder and evaluator, and stops before anything is done.

mod charged;
mod mock;

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::action::jq;
use crate::cli::exit::{Exit, Failure};
use crate::cli::global::{Format, Global};
use crate::cli::input::{self, Input};
use crate::cli::output::Output;
use crate::cli::render::diagnostics::number;
use crate::cli::render::{explanation, gates, message, plan};
use crate::core::config::Mode;
use crate::core::config::{Config, PlannedSettings};
use crate::core::event::Event;
use crate::core::event::catalogue::FieldLookup;
use crate::core::flow::Subject;
use crate::core::flow::plan::{Planned, plan as plan_of};
use crate::core::flow::rehearse::{Mocks, answer};
use crate::core::matching::evaluate::Truth;
use crate::core::matching::explanation::{Explanation, explain};
use crate::core::matching::gate_view::{self, GateView};
use crate::core::matching::loop_view::{self, LoopView};
use crate::core::rule::jobspec::Rule;
use crate::core::rule::path::{self, Path};
use crate::core::rule::synonyms::nearest;
use crate::engine::Rulebook;
use charged::Charged;

const AFTER_HELP: &str = "\
Examples:
  flowtrigger dry-run examples/events/zis/priority-changed.json
  flowtrigger dry-run --explain --set ticket.tags='[\"vip\"]' event.json
  flowtrigger events ticket.StatusChanged --sample | flowtrigger dry-run --explain -

Exit code: 0 when a rule matches, 1 when none does, 4 when an input is no event.";

/// Show what would match an event, why, and what would be sent; nothing is done
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// Events to judge: files with one event, an array, or one a line; `-` is standard input.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Explain every rule that listens to the event's type, not the matching ones alone.
    #[arg(long)]
    explain: bool,
    /// Change the event before it is judged: a path and a JSON value or text.
    #[arg(long, value_name = "PATH=VALUE")]
    set: Vec<String>,
    /// What a step gets, for the steps after it: its name and a file with the reply,
    /// `{"status": 200, "body": …}`, a list of them for try after try, or `{"fails": "why"}`.
    #[arg(long, value_name = "STEP=FILE")]
    mock: Vec<String>,
    /// Judge these rules alone.
    #[arg(long, value_name = "NAME")]
    rule: Vec<String>,
    /// The configured source that describes the events, where their content does not tell.
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// How the answer is printed: text for people, json with one line for each event.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

/// One rule's part of the answer.
struct Judged<'r> {
    rule: &'r Rule,
    explanation: Explanation,
    /// Where the rule writes something and matches.
    loops: Option<LoopView>,
    /// None where the rule does not match: then nothing asks them.
    gates: Vec<GateView<'r>>,
    plan: Vec<Planned<'r>>,
}

pub fn run(args: Args, global: &Global, out: &mut Output) -> Result<Exit, Failure> {
    let book = global.rulebook(None)?;
    known_rules(&args.rule, &book)?;
    let changes = args
        .set
        .iter()
        .map(|set| change(set))
        .collect::<Result<Vec<_>, _>>()?;
    let mocks = mock::read(&args.mock, &args.rule, &book)?;
    let inputs = input::read(&args.files, args.source.as_deref(), &book.config)?;
    let (charged, mut tally) = (Charged::of(global), Tally::default());
    for Input { place, event } in inputs {
        match event {
            Ok(mut event) => {
                apply(&changes, &mut event, &book)?;
                tally.events += 1;
                tally.matched += usize::from(one(&event, &args, (&book, &mocks), &charged, out)?);
            }
            Err(bad) => {
                tally.bad += 1;
                out.flush()?;
                let text = format!("{place}: {}", bad.message);
                message::error(
                    &mut Output::stderr(global.color),
                    &text,
                    bad.help.as_deref(),
                )?;
            }
        }
        if out.is_closed() {
            break;
        }
    }
    if args.format == Format::Text && tally.events + tally.bad > 1 {
        writeln!(out, "\n{}", tally.words())?;
    }
    Ok(tally.exit())
}

#[derive(Default)]
struct Tally {
    events: usize,
    matched: usize,
    bad: usize,
}

impl Tally {
    fn words(&self) -> String {
        let bad = match self.bad {
            0 => String::new(),
            bad => format!("; {}", number(bad, "bad input")),
        };
        format!(
            "{}, {} matched{bad}",
            number(self.events, "event"),
            self.matched
        )
    }

    fn exit(&self) -> Exit {
        match (self.bad, self.matched) {
            (1.., _) => Exit::BadEvent,
            (0, 0) => Exit::Negative,
            (0, _) => Exit::Fine,
        }
    }
}

/// Judges one event and prints the answer; tells whether a rule matched.
fn one(
    event: &Event,
    args: &Args,
    (book, mocks): (&Rulebook, &Mocks),
    charged: &Charged,
    out: &mut Output,
) -> io::Result<bool> {
    let listening = book.rules.listening(event);
    let asked = |rule: &Arc<Rule>| args.rule.is_empty() || args.rule.contains(&rule.name);
    let rules = listening.iter().filter(|rule| asked(rule));
    let rules: Vec<(&Rule, Value)> = rules
        .map(|rule| (&***rule, rule.locals_of(event)))
        .collect();
    let judged: Vec<Judged<'_>> = rules
        .iter()
        .map(|(rule, locals)| judge((rule, locals), event, charged, (mocks, &book.config)))
        .collect();
    let matched = judged.iter().any(Judged::matches);
    match args.format {
        Format::Json => writeln!(out, "{}", answer_json(event, &judged, args, book))?,
        Format::Text => answer_text(event, &judged, args, book, out)?,
    }
    Ok(matched)
}

fn judge<'r>(
    (rule, locals): (&'r Rule, &'r Value),
    event: &'r Event,
    charged: &Charged,
    known: (&Mocks, &Config),
) -> Judged<'r> {
    let explanation = explain(rule, event);
    let (loops, gates, plan) = match explanation.truth {
        Truth::True => (
            loop_view::view(rule, event, |ask| charged.consult_loops(rule, ask)),
            gate_view::view(rule, event, |asks| charged.consult(rule, asks)),
            foresee((rule, locals), event, known),
        ),
        Truth::False | Truth::Unknown => (None, Vec::new(), Vec::new()),
    };
    Judged {
        rule,
        explanation,
        loops,
        gates,
        plan,
    }
}

fn foresee<'r>(
    (rule, locals): (&'r Rule, &'r Value),
    event: &'r Event,
    (mocks, config): (&Mocks, &Config),
) -> Vec<Planned<'r>> {
    let subject = Subject {
        event,
        vars: &rule.vars,
        error: &Value::Null,
        locals,
        seed: "",
    };
    let now = event.time.unwrap_or_else(Timestamp::now);
    let mut settings = PlannedSettings::new(config);
    plan_of(&rule.flow, &subject, now, &mut |task| {
        let given = answer(mocks, task).or_else(|| jq::outcome(&task.call));
        given.or_else(|| settings.outcome(&task.call))
    })
}

impl Judged<'_> {
    fn holds(&self) -> bool {
        self.explanation.truth == Truth::True
    }

    fn matches(&self) -> bool {
        self.holds() && self.rule.mode != Mode::Disabled
    }
}

fn answer_json(event: &Event, judged: &[Judged<'_>], args: &Args, book: &Rulebook) -> Value {
    let files = &book.rules.files;
    let matched: Vec<&str> = judged
        .iter()
        .filter(|j| j.matches())
        .map(|j| j.rule.name.as_str())
        .collect();
    let rules: Vec<Value> = judged
        .iter()
        .filter(|j| args.explain || j.matches())
        .map(|j| {
            let mut rule = explanation::rule_json(j.rule, &j.explanation, files);
            rule["gates"] = gates::json(j.loops.as_ref(), &j.gates);
            rule["plan"] = plan::json(&j.plan, &book.config.outgoing, files);
            rule["on_dead"] = plan::on_dead_json(j.rule, files);
            rule
        })
        .collect();
    json!({
        "event": explanation::event_json(event),
        "matched": matched,
        "rules": rules,
        "warnings": event.warnings,
    })
}

fn answer_text(
    event: &Event,
    judged: &[Judged<'_>],
    args: &Args,
    book: &Rulebook,
    out: &mut Output,
) -> io::Result<()> {
    let files = &book.rules.files;
    explanation::event(out, event)?;
    for j in judged.iter().filter(|j| args.explain || j.matches()) {
        explanation::rule(out, j.rule, &j.explanation, files)?;
        gates::text(out, j.loops.as_ref(), &j.gates)?;
        plan::text(out, &j.plan, j.rule, (&book.config.outgoing, files))?;
    }
    if !judged.iter().any(Judged::matches) {
        writeln!(out, "\n{}", nothing(event, judged, args, book))?;
    }
    Ok(())
}

/// Refuses names that no rule has.
fn known_rules(names: &[String], book: &Rulebook) -> Result<(), Failure> {
    let rules = &book.rules.rules;
    let Some(unknown) = names
        .iter()
        .find(|name| !rules.iter().any(|rule| rule.name == **name))
    else {
        return Ok(());
    };
    let failure = Failure::usage(format!("no rule is called `{unknown}`"));
    Err(
        match nearest(unknown, rules.iter().map(|rule| rule.name.as_str())) {
            Some(near) => failure.help(format!("did you mean `{near}`?")),
            None => failure,
        },
    )
}

/// Why nothing would happen, in a sentence.
fn nothing(event: &Event, judged: &[Judged<'_>], args: &Args, book: &Rulebook) -> String {
    let tag = &event.event_type;
    match (judged.len(), args.explain) {
        (0, _) => format!(
            "no rule listens to {}/{tag}; {} to other types",
            event.source,
            match book.rules.rules.len() {
                1 => "1 rule listens".to_owned(),
                n => format!("{n} rules listen"),
            }
        ),
        _ if judged.iter().any(Judged::holds) => {
            let holds = judged.iter().filter(|judged| judged.holds());
            let names: Vec<&str> = holds.map(|judged| judged.rule.name.as_str()).collect();
            format!("what matches is disabled: {}", names.join(", "))
        }
        (1, true) => format!("the one rule that listens to {tag} did not match"),
        (1, false) => {
            format!("the one rule that listens to {tag} did not match; --explain says why")
        }
        (n, true) => format!("none of the {n} rules that listen to {tag} matched"),
        (n, false) => {
            format!("none of the {n} rules that listen to {tag} matched; --explain says why")
        }
    }
}

/// Splits `path=value`; what is no JSON is text.
fn change(set: &str) -> Result<(Path, Value), Failure> {
    let Some((path, value)) = set.split_once('=') else {
        let failure = Failure::usage(format!("`--set {set}` has no `=`"));
        return Err(failure.help("write --set ticket.priority=urgent"));
    };
    let path = Path::parse(path.trim()).map_err(|error| {
        let failure = Failure::usage(format!("`--set {set}`: {}", error.message));
        match error.help {
            Some(help) => failure.help(help),
            None => failure.help("write --set ticket.priority=urgent"),
        }
    })?;
    Ok((path, typed(value)?))
}

/// JSON, or else text; what only starts like JSON would be text by accident.
fn typed(value: &str) -> Result<Value, Failure> {
    match serde_json::from_str(value) {
        Ok(json) => Ok(json),
        Err(error) if value.trim_start().starts_with(['[', '{', '"']) => {
            let failure = Failure::usage(format!(
                "the value `{value}` starts like JSON and is none: {error}"
            ));
            let quoted = Value::from(value);
            Err(failure.help(format!("correct it; as text it is written {quoted}")))
        }
        Err(_) => Ok(Value::from(value)),
    }
}

/// Applies the changes, and refuses fields that events of this type do not have.
fn apply(changes: &[(Path, Value)], event: &mut Event, book: &Rulebook) -> Result<(), Failure> {
    for (path, value) in changes {
        let known = book
            .config
            .catalogue
            .by_tag(&event.source, &event.event_type);
        if let (Some(known), Some(dotted)) = (known, path.dotted())
            && let FieldLookup::Unknown { nearest } = known.field(&dotted)
        {
            let failure = Failure::usage(format!("`{}` has no field `{}`", known.tag, path.text));
            return Err(match nearest {
                Some(near) => failure.help(format!("did you mean `{near}`?")),
                None => failure.help(format!("`flowtrigger events {}` lists them", known.tag)),
            });
        }
        path::set(event, path, value.clone())
            .map_err(|error| Failure::usage(format!("failed to set a field: {error}")))?;
    }
    Ok(())
}
