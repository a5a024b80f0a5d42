//! The note on a reload that failed: what was saved is not in force, and why.

use maud::{Markup, html};

use crate::page::answer::day_and_time;
use crate::page::icon::Icon;
use crate::page::text::text;
use crate::report::render::diagnostics;
use crate::source::admin::{FailedReload, Status};

/// Nothing if the last reload succeeded.
pub fn note(status: &Status) -> Markup {
    html! {
        div id="reload" data-fresh {
            @if let Some(failed) = &status.failed_reload { (failed_note(failed, status.revision)) }
        }
    }
}

fn failed_note(failed: &FailedReload, revision: u64) -> Markup {
    let mistakes = diagnostics::plain_text(&failed.files, &failed.diagnostics);
    html! {
        div class="note" role="status" {
            (Icon::Problems.render())
            p {
                b {
                    "The reload at " (day_and_time(failed.at)) " failed"
                    @match failed.diagnostics.is_empty() {
                        true => { ": " (text(&failed.reason)) }
                        false => { ": " (diagnostics::counted(&failed.diagnostics)) (files(failed)) "." }
                    }
                }
                " Revision " (revision) " stays in force; nothing that was saved since acts."
            }
            @if !mistakes.is_empty() {
                details {
                    summary { "Show the mistakes" }
                    pre tabindex="0" role="region" aria-label="What check reports" { (text(&mistakes)) }
                }
            }
        }
    }
}

/// ` in rules/a.yaml`: the file of the first mistake, and how many others have some.
fn files(failed: &FailedReload) -> Markup {
    let mut names: Vec<&str> = Vec::new();
    for diagnostic in failed.diagnostics.iter() {
        let name = failed.files.name(diagnostic.at.file);
        if !names.contains(&name) {
            names.push(name);
        }
    }
    html! {
        @if let [first, others @ ..] = names.as_slice() {
            " in " code { (text(first)) }
            @match others.len() {
                0 => {},
                1 => " and 1 more file",
                count => { " and " (count) " more files" }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use flowtrigger_core::diagnostic::{Code, Diagnostics, Files, Report, Span};
    use jiff::Timestamp;

    use super::super::tests::data;
    use super::*;

    #[test]
    fn a_failed_reload_shows_the_mistakes_with_their_lines() {
        let mut status = data().status;
        assert!(!note(&status).into_string().contains("failed"));
        let mut files = Files::default();
        let file = files.add("rules/a.yaml", "when: { <b>: 1 }\n");
        let mut diagnostics = Diagnostics::default();
        let at = Span {
            file,
            line: 1,
            column: 9,
            start: 8,
            len: 3,
        };
        diagnostics.error(Code::UnknownKey, at, "unknown key `<b>`", "write `current`");
        status.failed_reload = Some(FailedReload {
            at: Timestamp::UNIX_EPOCH,
            since: Timestamp::UNIX_EPOCH,
            reason: "failed to load the rules".into(),
            files: Arc::new(files),
            diagnostics: Arc::new(diagnostics),
        });
        let html = note(&status).into_string();
        for part in [
            "failed: 1 error in <code><bdi>rules/a.yaml</bdi></code>.",
            "Revision 12 stays in force",
            "unknown key `&lt;b&gt;`",
            "--&gt; rules/a.yaml:1:9",
            "help: write `current`",
        ] {
            assert!(html.contains(part), "{part}: {html}");
        }
        status.failed_reload = Some(FailedReload {
            reason: "missing secrets:\n  CHAT".into(),
            diagnostics: Arc::default(),
            ..status.failed_reload.unwrap()
        });
        let html = note(&status).into_string();
        assert!(
            html.contains("failed: <bdi>missing secrets:\n  CHAT"),
            "{html}"
        );
        assert!(!html.contains("<details>"));
    }
}
