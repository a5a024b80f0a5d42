//! Tests of the filters for HTML, patterns, times and lists, and of the help for words of other languages.

use super::*;

/// A text rendered with an event that has these fields.
pub fn with(fields: Json, text: &str) -> String {
    let event = event(fields);
    let rendered = scoped(&event, |scope| template(text, Escape::None).render(scope));
    rendered.map_or_else(|error| format!("error: {error}"), |text| text.to_string())
}

#[test]
fn escape_makes_a_text_safe_in_html() {
    let fields = json!({"a": "<b onclick=\"x('1')\">Tom & Ana</b>", "n": null, "i": 7});
    for (text, expected) in [
        (
            "{{ a | escape }}",
            "&lt;b onclick=&quot;x(&#39;1&#39;)&quot;&gt;Tom &amp; Ana&lt;/b&gt;",
        ),
        ("{{ a[0:3] | e }}", "&lt;b "),
        ("[{{ n | e }}] {{ i | e }}", "[] 7"),
        ("{{ ['<', '>'] | map('e') | join }}", "&lt;&gt;"),
        ("{{ a | lower | escape | length }}", "67"),
    ] {
        assert_eq!(with(fields.clone(), text), expected, "{text}");
    }
    assert!(with(json!({}), "{{ zip | e }}").contains("`zip` is not in this event"));
}

#[test]
fn striptags_makes_plain_text_of_html() {
    for (html, plain) in [
        (
            "<p>Hello <b>Ana</b>,</p><p>it works.<br>Bye</p>",
            "Hello Ana, it works. Bye",
        ),
        (
            "a<!-- <b> -->b <style>p { x: 1 }</style>c<script>if (a > b) {}</script>d",
            "ab cd",
        ),
        ("<a href=\"x>y\" title='>'>link</a>", "link"),
        ("1 < 2 && 3 > 2", "1 < 2 && 3 > 2"),
        (
            "Tom &amp; Ana &lt;3 &#39;x&#x27; &nbsp; &unknown; &",
            "Tom & Ana <3 'x' &unknown; &",
        ),
        ("<SCRIPT>x", ""),
        ("<p", "<p"),
        ("a <", "a <"),
        ("&#0;&#xD800;", "&#0;&#xD800;"),
        ("<li>é</li><li>票</li>", "é 票"),
    ] {
        let found = with(json!({"h": html}), "{{ h | striptags }}");
        assert_eq!(found, plain, "{html}");
    }
    assert_eq!(with(json!({"h": null}), "[{{ h | striptags }}]"), "[]");
    let found = with(json!({"h": "&lt;b&gt;"}), "{{ h | striptags | e }}");
    assert_eq!(found, "&lt;b&gt;");
}

#[test]
fn format_writes_values_in_a_pattern() {
    let fields = json!({"x": 9.5, "i": 7, "n": -3, "s": "vip", "t": "1.5", "p": "%d"});
    for (text, expected) in [
        ("{{ '%.2f' | format(x) }}", "9.50"),
        ("{{ '%s: %d %%' | format(s, i) }}", "vip: 7 %"),
        (
            "{{ '%5d|%-5d|%05d|%+d|% d' | format(i, i, n, i, i) }}",
            "    7|7    |-0003|+7| 7",
        ),
        (
            "{{ '%8s|%-8s|%.2s' | format(s, s, s) }}",
            "     vip|vip     |vi",
        ),
        ("{{ '%x %X %o' | format(255, 255, 8) }}", "ff FF 10"),
        ("{{ '%d' | format(x) }}", "9"),
        (
            "{{ '%.1e %E' | format(12345, 0.5) }}",
            "1.2e+04 5.000000E-01",
        ),
        ("{{ '%08.3f' | format(n) }}", "-003.000"),
        ("{{ '%f' | format(t | float) }}", "1.500000"),
        ("{{ p | format(i) }}", "7"),
    ] {
        assert_eq!(with(fields.clone(), text), expected, "{text}");
    }
    let error = with(fields.clone(), "{{ '%.2f' | format(s) }}");
    assert!(error.contains("`%f` takes a number"), "{error}");
    let error = with(fields, "{{ p | format(i, i) }}");
    assert!(error.contains("more values than placeholders"), "{error}");
    for (text, message) in [
        (
            "{{ '%.2f' | format(ticket.id, 1) }}",
            "placeholders for 1 values, found 2",
        ),
        (
            "{{ '%q' | format(ticket.id) }}",
            "`%q` is not a placeholder",
        ),
        ("{{ '5%' | format(ticket.id) }}", "write `%%`"),
        ("{{ '%999d' | format(ticket.id) }}", "more than 100"),
        (
            "{{ ticket.id | format('%.2f') }}",
            "the pattern comes before the value",
        ),
    ] {
        let (found, help) = mistake(text, Escape::None);
        assert!(found.contains(message), "{text}: {found}");
        assert!(help.contains("'%.2f' | format(x)"), "{help}");
    }
}

