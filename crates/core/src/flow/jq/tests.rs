//! Tests of jq programs in this process: results, limits and messages.

use serde_json::{Value, json};

use super::*;
use crate::flow::jq::suggest::ONLY_IN_JQ;

fn made(program: &str, input: Value) -> Result<Value, String> {
    let compiled = JqProgram::compile(program).map_err(|mistake| mistake.message_in(program))?;
    compiled.run(&input.to_string())
}

fn mistake(program: &str) -> JqError {
    match JqProgram::compile(program) {
        Ok(_) => panic!("`{program}` compiles"),
        Err(mistake) => mistake,
    }
}

/// The differences to jq that the page on flows lists, and what it says to write instead.
#[test]
fn the_documented_differences_to_jq_exist() {
    for (program, instead, expected) in [
        (".a = 1", ". + {a: 1}", json!({"a": 1})),
        (
            "{} | .a.b = 1",
            "{} | . + {a: {b: 1}}",
            json!({"a": {"b": 1}}),
        ),
    ] {
        let failed = made(program, json!(null)).unwrap_err();
        assert!(
            failed.contains("write `. + {a: {b: 1}}`"),
            "{program}: {failed}"
        );
        assert_eq!(made(instead, json!(null)), Ok(expected), "{instead}");
    }
    let groups = "\"abc\" | [match(\"(a)|(x)\").captures[].string]";
    assert_eq!(made(groups, json!(null)), Ok(json!(["a"])));
    for name in ONLY_IN_JQ {
        let message = mistake(name).message_in(name);
        assert!(
            message.contains(&format!("jaq, which runs these programs, has no `{name}`")),
            "{message}"
        );
    }
}

#[test]
fn what_jaq_does_in_another_way_is_done_as_in_jq() {
    for (program, expected) in [
        ("[\"a\", null, 1, true] | join(\",\")", json!("a,,1,true")),
        ("[] | join(\",\")", json!("")),
        ("[null] | join(\",\")", json!("")),
        ("[1, 2, 3] | del(.[0], .[1])", json!([3])),
        ("[1, 2, 3, 4] | del(.[0, 2])", json!([2, 4])),
        ("[1, 2, 3, 4] | del(.[1:3])", json!([1, 4])),
        ("{a: 1, b: [1, 2]} | del(.a, .b[0])", json!({"b": [2]})),
        ("{a: {b: 1}} | del(.a.b, .a)", json!({})),
        ("[1, 2] | delpaths([[0], [1]])", json!([])),
        ("[{name: \"a\", value: 1}] | from_entries", json!({"a": 1})),
        (
            "[{k: \"a\", v: false}, {key: 1, value: null}] | from_entries",
            json!({"a": false, "1": null}),
        ),
        ("{a: 1} | with_entries(.key |= \"x\" + .)", json!({"xa": 1})),
        (
            "null | ltrimstr(\"a\"), rtrimstr(1) | select(. != null)",
            json!(null),
        ),
        ("\"äaä\" | ltrimstr(\"ä\") | rtrimstr(\"ä\")", json!("a")),
        ("\"ab\" | rtrimstr(\"\") | ltrimstr(\"b\")", json!("ab")),
        (
            "[{id: 1}, {id: 2}] | JOIN(INDEX({id: 1, n: 5}; .id); .id | tostring)",
            json!([[{"id": 1}, {"id": 1, "n": 5}], [{"id": 2}, null]]),
        ),
        (
            "[JOIN({\"1\": {n: 5}}; ({id: 1}, {id: 2}); .id | tostring; add)]",
            json!([{"id": 1, "n": 5}, {"id": 2}]),
        ),
    ] {
        assert_eq!(made(program, json!(null)), Ok(expected), "{program}");
    }
}

