//! The page of a question: one button for each answer, and what became of it. Works without scripts and loads nothing.

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest, Sha256};

use super::reply::{AnswerReply, Notice};
use crate::source::{AskedQuestion, QuestionState};

const STYLE: &str = "\
:root{color-scheme:light dark;--bg:#f5f6f7;--box:#fff;--ink:#15181c;--soft:#4b545f;--line:#d0d6dc;--act:#1b1f24;--on:#fff;--focus:#2563eb}\
@media(prefers-color-scheme:dark){:root{--bg:#0b0d10;--box:#121519;--ink:#e8ebee;--soft:#aab3bd;--line:#363e48;--act:#e8ebee;--on:#121519;--focus:#6ea1ff}}\
*{box-sizing:border-box}\
body{margin:0;min-height:100vh;display:grid;place-items:center;padding:1rem;background:var(--bg);color:var(--ink);font:1rem/1.5 ui-sans-serif,system-ui,-apple-system,\"Segoe UI\",\"Noto Sans\",Arial,sans-serif;overflow-wrap:anywhere}\
main{width:100%;max-width:32rem;padding:1.5rem;background:var(--box);border:1px solid var(--line);border-radius:10px}\
h1{margin:0 0 .5rem;font-size:1.375rem;line-height:1.25}\
p{margin:.5rem 0;color:var(--soft)}\
form{display:flex;flex-wrap:wrap;gap:.75rem;margin:1.25rem 0 .5rem}\
button{font:inherit;font-weight:600;padding:.625rem 1.25rem;min-height:2.75rem;border-radius:6px;border:1px solid var(--act);background:var(--box);color:var(--ink);cursor:pointer}\
button.chosen{background:var(--act);color:var(--on)}\
:focus-visible{outline:2px solid var(--focus);outline-offset:2px}";

/// The content security policy of the page: nothing but its own style and its own form.
pub fn content_policy() -> String {
    static POLICY: LazyLock<String> = LazyLock::new(|| {
        let hash = STANDARD.encode(Sha256::digest(STYLE.as_bytes()));
        format!(
            "default-src 'none'; style-src 'sha256-{hash}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
        )
    });
    POLICY.clone()
}

pub fn page(reply: &AnswerReply) -> Markup {
    let title = title(reply);
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="robots" content="noindex, nofollow, noarchive";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                main {
                    h1 { (title) }
                    @if let Some(question) = &reply.question { (about(question)) }
                    (content(reply))
                }
            }
        }
    }
}

fn title(reply: &AnswerReply) -> String {
    let asked = reply.question.as_ref().map(|question| {
        let text = question.text.clone();
        text.unwrap_or_else(|| format!("Answer for {}", question.step))
    });
    match (reply.notice, asked) {
        (Notice::Accepted, _) => "Thank you".to_owned(),
        (Notice::UnknownLink, _) => "This link is not valid".to_owned(),
        (Notice::Unavailable, _) => "Please try again in a moment".to_owned(),
        (Notice::UnknownRun, _) | (_, None) => "This question is no longer stored".to_owned(),
        (Notice::Shown | Notice::Repeated | Notice::NoSuchAnswer | Notice::Gone, Some(asked)) => {
            asked
        }
    }
}

/// Which of several questions this is.
fn about(question: &AskedQuestion) -> Markup {
    html! {
        p {
            @match &question.about {
                Some(about) => { "About " b { (about) } ", asked by the rule " (question.rule) "." }
                None => { "Asked by the rule " (question.rule) "." }
            }
        }
    }
}

