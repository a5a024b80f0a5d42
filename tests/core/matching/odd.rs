//! What damage is done with: the sample events, and values, keys and bytes that nobody expects.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use serde_json::Value;

/// Every event of `examples/events`, as it stands there and without its blanks.
pub static SAMPLES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let mut files = Vec::new();
    gather(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/events"),
        &mut files,
    );
    files.sort();
    let texts = files.iter().flat_map(|file| {
        let text = std::fs::read_to_string(file).expect("a sample");
        match file.extension().is_some_and(|end| end == "ndjson") {
            true => text.lines().map(str::to_owned).collect(),
            false => vec![text],
        }
    });
    let both = texts.flat_map(|text| {
        let value: Value = serde_json::from_str(&text).expect("a sample");
        [value.to_string().into_bytes(), text.into_bytes()]
    });
    both.collect()
});

fn gather(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        match path.is_dir() {
            true => gather(&path, files),
            false => files.push(path),
        }
    }
}

/// Values in the place of others.
pub const ODD: &[&str] = &[
    "null",
    "true",
    "false",
    "0",
    "-0",
    "1.0",
    "-3",
    "1E5",
    "1e999",
    "-1e-400",
    "0.1e+2",
    "01",
    "1.",
    "999999999999999999",
    "1000000000000000000",
    "12345678901234567890",
    "18446744073709551615",
    "18446744073709551616",
    "-9223372036854775808",
    "9007199254740993",
    "9007199254740992.0",
    "123456789012345678901234567890.5",
    "0.1000000000000000055511151231257827021181583404541015625",
    "\"\"",
    "\" \"",
    "\"12\"",
    "\"0012\"",
    "\"-0\"",
    "\"1e5\"",
    "\"18446744073709551616\"",
    "\"low\"",
    "\"URGENT\"",
    "\"Priority Changed\"",
    "\"priority changed\"",
    "\"Tags Changed\"",
    "\"Ticket Created\"",
    "\"ticket.PriorityChanged\"",
    "\"Anything Happened\"",
    "\"order.Paid\"",
    "\"zen:event-type:ticket.priority_changed\"",
    "\"zen:event-type:ticket.moon_phase\"",
    "\"zen:event-type:user.role_changed\"",
    "\"client_posted_ticket_message_hook\"",
    "\"no_such_hook\"",
    "\"2026-03-02T08:14:09Z\"",
    "\"2026-03-02\"",
    "\" 2026-03-02T08:14:09 \"",
    "\"yesterday\"",
    "\"vip emea vip\"",
    "\"\u{130}STANBUL \u{df}\"",
    "\"\\u0061bc\"",
    "\"\\ud83d\\ude00\"",
    "\"\\ud83d\"",
    "\"a\\/b\\\\\\\"\"",
    "\"\\u0000\"",
    "[]",
    "{}",
    "[null]",
    "[[\"vip\"]]",
    "[\"vip\",\"checkout\",1]",
    "{\"id\":7}",
    "{\"id\":\"7\",\"name\":\"X\",\"value\":\"HIGH\",\"0\":[1]}",
    "[{\"id\":1},{\"id\":\"2\"}]",
];

/// Between quotes.
pub const KEYS: &[&str] = &[
    "id",
    "type",
    "input",
    "ticket_event",
    "user_event",
    "organization_event",
    "detail",
    "detail-type",
    "event",
    "ticket",
    "tags",
    "current",
    "previous",
    "meta",
    "time",
    "hook_code",
    "object",
    "",
    "0",
    "Type",
    "typ\\u0065",
    "\u{e9}",
];

pub const BYTES: &[&[u8]] = &[
    b"",
    b"\"",
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"0",
    b" ",
    b"\n",
    b"\0",
    b"\x7f",
    b"\xff",
    b"\xc3",
    b"\xed\xa0\x80",
    b"\xf0\x9f\x98\x80",
    b"\xef\xbb\xbf",
    b"e",
    b"-",
    b"null",
    b"//",
    b"\\u",
];

/// Put into texts.
pub const WITHIN: &[&str] = &[
    "\\n",
    "\\/",
    "\\\"",
    "\\\\",
    "\\u00e9",
    "\\ud83d\\ude00",
    "\\ud83d",
    "\\udc00\\ud83d",
    "\\u0000",
    "\\x",
    "\\u12",
    "\t",
    "\n",
    "\u{1f}",
    "\u{7f}",
    "\u{e9}",
    "\u{1f600}",
    "\u{fffd}",
    "\u{feff}",
    "a text that is longer than eight bytes",
];

pub const BLANKS: &[&str] = &["\n", "\r\n\t ", "          ", "\u{b}", "\u{a0}"];
