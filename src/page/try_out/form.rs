//! The event and the rule that are tried: as they are stored or shipped, or as they were edited.

use jiff::Timestamp;
use maud::{Markup, html};
use serde_json::Value;

use super::invisible::escaped;
use crate::engine::Rulebook;
use crate::page::page_error::PageError;
use crate::page::page_request::PageRequest;
use crate::page::part::link;
use crate::page::rule::source_text::SourceText;
use crate::page::session::{PageUser, Role};
use crate::page::text::text;
use crate::report::event_sample::TypeSample;
use crate::report::time_argument::TimeArgument;
use crate::report::why::export::received;
use crate::store::History;
use crate::store::history::{EventRecord, EventRowId, HistoryError};
use flowtrigger_core::event::catalogue::sample::SAMPLES;
use flowtrigger_core::event::json::parse::parse;
use flowtrigger_core::rule::Rule;

/// The newest stored events among which one for a rule is searched.
const MAX_SEARCHED: usize = 2_000;
/// What an event is called that was not edited.
const RECEIVED: &str = ", as received";
/// Rules that the form offers by name.
const MAX_OFFERED: usize = 200;

/// The fields of the form.
#[derive(Debug, Default)]
pub struct TryForm {
    pub event: String,
    pub rule: String,
    /// The entry of `sources` that the event is read as; empty if its content decides.
    pub source: String,
    /// Changes to the event before it is evaluated, each `path=value`.
    pub changes: Vec<String>,
    /// When the event happens; empty for its own time.
    pub at: String,
    /// The stored event that the text began with.
    pub row: Option<EventRowId>,
    /// The name of the rule that the text began with.
    pub from_rule: String,
    /// The type of the sample that the text began with, if it was no stored event.
    pub sample: String,
    /// What the event is.
    pub origin: String,
    /// Whether the text of the rule is another one than it began with.
    pub is_rule_edited: bool,
    /// What the form offers.
    pub offers: TryOffers,
}

/// Names that the form offers.
#[derive(Debug, Default)]
pub struct TryOffers {
    rules: Vec<String>,
    samples: Vec<String>,
    sources: Vec<String>,
}

/// What an address asks to try.
#[derive(Debug, Default)]
pub struct TryRequest {
    row: Option<EventRowId>,
    rule: Option<String>,
    sample: Option<String>,
    changes: Vec<String>,
    at: String,
}

impl TryRequest {
    pub fn read(request: &PageRequest) -> Result<Self, PageError> {
        let row = request.parse("event", "write the number of a stored event")?;
        let changes = request.texts("set").into_iter().map(str::to_owned);
        Ok(Self {
            row: row.map(EventRowId),
            rule: request.text("rule").map(str::to_owned),
            sample: request.text("sample").map(str::to_owned),
            changes: changes.collect(),
            at: request.text("at").unwrap_or_default().to_owned(),
        })
    }

    /// The form with the texts that are asked for. For a rule alone, the newest event that it listens to.
    pub fn form(self, book: &Rulebook, history: &dyn History) -> Result<TryForm, PageError> {
        let rule = match &self.rule {
            None => None,
            Some(name) => Some(book.rules.rule(name).ok_or_else(|| {
                PageError::not_found(format!("no rule in force is called `{name}`"))
                    .help("the list of rules has those that are in force")
            })?),
        };
        let mut form = TryForm {
            rule: rule.map_or(String::new(), |rule| SourceText::of(rule).text().to_owned()),
            from_rule: self.rule.unwrap_or_default(),
            changes: self.changes,
            at: self.at,
            offers: TryOffers::of(book),
            ..TryForm::default()
        };
        match (self.row, self.sample) {
            (Some(row), _) => {
                let record = history.event(row).map_err(read_error)?;
                let record = record.ok_or_else(|| {
                    PageError::not_found(format!("no event {} is stored", row.0))
                        .help("retention may have deleted it; the list of events has those that are stored")
                })?;
                form.take_stored(&record, book);
            }
            (None, Some(name)) => form.take_sample(&name, book)?,
            (None, None) => form.take_newest(rule, book, history)?,
        }
        Ok(form)
    }
}

fn read_error(error: HistoryError) -> PageError {
    PageError::from(crate::page::reader::HistoryReadError::from(error))
}

impl TryOffers {
    fn of(book: &Rulebook) -> Self {
        let rules = book.rules.rules.iter().take(MAX_OFFERED);
        Self {
            rules: rules.map(|rule| rule.name.clone()).collect(),
            samples: SAMPLES
                .iter()
                .map(|sample| sample.name.to_owned())
                .collect(),
            sources: book.config.sources.keys().cloned().collect(),
        }
    }
}

