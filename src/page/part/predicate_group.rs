//! The headings of the groups of a condition: `any of these` above the predicates of which one must hold.

/// For each predicate, the heading that stands above it. `groups` are their places in the condition, as
/// `any[1].none[0]`.
pub fn headings(groups: &[&str]) -> Vec<Option<String>> {
    let mut before: Option<String> = None;
    let mut headings = Vec::with_capacity(groups.len());
    for group in groups {
        let heading = heading(group, groups);
        let is_new = before.as_ref() != Some(&heading);
        // The predicates of the root need a heading only after those of a group.
        let is_shown = is_new && !(heading == ROOT && before.is_none());
        headings.push(is_shown.then(|| heading.clone()));
        before = Some(heading);
    }
    headings
}

const ROOT: &str = "and all of these";

fn heading(group: &str, groups: &[&str]) -> String {
    let mut parts = Vec::new();
    let mut end = 0;
    for part in group.split('.') {
        end += part.len();
        let before = &group[..end];
        end += 1;
        let Some((key, number)) = part.strip_suffix(']').and_then(|part| part.split_once('['))
        else {
            continue;
        };
        let words = match key {
            "any" => "any of these",
            "none" => "none of these",
            _ => "all of these",
        };
        // A branch with several predicates is named, as they belong together.
        let branch = before
            .strip_suffix(&format!("[{number}]"))
            .unwrap_or(before);
        parts.push(
            match (number.parse::<usize>(), has_branches(branch, groups)) {
                (Ok(number), true) => format!("{words}, part {}", number + 1),
                (Ok(_) | Err(_), _) => words.to_owned(),
            },
        );
    }
    match parts.is_empty() {
        true => ROOT.to_owned(),
        false => parts.join(": "),
    }
}

/// Whether a part of a list such as `any` has several predicates.
fn has_branches(list: &str, groups: &[&str]) -> bool {
    let parts: Vec<&str> = groups
        .iter()
        .filter_map(|group| group.strip_prefix(list)?.strip_prefix('['))
        .filter_map(|rest| rest.split(']').next())
        .collect();
    parts.windows(2).any(|pair| pair[0] == pair[1])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(groups: &[&str]) -> Vec<String> {
        let headings = headings(groups).into_iter();
        headings.map(Option::unwrap_or_default).collect()
    }

    #[test]
    fn a_group_has_one_heading() {
        assert_eq!(shown(&["all", "all"]), ["", ""]);
        assert_eq!(
            shown(&["all", "any[0]", "any[1]", "all"]),
            ["", "any of these", "", "and all of these"]
        );
        assert_eq!(
            shown(&[
                "any[0]",
                "any[0]",
                "any[1]",
                "any[2].none[0]",
                "any[2].none[1]"
            ]),
            [
                "any of these, part 1",
                "",
                "any of these, part 2",
                "any of these, part 3: none of these",
                ""
            ]
        );
        assert_eq!(shown(&["none[0]", "none[1]"]), ["none of these", ""]);
        assert_eq!(shown(&[]), Vec::<String>::new());
    }
}