fn content(reply: &AnswerReply) -> Markup {
    let Some(question) = &reply.question else {
        return without_question(reply.notice);
    };
    match &question.state {
        QuestionState::Open { until } => html! {
            @if reply.notice == Notice::NoSuchAnswer {
                p role="alert" { "That is none of the possible answers. Choose one of these:" }
            }
            (buttons(question, reply.chosen.as_deref()))
            @if let Some(until) = until {
                p { "You can answer until " (time(*until)) "." }
            }
            p { "Only the first answer counts." }
        },
        QuestionState::Answered { answer, at } if reply.notice == Notice::Accepted => html! {
            p { "Your answer " b { (answer) } " was recorded on " (time(*at)) "." }
        },
        QuestionState::Answered { answer, at } => html! {
            p { "This was answered with " b { (answer) } " on " (time(*at)) ". Only the first answer counts." }
        },
        QuestionState::Expired { at } => html! {
            p { "The time for answers ended on " (time(*at)) "." }
        },
        QuestionState::Over { state } => html! {
            p { "What asked this has ended (" (state) "), so that no answer is needed any more." }
        },
    }
}

fn without_question(notice: Notice) -> Markup {
    let words = match notice {
        Notice::UnknownLink => {
            "Perhaps a part of it is missing. Use the whole link as it was sent to you."
        }
        Notice::Unavailable => "Nothing was recorded. Load the page again.",
        Notice::Shown
        | Notice::Accepted
        | Notice::Repeated
        | Notice::NoSuchAnswer
        | Notice::Gone
        | Notice::UnknownRun => "It was deleted after the time for which it is kept.",
    };
    html! { p { (words) } }
}

/// One button for each answer. The form goes to the address of the page itself.
fn buttons(question: &AskedQuestion, chosen: Option<&str>) -> Markup {
    html! {
        form method="post" {
            @for answer in &question.answers {
                button name="answer" value=(answer) class=[(chosen == Some(answer)).then_some("chosen")] autofocus[chosen == Some(answer)] { (answer) }
            }
        }
    }
}

fn time(at: Timestamp) -> Markup {
    let machine = at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let shown = at.strftime("%Y-%m-%d %H:%M").to_string();
    html! { time datetime=(machine) { (shown) " UTC" } }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(state: QuestionState) -> AskedQuestion {
        AskedQuestion {
            rule: "refund".into(),
            about: Some("90611".into()),
            step: "approval".to_owned(),
            text: Some("Refund <100 €>?".to_owned()),
            answers: vec!["approve".to_owned(), "\"reject\" & close".to_owned()],
            state,
        }
    }

    fn shown(notice: Notice, state: QuestionState, chosen: Option<&str>) -> String {
        let reply = AnswerReply::about(notice, question(state), chosen.map(str::to_owned));
        page(&reply).into_string()
    }

    #[test]
    fn each_answer_is_a_button_and_all_text_is_escaped() {
        let text = shown(
            Notice::Shown,
            QuestionState::Open { until: None },
            Some("approve"),
        );
        assert!(text.contains("Refund &lt;100 €&gt;?"), "{text}");
        assert!(
            text.contains(r#"value="&quot;reject&quot; &amp; close""#),
            "{text}"
        );
        assert_eq!(text.matches("<button").count(), 2);
        assert_eq!(text.matches("class=\"chosen\"").count(), 1);
        assert!(text.contains("<form method=\"post\">"), "{text}");
        for loaded in ["<script", "src=", "href=", "http"] {
            assert!(!text.contains(loaded), "{loaded}: {text}");
        }
    }

    #[test]
    fn a_question_that_is_decided_has_no_buttons() {
        let at = "2026-11-30T09:15:00Z".parse().expect("a time");
        let answer = "approve".to_owned();
        for (notice, state, said) in [
            (
                Notice::Repeated,
                QuestionState::Answered { answer, at },
                "answered with <b>approve</b>",
            ),
            (
                Notice::Gone,
                QuestionState::Expired { at },
                "2026-11-30 09:15",
            ),
            (
                Notice::Gone,
                QuestionState::Over { state: "cancelled" },
                "(cancelled)",
            ),
        ] {
            let text = shown(notice, state, None);
            assert!(text.contains(said), "{text}");
            assert!(!text.contains("<button"), "{text}");
        }
    }

    #[test]
    fn the_policy_allows_the_style_of_the_page_and_nothing_else() {
        let policy = content_policy();
        assert!(
            policy.starts_with("default-src 'none'; style-src 'sha256-"),
            "{policy}"
        );
        assert!(!policy.contains("unsafe"), "{policy}");
    }
}
