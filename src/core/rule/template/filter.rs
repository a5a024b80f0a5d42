//! The filters and tests that templates may use, as one table that loading, the engine and the
//! documentation read. It leaves out what can build huge values, print debugging data, or mislead:
//! nothing here escapes HTML.

use std::ops::RangeInclusive;

use minijinja::{Environment, filters, tests};

use crate::core::rule::template::text_filter;

pub struct Filter {
    pub name: &'static str,
    /// How it is written and what it gives, in one line.
    pub summary: &'static str,
    /// How many values it takes in its parentheses.
    pub takes: RangeInclusive<usize>,
    install: fn(&mut Environment<'static>, &'static str),
}

impl Filter {
    const fn new(
        name: &'static str,
        takes: RangeInclusive<usize>,
        summary: &'static str,
        install: fn(&mut Environment<'static>, &'static str),
    ) -> Self {
        Self {
            name,
            summary,
            takes,
            install,
        }
    }
}

/// Every filter, in the order of the documentation.
pub const FILTERS: &[Filter] = &[
    Filter::new(
        "default",
        1..=2,
        "`x | default('none')`: this value if `x` is absent or null; `default('none', true)` also if it is empty",
        |e, n| e.add_filter(n, text_filter::default),
    ),
    Filter::new("upper", 0..=0, "`x | upper`: in upper case", |e, n| {
        e.add_filter(n, text_filter::upper)
    }),
    Filter::new("lower", 0..=0, "`x | lower`: in lower case", |e, n| {
        e.add_filter(n, text_filter::lower)
    }),
    Filter::new(
        "capitalize",
        0..=0,
        "`x | capitalize`: the first letter in upper case, the others in lower case",
        |e, n| e.add_filter(n, text_filter::capitalize),
    ),
    Filter::new(
        "title",
        0..=0,
        "`x | title`: every word with an upper-case first letter",
        |e, n| e.add_filter(n, text_filter::title),
    ),
    Filter::new(
        "trim",
        0..=0,
        "`x | trim`: without white space at both ends",
        |e, n| e.add_filter(n, text_filter::trim),
    ),
    Filter::new(
        "truncate",
        1..=2,
        "`x | truncate(80)`: at most 80 characters, the last one `…` if it was cut; `truncate(80, '')` adds none",
        |e, n| e.add_filter(n, text_filter::truncate),
    ),
    Filter::new(
        "replace",
        2..=2,
        "`x | replace('a', 'b')`: every `a` replaced by `b`",
        |e, n| e.add_filter(n, text_filter::replace),
    ),
    Filter::new(
        "split",
        0..=1,
        "`x | split(',')`: a list of the parts; `split` alone splits at white space",
        |e, n| e.add_filter(n, text_filter::split),
    ),
    Filter::new(
        "lines",
        0..=0,
        "`x | lines`: a list of the lines",
        |e, n| e.add_filter(n, text_filter::lines),
    ),
    Filter::new("string", 0..=0, "`x | string`: as text", |e, n| {
        e.add_filter(n, text_filter::string)
    }),
    Filter::new(
        "tojson",
        0..=0,
        "`x | tojson`: as JSON; not needed in `json:`",
        |e, n| e.add_filter(n, text_filter::tojson),
    ),
    Filter::new(
        "urlencode",
        0..=0,
        "`x | urlencode`: percent-encoded; not needed in `url`, `path` and `query`",
        |e, n| e.add_filter(n, text_filter::urlencode),
    ),
    Filter::new(
        "b64encode",
        0..=0,
        "`x | b64encode`: encoded in Base64",
        |e, n| e.add_filter(n, text_filter::b64encode),
    ),
    Filter::new(
        "length",
        0..=0,
        "`x | length`: the number of items or characters",
        |e, n| e.add_filter(n, filters::length),
    ),
    Filter::new(
        "join",
        0..=1,
        "`ticket.tags | join(', ')`: the items as one text",
        |e, n| e.add_filter(n, text_filter::join),
    ),
    Filter::new("first", 0..=0, "`x | first`: the first item", |e, n| {
        e.add_filter(n, filters::first)
    }),
    Filter::new("last", 0..=0, "`x | last`: the last item", |e, n| {
        e.add_filter(n, filters::last)
    }),
    Filter::new(
        "sort",
        0..=0,
        "`x | sort`: sorted; `sort(attribute='name', reverse=true)`",
        |e, n| e.add_filter(n, filters::sort),
    ),
    Filter::new(
        "reverse",
        0..=0,
        "`x | reverse`: in reverse order",
        |e, n| e.add_filter(n, filters::reverse),
    ),
    Filter::new(
        "unique",
        0..=0,
        "`x | unique`: without duplicates",
        |e, n| e.add_filter(n, filters::unique),
    ),
    Filter::new(
        "map",
        0..=3,
        "`x | map(attribute='name')`, `x | map('upper')`: one attribute of each item, or the result of a filter for each",
        |e, n| e.add_filter(n, filters::map),
    ),
    Filter::new(
        "select",
        0..=2,
        "`x | select('startingwith', 'vip')`: the items that pass a test",
        |e, n| e.add_filter(n, filters::select),
    ),
    Filter::new(
        "reject",
        0..=2,
        "`x | reject('eq', 'test')`: the items that do not pass a test",
        |e, n| e.add_filter(n, filters::reject),
    ),
    Filter::new(
        "selectattr",
        1..=3,
        "`x | selectattr('status', 'eq', 'open')`: the items whose attribute passes a test",
        |e, n| e.add_filter(n, filters::selectattr),
    ),
    Filter::new(
        "rejectattr",
        1..=3,
        "`x | rejectattr('status', 'eq', 'open')`: the items whose attribute does not pass a test",
        |e, n| e.add_filter(n, filters::rejectattr),
    ),
    Filter::new("min", 0..=0, "`x | min`: the smallest item", |e, n| {
        e.add_filter(n, filters::min)
    }),
    Filter::new("max", 0..=0, "`x | max`: the largest item", |e, n| {
        e.add_filter(n, filters::max)
    }),
    Filter::new("sum", 0..=0, "`x | sum`: the sum of the items", |e, n| {
        e.add_filter(n, filters::sum)
    }),
    Filter::new(
        "items",
        0..=0,
        "`x | items`: a mapping as a list of key and value pairs",
        |e, n| e.add_filter(n, filters::items),
    ),
    Filter::new("list", 0..=0, "`x | list`: as a list", |e, n| {
        e.add_filter(n, filters::list)
    }),
    Filter::new("int", 0..=1, "`x | int`: as an integer", |e, n| {
        e.add_filter(n, filters::int)
    }),
    Filter::new(
        "float",
        0..=1,
        "`x | float`: as a decimal number",
        |e, n| e.add_filter(n, filters::float),
    ),
    Filter::new(
        "round",
        0..=2,
        "`x | round(2)`: rounded to two decimals",
        |e, n| e.add_filter(n, filters::round),
    ),
    Filter::new("abs", 0..=0, "`x | abs`: the absolute value", |e, n| {
        e.add_filter(n, filters::abs)
    }),
];

