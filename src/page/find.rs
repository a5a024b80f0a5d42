//! Finds what a person names: a run, a ticket, an event or a rule. One hit leads to its page, several are listed, and for
//! none the page says what `flowtrigger why` says.

use std::sync::Arc;

use maud::{Markup, html};
use serde_json::{Value, json};

use super::PageState;
use super::answer::{CommandAnswer, PageView};
use super::page_error::PageError;
use super::page_request::PageRequest;
use super::part::link;
use super::part::prose::prose;
use super::part::rule_card::anchor;
use super::part::state::run_state;
use super::reader::HistoryReadError;
use super::session::PageUser;
use super::shell::{PagePosition, count};
use super::text::{short, text};
use crate::report::daemon_state::ArchiveState;
use crate::report::deliveries::row::sentence;
use crate::report::error::CommandError;
use crate::report::render::run::row_json;
use crate::report::why::evaluated::RevisionCache;
use crate::report::why::find::{Distance, choose, find};
use crate::report::why::missed::{MissedEvent, UNKNOWN};
use crate::report::why::rule::facts;
use crate::source::admin::AdminApi;
use crate::store::History;
use crate::store::history::{EventRow, NearestEvent, Page, RunFilter, RunRow};
use flowtrigger_core::run::RunId;

/// Characters of what was asked for.
const MAX_CHARS: usize = 200;

/// What was asked.
#[derive(Debug, Clone)]
struct FindQuestion {
    subject: String,
    at: Option<jiff::Timestamp>,
    rule: Option<String>,
    /// The fields as they were written.
    at_text: String,
}

/// What a name can mean.
#[derive(Default)]
struct Hits {
    run: Option<Box<RunRow>>,
    rule: Option<String>,
    events: Vec<EventRow>,
    /// The event that a rule listened to, or the nearest to a time.
    chosen: Option<EventRow>,
    /// Whether the rule that was asked for listened to the chosen event.
    listened: bool,
    /// Why the rule that was asked for listened to none of the events.
    unheard: Option<UnheardRule>,
}

/// A rule that listened to no event that was found.
enum UnheardRule {
    /// It listens to other events.
    Known,
    /// There is no such rule; names that resemble it.
    Unknown(Vec<String>),
}

/// The answer to a question that leads to no single page.
pub struct FindPage {
    question: FindQuestion,
    found: Found,
    archive: ArchiveState,
}

enum Found {
    /// Nothing was asked.
    Nothing,
    Several(Box<Hits>),
    Missed(Box<MissedEvent>),
}

pub async fn load<A: AdminApi>(
    state: Arc<PageState<A>>,
    request: PageRequest,
) -> Result<CommandAnswer<FindPage>, PageError> {
    let question = FindQuestion {
        subject: request.text("q").unwrap_or_default().to_owned(),
        at: request.time("at")?,
        rule: request.text("rule").map(str::to_owned),
        at_text: request.text("at").unwrap_or_default().to_owned(),
    };
    let archive = state.written().await;
    if question.subject.is_empty() {
        // Without an event, the rule itself is meant.
        return Ok(match &question.rule {
            Some(rule) => CommandAnswer::SeeOther(link::rule(rule)),
            None => CommandAnswer::Page(FindPage {
                question,
                found: Found::Nothing,
                archive,
            }),
        });
    }
    let (asked, rulebook) = (question.clone(), (state.rulebook)());
    let read = state.history.read(move |history| {
        let is_rule = |name: &str| rulebook.rules.rule(name).is_some();
        Ok::<_, HistoryReadError>(asked.answer(&is_rule, history))
    });
    let found = read.await??;
    Ok(match question.page_of(&found) {
        Some(path) => CommandAnswer::SeeOther(path),
        None => CommandAnswer::Page(FindPage {
            question,
            found,
            archive,
        }),
    })
}