impl TryForm {
    /// The fields as a person edited them.
    pub fn posted(
        request: &PageRequest,
        book: &Rulebook,
        history: &dyn History,
    ) -> Result<Self, PageError> {
        let row = request.parse("row", "write the number of a stored event")?;
        let changes = request.texts("set").into_iter().map(str::to_owned);
        let mut form = Self {
            event: request.lines("event"),
            rule: request.lines("rule"),
            source: request.text("source").unwrap_or_default().to_owned(),
            changes: changes.collect(),
            at: request.text("at").unwrap_or_default().to_owned(),
            row: row.map(EventRowId),
            from_rule: request.text("from").unwrap_or_default().to_owned(),
            sample: request.text("sample").unwrap_or_default().to_owned(),
            origin: "edited".into(),
            is_rule_edited: false,
            offers: TryOffers::of(book),
        };
        form.compare(book, history);
        Ok(form)
    }

    /// Compares the texts with those that the form began with.
    fn compare(&mut self, book: &Rulebook, history: &dyn History) {
        let begun = TryRequest {
            row: self.row,
            sample: (!self.sample.is_empty()).then(|| self.sample.clone()),
            ..TryRequest::default()
        };
        // Without either, it began with a text that is not known.
        if (begun.row.is_some() || begun.sample.is_some())
            && let Ok(begun) = begun.form(book, history)
        {
            self.origin = match is_same(&begun.event, &self.event) {
                true => begun.origin,
                false => format!("{}, edited", begun.origin.trim_end_matches(RECEIVED)),
            };
        }
        self.is_rule_edited = match book.rules.rule(&self.from_rule) {
            Some(rule) => !is_same(SourceText::of(rule).text(), &self.rule),
            None => true,
        };
    }

    /// The time at which the event happens, if the form names one; what to write in place of a mistake.
    pub fn time(&self) -> Result<Option<Timestamp>, String> {
        match self.at.trim() {
            "" => Ok(None),
            text => TimeArgument::parse(text).map(|at| Some(at.from(Timestamp::now()))),
        }
    }

    fn take_stored(&mut self, record: &EventRecord, book: &Rulebook) {
        let config = &book.config;
        let received = received::text(record, config);
        if received::unreadable(&record.event, &received, config).is_some() {
            self.source = record.event.endpoint.clone();
        }
        self.event = readable(received);
        self.row = Some(record.head.row);
        let key = record.head.key.as_deref().unwrap_or(&record.head.id);
        self.origin = format!("#{key}{RECEIVED}");
    }

    fn take_sample(&mut self, name: &str, book: &Rulebook) -> Result<(), PageError> {
        let catalogue = &book.config.catalogue;
        let mut types = catalogue.types().filter(|known| known.name == name);
        let sample = types.find_map(|known| TypeSample::new(known, catalogue));
        let Some(sample) = sample else {
            let error = PageError::not_found(format!("there is no sample of `{name}`"));
            return Err(error.help("the form offers the types with a sample"));
        };
        self.event = sample.text;
        self.sample = name.to_owned();
        self.origin = format!("a sample of {name}");
        Ok(())
    }

    /// The newest event that the rule listens to, or of all types; a sample if none is stored.
    fn take_newest(
        &mut self,
        rule: Option<&std::sync::Arc<Rule>>,
        book: &Rulebook,
        history: &dyn History,
    ) -> Result<(), PageError> {
        let recent = history.recent_events(MAX_SEARCHED, Timestamp::MIN);
        let newest = recent.map_err(read_error)?.into_iter().find(|event| {
            rule.is_none_or(|rule| rule.listens_to(&event.source, &event.event_type))
        });
        if let Some(newest) = newest
            && let Some(record) = history.event(newest.row).map_err(read_error)?
        {
            self.take_stored(&record, book);
            return Ok(());
        }
        let mut samples = SAMPLES.iter();
        let fits = |source: &str, name: &str| rule.is_none_or(|rule| rule.listens_to(source, name));
        if let Some(sample) = samples.find(|sample| fits(sample.source, sample.name)) {
            self.event = sample.text.to_owned();
            self.sample = sample.name.to_owned();
            self.origin = format!("a sample of {}", sample.name);
        }
        Ok(())
    }

    /// Chooses where to begin.
    pub fn start(&self) -> Markup {
        let TryOffers { rules, samples, .. } = &self.offers;
        html! {
            form class="filter row" method="get" action="/try" aria-label="Begin with" {
                @if let Some(EventRowId(row)) = self.row { input type="hidden" name="event" value=(row); }
                label class="vh" for="tr" { "Rule" }
                input id="tr" name="rule" list="try-rules" value=(self.from_rule) placeholder="Rule" autocomplete="off";
                datalist id="try-rules" { @for name in rules { option value=(name) {} } }
                button { "Load this rule" }
            }
            form class="filter row" method="get" action="/try" aria-label="Begin with a sample" {
                @if !self.from_rule.is_empty() { input type="hidden" name="rule" value=(self.from_rule); }
                label class="vh" for="ts" { "Sample event" }
                select id="ts" name="sample" {
                    @for name in samples { option { (name) } }
                }
                button { "Load this sample" }
                a class="link" href="/events" { "or choose a stored event" }
            }
        }
    }

