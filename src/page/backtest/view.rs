//! The result of a backtest on its page: the counts of the rule, its new and gone runs, and their tests.

use maud::{Markup, html};

use super::jobs::FinishedBacktest;
use super::{MAX_NAME, as_size};
use crate::page::answer::day_and_time;
use crate::page::part::link;
use crate::page::part::prose::prose;
use crate::page::text::{short, text};
use crate::report::backtest::comparison::RuleComparison;
use crate::report::backtest::difference::BacktestSample;
use crate::report::backtest::report::{BacktestReport, RuleSamples, why_command};
use crate::report::render::diagnostics::grouped;

/// Characters of a difference.
const MAX_DIFFERENCE: usize = 300;
/// What the rule is compared with.
const BASE: &str = "what ran";

impl FinishedBacktest {
    pub fn report(&self) -> BacktestReport<'_> {
        BacktestReport {
            result: &self.result,
            samples: &self.samples,
            base: BASE,
            rule_count: self.rule_count,
            new_without_runs: &[],
            unmet: None,
        }
    }

    pub fn html(&self) -> Markup {
        let rules = self.result.rules.iter().zip(&self.samples);
        html! {
            @if self.result.rules.is_empty() {
                p class="box pad" { "The rule has no run, before and after." }
            }
            @for (rule, samples) in rules {
                (counts(rule))
                (sample_table("New runs", &rule.name, &samples.new, rule.new))
                (sample_table("Runs that are gone", &rule.name, &samples.gone, rule.gone))
                (tests(samples))
            }
            @for note in self.report().notes() {
                div class="note plain" role="note" { p { (prose(&note)) } }
            }
        }
    }
}

fn counts(rule: &RuleComparison) -> Markup {
    let count = |count: u64| grouped(as_size(count));
    html! {
        dl class="facts" {
            div { dt { "Runs" } dd { (count(rule.after)) small { "before: " (count(rule.before)) } } }
            div { dt { "New" } dd { (count(rule.new)) } }
            div { dt { "Gone" } dd { (count(rule.gone)) } }
            div { dt { "Same" } dd { (count(rule.same)) } }
            div { dt { "Kept back by gates" } dd { (count(rule.all_kept_back())) small { "before: " (count(rule.all_kept_back_before())) } } }
            @if rule.redacted + rule.runs_deleted > 0 {
                div { dt { "Not evaluated" } dd { (count(rule.redacted + rule.runs_deleted)) } }
            }
        }
    }
}

fn sample_table(title: &str, rule: &str, samples: &[BacktestSample], all: u64) -> Markup {
    html! {
        @if !samples.is_empty() {
            section {
                div class="bar" {
                    h2 { (title) }
                    @if all > samples.len() as u64 { p { "the newest " (samples.len()) " of " (grouped(as_size(all))) } }
                }
                div class="box" {
                    table class="hov list" {
                        caption class="vh" { (title) " with what made the difference" }
                        thead { tr { th scope="col" { "Received" } th scope="col" { "About" } th scope="col" { "RunDifference" } } }
                        tbody {
                            @for sample in samples { (sample_row(rule, sample)) }
                        }
                    }
                }
            }
        }
    }
}

fn sample_row(rule: &str, sample: &BacktestSample) -> Markup {
    let key = sample.names.as_ref().and_then(|names| names.key.as_ref());
    let differences: Vec<String> = sample.differences.iter().map(|one| one.text()).collect();
    html! {
        tr {
            th scope="row" {
                @match sample.names {
                    Some(_) => a href=(link::event(sample.event.row)) { (day_and_time(sample.event.received)) },
                    None => (day_and_time(sample.event.received)),
                }
            }
            td { @if let Some(key) = key { "#" (short(key, MAX_NAME)) } }
            td {
                (short(&differences.join("; "), MAX_DIFFERENCE))
                @if let Some(command) = why_command(rule, sample) {
                    br; code class="xs mu" { (short(&command, MAX_DIFFERENCE)) }
                }
            }
        }
    }
}

/// The shown runs as tests of the rule.
fn tests(samples: &RuleSamples) -> Markup {
    let all = samples.new.iter().chain(&samples.gone);
    let tests: Vec<&str> = all.filter_map(|sample| sample.test.as_deref()).collect();
    html! {
        @if !tests.is_empty() {
            details class="more" {
                summary { "These runs as tests of the rule" }
                pre class="code more" { (text(&tests.concat())) }
            }
        }
    }
}