/// What may follow `is` in a template.
pub const TESTS: &[&str] = &[
    "defined",
    "undefined",
    "none",
    "boolean",
    "number",
    "integer",
    "float",
    "string",
    "sequence",
    "mapping",
    "odd",
    "even",
    "divisibleby",
    "startingwith",
    "endingwith",
    "in",
    "eq",
    "ne",
    "lt",
    "le",
    "gt",
    "ge",
    "true",
    "false",
];

/// Filters that a secret may be put through.
pub const OF_SECRETS: [&str; 2] = ["urlencode", "b64encode"];

/// Filters of other tools, and what to write here.
const ELSEWHERE: &[(&str, &str)] = &[
    ("d", "write `default`"),
    ("downcase", "write `lower`"),
    ("upcase", "write `upper`"),
    ("strip", "write `trim`"),
    ("size", "write `length`"),
    ("count", "write `length`"),
    ("json", "write `tojson`"),
    ("to_json", "write `tojson`"),
    ("base64", "write `b64encode`"),
    ("url_encode", "write `urlencode`"),
    (
        "safe",
        "leave it out: nothing is escaped here but values in a URL",
    ),
    (
        "escape",
        "leave it out: nothing is escaped here but values in a URL",
    ),
    (
        "e",
        "leave it out: nothing is escaped here but values in a URL",
    ),
    (
        "format",
        "use `round` for decimals, and write the rest of the text around the value",
    ),
    (
        "date",
        "times are text here; compare them in `when` with `before` and `after`",
    ),
];

pub fn find(name: &str) -> Option<&'static Filter> {
    FILTERS.iter().find(|filter| filter.name == name)
}

/// The values that a filter takes by name.
pub fn named(filter: &str) -> &'static [&'static str] {
    match filter {
        "sort" => &["attribute", "reverse", "case_sensitive"],
        "unique" => &["attribute", "case_sensitive"],
        "map" => &["attribute", "default"],
        _ => &[],
    }
}

pub fn elsewhere(name: &str) -> Option<&'static str> {
    let row = ELSEWHERE.iter().find(|(word, _)| *word == name)?;
    Some(row.1)
}

pub fn install(environment: &mut Environment<'static>) {
    for filter in FILTERS {
        (filter.install)(environment, filter.name);
    }
    install_type_tests(environment);
    install_comparisons(environment);
}

fn install_type_tests(environment: &mut Environment<'static>) {
    environment.add_test("defined", tests::is_defined);
    environment.add_test("undefined", tests::is_undefined);
    environment.add_test("none", tests::is_none);
    environment.add_test("boolean", tests::is_boolean);
    environment.add_test("number", tests::is_number);
    environment.add_test("integer", tests::is_integer);
    environment.add_test("float", tests::is_float);
    environment.add_test("string", tests::is_string);
    environment.add_test("sequence", tests::is_sequence);
    environment.add_test("mapping", tests::is_mapping);
    environment.add_test("true", tests::is_true);
    environment.add_test("false", tests::is_false);
}

fn install_comparisons(environment: &mut Environment<'static>) {
    environment.add_test("odd", tests::is_odd);
    environment.add_test("even", tests::is_even);
    environment.add_test("divisibleby", tests::is_divisibleby);
    environment.add_test("startingwith", tests::is_startingwith);
    environment.add_test("endingwith", tests::is_endingwith);
    environment.add_test("in", tests::is_in);
    environment.add_test("eq", tests::is_eq);
    environment.add_test("ne", tests::is_ne);
    environment.add_test("lt", tests::is_lt);
    environment.add_test("le", tests::is_le);
    environment.add_test("gt", tests::is_gt);
    environment.add_test("ge", tests::is_ge);
}
