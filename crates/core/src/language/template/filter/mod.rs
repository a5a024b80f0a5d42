//! Lists the filters and tests of templates, for the checks at load, the engine and the documentation.
//! Filters of the engine that build very large values or print debugging data are left out.

pub(crate) mod date;
pub(crate) mod format;
pub(crate) mod html;
pub(crate) mod list;
pub(crate) mod text;

use std::ops::RangeInclusive;

use minijinja::{Environment, filters, tests};

/// A filter of templates.
pub struct TemplateFilter {
    pub name: &'static str,
    /// An example and what it returns, in one line.
    pub summary: &'static str,
    /// The number of positional arguments.
    pub takes: RangeInclusive<usize>,
    install: fn(&mut Environment<'static>, &'static str),
}

/// A test of templates: `x is NAME`.
pub struct Test {
    pub name: &'static str,
    install: fn(&mut Environment<'static>, &'static str),
}

macro_rules! filters {
    ($($name:literal $takes:expr, $function:expr => $summary:literal;)*) => {
        &[$(TemplateFilter {
            name: $name,
            summary: $summary,
            takes: $takes,
            install: |environment, name| environment.add_filter(name, $function),
        }),*]
    };
}

macro_rules! tests {
    ($($name:literal $function:expr;)*) => {
        &[$(Test {
            name: $name,
            install: |environment, name| environment.add_test(name, $function),
        }),*]
    };
}

/// Every filter, in the order of the documentation.
pub const FILTERS: &[TemplateFilter] = filters! {
    "default" 1..=2, text::default =>
        "`x | default('none')`: this value if `x` is absent or null; `default('none', true)` also if it is empty";
    "upper" 0..=0, text::upper => "`x | upper`: in upper case";
    "lower" 0..=0, text::lower => "`x | lower`: in lower case";
    "capitalize" 0..=0, text::capitalize =>
        "`x | capitalize`: the first letter in upper case, the others in lower case";
    "title" 0..=0, text::title => "`x | title`: every word with an upper-case first letter";
    "trim" 0..=0, text::trim => "`x | trim`: without white space at both ends";
    "truncate" 1..=2, text::truncate =>
        "`x | truncate(80)`: at most 80 characters, the last one `…` if it was cut; `truncate(80, '')` adds none";
    "replace" 2..=2, text::replace => "`x | replace('a', 'b')`: every `a` replaced by `b`";
    "indent" 0..=3, text::indent =>
        "`x | indent(2)`: every line but the first indented by 2 spaces; `indent(2, first=true)` also the first";
    "escape" 0..=0, html::escape =>
        "`comment.body | escape`: safe in HTML: `&`, `<`, `>`, `\"` and `'` as character references";
    "e" 0..=0, html::escape => "`x | e`: the same as `escape`";
    "striptags" 0..=0, html::striptags =>
        "`comment.html_body | striptags`: HTML as plain text, in one line; to put the result in HTML, add `| escape`";
    "format" 1..=20, format::format =>
        "`'%.2f' | format(x)`: values in a pattern as in `printf`: `%s`, `%d`, `%.2f`, `%8s`, `%-8s`, `%05d`, `%x`";
    "date" 1..=1, date::date =>
        "`event.time | date('%d.%m.%Y %H:%M')`: a time in a pattern as in `strftime`, in UTC";
    "split" 0..=1, text::split =>
        "`x | split(',')`: a list of the parts; `split` alone splits at white space";
    "lines" 0..=0, text::lines => "`x | lines`: a list of the lines";
    "string" 0..=0, text::string => "`x | string`: as text";
    "tojson" 0..=0, text::tojson => "`x | tojson`: as JSON; not needed in `json:`";
    "urlencode" 0..=0, text::urlencode =>
        "`x | urlencode`: percent-encoded; not needed in `url`, `path` and `query`";
    "b64encode" 0..=0, text::b64encode => "`x | b64encode`: encoded in Base64";
    "length" 0..=0, filters::length => "`x | length`: the number of items or characters";
    "join" 0..=1, text::join => "`ticket.tags | join(', ')`: the items as one text";
    "first" 0..=0, filters::first => "`x | first`: the first item";
    "last" 0..=0, filters::last => "`x | last`: the last item";
    "sort" 0..=0, filters::sort => "`x | sort`: sorted; `sort(attribute='name', reverse=true)`";
    "reverse" 0..=0, filters::reverse => "`x | reverse`: in reverse order";
    "unique" 0..=0, filters::unique => "`x | unique`: without duplicates";
    "map" 0..=3, filters::map =>
        "`x | map(attribute='name')`, `x | map('upper')`: one attribute of each item, or the result of a filter for each";
    "select" 0..=2, filters::select => "`x | select('startingwith', 'vip')`: the items that pass a test";
    "reject" 0..=2, filters::reject => "`x | reject('eq', 'test')`: the items that do not pass a test";
    "selectattr" 1..=3, filters::selectattr =>
        "`x | selectattr('status', 'eq', 'open')`: the items whose attribute passes a test";
    "rejectattr" 1..=3, filters::rejectattr =>
        "`x | rejectattr('status', 'eq', 'open')`: the items whose attribute does not pass a test";
    "min" 0..=0, filters::min => "`x | min`: the smallest item";
    "max" 0..=0, filters::max => "`x | max`: the largest item";
    "sum" 0..=1, list::sum => "`x | sum`: the sum of the items; `sum(attribute='price')` of one attribute";
    "groupby" 0..=1, list::groupby =>
        "`{% for g in x | groupby('status') %}{{ g.grouper }}: {{ g.list | length }}{% endfor %}`: groups with an equal attribute";
    "items" 0..=0, filters::items => "`x | items`: a mapping as a list of key and value pairs";
    "list" 0..=0, filters::list => "`x | list`: as a list";
    "int" 0..=1, filters::int => "`x | int`: as an integer";
    "float" 0..=1, filters::float => "`x | float`: as a decimal number";
    "round" 0..=2, filters::round => "`x | round(2)`: rounded to two decimals";
    "abs" 0..=0, filters::abs => "`x | abs`: the absolute value";
};