impl FindQuestion {
    fn answer(
        &self,
        is_rule: &dyn Fn(&str) -> bool,
        history: &dyn History,
    ) -> Result<Found, CommandError> {
        // `run 145` is the run alone.
        if let Some(run) = self.named_run() {
            let found = history.runs(&RunFilter::one(run), Page::first(1))?;
            if let Some(run) = found.into_iter().next() {
                return Ok(Found::Several(Box::new(Hits {
                    run: Some(Box::new(run)),
                    ..Hits::default()
                })));
            }
        }
        let name = self.subject.trim().trim_start_matches('#');
        let mut hits = Hits {
            events: find(name, None, self.at, history)?,
            ..Hits::default()
        };
        // A number after `#` is a ticket.
        if !self.subject.starts_with('#')
            && let Ok(run) = name.parse()
        {
            let found = history.runs(&RunFilter::one(RunId(run)), Page::first(1))?;
            hits.run = found.into_iter().next().map(Box::new);
        }
        if is_rule(name) || history.rules_with_runs()?.iter().any(|rule| rule == name) {
            hits.rule = Some(name.to_owned());
        }
        if hits.is_empty() {
            let missed = MissedEvent::read(name, self.at, None, history)?;
            return Ok(Found::Missed(Box::new(missed)));
        }
        if !hits.events.is_empty() && (self.rule.is_some() || self.at.is_some()) {
            let rules: Vec<String> = self.rule.iter().cloned().collect();
            let mut revisions = RevisionCache::default();
            let choice = choose(&hits.events, &rules, &mut revisions, history)?;
            hits.listened = choice.listened;
            if let Some(rule) = self.rule.as_ref().filter(|_| !choice.listened) {
                let is_known = is_rule(rule) || history.rules_with_runs()?.contains(rule);
                hits.unheard = Some(match is_known {
                    true => UnheardRule::Known,
                    false => UnheardRule::Unknown(facts::nearest(rule, history)?),
                });
            }
            hits.chosen = Some(choice.event.clone());
        }
        Ok(Found::Several(Box::new(hits)))
    }

    /// The run of `run 145`.
    fn named_run(&self) -> Option<RunId> {
        let (noun, number) = self.subject.trim().split_once(' ')?;
        let number = number.trim().trim_start_matches('#').parse();
        number
            .ok()
            .filter(|_| noun.eq_ignore_ascii_case("run"))
            .map(RunId)
    }

    /// The page that is meant, if it is only one.
    fn page_of(&self, found: &Found) -> Option<String> {
        let Found::Several(hits) = found else {
            return None;
        };
        match (&hits.run, &hits.rule, hits.events.as_slice()) {
            (Some(run), None, []) => Some(link::run(run.id)),
            (None, Some(rule), []) => Some(link::rule(rule)),
            (None, None, [first, rest @ ..]) => match &hits.chosen {
                Some(chosen) if self.is_meant(chosen, hits) => Some(self.event_page(chosen, hits)),
                Some(_) => None,
                None if rest.is_empty() => Some(link::event(first.row)),
                None => Some(list_of(first, &self.subject)),
            },
            (_, _, _) => None,
        }
    }

    /// Whether the chosen event is near enough to the time, and the rule listened to it.
    fn is_meant(&self, chosen: &EventRow, hits: &Hits) -> bool {
        let is_near = |at| Distance::new(at, chosen.received).is_near();
        self.at.is_none_or(is_near) && (self.rule.is_none() || hits.listened)
    }

    fn event_page(&self, event: &EventRow, hits: &Hits) -> String {
        let page = link::event(event.row);
        match &self.rule {
            Some(rule) if hits.listened => format!("{page}#{}", anchor(rule)),
            Some(_) | None => page,
        }
    }
}

/// The list of the events of a ticket, or of an id.
fn list_of(event: &EventRow, subject: &str) -> String {
    let subject = subject.trim().trim_start_matches('#');
    let field = match event.id == subject {
        true => "id",
        false => "ticket",
    };
    link::query("/events", &[(field, subject)])
}

impl Hits {
    fn is_empty(&self) -> bool {
        self.run.is_none() && self.rule.is_none() && self.events.is_empty()
    }
}

impl PageView for FindPage {
    fn title(&self) -> String {
        "Find".to_owned()
    }

    fn position(&self) -> PagePosition {
        PagePosition::Elsewhere
    }

    fn json(&self) -> Value {
        match &self.found {
            Found::Nothing => json!({ "asked": null }),
            Found::Missed(missed) => missed.json(&self.archive),
            Found::Several(hits) => json!({
                "asked": self.question.subject,
                "run": hits.run.as_ref().map(|run| row_json(run)),
                "rule": hits.rule,
                "events": hits.events.iter().map(event_json).collect::<Vec<_>>(),
                "chosen": hits.chosen.as_ref().map(|event| event.row.0),
                "archive_behind": self.archive.behind(),
            }),
        }
    }

    fn html(&self, _: &PageUser) -> Markup {
        html! {
            div class="head" {
                div {
                    h1 { "Find" }
                    @if !self.question.subject.is_empty() { p { (short(&self.question.subject, MAX_CHARS)) } }
                }
            }
            (self.form())
            @match &self.found {
                Found::Nothing => {},
                Found::Several(hits) => (self.several(hits)),
                Found::Missed(missed) => (self.missed(missed)),
            }
        }
    }
}