#[test]
fn a_mistake_that_jq_has_no_word_for_says_what_to_write() {
    for (program, help) in [
        (".a.foo-bar", "write `.\"foo-bar\"` to read the field"),
        (".foo-bar-baz", "write `.\"foo-bar-baz\"` to read the field"),
        (".a as [$x] ?// $x | $x", "no alternatives of a pattern"),
        ("@base32", "`@base64`"),
        (".x | @base32d", "`@base64`"),
        (".a ? 1 : 2", "write `if … then … else … end`"),
        (".a <> 1", "write `!=`"),
        ("split(',')", "double quotes"),
        (".a[“x”]", "double quotes"),
    ] {
        let found = mistake(program);
        assert!(found.help.contains(help), "{program}: {found:?}");
    }
    for (program, hint) in [
        ("keys", "write `// []`"),
        ("ascii_downcase", "write `// \"\"`"),
        ("todate", "write `// 0`"),
    ] {
        let failed = made(program, json!(null)).unwrap_err();
        assert!(failed.contains(hint), "{program}: {failed}");
    }
}

#[test]
fn programs_have_the_same_results_as_in_jq() {
    let ticket = json!({
        "ticket": {"id": 27642, "tags": ["vip", "eu"], "fields": [{"id": 1, "value": "7"}, {"id": 2, "value": null}]},
        "price": 10,
    });
    for (program, expected) in [
        (".ticket.id", json!(27642)),
        (".ticket.tags[0]", json!("vip")),
        (".ticket.missing.deeper", json!(null)),
        ("empty", json!(null)),
        (
            "[.ticket.fields[] | select(.value != null) | .id]",
            json!([1]),
        ),
        (
            ".ticket.fields | map({key: (.id | tostring), value}) | from_entries",
            json!({"1": "7", "2": null}),
        ),
        (
            ".ticket | {id, tags: (.tags | join(\", \"))}",
            json!({"id": 27642, "tags": "vip, eu"}),
        ),
        (
            "\"#\\(.ticket.id): \\(.ticket.tags | length)\"",
            json!("#27642: 2"),
        ),
        (".ticket.tags | index(\"eu\")", json!(1)),
        (".ticket.tags | contains([\"vip\"])", json!(true)),
        (".ticket.tags | any(. == \"eu\")", json!(true)),
        (".price / 2", json!(5)),
        (".price / 4", json!(2.5)),
        (".ticket.fields[0].value | tonumber + 1", json!(8)),
        (
            "if .price > 5 then \"much\" elif .price > 1 then \"some\" else \"none\" end",
            json!("much"),
        ),
        ("reduce .ticket.fields[] as {id: $i} (0; . + $i)", json!(3)),
        ("[limit(3; repeat(1))]", json!([1, 1, 1])),
        ("try error(\"x\") catch .", json!("x")),
        (".ticket.tags | sort | first", json!("eu")),
        ("[.ticket.tags[] | ascii_upcase]", json!(["VIP", "EU"])),
        (".ticket.subject // \"none\"", json!("none")),
        ("del(.ticket)", json!({"price": 10})),
        (
            "\"2026-11-21T10:00:00Z\" | fromdate | strftime(\"%d.%m.%Y\")",
            json!("21.11.2026"),
        ),
        ("1792836000 | todate", json!("2026-10-24T10:00:00Z")),
        ("\"a-b_c\" | gsub(\"[-_]\"; \" \")", json!("a b c")),
        ("\"x@y.z\" | test(\"^[^@]+@\")", json!(true)),
        ("\"id=7\" | capture(\"id=(?<id>[0-9]+)\").id", json!("7")),
        ("@base64 \"\\(.ticket.id)\"", json!("Mjc2NDI=")),
        ("\"a b\" | @uri", json!("a%20b")),
        (
            "[[1, \"a\\\"b\", null, true]] | .[] | @csv",
            json!("1,\"a\"\"b\",,true"),
        ),
        ("[\"a\\tb\\\\\", 1] | @tsv", json!("a\\tb\\\\\t1")),
        ("[1, 2] | IN(.[]; 2)", json!(true)),
        (".ticket.fields | INDEX(.id) | keys", json!(["1", "2"])),
        ("3 | toarray", json!([3])),
        ("65 | ascii", json!("A")),
        ("\"xxaxx\" | trimstr(\"xx\")", json!("a")),
        ("[{a: [1]} | leaf_paths]", json!([["a", 0]])),
        ("def twice: . * 2; 4 | twice", json!(8)),
        ("nan", json!(null)),
    ] {
        assert_eq!(made(program, ticket.clone()), Ok(expected), "{program}");
    }
}