#[test]
fn date_writes_a_time_in_a_pattern() {
    let fields = json!({"t": "2026-03-06T10:05:09.123Z", "z": "2026-03-06T10:05:09+02:00",
        "d": "2026-03-06", "n": null, "x": "tomorrow"});
    for (text, expected) in [
        ("{{ t | date('%d.%m.%Y %H:%M') }}", "06.03.2026 10:05"),
        (
            "{{ t | date('%A, %-d %B %Y %T') }}",
            "Friday, 6 March 2026 10:05:09",
        ),
        ("{{ z | date('%H:%M') }}", "08:05"),
        ("{{ d | date('%Y-%m-%d %H:%M') }}", "2026-03-06 00:00"),
        ("[{{ n | date('%Y') }}]", "[]"),
    ] {
        assert_eq!(with(fields.clone(), text), expected, "{text}");
    }
    let error = with(fields, "{{ x | date('%Y') }}");
    assert!(error.contains("`tomorrow` is not a time"), "{error}");
    let (message, _) = mistake("{{ event.time | date('%!') }}", Escape::None);
    assert!(message.contains("the pattern is not valid"), "{message}");
}

#[test]
fn date_reads_every_format_in_the_zone_of_the_source() {
    for (zone, expected) in [(None, "10:00"), (Some("Europe/Berlin"), "09:00")] {
        let mut event = event(json!({"t": "2026-03-06 10:00:00"}));
        if let Some(zone) = zone {
            event.about = json!({"time_zone": zone});
        }
        let text = template("{{ t | date('%H:%M') }}", Escape::None);
        let text = scoped(&event, |scope| text.render(scope)).expect("a text");
        assert_eq!(text.to_string(), expected);
    }
    for time in [
        json!(1_772_791_200),
        json!("1772791200"),
        json!(1_772_791_200_000_i64),
        json!("Fri, 06 Mar 2026 10:00:00 GMT"),
        json!("2026-03-06 10:00:00 +0000"),
    ] {
        let text = with(json!({ "t": time }), "{{ t | date('%F %H:%M') }}");
        assert_eq!(text, "2026-03-06 10:00", "{time}");
    }
}

#[test]
fn lists_are_summed_and_grouped_by_an_attribute_and_texts_are_indented() {
    let fields = json!({"l": [{"s": "open", "p": 2}, {"s": "new", "p": 3}, {"s": "open", "p": 4}],
        "t": "a\nb\n\nc"});
    for (text, expected) in [
        ("{{ l | sum(attribute='p') }}", "9"),
        ("{{ [1, 2] | sum }}", "3"),
        (
            "{% for g in l | groupby('s') %}{{ g.grouper }}={{ g.list | length }} {% endfor %}",
            "new=1 open=2 ",
        ),
        (
            "{% for s, items in l | groupby(attribute='s') %}{{ s }}:{{ items | sum(attribute='p') }} {% endfor %}",
            "new:3 open:6 ",
        ),
        ("{{ t | indent(2) }}", "a\n  b\n\n  c"),
        (
            "{{ t | indent(1, first=true, blank=true) }}",
            " a\n b\n \n c",
        ),
        ("{{ t | indent }}", "a\n    b\n\n    c"),
    ] {
        assert_eq!(with(fields.clone(), text), expected, "{text}");
    }
    for (text, error) in [
        (
            "{{ l | sum(attribute='nope') }}",
            "item 1 of the list has no `nope`; write `map(attribute='nope', default=0) | sum`",
        ),
        (
            "{{ l | map(attribute='nope') | sum }}",
            "item 1 of the list has no value",
        ),
        (
            "{{ l | map(attribute='nope') | join(',') }}",
            "item 1 of the list has no value",
        ),
        (
            "{% for g in l | groupby('nope') %}{{ g.grouper }}{% endfor %}",
            "item 1 of the list has no `nope`; write `groupby('nope', default='')`",
        ),
    ] {
        let found = with(fields.clone(), text);
        assert!(found.contains(error), "{text}: {found}");
    }
    for (text, expected) in [
        ("{{ l | map(attribute='nope', default=1) | sum }}", "3"),
        ("{{ l | map(attribute='nope', default='-') | join }}", "---"),
        (
            "{% for g in l | groupby('nope', default='x') %}{{ g.grouper }}{% endfor %}",
            "x",
        ),
        (
            "{{ '%.2f' | format(123456789012345678) }}",
            "123456789012345678.00",
        ),
        (
            "{{ '%.0f' | format(9007199254740993) }}",
            "9007199254740993",
        ),
        (
            "{{ '%.2f' | format(123456789012345678.125) }}",
            "123456789012345680.00",
        ),
        ("{{ '%.3e' | format(9007199254740993) }}", "9.007e+15"),
        ("{{ '%+08.1f' | format(-3) }}", "-00003.0"),
    ] {
        assert_eq!(with(fields.clone(), text), expected, "{text}");
    }
    let huge = with(fields, "{{ t | indent(99999999) }}");
    assert!(huge.contains("runs too long"), "{huge}");
}

