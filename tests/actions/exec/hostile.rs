//! Text from outside on its way into commands: whatever a ticket holds arrives as one value, as it is.
//! It refuses a shell, a splitting or a cut anywhere in between.

use flowtrigger::core::flow::call::ExecCall;
use flowtrigger::core::flow::confinement::Confinement;
use flowtrigger::core::rule::rendered_text::Text;
use proptest::prelude::*;

use super::shell;
use crate::{exec, failed, perform_exec, performer, succeeded, with};

/// Text as customers write it, and as attackers do.
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

    /// Whatever a ticket holds, it is one argument: no shell, no splitting, no option of ours. Nor is
    /// it anything else on the way through what binds a command.
    #[test]
    fn a_hostile_argument_arrives_as_it_is(
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

    /// It is one value of the environment, and all of the input of a script that names neither.
    #[test]
    fn a_hostile_value_and_a_hostile_input_arrive_as_they_are(value in hostile(), input in hostile()) {
        let call = ExecCall {
            env: vec![("GIVEN".into(), Text::plain(value.clone()))],
            stdin: Text::plain(input.clone()),
            ..shell("printf '%s\\0' \"$GIVEN\"; cat")
        };
        prop_assert_eq!(runs(call), format!("{value}\0{input}"));
    }

    /// A NUL is an error, wherever it stands: nothing is cut short at it.
    #[test]
    fn a_nul_is_never_cut_off(before in "[^\0]{0,20}", after in "[^\0]{0,20}") {
        let text = format!("{before}\0{after}");
        let argument = exec(&["true", &text]);
        let variable = ExecCall {
            env: vec![("GIVEN".into(), Text::plain(text))],
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