#[test]
fn whole_numbers_and_key_order_are_kept() {
    let input = r#"{"z": 9007199254740993, "b": 18446744073709551615, "a": -9223372036854775808, "m": 1.0, "n": 1.10}"#;
    let made = |program: &str| JqProgram::compile(program).unwrap().run(input).unwrap();
    let text = made(".").to_string();
    assert_eq!(
        text,
        r#"{"z":9007199254740993,"b":18446744073709551615,"a":-9223372036854775808,"m":1.0,"n":1.10}"#
    );
    assert_eq!(made(".z + 1").to_string(), "9007199254740994");
    assert_eq!(made("\"\\(.z)\""), json!("9007199254740993"));
    assert_eq!(made(".z == 9007199254740992"), json!(false));
    assert_eq!(
        made("{y: 1, x: .z, b: 2}").to_string(),
        r#"{"y":1,"x":9007199254740993,"b":2}"#
    );
}

#[test]
fn failures_have_a_reason() {
    for (program, why) in [
        ("error(\"no vip\")", "no vip"),
        (".a.b", "cannot index 7 with \"b\""),
        ("1, 2", "`[ … ]`"),
        ("1, error(\"late\")", "late"),
        ("\"x\" | tobytes", "bytes that are not text"),
        ("{(1 | tostring): 1, (2): 3}", "not text"),
        ("reduce range(200) as $i (1; [.])", "nested more than"),
    ] {
        let failed = made(program, json!({"a": 7})).unwrap_err();
        assert!(failed.contains(why), "{program}: {failed}");
    }
}

#[test]
fn only_the_input_can_be_read() {
    for name in [
        "env",
        "$ENV",
        "$ENV.PATH",
        "now",
        "localtime",
        "input",
        "inputs",
        "input_filename",
        "input_line_number",
        "debug",
        "debug(\"x\")",
        "stderr",
        "halt",
        "halt_error",
        "halt_error(1)",
        "halt(1)",
        "strflocaltime(\"%H\")",
        "$__prog_args",
        "$__loc__",
        "get_search_list",
        "modulemeta",
        "debug_empty",
        "stderr_empty",
        "$ARGS",
        "builtins",
    ] {
        for program in [
            name.to_owned(),
            format!("[.a | {name}]"),
            format!("def f: {name}; f"),
        ] {
            let mistake = mistake(&program);
            let word = name.split(['(', '.']).next().unwrap();
            assert!(
                mistake
                    .message
                    .contains(&format!("`{word}` is not available")),
                "{mistake:?}"
            );
            assert_eq!(&program[mistake.range.clone()], word, "{mistake:?}");
        }
    }
    for program in [
        "import \"a\" as a; .",
        "include \"a\"; .",
        "import \"a\" as $a; $a",
    ] {
        let mistake = mistake(program);
        assert!(mistake.message.contains("no other files"), "{mistake:?}");
    }
}

