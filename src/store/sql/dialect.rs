//! Rewrites the SQL of SQLite for Postgres, and has the second texts where no text is valid on both.
//!
//! Rewritten are: the numbers of parameters; `INDEXED BY`, which is left out; `instr`, `glob`, `json_extract` of a
//! member, and `json_each` of a list, whose `value` is a text on Postgres; and `IN` of a subquery, which becomes an array:
//! Postgres joins the rows of a subquery, and then reads every run in its order to find a few. Everything else is written so that both
//! databases understand it: a subquery has a name, `CROSS JOIN` has no `ON`, and a sum is cast to an integer.

use std::fmt::Write;

/// The database that a statement is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    Sqlite,
    Postgres,
}

impl Dialect {
    /// One of two texts, where no text is valid on both.
    pub fn choose<'t>(self, sqlite: &'t str, postgres: &'t str) -> &'t str {
        match self {
            Dialect::Sqlite => sqlite,
            Dialect::Postgres => postgres,
        }
    }
}

/// The runs that count at a gate, and the oldest of them. SQLite reads its `run` from the row of `min(at)`.
pub const COUNTED: &str =
    "SELECT count(*), min(at), (array_agg(run ORDER BY at, run))[1] FROM gate_admissions
    WHERE queue = ?1 AND gate = ?2 AND value = ?3 AND at > ?4 AND run <> ?5";

/// The runs of each state. Daemons count them, because Postgres would read every one. They also count what runs wait for.
pub const RUNS_BY_STATE: &str = "SELECT state, CAST(sum(count) AS BIGINT) FROM run_counts
    WHERE state <> 'waiters' GROUP BY state HAVING sum(count) > 0";

/// The unfinished runs of rules. Ended ones are in another table.
pub const UNFINISHED_BY_RULE: &str = "SELECT min(q.rule), r.state, count(*)
    FROM live_runs r JOIN queues q ON q.id = r.queue
    WHERE r.state IN ('queued', 'debouncing', 'running', 'retrying', 'waiting')
    GROUP BY r.queue, r.state";

/// The runs of rules, states and days: of partitions before the first day none is read.
pub const RULE_DAYS: &str =
    "SELECT q.rule, r.state, r.planned / 86400000000 * 86400000000, count(*)
    FROM runs r JOIN queues q ON q.id = r.queue
    WHERE r.day >= ?4 / 86400000000 AND r.planned >= ?4 AND (?3 IS NULL OR q.rule = ?3)
    GROUP BY q.rule, r.state, r.planned / 86400000000";

/// The text for Postgres of a statement for SQLite.
pub fn postgres(sql: &str) -> String {
    let mut text = String::with_capacity(sql.len() + 64);
    let mut rest = sql;
    while let Some(first) = rest.chars().next() {
        rest = match first {
            '\'' => copy(&mut text, rest, literal(rest)),
            '?' => {
                text.push('$');
                &rest[1..]
            }
            first if is_word(first) => rewrite_word(&mut text, rest),
            first => copy(&mut text, rest, first.len_utf8()),
        };
    }
    text
}

/// Copies some bytes, and returns what follows them.
fn copy<'s>(text: &mut String, sql: &'s str, bytes: usize) -> &'s str {
    let (copied, rest) = sql.split_at(bytes);
    text.push_str(copied);
    rest
}

fn is_word(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_'
}

/// Bytes of the literal at the start.
fn literal(sql: &str) -> usize {
    sql[1..].find('\'').map_or(sql.len(), |end| end + 2)
}

/// Rewrites the word at the start with its arguments, and returns what follows.
fn rewrite_word<'s>(text: &mut String, sql: &'s str) -> &'s str {
    let end = sql.find(|letter| !is_word(letter)).unwrap_or(sql.len());
    let (word, rest) = sql.split_at(end);
    if word == "INDEXED" {
        let names = rest.trim_start().trim_start_matches("BY").trim_start();
        return names.trim_start_matches(is_word);
    }
    if let Some((subquery, rest)) = subquery(word, rest) {
        let _ = write!(text, "= ANY (ARRAY({}))", postgres(subquery));
        return rest;
    }
    let call = rest.strip_prefix('(').and_then(arguments);
    let rewritten = call.as_ref().and_then(|(arguments, rest)| {
        let given: Vec<String> = arguments
            .iter()
            .map(|argument| postgres(argument))
            .collect();
        Some((rewrite_call(word, &given)?, *rest))
    });
    match rewritten {
        Some((call, rest)) => {
            text.push_str(&call);
            rest
        }
        None => {
            text.push_str(word);
            rest
        }
    }
}

