//! Answers a question of a run on the page, for users who may act: `/confirm/answer` shows the possible answers, and its
//! form gives one.

use std::sync::Arc;

use maud::{Markup, html};
use serde_json::{Value, json};

use super::PageState;
use super::answer::{CommandAnswer, PageView};
use super::page_error::PageError;
use super::page_request::PageRequest;
use super::part::link;
use super::reader::HistoryReadError;
use super::run::missing;
use super::runs::hidden;
use super::runs::query::FormField;
use super::session::PageUser;
use super::shell::{PagePosition, Section};
use super::text::text;
use crate::report::error::CommandError;
use crate::report::run::detail::StoredRun;
use crate::report::run::questions::{OpenQuestion, open_questions};
use crate::source::admin::{AdminApi, AnswerRequest};
use flowtrigger_core::run::RunId;
use flowtrigger_core::run::commander::{CommandOrigin, Commander};

/// The address at which the question is answered.
pub fn address(RunId(run): RunId, question: &OpenQuestion) -> String {
    let run = run.to_string();
    link::query(
        "/confirm/answer",
        &[("run", &run), ("step", &question.step)],
    )
}

/// The question.
pub struct QuestionPage {
    run: RunId,
    rule: String,
    question: OpenQuestion,
}

fn asked(request: &PageRequest) -> Result<(u64, String), PageError> {
    let run = request.parse("run", "write the id of a run")?;
    let run = run.ok_or_else(|| PageError::parameter("run", "it is missing"))?;
    let step = request.text("step");
    let step = step.ok_or_else(|| PageError::parameter("step", "it is missing"))?;
    Ok((run, step.to_owned()))
}

pub async fn load<A: AdminApi>(
    state: Arc<PageState<A>>,
    request: PageRequest,
) -> Result<QuestionPage, PageError> {
    request.user.require_act()?;
    let (id, step) = asked(&request)?;
    let found = state.history.read(move |history| {
        let read = || StoredRun::read(RunId(id), history);
        Ok::<_, HistoryReadError>(read())
    });
    let found: Result<Option<StoredRun>, CommandError> = found.await?;
    let run = found?.ok_or_else(|| missing(id))?;
    let mut open = open_questions(&run.detail).into_iter();
    let question = open.find(|question| question.step == step).ok_or_else(|| {
        PageError::conflict(format!("run {id} waits for no answer at the step `{step}`"))
            .help("its page shows what was answered")
    })?;
    Ok(QuestionPage {
        run: RunId(id),
        rule: run.detail.row.rule.to_string(),
        question,
    })
}

pub async fn submit<A: AdminApi>(
    state: Arc<PageState<A>>,
    request: PageRequest,
) -> Result<CommandAnswer<QuestionPage>, PageError> {
    let (run, step) = asked(&request)?;
    let answer = request.text("answer");
    let answer = answer.ok_or_else(|| PageError::parameter("answer", "it is missing"))?;
    let answer = answer.to_owned();
    let by = Commander::new(Some(&request.user.name), CommandOrigin::Page);
    let given = AnswerRequest { step, answer };
    state.admin.answer(run, given, by).await?;
    Ok(CommandAnswer::SeeOther(link::run(RunId(run))))
}

impl PageView for QuestionPage {
    fn title(&self) -> String {
        format!("Answer run {}?", self.run.0)
    }

    fn position(&self) -> PagePosition {
        PagePosition::Below(Section::Runs)
    }

    fn json(&self) -> Value {
        json!({
            "run": self.run.0,
            "rule": self.rule,
            "step": self.question.step,
            "question": self.question.text,
            "answers": self.question.answers,
        })
    }

    fn html(&self, user: &PageUser) -> Markup {
        html! {
            nav class="crumb" aria-label="Breadcrumb" { ol { li { a href="/runs" { "Runs" } } } }
            div class="head" {
                div {
                    h1 { (self.title()) }
                    @if let Some(asked) = &self.question.text { p { b { (text(asked)) } } }
                    p { "Its step " code { (text(&self.question.step)) } " waits for one of these answers. The first one counts, and is kept as given by " (text(&user.name)) "." }
                }
            }
            form method="post" action="/confirm/answer" class="stack" {
                (hidden(&[
                    FormField::new("run", self.run.0),
                    FormField::new("step", &self.question.step),
                ]))
                div class="row" {
                    @for answer in &self.question.answers {
                        button class="go" name="answer" value=(answer) { (text(answer)) }
                    }
                    a class="btn" data-close href=(link::run(self.run)) { "Back" }
                }
            }
        }
    }
}