#[test]
fn errors_have_a_range_and_a_suggestion() {
    for (program, part, message, help) in [
        (
            ".a | mpa(.b)",
            "mpa",
            "unknown function `mpa`",
            "did you mean `map`?",
        ),
        (
            "map(.a; .b)",
            "map",
            "expects 1 argument, found 2",
            "separate arguments with `;`",
        ),
        (
            "join(\",\", \";\") | len",
            "len",
            "unknown function `len`",
            "`length`",
        ),
        (
            "ticket.id",
            "ticket",
            "unknown function `ticket`",
            "`.ticket`",
        ),
        ("$x", "$x", "unknown variable `$x`", "`.x`"),
        (".a == 'b'", "'", "unknown character `'`", "double quotes"),
        (".a && .b", "&", "unknown character", "`and`"),
        (".a || .b", "||", "found `||`", "`or`"),
        ("[.a, .b", "[", "unclosed `[`", "`]`"),
        ("\"abc", "\"", "unclosed", "`\"`"),
        (".a)", ")", "unknown character `)`", "remove it"),
        (
            "if .a then .b",
            "",
            "expected `else` or `end`, found the end",
            "`end`",
        ),
        (".a |", "", "expected a value", "last operator"),
        ("", "", "expected a value", "manual"),
        (
            ".a.includes(\"x\")",
            "(\"x\")",
            "found `(\"x\")`",
            "after a pipe",
        ),
        (".a === 1", "===", "found `===`", "`==`"),
        (
            "if .a then 1 else if .b then 2 end",
            "",
            "`end`, found the end",
            "`end`",
        ),
    ] {
        let mistake = mistake(program);
        assert_eq!(
            &program[mistake.range.clone()],
            part,
            "{program}: {mistake:?}"
        );
        assert!(mistake.message.contains(message), "{program}: {mistake:?}");
        assert!(mistake.help.contains(help), "{program}: {mistake:?}");
    }
    let message = mistake(".a\n| mpa").message_in(".a\n| mpa");
    assert_eq!(
        message,
        "unknown function `mpa` (line 2, column 3 of the program); did you mean `map`?"
    );
}

#[test]
fn long_and_deep_programs_are_errors_before_parsing() {
    let deep: [&dyn Fn(usize) -> String; 14] = [
        &|n| "-".repeat(n) + "1",
        &|n| ".|".repeat(n) + ".",
        &|n| "1+".repeat(n) + "1",
        &|n| "1,".repeat(n) + "1",
        &|n| "try ".repeat(n) + "1",
        &|n| ". as $x|".repeat(n) + "1",
        &|n| "def f:".repeat(n) + "1" + &";1".repeat(n),
        &|n| "if 1 then ".repeat(n) + "1" + &" end".repeat(n),
        &|n| "label $x|".repeat(n) + "1",
        &|n| "[".repeat(n) + "1" + &"]".repeat(n),
        &|n| "{a:".repeat(n) + "1" + &"}".repeat(n),
        &|n| "\"\\(".repeat(n) + "1" + &")\"".repeat(n),
        &|n| ".[".repeat(n) + "1" + &"]".repeat(n),
        &|n| "def a: def b: 1; def c:".repeat(n) + "1" + &"; 1; 1".repeat(n),
    ];
    for make in deep {
        for levels in [500, 4000] {
            let program = make(levels);
            let message = mistake(&program).message;
            assert!(message.contains("more than"), "{message}");
        }
        // Accepted programs compile even on the small stack of a test.
        for levels in 1..130 {
            drop(JqProgram::compile(&make(levels)));
        }
    }
    let fields: Vec<String> = (0..300).map(|n| format!("f{n}: .a{n}")).collect();
    assert!(JqProgram::compile(&format!("{{{}}}", fields.join(", "))).is_ok());
}

proptest::proptest! {
    #[test]
    fn no_program_breaks_the_compiler(parts in proptest::collection::vec(
        proptest::sample::select(vec![
            ".", ".a", "|", ",", "[", "]", "{", "}", "(", ")", "\"", "\\(", "\\", "if ", " then ",
            " else ", " end ", "def f: ", ";", " as ", "$x", "reduce ", "foreach ", "try ", "-",
            "1", "1e", "..", "?", "//", "?//", "|=", "@csv", "@", "#", "\n", ":", "map", "f",
            "label ", "break ", "import ", "é", "'", "::", "and ", "0.", "elif ",
        ]), 0..40)) {
        let program = parts.concat();
        if let Err(mistake) = JqProgram::compile(&program) {
            proptest::prop_assert!(program.get(mistake.range.clone()).is_some());
            proptest::prop_assert!(!mistake.help.is_empty());
        }
    }
}
