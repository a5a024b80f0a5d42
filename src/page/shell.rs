//! The frame of every page: head, side bar with navigation, and the main part.

use maud::{DOCTYPE, Markup, html};

use super::icon::{Icon, mark};
use super::session::{PageUser, Role, SignIn};
use super::text::text;

/// The path of the style sheet; the version makes browsers load a new one after an upgrade.
pub const STYLE: &str = concat!("/assets/", env!("CARGO_PKG_VERSION"), "/style.css");
pub const SCRIPT: &str = concat!("/assets/", env!("CARGO_PKG_VERSION"), "/app.js");
pub const MARK: &str = "/assets/mark.svg";

/// The parts of the navigation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    Overview,
    Events,
    Runs,
    Problems,
    Rules,
    Try,
    Deliveries,
}

const SECTIONS: [Section; 7] = [
    Section::Overview,
    Section::Events,
    Section::Runs,
    Section::Problems,
    Section::Rules,
    Section::Try,
    Section::Deliveries,
];

impl Section {
    pub fn path(self) -> &'static str {
        match self {
            Section::Overview => "/",
            Section::Events => "/events",
            Section::Runs => "/runs",
            Section::Problems => "/problems",
            Section::Rules => "/rules",
            Section::Try => "/try",
            Section::Deliveries => "/deliveries",
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Section::Overview => "Overview",
            Section::Events => "Events",
            Section::Runs => "Runs",
            Section::Problems => "Problems",
            Section::Rules => "Rules",
            Section::Try => "Try",
            Section::Deliveries => "Deliveries",
        }
    }

    fn icon(self) -> Icon {
        match self {
            Section::Overview => Icon::Overview,
            Section::Events => Icon::Events,
            Section::Runs => Icon::Runs,
            Section::Problems => Icon::Problems,
            Section::Rules => Icon::Rules,
            Section::Try => Icon::Try,
            Section::Deliveries => Icon::Deliveries,
        }
    }
}

/// What the side bar of every page shows.
#[derive(Debug, Clone)]
pub struct Frame {
    pub user: PageUser,
    /// Why the daemon accepts no events now; `None` if it accepts them.
    pub not_ready: Option<String>,
    pub rules: usize,
    /// The machine, which tells two pages apart, and the revision in force.
    pub host: Option<String>,
    pub revision: Option<u64>,
    /// Dead and held runs.
    pub problems: u64,
    /// Requests that were rejected in the last hour.
    pub rejected: u64,
}

/// Whether a page is the section itself or one below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PagePosition {
    Section(Section),
    Below(Section),
    /// In no section.
    Elsewhere,
}

impl PagePosition {
    /// The value of `aria-current` of a section's link.
    fn current(self, section: Section) -> Option<&'static str> {
        match self {
            PagePosition::Section(own) if own == section => Some("page"),
            PagePosition::Below(own) if own == section => Some("true"),
            PagePosition::Section(_) | PagePosition::Below(_) | PagePosition::Elsewhere => None,
        }
    }
}

/// A whole page.
pub fn page(title: &str, position: PagePosition, frame: &Frame, main: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            (head(title))
            body class="app" {
                header class="side" {
                    a class="skip" href="#main" { "Skip to the content" }
                    a class="brand" href="/" { (mark()) span { "flowtrigger" (desk(frame)) } }
                    (find())
                    (navigation(position, frame))
                    (foot(frame))
                }
                main id="main" tabindex="-1" { (main) }
            }
        }
    }
}

/// A page without navigation: the login, and errors before it.
pub fn alone(title: &str, main: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            (head(title))
            body class="alone" {
                main id="main" {
                    p class="brand" { (mark()) span { "flowtrigger" } }
                    (main)
                }
            }
        }
    }
}

fn head(title: &str) -> Markup {
    html! {
        head {
            meta charset="utf-8";
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="color-scheme" content="light dark";
            title { (title) " · flowtrigger" }
            link rel="icon" href=(MARK) type="image/svg+xml";
            link rel="stylesheet" href=(STYLE);
            script src=(SCRIPT) defer {}
        }
    }
}

