//! Checks what is accepted as JSON, class by class of RFC 8259, with the intended differences: damaged text is
//! repaired, a key that occurs twice and nesting over 127 levels are rejected.

use flowtrigger_core::event::json::parse::parse;
use flowtrigger_core::event::json::tape::Tape;

const VALID: &[&[u8]] = &[
    // Structure.
    b"{}",
    b"[]",
    b"[[]   ]",
    b"{\"a\":[]}",
    b"{\"\":0}",
    b"{\"a\":1,\"A\":2}",
    b"[null, 1, \"1\", {}]",
    b"[1,null,null,null,2]",
    // A scalar alone.
    b"42",
    b"\"\"",
    b"null",
    b"true",
    b"false",
    // White space around everything.
    b" \t\r\n[ 1 ,\n2\r\n]\t ",
    // Numbers.
    b"[0, 7, -1, 0.5, 12.75, 1234567890]",
    // Strings.
    b"[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"]",
    b"[\"\\u0060\\u012a\\u12AB\\u0000\"]",
    b"[\"\\uD834\\uDD1E\"]",
    b"[\"\\uDBFF\\uDFFF\"]",
    b"[\"a/*b*/c/*d//e\"]",
    b"[\"\x7f\"]",
    b"[\"\xe2\x80\xa8 \xe2\x80\xa9\"]",
    b"[\"\xf0\x9b\xbf\xbf\"]",
    b"[\"\xef\xbf\xbf\"]",
];

/// Valid too, but left to the parser by the scanner: escaped keys, exponents, long numbers, zeros with a sign.
const VALID_FOR_THE_PARSER: &[&[u8]] = &[
    b"-0.1",
    b"[0, -0, -1, 0.5, 123e65, 0e+1, 0e1, 1E22, 1E-2, 1E+2, 123.456e78]",
    b"[20e1, -123123123123123123123123123123, 100000000000000000000]",
    b"[0.4e00669999999999999999999999999999999999999999999999999969999999006]",
    b"[-1e+9999, 1e+9999, 123123e100000]",
    b"[-0.000000000000000000000000000000000000000000000000000000000000000001]",
    b"{\"\\u0066oo\": \"new\\u000Aline\"}",
];

const INVALID: &[&[u8]] = &[
    // Nothing.
    b"",
    b" ",
    b"\xef\xbb\xbf",
    // Structure.
    b"[",
    b"]",
    b"{",
    b"[1",
    b"[1,",
    b"[1,]",
    b"[,1]",
    b"[1,,2]",
    b"[\"a\" \"b\"]",
    b"[1}",
    b"{1:1}",
    b"{a: 1}",
    b"{'a': 1}",
    b"{\"a\" 1}",
    b"{\"a\":}",
    b"{\"a\"::1}",
    b"{\"a\":1,}",
    b"{\"a\":1 \"b\":2}",
    b"{\"a\"",
    b"{[: 1}",
    b"[x",
    b"[3[4]]",
    b"[1:2]",
    b"{\"a\":\"b\"}#",
    b"{\"a\":\"b\"}/**/",
    b"[1]x",
    b"[][]",
    b"2@",
    b"<null>",
    b"*",
    // Literals.
    b"[nul]",
    b"[tru]",
    b"[True]",
    b"[NaN]",
    b"[Infinity]",
    b"[-Infinity]",
    b"[undefined]",
    b"nulll",
    // Numbers.
    b"[-]",
    b"[+1]",
    b"[.1]",
    b"[1.]",
    b"[01]",
    b"[-01]",
    b"[00]",
    b"[1e]",
    b"[1e+]",
    b"[0.e1]",
    b"[2.e+3]",
    b"[1.2.3]",
    b"[0x1F]",
    b"[1_000]",
    b"[1 000]",
    b"[- 1]",
    b"[1a]",
    b"[--1]",
    b"[1e1.5]",
    b"[\xef\xbc\x91]",
    // Strings.
    b"[\"]",
    b"[\"a",
    b"['a']",
    b"[\"\\x00\"]",
    b"[\"\\a\"]",
    b"[\"\\u00A\"]",
    b"[\"\\u\"]",
    b"[\"\\\"]",
    b"[\"\\ \"]",
    b"[\"a\nb\"]",
    b"[\"a\tb\"]",
    b"[\"\x00\"]",
    b"[\"\x1f\"]",
    b"[\"\\uD800\\u\"]",
    // White space that JSON does not have.
    b"[\x0c]",
    b"[\xc2\xa0]",
    b"[\xe2\x81\xa0]",
    // Two equal keys: which of them is meant is not known.
    b"{\"a\":1,\"a\":2}",
    b"{\"a\":1,\"\\u0061\":1}",
    b"[{\"x\":{\"k\":0,\"k\":0}}]",
];

/// Text that is damaged but has its structure: accepted, with a note.
const REPAIRED: &[&[u8]] = &[
    b"[\"\\uD800\"]",
    b"[\"\\uDd1e\\uD834\"]",
    b"[\"\\uD800\\uD800x\"]",
    b"[\"\xff\"]",
    b"[\"\xe9\"]",
    b"[\"\xc0\xaf\"]",
    b"[\"\xed\xa0\x80\"]",
    b"[\"\xf8\xa1\xa1\xa1\xa1\"]",
];

fn shown(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}

#[test]
fn valid_json_is_accepted_unchanged_by_both_readers() {
    let mut used = Tape::default();
    for bytes in VALID.iter().chain(VALID_FOR_THE_PARSER) {
        let parsed = parse(bytes).unwrap_or_else(|error| panic!("{}: {error}", shown(bytes)));
        assert!(parsed.repairs.is_empty(), "{}", shown(bytes));
        let expected = VALID.contains(bytes).then_some(parsed.value);
        // The second tape has scanned the other texts before.
        for tape in [&mut Tape::default(), &mut used] {
            let scanned = tape.scan(bytes).map(|scanned| scanned.root().value());
            assert_eq!(scanned, expected, "{}", shown(bytes));
        }
    }
}

#[test]
fn invalid_json_is_rejected_by_both_readers() {
    let mut used = Tape::default();
    for bytes in VALID.iter().chain(INVALID) {
        let valid = VALID.contains(bytes);
        assert_eq!(parse(bytes).is_ok(), valid, "{}", shown(bytes));
        assert_eq!(
            Tape::default().scan(bytes).is_some(),
            valid,
            "{}",
            shown(bytes)
        );
        assert_eq!(used.scan(bytes).is_some(), valid, "{}", shown(bytes));
    }
}

#[test]
fn damaged_text_is_repaired_with_a_note() {
    for bytes in REPAIRED {
        let parsed = parse(bytes).unwrap_or_else(|error| panic!("{}: {error}", shown(bytes)));
        assert!(!parsed.repairs.is_empty(), "{}", shown(bytes));
        // The scanner leaves what must be repaired to the parser.
        assert!(Tape::default().scan(bytes).is_none(), "{}", shown(bytes));
    }
}

#[test]
fn nesting_is_limited() {
    let nested = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
    assert!(parse(nested(127).as_bytes()).is_ok());
    for depth in [128, 200_000] {
        let deep = nested(depth);
        assert!(parse(deep.as_bytes()).is_err(), "{depth}");
        assert!(Tape::default().scan(deep.as_bytes()).is_none(), "{depth}");
    }
}
