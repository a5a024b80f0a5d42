//! The icons of the page, as inline SVG paths of 16 by 16.

use maud::{Markup, html};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Icon {
    Overview,
    Events,
    Runs,
    Problems,
    Rules,
    Try,
    Deliveries,
    Find,
    Copy,
}

impl Icon {
    fn path(self) -> &'static str {
        match self {
            Icon::Overview => "M2.5 8.5h3l2-5 3 9 1.5-4h1.5",
            Icon::Events => "M2.5 4h11M2.5 8h11M2.5 12h7",
            Icon::Runs => "M5 3.5v9l7.5-4.5z",
            Icon::Problems => "M8 2.5 14 13H2zM8 6.5v3M8 11.2v.1",
            Icon::Rules => {
                "M4.5 2.5v7.6M4.5 13.5a1.7 1.7 0 1 0 0-3.4 1.7 1.7 0 0 0 0 3.4zM11.5 6a1.7 1.7 0 1 0 0-3.4 1.7 1.7 0 0 0 0 3.4zM11.5 6c0 3.4-2.6 4-5.2 5.4"
            }
            Icon::Try => {
                "M6.5 2.5v4L3 12.2a.9.9 0 0 0 .8 1.3h8.4a.9.9 0 0 0 .8-1.3L9.5 6.5v-4M5.5 2.5h5M5 9.5h6"
            }
            Icon::Deliveries => {
                "M2.5 9.5V12a1.5 1.5 0 0 0 1.5 1.5h8a1.5 1.5 0 0 0 1.5-1.5V9.5M8 2.5v7M5 7l3 3 3-3"
            }
            Icon::Find => "M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10zM10.7 10.7 14 14",
            Icon::Copy => "M5.5 5.5h7v8h-7zM10.5 5.5v-3h-7v8h2",
        }
    }

    pub fn render(self) -> Markup {
        html! { svg class="i" viewBox="0 0 16 16" aria-hidden="true" { path d=(self.path()) {} } }
    }
}

/// The mark of the product.
pub fn mark() -> Markup {
    html! {
        svg viewBox="0 0 20 20" aria-hidden="true" fill="none" stroke="currentColor" stroke-width="1.8" stroke-linecap="round" {
            path d="M1.5 10H6c3.5 0 3-5 6.2-5M6 10c3.5 0 3 5 5.8 5" {}
            circle cx="15.6" cy="5" r="2.7" fill="currentColor" stroke="none" {}
            circle cx="15.4" cy="15" r="2.3" {}
        }
    }
}
