//! The page `/commands`: the commands that were given on the page since the daemon started.

use std::sync::Arc;

use maud::{Markup, html};
use serde_json::{Value, json};

use super::registry::{CommandProgress, CommandRecord};
use super::result::{MAX_REASON, json_of, outcome_pill, verb};
use crate::page::PageState;
use crate::page::answer::{PageView, day_and_time};
use crate::page::page_error::PageError;
use crate::page::page_request::PageRequest;
use crate::page::session::PageUser;
use crate::page::shell::{PagePosition, Section};
use crate::page::text::{short, text};
use crate::report::render::diagnostics::grouped;
use crate::source::admin::AdminApi;

/// All commands.
pub struct CommandsPage(Vec<ListedCommand>);

struct ListedCommand {
    record: Arc<CommandRecord>,
    progress: CommandProgress,
}

pub async fn load<A: AdminApi>(
    state: Arc<PageState<A>>,
    _: PageRequest,
) -> Result<CommandsPage, PageError> {
    let all = state.commands.all().into_iter();
    Ok(CommandsPage(
        all.map(|record| ListedCommand {
            progress: record.progress(),
            record,
        })
        .collect(),
    ))
}

impl PageView for CommandsPage {
    fn title(&self) -> String {
        "Commands".to_owned()
    }

    fn position(&self) -> PagePosition {
        PagePosition::Below(Section::Runs)
    }

    fn json(&self) -> Value {
        let commands = self.0.iter();
        json!({
            "commands": commands
                .map(|listed| json_of(&listed.record, &listed.progress))
                .collect::<Vec<_>>(),
        })
    }

    fn html(&self, _: &PageUser) -> Markup {
        html! {
            nav class="crumb" aria-label="Breadcrumb" { ol { li { a href="/runs" { "Runs" } } } }
            div class="head" {
                div {
                    h1 { "Commands" }
                    p { "Those that were given on the page since the daemon started." }
                }
            }
            @if self.0.is_empty() {
                div class="note plain" { p { "No command was given. " a href="/runs" { "Select runs" } " to retry, replay or cancel them." } }
            } @else {
                div class="box" {
                    table class="hov list" {
                        caption class="vh" { "Commands, newest first" }
                        thead {
                            tr {
                                th scope="col" { "Command" }
                                th scope="col" { "State" }
                                th scope="col" { "For" }
                                th scope="col" { "Given" }
                                th scope="col" { "By" }
                                th scope="col" class="r" { "Runs" }
                                th scope="col" { "Note" }
                            }
                        }
                        tbody {
                            @for ListedCommand { record, progress } in &self.0 {
                                tr {
                                    th scope="row" { a class="id" href=(record.path()) { (verb(record.command)) } }
                                    td { (outcome_pill(progress.end.as_ref())) }
                                    td class="w" { (short(&record.origin.subject, MAX_REASON)) }
                                    td { (day_and_time(record.given)) }
                                    td data-l="by" { (text(&record.origin.user)) }
                                    td class="r" data-l="runs" { (grouped(progress.changed)) }
                                    td class="w" { (text(&record.origin.note)) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
