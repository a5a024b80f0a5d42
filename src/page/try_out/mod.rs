//! The page on which an event and a rule are edited and explained. It has no effect, so that everybody may use it; two
//! evaluations take place at a time.

mod diff;
pub mod edited_rule;
mod evaluate;
mod form;
mod invisible;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::http::StatusCode;
use maud::{Markup, html};
use serde_json::Value;
use tokio::sync::Semaphore;

use super::PageState;
use super::answer::PageView;
use super::page_error::PageError;
use super::page_request::PageRequest;
use super::reader::HistoryReadError;
use super::session::PageUser;
use super::shell::{PagePosition, Section};
use crate::engine::Rulebook;
use crate::source::admin::AdminApi;
use crate::store::History;

use evaluate::{TryResult, evaluate};
use form::{TryForm, TryRequest};

pub const PATH: &str = "/try";
/// The largest form: an event and a rule.
pub const MAX_FORM: usize = 1024 * 1024;

/// Evaluations at the same time. The texts come from a person and can be expensive.
static PERMITS: Semaphore = Semaphore::const_new(2);

/// The texts, and what would happen.
pub struct TryPage {
    form: TryForm,
    result: TryResult,
}

impl TryPage {
    fn new(form: TryForm, book: &Rulebook, history: &dyn History) -> Result<Self, PageError> {
        let result = evaluate(&form, book, history)?;
        Ok(Self { form, result })
    }
}

/// The page for an address: a stored event, a sample or a rule.
pub async fn load<A: AdminApi>(
    state: Arc<PageState<A>>,
    request: PageRequest,
) -> Result<TryPage, PageError> {
    let asked = TryRequest::read(&request)?;
    let book = (state.rulebook)();
    let _permit = PERMITS.acquire().await;
    let read = state.history.read(move |history| {
        let form = asked.form(&book, history);
        let page = form.and_then(|form| TryPage::new(form, &book, history));
        Ok::<_, HistoryReadError>(page)
    });
    read.await?
}

/// The page for edited texts.
pub async fn submit<A: AdminApi>(
    state: Arc<PageState<A>>,
    request: PageRequest,
) -> Result<TryPage, PageError> {
    let book = (state.rulebook)();
    let _permit = PERMITS.acquire().await;
    let read = state.history.read(move |history| {
        let form = TryForm::posted(&request, &book, history);
        let page = form.and_then(|form| TryPage::new(form, &book, history));
        Ok::<_, HistoryReadError>(page)
    });
    read.await?
}

impl PageView for TryPage {
    fn title(&self) -> String {
        "Try".into()
    }

    fn position(&self) -> PagePosition {
        PagePosition::Section(Section::Try)
    }

    fn json(&self) -> Value {
        self.result.json.clone()
    }

    fn status(&self) -> StatusCode {
        match self.result.is_sound {
            true => StatusCode::OK,
            false => StatusCode::UNPROCESSABLE_ENTITY,
        }
    }

    fn html(&self, user: &PageUser) -> Markup {
        html! {
            div class="head" {
                div {
                    h1 { "Try" }
                    p { "Edit an event or a rule, and see what would happen. Nothing is sent and nothing is stored." }
                }
            }
            div class="row" { (self.form.start()) }
            (self.form.fields(&self.result.status, user))
            div id="result" tabindex="-1" data-try { (self.result.html) }
        }
    }
}
