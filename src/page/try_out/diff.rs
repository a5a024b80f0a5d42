//! The lines by which an edited text differs from the one in force.

/// Lines that are compared one by one; of a larger difference, all lines count as changed.
const MAX_COMPARED: usize = 2_000;

/// A line that only one of two texts has, with its number there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangedLine<'t> {
    Removed { number: usize, text: &'t str },
    Added { number: usize, text: &'t str },
}

/// The changed lines, each removed one before the added ones that follow it.
pub fn changed_lines<'t>(before: &'t str, after: &'t str) -> Vec<ChangedLine<'t>> {
    let old: Vec<&str> = before.lines().collect();
    let new: Vec<&str> = after.lines().collect();
    let start = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let rest = old.len().min(new.len()) - start;
    let backwards = old.iter().rev().zip(new.iter().rev()).take(rest);
    let end = backwards.take_while(|(a, b)| a == b).count();
    let (old, new) = (&old[start..old.len() - end], &new[start..new.len() - end]);
    let removed = |at: usize| ChangedLine::Removed {
        number: start + at + 1,
        text: old[at],
    };
    let added = |at: usize| ChangedLine::Added {
        number: start + at + 1,
        text: new[at],
    };
    if old.len().max(new.len()) > MAX_COMPARED {
        let all = (0..old.len()).map(removed);
        return all.chain((0..new.len()).map(added)).collect();
    }
    let common = common_lines(old, new);
    let (mut a, mut b, mut changed) = (0, 0, Vec::new());
    while a < old.len() || b < new.len() {
        let is_same = a < old.len() && b < new.len() && old[a] == new[b];
        if is_same {
            (a, b) = (a + 1, b + 1);
        } else if b == new.len()
            || (a < old.len() && common.without_old(a, b) >= common.without_new(a, b))
        {
            changed.push(removed(a));
            a += 1;
        } else {
            changed.push(added(b));
            b += 1;
        }
    }
    changed
}

/// How many lines differ; one that was replaced counts once.
pub fn differing(changed: &[ChangedLine<'_>]) -> usize {
    let (mut old, mut new) = (0, 0);
    let (mut removed, mut added, mut all) = (0, 0, 0);
    for line in changed {
        let same = match line {
            ChangedLine::Removed { number, .. } => number - 1 - old,
            ChangedLine::Added { number, .. } => number - 1 - new,
        };
        if same > 0 {
            all += usize::max(removed, added);
            (removed, added) = (0, 0);
        }
        (old, new) = (old + same, new + same);
        match line {
            ChangedLine::Removed { .. } => (old, removed) = (old + 1, removed + 1),
            ChangedLine::Added { .. } => (new, added) = (new + 1, added + 1),
        }
    }
    all + usize::max(removed, added)
}

/// How many lines the ends of two texts have in common, by their beginnings.
struct CommonLines {
    counts: Vec<u16>,
    width: usize,
}

impl CommonLines {
    fn without_old(&self, a: usize, b: usize) -> u16 {
        self.counts[(a + 1) * self.width + b]
    }

    fn without_new(&self, a: usize, b: usize) -> u16 {
        self.counts[a * self.width + b + 1]
    }
}

fn common_lines(old: &[&str], new: &[&str]) -> CommonLines {
    let width = new.len() + 1;
    let mut counts = vec![0_u16; (old.len() + 1) * width];
    for a in (0..old.len()).rev() {
        for b in (0..new.len()).rev() {
            counts[a * width + b] = match old[a] == new[b] {
                true => counts[(a + 1) * width + b + 1] + 1,
                false => counts[(a + 1) * width + b].max(counts[a * width + b + 1]),
            };
        }
    }
    CommonLines { counts, width }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(before: &str, after: &str) -> Vec<String> {
        let changed = changed_lines(before, after).into_iter();
        let lines = changed.map(|line| match line {
            ChangedLine::Removed { number, text } => format!("-{number} {text}"),
            ChangedLine::Added { number, text } => format!("+{number} {text}"),
        });
        lines.collect()
    }

    #[test]
    fn only_changed_lines_are_listed() {
        for (before, after, expected) in [
            ("a\nb\nc", "a\nb\nc", &[][..]),
            ("a\nb\nc", "a\nx\nc", &["-2 b", "+2 x"]),
            ("a\nb\nc\nd", "a\nc\nd\ne", &["-2 b", "+4 e"]),
            ("", "a", &["+1 a"]),
            ("a\na", "a", &["-2 a"]),
            ("a\nb", "b\na", &["-1 a", "+2 a"]),
        ] {
            assert_eq!(shown(before, after), expected, "{before:?} {after:?}");
        }
    }

    #[test]
    fn a_replaced_line_counts_once() {
        for (before, after, expected) in [
            ("a\nb\nc", "a\nb\nc", 0),
            ("a\nb\nc", "a\nx\nc", 1),
            ("a\nb\nc\nd", "a\nc\nd\ne", 2),
            ("a\nb\nc", "x\nb\ny\nz", 3),
            ("", "a\nb", 2),
        ] {
            let changed = changed_lines(before, after);
            assert_eq!(differing(&changed), expected, "{before:?} {after:?}");
        }
    }

    #[test]
    fn large_differences_are_not_compared_line_by_line() {
        let text =
            |letter: &str| format!("same\n{}", format!("{letter}\n").repeat(MAX_COMPARED + 1));
        let changed = changed_lines(&text("a"), &text("b")).len();
        assert_eq!(changed, 2 * (MAX_COMPARED + 1));
    }
}
