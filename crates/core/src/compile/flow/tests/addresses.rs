//! Tests of addresses that are one value, and of secrets in a path.

use serde_json::{Value, json};

use crate::compile::flow::tests::{config, event, flow, http, lower};
use crate::flow::call::Call;
use crate::language::rendered_text::{SecretEncoding, TextPart};
use crate::path::scope::Scope;

/// The address of a request whose `url` is the value, or why the request fails before it is sent.
fn address(value: &Value) -> Result<String, String> {
    let yaml =
        "flow:\n- http: { connection: zendesk, url: \"{{ ticket.next }}\", query: { a: 1 } }\n";
    let (mut event, vars) = (event(), json!({}));
    event.body["ticket"]["next"] = value.clone();
    match flow(yaml).steps[0].render(&Scope::new(&event, &vars)) {
        Ok(Some(Call::Http(call))) => {
            assert_eq!(call.connection.as_deref(), Some("zendesk"));
            assert!(call.auth.is_some(), "it has the connection's credentials");
            Ok(call.url.to_string())
        }
        Ok(other) => panic!("{other:?}"),
        Err(error) => Err(error.to_string()),
    }
}

#[test]
fn an_address_that_is_one_value_is_sent_unchanged_to_the_origin_of_its_connection() {
    for (value, sent) in [
        (
            "https://acme.example/api/v2/tickets.json?page[after]=a%2Bb",
            "https://acme.example/api/v2/tickets.json?page[after]=a%2Bb&a=1",
        ),
        ("https://acme.example", "https://acme.example?a=1"),
        (
            "https://ACME.example:443/x/y",
            "https://ACME.example:443/x/y?a=1",
        ),
        (
            "https://acme.example/a%2Fb#top",
            "https://acme.example/a%2Fb?a=1",
        ),
    ] {
        assert_eq!(address(&json!(value)).as_deref(), Ok(sent), "{value}");
    }
}

#[test]
fn any_other_address_fails_before_it_is_sent() {
    for (value, why) in [
        (json!("https://other.example/x"), "another origin"),
        (json!("http://acme.example/x"), "another origin"),
        (json!("https://acme.example:8443/x"), "another origin"),
        (json!("https://acme.example.other/x"), "another origin"),
        (
            json!("https://acme.example@other.example/x"),
            "another origin",
        ),
        (json!("outbox:acme/x"), "another origin"),
        (json!("https://u:p@acme.example/x"), "user name or password"),
        (json!("https://acme.example/a/../b"), "`.` or `..`"),
        (json!("https://acme.example/%2e%2e/b"), "`.` or `..`"),
        (json!("https:\\\\acme.example/x"), "not a complete address"),
        (json!("https://acme.example/x y"), "contains a space"),
        (json!("https://acme.example/x\n"), "contains a space"),
        (json!(" https://acme.example/x"), "not a complete address"),
        (json!("https:///acme.example/x"), "not a complete address"),
        (json!("//acme.example/x"), "not a complete address"),
        (
            json!("/api/v2/tickets.json?page=2"),
            "not a complete address",
        ),
        (json!(""), "not a complete address"),
        (json!(null), "not a complete address"),
        (json!(7), "not a complete address"),
        (json!(["https://acme.example/x"]), "not a complete address"),
    ] {
        let error = address(&value).expect_err("not sent");
        assert!(error.contains(why), "{value}: {error}");
        assert!(
            error.contains("the origin of `https://acme.example/`"),
            "{error}"
        );
    }
}

#[test]
fn an_address_of_an_outbox_stays_in_that_outbox() {
    use crate::language::template::url::check_origin;
    assert_eq!(check_origin("outbox:chat/a/b", "outbox:chat"), Ok(()));
    for other in ["outbox:chatter/a", "https://chat/", "outbox:"] {
        assert!(check_origin(other, "outbox:chat").is_err(), "{other}");
    }
}

#[test]
fn only_a_lone_value_may_be_an_address() {
    for (http, help) in [
        (
            "{ url: \"{{ ticket.next }}\" }",
            "name beside `url` the `connection`",
        ),
        (
            "{ connection: zendesk, path: \"{{ ticket.next }}\" }",
            "write `url: \"{{ ticket.next }}\"` beside `connection`",
        ),
        (
            "{ connection: zendesk, url: \"https://acme.example/{{ ticket.id }}\" }",
            "`connection` with `path`",
        ),
        (
            "{ connection: zendesk, url: \"{{ ticket.next }}/x\" }",
            "a `url` is one value",
        ),
        (
            "{ connection: zendesk, url: \"{{ secret.HOOK }}\" }",
            "path: \"/{{ secret.NAME }}\"",
        ),
        (
            "{ connection: zendesk, url: \"{{ ticket.next }}\", path: /x }",
            "`connection` with `path`",
        ),
    ] {
        let (_, diagnostics) = lower(&format!("flow:\n- http: {http}\n"));
        let found = diagnostics.sorted();
        let helps: Vec<_> = found.iter().filter_map(|d| d.help.as_deref()).collect();
        assert!(helps.iter().any(|h| h.contains(help)), "{http}: {found:?}");
        assert!(diagnostics.has_errors(), "{http}");
    }
}

/// The encodings of the secrets in the address of a request.
fn encodings(http_yaml: &str) -> Vec<SecretEncoding> {
    let call = http(&format!("flow:\n- http: {http_yaml}\n"));
    let secret = |part: &TextPart| match part {
        TextPart::Secret { encoding, .. } => Some(*encoding),
        TextPart::Text(_) => None,
    };
    call.url.0.iter().filter_map(secret).collect()
}

#[test]
fn a_secret_is_unchanged_in_a_path_and_encoded_in_a_query() {
    for (yaml, expected) in [
        (
            "{ connection: zendesk, path: \"/hooks/{{ secret.A }}\" }",
            SecretEncoding::Path,
        ),
        (
            "{ url: \"https://a.example/bot{{ secret.A }}/send\" }",
            SecretEncoding::Path,
        ),
        (
            "{ url: \"https://a.example/{{ secret.A | urlencode }}\" }",
            SecretEncoding::Percent,
        ),
        (
            "{ url: \"https://a.example/x?key={{ secret.A }}\" }",
            SecretEncoding::Percent,
        ),
        (
            "{ url: \"https://a.example/x\", query: { key: \"{{ secret.A }}\" } }",
            SecretEncoding::Percent,
        ),
    ] {
        assert_eq!(encodings(yaml), [expected], "{yaml}");
    }
}

#[test]
fn the_base_url_may_hold_a_secret_in_its_path() {
    let mut config = config();
    let connection = config.connections.get_mut("zendesk").expect("one");
    connection.base_url = "https://chat.example/hooks/{{ secret.HOOK }}".into();
    let flow = super::lower_with(
        "flow:\n- http: { connection: zendesk, path: /post }\n",
        &config,
    );
    let (event, vars) = (event(), json!({}));
    let call = flow.0.expect("a flow").steps[0].render(&Scope::new(&event, &vars));
    let Ok(Some(Call::Http(call))) = call else {
        panic!("{call:?}");
    };
    assert_eq!(
        call.url.to_string(),
        "https://chat.example/hooks/[secret HOOK]/post"
    );
}
