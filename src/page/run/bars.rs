//! Draws the bars of a timeline, with their geometry in attributes.

use maud::{Markup, html};

use super::time_scale::TimeScale;
use super::timeline::TimeSpan;

/// The axis with its times.
pub fn axis(scale: &TimeScale) -> Markup {
    let form = match scale.is_short() {
        true => "%H:%M:%S%.3f",
        false => "%H:%M:%S",
    };
    html! {
        li class="axis" aria-hidden="true" {
            div class="g" {
                span {}
                span {}
                svg {
                    @for label in scale.labels() {
                        text y="8" x=(label.x) data-t=(label.at) { (label.at.strftime(form).to_string()) }
                    }
                }
                span {}
            }
        }
    }
}

pub fn base() -> Markup {
    html! { line class="base" x1="0" x2="100%" y1="8" y2="8" {} }
}

pub fn bars(scale: &TimeScale, spans: &[TimeSpan], class: &str) -> Markup {
    html! {
        svg aria-hidden="true" {
            (base())
            @for span in spans { (rect(scale, *span, class)) }
        }
    }
}

pub fn rect(scale: &TimeScale, span: TimeSpan, class: &str) -> Markup {
    let bar = scale.bar(span);
    html! { rect class=(class) x=(bar.x) y="4" width=(bar.width) height="8" rx="2" {} }
}