    /// The texts, and what else decides.
    pub fn fields(&self, status: &Markup, user: &PageUser) -> Markup {
        let row = self
            .row
            .map(|EventRowId(row)| row.to_string())
            .unwrap_or_default();
        let again = [("event", row.as_str()), ("rule", self.from_rule.as_str())];
        html! {
            form id="try" method="post" action="/try#result" {
                input type="hidden" name="row" value=(row);
                input type="hidden" name="from" value=(self.from_rule);
                @if !self.sample.is_empty() { input type="hidden" name="sample" value=(self.sample); }
                div class="panes" {
                    div {
                        div class="row" data-try {
                            label for="t1" { b { "Event" } }
                            span class="mu" { (text(&self.origin)) }
                            @if let Some(row) = self.row { a class="link push" href=(link::event(row)) { "The event" } }
                        }
                        div class="lined" {
                            pre class="lines" aria-hidden="true" {}
                            textarea id="t1" name="event" spellcheck="false" { "\n" (self.event) }
                        }
                    }
                    div {
                        div class="row" data-try {
                            label for="t2" { b { "Rule" } }
                            span class="mu" {
                                @match self.from_rule.as_str() {
                                    "" => "empty: all rules in force",
                                    name => { (text(name)) @if self.is_rule_edited { ", edited" } }
                                }
                            }
                            @if !self.from_rule.is_empty() { a class="link push" href=(link::query("/try", &again)) { "Take back" } }
                        }
                        div class="lined" {
                            pre class="lines" aria-hidden="true" {}
                            textarea id="t2" name="rule" spellcheck="false" { "\n" (self.rule) }
                        }
                    }
                }
                (self.changes())
                div class="row more" {
                    button class="go" { "Explain" }
                    @if user.role == Role::Act && !self.rule.trim().is_empty() {
                        button formaction="/backtests" { "Try over the last 7 days" }
                    }
                    span class="mu" data-try { (status) }
                }
            }
        }
    }

    fn changes(&self) -> Markup {
        html! {
            div class="row more" data-try {
                span class="mu" { "Change the event first:" }
                @for (number, change) in self.changes.iter().map(String::as_str).chain([""]).enumerate() {
                    label class="vh" for=(format!("set{number}")) { "Change before the event is evaluated" }
                    input id=(format!("set{number}")) class="m" name="set" value=(change) size="30" placeholder="ticket.priority=urgent";
                }
                label for="tat" class="vh" { "Time at which the event happens" }
                input id="tat" class="m" name="at" value=(self.at) size="22" placeholder="at 2026-12-24T20:15" aria-describedby="tat-h";
                span id="tat-h" class="vh" { "A time, in UTC unless it has an offset, or an age such as -2h" }
                @if !self.offers.sources.is_empty() {
                    label for="tsrc" class="vh" { "Read as an event of" }
                    select id="tsrc" name="source" {
                        option value="" { "source by content" }
                        @for name in &self.offers.sources { option selected[*name == self.source] { (name) } }
                    }
                }
            }
        }
    }
}

/// Whether two texts are the same but for the ends of their lines. A browser posts another kind.
fn is_same(one: &str, other: &str) -> bool {
    let lines = |text: &str| text.trim().replace("\r\n", "\n").replace('\r', "\n");
    lines(one) == lines(other)
}

/// JSON in one line on several lines, and invisible characters as escapes. A text that is no sound JSON stays.
fn readable(received: String) -> String {
    match parse(received.as_bytes()) {
        Ok(parsed) if parsed.repairs.is_empty() => match received.trim().contains('\n') {
            true => escaped(&received),
            false => escaped(&pretty(&parsed.value)),
        },
        Ok(_) | Err(_) => received,
    }
}

fn pretty(value: &Value) -> String {
    format!("{value:#}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_of_one_line_are_shown_on_several() {
        for (received, shown) in [
            (
                "{\"a\":1.50,\"b\":\"\u{200b}\"}",
                "{\n  \"a\": 1.50,\n  \"b\": \"\\u200b\"\n}",
            ),
            ("{\n\"a\":1}", "{\n\"a\":1}"),
            ("no JSON", "no JSON"),
        ] {
            assert_eq!(readable(received.to_owned()), shown);
        }
        let large = "{\"id\":123456789012345678901234567890}";
        assert!(readable(large.to_owned()).contains("123456789012345678901234567890"));
    }

    #[test]
    fn texts_cannot_leave_their_fields() {
        let form = TryForm {
            event: "</textarea><script>".into(),
            rule: "\n</textarea>".into(),
            changes: vec!["a=\"><b>".into()],
            from_rule: "<r>".into(),
            ..TryForm::default()
        };
        let user = PageRequest::of_text("").user;
        let html = form.fields(&html! { "ok" }, &user).into_string();
        assert_eq!(html.matches("</textarea>").count(), 2, "{html}");
        for part in [
            "\n&lt;/textarea&gt;&lt;script&gt;",
            "\n\n&lt;/textarea&gt;",
            "value=\"a=&quot;&gt;&lt;b&gt;\"",
            "/try?rule=%3Cr%3E",
        ] {
            assert!(html.contains(part), "{part}: {html}");
        }
    }
}
