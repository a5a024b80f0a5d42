//! Hostile text in commands: every value arrives unchanged as one argument, without a shell, splitting or
//! truncation.

use flowtrigger_core::flow::call::ExecCall;
use flowtrigger_core::flow::confinement::Confinement;
use flowtrigger_core::language::rendered_text::RenderedText;
use proptest::prelude::*;

use super::shell;
use crate::actions::{exec, failed, perform_exec, performer, succeeded, with};

/// Texts of customers and of attackers.
fn hostile() -> impl Strategy<Value = String> {
    const KNOWN: [&str; 24] = [
        "$(id)",
        "`id`",
        "; id",
        "a b",
        "*",
        "-n",
        "--",
        "--help",
        "-rf /",
        "'",
        "\"",
        "\n",
        "\r\n",
        "",
        "{{ x }}",
        "%s%n",
        "\\",
        "$HOME",
        "!!",
        "\u{202e}gpj",
        "\u{feff}",
        "\u{1b}[31m",
        "\u{fffd}\u{d7ff}",
        "a=b",
    ];
    prop_oneof![
        "[^\0]{0,40}",
        prop::sample::select(KNOWN.as_slice()).prop_map(str::to_owned),
        (
            prop::sample::select(KNOWN.as_slice()),
            1000..127 * 1024_usize
        )
            .prop_map(|(text, size)| {
                let text = if text.is_empty() { "x" } else { text };
                text.repeat(size / text.len())
            }),
    ]
}

fn runs(call: ExecCall) -> String {
    let performer = with(|options| {
        options.output_cap = 1 << 20;
        options.launcher = env!("CARGO_BIN_EXE_flowtrigger").into();
    });
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let value = runtime.block_on(async { succeeded(perform_exec(&performer, call).await) });
    value["stdout"].as_str().unwrap().to_owned()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    /// Any text is one argument, without a shell, splitting or options, confined or not.
    #[test]
    fn a_hostile_argument_arrives_unchanged(
        arguments in prop::collection::vec(hostile(), 1..6),
        bound in any::<bool>(),
    ) {
        let mut argv = vec!["printf", "%s\\0"];
        argv.extend(arguments.iter().map(String::as_str));
        let confinement = Confinement { file_size: Some(1), ..Confinement::default() };
        let call = ExecCall {
            confine: bound.then(|| Box::new(confinement)),
            ..exec(&argv)
        };
        let expected: String = arguments.iter().map(|argument| format!("{argument}\0")).collect();
        prop_assert_eq!(runs(call), expected);
    }

    /// Any text is one environment value, and the whole input.
    #[test]
    fn hostile_values_and_input_arrive_unchanged(value in hostile(), input in hostile()) {
        let call = ExecCall {
            env: vec![("GIVEN".into(), RenderedText::plain(value.clone()))],
            stdin: RenderedText::plain(input.clone()),
            ..shell("printf '%s\\0' \"$GIVEN\"; cat")
        };
        prop_assert_eq!(runs(call), format!("{value}\0{input}"));
    }

    /// A NUL is an error anywhere; nothing is truncated at it.
    #[test]
    fn a_nul_never_truncates_a_value(before in "[^\0]{0,20}", after in "[^\0]{0,20}") {
        let text = format!("{before}\0{after}");
        let argument = exec(&["true", &text]);
        let variable = ExecCall {
            env: vec![("GIVEN".into(), RenderedText::plain(text))],
            ..exec(&["true"])
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        for call in [argument, variable] {
            let failure = runtime.block_on(async { failed(perform_exec(&performer(), call).await) });
            prop_assert!(failure.message.contains("contains a NUL character"), "{}", failure.message);
            prop_assert!(!failure.retryable);
        }
    }
}