/// The subquery of an `IN`, and what follows it.
fn subquery<'s>(word: &str, rest: &'s str) -> Option<(&'s str, &'s str)> {
    let inner = rest.trim_start().strip_prefix('(')?;
    if word != "IN" || !inner.trim_start().starts_with("SELECT") {
        return None;
    }
    let (_, rest) = arguments(inner)?;
    Some((&inner[..inner.len() - rest.len() - 1], rest))
}

/// The arguments of a call, whose opening bracket has been read, and what follows the call.
fn arguments(sql: &str) -> Option<(Vec<&str>, &str)> {
    let (mut arguments, mut depth, mut start, mut at) = (Vec::new(), 0, 0, 0);
    while let Some(letter) = sql[at..].chars().next() {
        match letter {
            '\'' => {
                at += literal(&sql[at..]);
                continue;
            }
            '(' => depth += 1,
            ')' if depth == 0 => {
                arguments.push(sql[start..at].trim());
                return Some((arguments, &sql[at + 1..]));
            }
            ')' => depth -= 1,
            ',' if depth == 0 => {
                arguments.push(sql[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
        at += letter.len_utf8();
    }
    None
}

/// A call for Postgres; `None` for a function that is the same.
fn rewrite_call(function: &str, arguments: &[String]) -> Option<String> {
    match (function, arguments) {
        ("instr", [text, part]) => Some(format!("strpos({text}, {part})")),
        ("glob", [pattern, text]) => Some(format!("({text} LIKE {})", like_pattern(pattern))),
        ("json_each", [list]) => Some(format!("json_array_elements_text({})", json(list))),
        ("json_extract", [object, path]) => {
            let member = path.strip_prefix("'$.")?;
            Some(format!("({} ->> '{member})", json(object)))
        }
        _ => None,
    }
}

/// JSON of a text. Postgres reads no `\u0000`.
fn json(text: &str) -> String {
    format!(r"CAST(replace({text}, '\u0000', '\u0020') AS JSON)")
}

/// The pattern of `LIKE` that matches what a pattern of `glob` matches, whose only sets have one letter.
fn like_pattern(glob: &str) -> String {
    let mut pattern = glob.to_owned();
    for (found, replacement) in [
        (r"'\'", r"'\\'"),
        ("'%'", r"'\%'"),
        ("'_'", r"'\_'"),
        ("'[*]'", "chr(1)"),
        ("'[?]'", "chr(2)"),
        ("'*'", "'%'"),
        ("'?'", "'_'"),
        ("'[[]'", "'['"),
        ("chr(1)", "'*'"),
        ("chr(2)", "'?'"),
    ] {
        let inner = std::mem::take(&mut pattern);
        let _ = write!(pattern, "replace({inner}, {found}, {replacement})");
    }
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_renumbered_and_literals_stay() {
        assert_eq!(
            postgres("SELECT 'what?1' WHERE a = ?1 AND b < ?12"),
            "SELECT 'what?1' WHERE a = $1 AND b < $12"
        );
    }

    #[test]
    fn hints_are_left_out() {
        assert_eq!(
            postgres("SELECT 1 FROM events INDEXED BY events_by_id WHERE id = ?1"),
            "SELECT 1 FROM events  WHERE id = $1"
        );
    }

    #[test]
    fn a_subquery_is_read_first_and_a_list_stays() {
        assert_eq!(
            postgres(
                "a IN (SELECT id FROM b WHERE c IN (SELECT max(d, 1) FROM e)) AND f IN (?1, ?2)"
            ),
            "a = ANY (ARRAY(SELECT id FROM b WHERE c = ANY (ARRAY(SELECT max(d, 1) FROM e)))) AND f IN ($1, $2)"
        );
    }

    #[test]
    fn functions_are_rewritten_with_their_arguments() {
        assert_eq!(
            postgres("instr(lower(json_extract(l.detail, '$.message')), lower(?1)) > 0"),
            r"strpos(lower((CAST(replace(l.detail, '\u0000', '\u0020') AS JSON) ->> 'message')), lower($1)) > 0"
        );
        assert_eq!(
            postgres("SELECT value FROM json_each(?2) s"),
            r"SELECT value FROM json_array_elements_text(CAST(replace($2, '\u0000', '\u0020') AS JSON)) s"
        );
        assert_eq!(
            postgres("x.glob = max(at) AND instrument(a, b)"),
            "x.glob = max(at) AND instrument(a, b)"
        );
    }
}