fn event_json(event: &EventRow) -> Value {
    json!({
        "row": event.row.0,
        "received": event.received.to_string(),
        "id": event.id,
        "key": event.key,
        "type": event.event_type,
        "matched": event.matched,
    })
}

impl FindPage {
    fn form(&self) -> Markup {
        let rule = self.question.rule.as_deref().unwrap_or_default();
        html! {
            form class="filter" method="get" action="/find" aria-label="Find" {
                div class="fields" {
                    div { label for="q" { "Ticket, event, run or rule" } input id="q" name="q" value=(self.question.subject); }
                    div { label for="at" { "Around, in UTC" } input id="at" name="at" value=(self.question.at_text) placeholder="-2h, 09:02 or a date"; }
                    div { label for="rule" { "Rule" } input id="rule" name="rule" value=(rule); }
                    div { button class="go" { "Find" } }
                }
            }
        }
    }

    fn several(&self, hits: &Hits) -> Markup {
        html! {
            ul class="box" {
                @if let Some(run) = &hits.run {
                    li class="pad" {
                        a class="link" href=(link::run(run.id)) { "Run " (run.id.0) } " " (run_state(&run.state))
                        " of " (text(&run.rule))
                    }
                }
                @if let Some(rule) = &hits.rule {
                    li class="pad" { a class="link" href=(link::rule(rule)) { "Rule " (text(rule)) } }
                }
                @if let Some(chosen) = &hits.chosen { li class="pad" { (self.chosen(chosen, hits)) } }
                @if let Some(first) = hits.events.first() {
                    li class="pad" {
                        a class="link" href=(list_of(first, &self.question.subject)) { (count(hits.events.len(), "event")) }
                        " with this ticket or id"
                    }
                }
            }
        }
    }

    fn chosen(&self, chosen: &EventRow, hits: &Hits) -> Markup {
        let distance = self
            .question
            .at
            .map(|at| Distance::new(at, chosen.received));
        html! {
            a class="link" href=(self.question.event_page(chosen, hits)) { (short(&chosen.event_type, MAX_CHARS)) }
            @if let Some(distance) = distance { ": " (prose(&distance.describe())) }
            @if let Some((rule, why)) = self.question.rule.as_ref().zip(hits.unheard.as_ref()) {
                @match why {
                    UnheardRule::Known => {
                        "; " a class="link" href=(link::rule(rule)) { (text(rule)) } " did not listen to "
                        @match hits.events.len() { 1 => { (short(&chosen.event_type, MAX_CHARS)) } _ => "any of these events" }
                    }
                    UnheardRule::Unknown(near) => {
                        "; no rule is called " code { (short(rule, MAX_CHARS)) }
                        @for near in near { ", similar: " a class="link" href=(link::rule(near)) { (text(near)) } }
                    }
                }
            }
        }
    }

    fn missed(&self, missed: &MissedEvent) -> Markup {
        let has_near = !missed.near.is_empty() || !missed.near_rules.is_empty();
        html! {
            div class="note" {
                p {
                    (prose(&missed.sentence()))
                    @if missed.subject.parse::<u64>().is_ok() { "; there is no run with this number either" }
                }
            }
            dl class="box kv pad" {
                @if has_near {
                    dt { "Similar" }
                    dd {
                        @for near in &missed.near { (similar(near)) " " }
                        @for rule in &missed.near_rules { span class="rr" { "rule " a class="link" href=(link::rule(rule)) { (text(rule)) } } }
                    }
                }
                dt { "Kept" }
                dd { (prose(&missed.kept_matched())) br; (prose(&missed.kept_unmatched())) }
                dt { "Rejected" }
                dd {
                    (prose(&missed.rejected.sentence()))
                    ul { @for row in missed.rejected.listed() { li { (prose(&sentence(row))) } } }
                    a class="link" href="/deliveries?status=rejected" { "Rejected requests" }
                }
                dt { "Else" }
                dd { (UNKNOWN) }
                @if let Some(note) = self.archive.note() { dt { "Note" } dd { (prose(&note)) } }
            }
        }
    }
}

fn similar(near: &NearestEvent) -> Markup {
    let (noun, name) = match near {
        NearestEvent::Id(id) => ("event", id),
        NearestEvent::Key(key) => ("ticket", key),
    };
    html! {
        span class="rr" { (noun) " " a class="link" href=(link::query("/find", &[("q", name)])) { (short(name, MAX_CHARS)) } }
    }
}