/// `desk-1 · revision 12`.
fn desk(frame: &Frame) -> Markup {
    html! {
        small {
            @if let Some(host) = &frame.host { (text(host)) }
            @if frame.host.is_some() && frame.revision.is_some() { " · " }
            @if let Some(revision) = frame.revision { "revision " (revision) }
        }
    }
}

fn find() -> Markup {
    html! {
        form class="find" role="search" action="/find" {
            label class="vh" for="find" { "Ticket, event, run or rule" }
            input id="find" name="q" type="search" placeholder="Ticket, event, run" autocomplete="off";
            button aria-label="Find" { (Icon::Find.render()) }
            kbd aria-hidden="true" { "Ctrl K" }
        }
    }
}

fn navigation(position: PagePosition, frame: &Frame) -> Markup {
    html! {
        nav class="nav" aria-label="Main" {
            ul {
                @for section in SECTIONS {
                    li {
                        a href=(section.path()) aria-current=[position.current(section)] {
                            (section.icon().render()) (section.name()) (badge(section, frame))
                        }
                    }
                }
            }
        }
    }
}

/// The number beside a section's name.
fn badge(section: Section, frame: &Frame) -> Markup {
    let (count, class, meaning) = match section {
        Section::Problems => (frame.problems, "n bad", "runs need a person"),
        Section::Deliveries => (frame.rejected, "n", "rejected in the last hour"),
        Section::Overview | Section::Events | Section::Runs | Section::Rules | Section::Try => {
            return html! {};
        }
    };
    html! {
        @if count > 0 {
            span class=(class) {
                span aria-hidden="true" { (count) }
                span class="vh" { (count) " " (meaning) }
            }
        }
    }
}

fn foot(frame: &Frame) -> Markup {
    let role = match frame.user.role {
        Role::Act => "may act",
        Role::Read => "may read",
    };
    html! {
        div class="foot" {
            p {
                @match &frame.not_ready {
                    None => { span class="dot" {} a href="/" { "Ready" } }
                    Some(why) => { span class="dot off" {} a href="/" title=(why) { "Not ready" } }
                }
            }
            p { a href="/rules" { (count(frame.rules, "rule")) } }
            p { span { (frame.user.name) ", " (role) } }
            p { "Times: " span data-zone { "UTC" } }
            @match frame.user.sign_in {
                SignIn::Session => {
                    form method="post" action="/logout" { button class="bare" { "Sign out" } }
                }
                SignIn::Socket | SignIn::Proxy => {}
            }
        }
    }
}

/// A number with its noun.
pub fn count(number: usize, noun: &str) -> String {
    match number {
        1 => format!("1 {noun}"),
        _ => format!("{number} {noun}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(name: &str) -> Frame {
        Frame {
            user: PageUser {
                name: name.into(),
                role: Role::Read,
                sign_in: SignIn::Session,
            },
            not_ready: Some("the disk is \"full\"".into()),
            rules: 1,
            host: Some("desk-<1>".into()),
            revision: Some(12),
            problems: 47,
            rejected: 0,
        }
    }

    #[test]
    fn a_page_marks_its_section_and_escapes_what_it_shows() {
        let main = html! { p { "body" } };
        let position = PagePosition::Below(Section::Runs);
        let text = page("Run <1>", position, &frame("<b>eve"), &main).into_string();
        for part in [
            "<title>Run &lt;1&gt; · flowtrigger</title>",
            r#"<a href="/runs" aria-current="true">"#,
            "&lt;b&gt;eve, may read",
            "title=\"the disk is &quot;full&quot;\"",
            "47 runs need a person",
            "1 rule</a>",
            "Times: <span data-zone>UTC</span>",
            "<small><bdi>desk-&lt;1&gt;</bdi> · revision 12</small>",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert_eq!(text.matches("aria-current").count(), 1);
        assert!(!text.contains("rejected in the last hour"));
    }
}
