//! Lowers `debounce` of a rule: what it groups events by, its window, and the event that it keeps.
//! Reports an `at_most` that is shorter than `quiet`.

use crate::compile::compiler::Compiler;
use crate::compile::gates::{check_entries, lower_per, lower_window};
use crate::diagnostic::{Diagnostics, Report};
use crate::document::Node;
use crate::document::suggest;
use crate::gate::vocabulary::DEBOUNCE;
use crate::gate::{DebounceKeep, Gate, GateKind, describe_time};
use crate::schedule::ScheduledDuration;

pub fn lower_debounce(node: &Node, cx: &mut Compiler<'_>) -> Option<Gate> {
    check_entries(node, &DEBOUNCE, cx.diagnostics())?;
    let per = match node.get("per") {
        Some(per) => lower_per(per, &DEBOUNCE, &mut cx.names).map(Some),
        None => Some(None),
    };
    let quiet = lower_window(node, &DEBOUNCE, "quiet", cx);
    let at_most = match node.get("at_most") {
        Some(_) => lower_window(node, &DEBOUNCE, "at_most", cx).map(Some),
        None => Some(None),
    };
    let keep = match node.get("keep") {
        Some(keep) => lower_keep(keep, cx.diagnostics()),
        None => Some(DebounceKeep::Last),
    };
    let (window, at_most) = (quiet?, at_most?);
    check_at_most(node, &window, at_most.as_ref(), cx.diagnostics())?;
    Some(Gate {
        kind: GateKind::Debounce {
            at_most,
            keep: keep?,
        },
        per: per?,
        window,
    })
}

/// Reports an `at_most` shorter than `quiet`: the window would always end at `at_most`.
fn check_at_most(
    node: &Node,
    quiet: &ScheduledDuration,
    at_most: Option<&ScheduledDuration>,
    diagnostics: &mut Diagnostics,
) -> Option<()> {
    let is_shorter =
        |at_most: &&ScheduledDuration| at_most.during == quiet.during && at_most.time < quiet.time;
    let Some(at_most) = at_most.filter(is_shorter) else {
        return Some(());
    };
    let at = node.get("at_most").map_or(node.at, |node| node.at);
    let has_hours = quiet.during.is_some();
    let (at_most, quiet) = (describe_time(at_most), describe_time(quiet));
    let message = format!("`at_most` is {at_most}, less than `quiet`, {quiet}");
    let instead = match has_hours {
        true => "`quiet` alone".to_owned(),
        false => format!("`quiet: {at_most}` alone"),
    };
    let help = format!(
        "`at_most` limits how long `quiet` can be extended: write more than {quiet}, or {instead}"
    );
    diagnostics.reject_value(at, message, &help)
}

fn lower_keep(node: &Node, diagnostics: &mut Diagnostics) -> Option<DebounceKeep> {
    let text = node.as_text().unwrap_or_default();
    if let Some(keep) = DebounceKeep::parse(text) {
        return Some(keep);
    }
    let help = match text {
        "latest" | "newest" | "final" | "trailing" => "did you mean `last`?".to_owned(),
        "oldest" | "earliest" | "leading" => "did you mean `first`?".to_owned(),
        "every" | "each" | "both" | "list" | "events" => "did you mean `all`?".to_owned(),
        _ => match suggest::nearest(text, DebounceKeep::WORDS.into_iter()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "`last` keeps the last event and is the default".to_owned(),
        },
    };
    let message = "`keep` takes first, last or all";
    diagnostics.reject_value(node.at, message, &help)
}