/// Every test, which follows `is` in a template.
pub const TESTS: &[Test] = tests! {
    "defined" tests::is_defined;
    "undefined" tests::is_undefined;
    "none" tests::is_none;
    "boolean" tests::is_boolean;
    "number" tests::is_number;
    "integer" tests::is_integer;
    "float" tests::is_float;
    "string" tests::is_string;
    "sequence" tests::is_sequence;
    "mapping" tests::is_mapping;
    "odd" tests::is_odd;
    "even" tests::is_even;
    "divisibleby" tests::is_divisibleby;
    "startingwith" tests::is_startingwith;
    "endingwith" tests::is_endingwith;
    "in" tests::is_in;
    "eq" tests::is_eq;
    "ne" tests::is_ne;
    "lt" tests::is_lt;
    "le" tests::is_le;
    "gt" tests::is_gt;
    "ge" tests::is_ge;
    "true" tests::is_true;
    "false" tests::is_false;
};

/// The filters that can be applied to a secret.
pub const OF_SECRETS: [&str; 2] = ["urlencode", "b64encode"];

/// Returns the filter with this name.
pub fn find(name: &str) -> Option<&'static TemplateFilter> {
    FILTERS.iter().find(|filter| filter.name == name)
}

/// Returns the keyword arguments of a filter.
pub fn keyword_arguments(filter: &str) -> &'static [&'static str] {
    match filter {
        "sort" => &["attribute", "reverse", "case_sensitive"],
        "unique" => &["attribute", "case_sensitive"],
        "map" => &["attribute", "default"],
        "sum" => &["attribute", "start"],
        "groupby" => &["attribute", "default", "case_sensitive"],
        "indent" => &["width", "first", "blank"],
        _ => &[],
    }
}

/// Adds all filters and tests to an environment.
pub fn install(environment: &mut Environment<'static>) {
    for filter in FILTERS {
        (filter.install)(environment, filter.name);
    }
    for test in TESTS {
        (test.install)(environment, test.name);
    }
}
