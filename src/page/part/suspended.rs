//! Shows what is paused or down: a note with its reason, the runs that wait, and the link that pauses or resumes.

use maud::{Markup, html};

use super::link;
use super::prose::prose;
use crate::page::icon::Icon;
use crate::page::session::{PageUser, Role};
use crate::report::suspended::{describe_continued, describe_down, describe_paused};
use crate::store::history::SuspendedTarget;
use flowtrigger_core::config::Config;
use flowtrigger_core::suspension::SuspensionTarget;

/// The address of the question before a pause.
pub fn pause_path(target: &SuspensionTarget) -> String {
    link::query("/confirm/pause", &[("target", &target.key())])
}

/// The address of the question before a pause ends.
pub fn resume_path(target: &SuspensionTarget) -> String {
    link::query("/confirm/resume", &[("target", &target.key())])
}

/// The link that pauses or resumes a target, for those who may act.
pub fn command(
    target: &SuspensionTarget,
    found: Option<&SuspendedTarget>,
    user: &PageUser,
) -> Markup {
    let is_paused = found.is_some_and(|found| found.suspension.pause.is_some());
    html! {
        @match (user.role, is_paused) {
            (Role::Act, true) => a class="btn go" href=(resume_path(target)) data-ask { "Resume…" },
            (Role::Act, false) => a class="btn" href=(pause_path(target)) data-ask { "Pause…" },
            (Role::Read, _) => {},
        }
    }
}

/// A note on a target: paused in one colour, with the command that resumes it, and down in another.
/// `config` says how fast runs continue.
pub fn note(found: &SuspendedTarget, command: &Markup, config: Option<&Config>) -> Markup {
    html! {
        @if let Some(paused) = describe_paused(found) {
            div class="note" role="status" {
                (Icon::Problems.render())
                p { (prose(&paused)) "." }
                (command)
            }
        }
        @if let Some(down) = describe_down(found) {
            div class="note bad" role="status" {
                (Icon::Problems.render())
                p { (prose(&down)) "." }
            }
        }
        @if let Some(continued) = describe_continued(found, config) {
            div class="note plain" role="status" { p { (prose(&continued)) "." } }
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::page::session::SignIn;
    use flowtrigger_core::suspension::{Pause, Suspension};

    fn user(role: Role) -> PageUser {
        PageUser {
            name: "ada".into(),
            role,
            sign_in: SignIn::Session,
        }
    }

    #[test]
    fn only_those_who_may_act_get_the_command() {
        let found = SuspendedTarget {
            target: SuspensionTarget::Rule("a b".into()),
            suspension: Suspension::default().paused(Pause {
                since: Timestamp::UNIX_EPOCH,
                by: "ines, on the page".into(),
                note: "<b>upgrade".into(),
            }),
            waiting: 2,
            oldest: None,
        };
        let shown = |role: Role| {
            let command = command(&found.target, Some(&found), &user(role));
            note(&found, &command, None).into_string()
        };
        let acting = shown(Role::Act);
        for part in [
            "&lt;b&gt;upgrade",
            "2 runs wait",
            "href=\"/confirm/resume?target=rule+a+b\"",
            ">Resume…</a>",
        ] {
            assert!(acting.contains(part), "{part}: {acting}");
        }
        assert!(!shown(Role::Read).contains("href"));
        let free = command(&found.target, None, &user(Role::Act)).into_string();
        assert!(
            free.contains("href=\"/confirm/pause?target=rule+a+b\""),
            "{free}"
        );
    }
}