#[test]
fn a_filter_of_an_empty_list_names_itself() {
    let fields = json!({"l": [], "m": [{"n": 1}]});
    for text in [
        "{{ l | first | float }}",
        "{{ l | first | upper }}",
        "{{ l | first }}",
        "{{ l | last | int }}",
        "{{ l | map('upper') | first | trim }}",
        "{{ (l | first) | e }}",
    ] {
        let error = with(fields.clone(), text);
        assert!(
            error.contains("found nothing, because the list is empty"),
            "{text}: {error}"
        );
        assert!(error.contains("| default('')`"), "{text}: {error}");
    }
    assert_eq!(
        with(fields.clone(), "{{ l | first | default(0) | float }}"),
        "0.0"
    );
    let error = with(fields, "{{ m | first | upper }}{{ zip }}");
    assert!(error.contains("`zip` is not in this event"), "{error}");
}

/// Each row: a template as written in another language, and a part of the help.
#[test]
fn words_of_other_template_languages_name_what_does_it_here() {
    for (text, help) in [
        ("{{ now() }}", "event.time | date("),
        ("{{ utcnow() }}", "event.time | date("),
        (
            "{{ event.time | strftime('%Y') }}",
            "date('%d.%m.%Y %H:%M')",
        ),
        ("{{ event.time.strftime('%Y') }}", "filter `date`"),
        ("{{ event.time | dateformat }}", "date('%d.%m.%Y %H:%M')"),
        ("{{ comment.body | strip_html }}", "write `striptags`"),
        ("{{ comment.body | forceescape }}", "write `escape`"),
        ("{{ comment.body | nl2br }}", "replace('\\n', '<br>')"),
        ("{{ namespace() }}", "sum(attribute="),
        ("{% set ns = namespace(total=0) %}", "sum(attribute="),
        ("{{ ticket.id | number_format(2) }}", "'%.2f' | format(x)"),
        ("{{ printf('%d', ticket.id) }}", "'%.2f' | format(x)"),
        ("{{ ticket.subject | truncate: 80 }}", "`truncate(80)`"),
        ("{{ current | default: 'none' }}", "`default('none')`"),
        ("{{ event.time | date: '%Y' }}", "`date('%Y')`"),
        (
            "{{ ticket.subject | replace: 'a', 'b' }}",
            "`replace('a', 'b')`",
        ),
        ("{{ ticket.subject | lstrip }}", "write `trim`"),
        ("{{ ticket.tags | size }}", "write `length`"),
        ("{{ len(ticket.tags) }}", "ticket.tags | length"),
        ("{{ ticket.tags | dictsort }}", "`sort`"),
        ("{{ ticket.tags | where: 'a', 'b' }}", "selectattr("),
        ("{{ ticket.tags | batch(3) }}", "x[0:10]"),
        (
            "{{ current | ternary('a', 'b') }}",
            "`a if condition else b`",
        ),
        ("{{ current | regex_replace('a', 'b') }}", "set: { jq: … }"),
        ("{{ current.startswith('a') }}", "is startingwith('a')"),
        ("{{ uuid4() }}", "`event.id` is unique"),
        ("{{ env('HOME') }}", "FLOWTRIGGER_VARS_NAME"),
        (
            "{% if current is startswith('a') %}x{% endif %}",
            "is startingwith('a')",
        ),
        ("{% if current is null %}x{% endif %}", "`is none`"),
        ("{% if current is match('a') %}x{% endif %}", "`matches`"),
        ("{% assign x = 1 %}", "{% set x = … %}"),
        ("{% unless current %}x{% endunless %}", "{% if not … %}"),
        (
            "{% if current %}a{% elsif current %}b{% endif %}",
            "{% elif … %}",
        ),
        ("{{ current && previous }}", "write `and`"),
        ("{{ current || previous }}", "write `or`"),
        ("{{ current ?? 'x' }}", "filter `default`"),
        ("{{ current ? 'a' : 'b' }}", "`a if condition else b`"),
        ("{{ $.ticket.id }}", "without `$.`"),
        ("{{#if current}}x{{/if}}", "{% if … %}"),
    ] {
        let (_, found) = mistake(text, Escape::None);
        assert!(found.contains(help), "{text}: {found}");
    }
}
