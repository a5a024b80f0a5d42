//! The daemons that share the store, if there is more than one.

use maud::{Markup, html};

use super::data::OverviewData;
use crate::page::answer::{day_and_time, time};
use crate::page::text::text;
use crate::report::deliveries::row::grouped;
use crate::store::short_digest;

pub fn section(data: &OverviewData) -> Markup {
    let daemons = &data.daemons;
    html! {
        @if daemons.rows.len() > 1 {
            section id="daemons" data-fresh aria-labelledby="h-daemons" {
                h2 id="h-daemons" { "Daemons" }
                @if daemons.differing() > 0 {
                    p class="note" {
                        (daemons.differing()) " of " (daemons.rows.len())
                        " use other rules or another configuration than most. "
                        "Load the same files on all, or let all use pushed rules: " code { "store: { rules: pushed }" } "."
                    }
                }
                div class="scroll" {
                    table {
                        thead {
                            tr {
                                th scope="col" { "Daemon" }
                                th scope="col" { "Address" }
                                th scope="col" { "Version" }
                                th scope="col" { "Since" }
                                th scope="col" { "Last beat" }
                                th scope="col" { "Rules" }
                                th scope="col" class="num" { "Running" }
                            }
                        }
                        tbody {
                            @for row in &daemons.rows {
                                tr {
                                    th scope="row" { (row.id) " on " (text(&row.host)) }
                                    td { @if let Some(address) = &row.address { (text(address)) } }
                                    td { (text(&row.version)) }
                                    td { (day_and_time(row.since)) }
                                    td { (time(row.beat)) }
                                    td {
                                        @match &row.digest {
                                            Some(digest) => { code { (short_digest(digest)) } }
                                            None => "none",
                                        }
                                        @if daemons.differs(row) { " differs" }
                                        @if row.reload_failed { " last reload failed" }
                                    }
                                    td class="num" { (grouped(row.running)) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::data;
    use super::*;
    use crate::report::daemons::LiveDaemons;
    use crate::report::daemons::tests::daemon;

    #[test]
    fn several_daemons_are_listed_and_differences_shown() {
        let mut data = data();
        data.daemons = LiveDaemons::of(&[daemon(1, "aa11")]);
        assert_eq!(section(&data).into_string(), "");
        data.daemons = LiveDaemons::of(&[daemon(1, "aa"), daemon(2, "aa"), daemon(3, "bb")]);
        let html = section(&data).into_string();
        for part in [
            "1 of 3",
            "desk-3",
            "<code>bb</code> differs",
            "10.0.0.7:8080",
        ] {
            assert!(html.contains(part), "{part}: {html}");
        }
        assert!(!html.contains("<code>aa</code> differs"), "{html}");
    }
}
