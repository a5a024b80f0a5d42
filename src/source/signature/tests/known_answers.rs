//! A request with its signature for every preset, and what must be rejected in each of them.
//!
//! `published` names the document or library of the sender that has the example. All other signatures were computed
//! without this program, with `openssl dgst -sha256 -hmac KEY` and `openssl pkeyutl -sign -rawin` over the text that the
//! documentation of the sender describes; the comment of the row has that text.

use jiff::Timestamp;

use super::{headers, signed, verifier, verify_request};
use crate::source::signature::{Rejection, RequestParts, Verifier};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use flowtrigger_core::config::verification::preset::{PRESETS, Preset, PresetKind};
use flowtrigger_core::config::verification::{Scheme, WINDOW};

/// A genuine request of a sender.
pub struct KnownAnswer {
    pub preset: &'static str,
    published: Option<&'static str>,
    pub secret: &'static str,
    /// Another valid secret of the scheme.
    other_secret: &'static str,
    /// The time of the check, in seconds.
    at: i64,
    /// The first one has the signature or token.
    headers: &'static [(&'static str, &'static str)],
    body: &'static str,
    method: &'static str,
    path: &'static str,
    public_url: &'static str,
}

const KEY: &str = "wq3TfZl9kD0yQm7xV2sR5uJ8bN1cH6pE";
const BODY: &str = r#"{"id":"evt_1","type":"ticket.created"}"#;
const AT: i64 = 1_774_415_367;

const COMPUTED: KnownAnswer = KnownAnswer {
    preset: "",
    published: None,
    secret: KEY,
    other_secret: "another key of the same length!!",
    at: AT,
    headers: &[],
    body: BODY,
    method: "POST",
    path: "/events/shop",
    public_url: "https://hooks.example.com",
};

pub const KNOWN_ANSWERS: &[KnownAnswer] = &[
    // The time and then the body.
    KnownAnswer {
        preset: "zendesk",
        headers: &[
            (
                "x-zendesk-webhook-signature",
                "m2f2jvdk3yKKAxT4vGx5WbNO/X8rGp4kYiqYkX3qlC0=",
            ),
            (
                "x-zendesk-webhook-signature-timestamp",
                "2026-03-25T05:09:27Z",
            ),
        ],
        body: r#"{"type":"zen:event-type:ticket.status_changed","id":"b1946ac9"}"#,
        ..COMPUTED
    },
    // The body.
    KnownAnswer {
        preset: "upmind",
        headers: &[(
            "x-webhook-signature",
            "934e4651ac9b14f446a399e83266a94b6ea5cfb68a9ce97d8fcad8bc8c4f46f3",
        )],
        body: r#"{"hook_code":"x"}"#,
        ..COMPUTED
    },
    KnownAnswer {
        preset: "standard_webhooks",
        published: Some("the test of the reference libraries of Standard Webhooks"),
        secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        other_secret: "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
        at: 1_614_265_330,
        headers: &[
            (
                "webhook-signature",
                "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
            ),
            ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
            ("webhook-timestamp", "1614265330"),
        ],
        body: r#"{"test": 2432232314}"#,
        ..COMPUTED
    },
    KnownAnswer {
        preset: "svix",
        published: Some("the documentation of Svix about manual verification"),
        secret: "whsec_plJ3nmyCDGBKInavdOK15jsl",
        other_secret: "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
        at: 1_731_705_121,
        headers: &[
            (
                "svix-signature",
                "v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0=",
            ),
            ("svix-id", "msg_loFOjxBNrRLzqYUf"),
            ("svix-timestamp", "1731705121"),
        ],
        body: r#"{"event_type":"ping","data":{"success":true}}"#,
        ..COMPUTED
    },
    KnownAnswer {
        preset: "github",
        published: Some("the documentation of GitHub about validating deliveries"),
        secret: "It's a Secret to Everybody",
        headers: &[(
            "x-hub-signature-256",
            "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
        )],
        body: "Hello, World!",
        ..COMPUTED
    },
    KnownAnswer {
        preset: "gitlab",
        headers: &[("x-gitlab-token", KEY)],
        ..COMPUTED
    },
    // `msg_1.1774415367.` and the body, with the decoded key.
    KnownAnswer {
        preset: "gitlab_signed",
        secret: "whsec_dGVzdHRlc3R0ZXN0dGVzdHRlc3R0ZXN0dGVzdHRlc3Q=",
        other_secret: "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
        headers: &[
            (
                "webhook-signature",
                "v1,GPKyoBZqoO95rZ5yHf+5SoIV9Yp2x69oSjAsTtphe58=",
            ),
            ("webhook-id", "msg_1"),
            ("webhook-timestamp", "1774415367"),
        ],
        ..COMPUTED
    },
    // `1774415367.` and the body, with the complete secret.
    KnownAnswer {
        preset: "stripe",
        secret: "whsec_wq3TfZl9kD0yQm7xV2sR5uJ8bN1cH6pE",
        headers: &[(
            "stripe-signature",
            "t=1774415367,v1=3bba13e5d303f365ea00805a55ce327e5a75425a19f0c77e81eb2dc9eab6e63b",
        )],
        ..COMPUTED
    },
    KnownAnswer {
        preset: "slack",
        published: Some("the documentation of Slack about verifying requests"),
        secret: "8f742231b10e8888abcd99yyyzzz85a5",
        at: 1_531_420_618,
        headers: &[
            (
                "x-slack-signature",
                "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
            ),
            ("x-slack-request-timestamp", "1531420618"),
        ],
        body: "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c",
        ..COMPUTED
    },
    // The body.
    KnownAnswer {
        preset: "shopify",
        headers: &[(
            "x-shopify-hmac-sha256",
            "+p8tDYglWuH8knMt7CLxg8bnpJL6KDiWd9EKVhY8NFo=",
        )],
        ..COMPUTED
    },
    // The body, with SHA-1.
    KnownAnswer {
        preset: "intercom",
        headers: &[(
            "x-hub-signature",
            "sha1=f640b5d769b0b329338c63450e55caec94f936b4",
        )],
        ..COMPUTED
    },
    KnownAnswer {
        preset: "hubspot",
        published: Some("the test of the Python library of HubSpot"),
        secret: "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy",
        at: 1_693_657_560,
        headers: &[
            (
                "x-hubspot-signature-v3",
                "K36dawei4A+QBNolUOqo7s91KQDWQ5MXZ/QufNYuk/Y=",
            ),
            ("x-hubspot-request-timestamp", "1693657560000"),
        ],
        body: "{'example_field':'example_value'}",
        path: "/webhook_uri",
        public_url: "https://www.example.com",
        ..COMPUTED
    },
    KnownAnswer {
        preset: "hubspot",
        published: Some("the test of the Ruby library of HubSpot"),
        secret: "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy",
        at: 1_700_000_300,
        headers: &[
            (
                "x-hubspot-signature-v3",
                "RnbPH7+UMKVkbV32P8bz450N4M56aPmcru1+D3kSDtw=",
            ),
            ("x-hubspot-request-timestamp", "1700000300000"),
        ],
        body: "{'example_field':'example_value'}",
        path: "/webhook_uri",
        public_url: "https://www.example.com",
        ..COMPUTED
    },
    // The body, with SHA-1.
    KnownAnswer {
        preset: "helpscout",
        headers: &[("x-helpscout-signature", "9kC112mwsykzjGNFDlXK7JT5NrQ=")],
        ..COMPUTED
    },
    // `1774415367000:` and the body.
    KnownAnswer {
        preset: "front",
        headers: &[
            (
                "x-front-signature",
                "8cU77F8dHF+6KJWR5HoIOEF0RY/clcYexPUd11Xg2d4=",
            ),
            ("x-front-request-timestamp", "1774415367000"),
        ],
        ..COMPUTED
    },
    // The body, with SHA-1.
    KnownAnswer {
        preset: "front_rule",
        headers: &[("x-front-signature", "9kC112mwsykzjGNFDlXK7JT5NrQ=")],
        ..COMPUTED
    },
    KnownAnswer {
        preset: "freshdesk",
        headers: &[("x-webhook-token", KEY)],
        ..COMPUTED
    },
    KnownAnswer {
        preset: "pagerduty",
        published: Some("the test of the Go library of PagerDuty"),
        secret: "lDQHScfUeXUKaQRNF+8XIiDKZ7XX3itBAYzwU0TARw8lJqRnkKl2iB1anSb0Z+IK",
        headers: &[(
            "x-pagerduty-signature",
            "v1=0c0b9495b893a39e70d1fea2fe11fbe0a825f88b9f67846f6cc07dd2bc5476cd",
        )],
        body: PAGERDUTY_BODY,
        ..COMPUTED
    },
    // The body, with the time in it.
    KnownAnswer {
        preset: "linear",
        headers: &[(
            "linear-signature",
            "27fb6360f1b50a075762a20c5117314f00a4b1c99cd408ee25770bba6dc19f07",
        )],
        body: r#"{"id":"evt_1","type":"ticket.created","webhookTimestamp":1774415367000}"#,
        ..COMPUTED
    },
    KnownAnswer {
        preset: "jira",
        published: Some("the documentation of Atlassian about secure admin webhooks"),
        secret: "It's a Secret to Everybody",
        headers: &[(
            "x-hub-signature",
            "sha256=a4771c39fbe90f317c7824e83ddef3caae9cb3d976c214ace1f2937e133263c9",
        )],
        body: "Hello World!",
        ..COMPUTED
    },
    // The body.
    KnownAnswer {
        preset: "typeform",
        headers: &[(
            "typeform-signature",
            "sha256=+p8tDYglWuH8knMt7CLxg8bnpJL6KDiWd9EKVhY8NFo=",
        )],
        ..COMPUTED
    },
    // `v0:1774415367:` and the body.
    KnownAnswer {
        preset: "zoom",
        headers: &[
            (
                "x-zm-signature",
                "v0=932c4b8c0eff076b0914e5e544fccfe2e4767fc81360835e0c7e1472d6a36469",
            ),
            ("x-zm-request-timestamp", "1774415367"),
        ],
        ..COMPUTED
    },
    // `1774415367` and the body, with the private key of RFC 8032, section 7.1, test 1.
    KnownAnswer {
        preset: "discord",
        secret: "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        other_secret: "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        headers: &[
            (
                "x-signature-ed25519",
                "872e3192e17aa37703da314b4e5a6baabac9a1b58fe16cf97fab70822358dfad0c1aa0213821b30d8505c5e79fb8375a49b52beeac033e0ad5371e4cf8bddd0b",
            ),
            ("x-signature-timestamp", "1774415367"),
        ],
        ..COMPUTED
    },
    KnownAnswer {
        preset: "telegram",
        headers: &[("x-telegram-bot-api-secret-token", KEY)],
        ..COMPUTED
    },
    // `1774415367.` and the body.
    KnownAnswer {
        preset: "calendly",
        headers: &[(
            "calendly-webhook-signature",
            "t=1774415367,v1=ed03adcbacecec2281420eb36725171fa7dc2e3cc16ca900035108dd82ecca8c",
        )],
        ..COMPUTED
    },
    // The body.
    KnownAnswer {
        preset: "meta",
        headers: &[(
            "x-hub-signature-256",
            "sha256=fa9f2d0d88255ae1fc92732dec22f183c6e7a492fa28389677d10a56163c345a",
        )],
        ..COMPUTED
    },
];

const PAGERDUTY_BODY: &str = r#"{"event":{"id":"01BWDWL3NYY7LUFPZCC28QUCMK","event_type":"incident.priority_updated","resource_type":"incident","occurred_at":"2021-04-26T17:36:27.458Z","agent":{"html_url":"https://acme.pagerduty.com/users/PLH1HKV","id":"PLH1HKV","self":"https://api.pagerduty.com/users/PLH1HKV","summary":"Tenex Engineer","type":"user_reference"},"client":null,"data":{"id":"PGR0VU2","type":"incident","self":"https://api.pagerduty.com/incidents/PGR0VU2","html_url":"https://acme.pagerduty.com/incidents/PGR0VU2","number":2,"status":"triggered","title":"A little bump in the road","service":{"html_url":"https://acme.pagerduty.com/services/PF9KMXH","id":"PF9KMXH","self":"https://api.pagerduty.com/services/PF9KMXH","summary":"API Service","type":"service_reference"},"assignees":[{"html_url":"https://acme.pagerduty.com/users/PTUXL6G","id":"PTUXL6G","self":"https://api.pagerduty.com/users/PTUXL6G","summary":"User 123","type":"user_reference"}],"escalation_policy":{"html_url":"https://acme.pagerduty.com/escalation_policies/PUS0KTE","id":"PUS0KTE","self":"https://api.pagerduty.com/escalation_policies/PUS0KTE","summary":"Default","type":"escalation_policy_reference"},"teams":[{"html_url":"https://acme.pagerduty.com/teams/PFCVPS0","id":"PFCVPS0","self":"https://api.pagerduty.com/teams/PFCVPS0","summary":"Engineering","type":"team_reference"}],"priority":{"html_url":"https://acme.pagerduty.com/account/incident_priorities","id":"PSO75BM","self":"https://api.pagerduty.com/priorities/PSO75BM","summary":"P1","type":"priority_reference"},"urgency":"high","conference_bridge":{"conference_number":1000,"conference_url":"https://example.com"},"resolve_reason":null}}}"#;

impl KnownAnswer {
    fn row(&self) -> &'static Preset {
        Preset::named(self.preset).unwrap_or_else(|| panic!("no preset {}", self.preset))
    }

    fn scheme(&self) -> Scheme {
        self.row().scheme(WINDOW)
    }

    pub fn verifier(&self) -> Verifier {
        verifier(self.scheme(), &[self.secret])
    }

    fn signature_header(&self) -> HeaderName {
        self.headers[0].0.parse().unwrap()
    }

    fn check(&self, verifier: &Verifier, headers: &HeaderMap, body: &str, later: i64) -> Check {
        let request = RequestParts {
            method: self.method,
            path: self.path,
            query: None,
            headers,
            public_url: Some(self.public_url),
        };
        let now = Timestamp::from_second(self.at + later).unwrap();
        verify_request(verifier, &request, body.as_bytes(), now)
    }

    /// Checks the request with other headers.
    fn check_headers(&self, headers: &HeaderMap) -> Check {
        self.check(&self.verifier(), headers, self.body, 0)
    }

    fn has_time_in_body(&self) -> bool {
        self.body.contains("webhookTimestamp")
    }

    fn is_signature(&self) -> bool {
        match self.row().kind {
            PresetKind::Signature(_) => true,
            PresetKind::Token(_) => false,
        }
    }
}

type Check = Result<(), Rejection>;

fn code(check: Check) -> &'static str {
    check.map_or_else(|rejection| rejection.code(), |()| "accepted")
}

#[test]
fn every_preset_has_a_known_answer() {
    for preset in PRESETS {
        let mut known = KNOWN_ANSWERS.iter();
        assert!(
            known.any(|known| known.preset == preset.name),
            "{}",
            preset.name
        );
    }
}

#[test]
fn known_answers_are_accepted() {
    for known in KNOWN_ANSWERS {
        let checked = known.check_headers(&headers(known.headers));
        assert_eq!(checked, Ok(()), "{} {:?}", known.preset, known.published);
    }
}

#[test]
fn another_body_is_rejected() {
    for known in KNOWN_ANSWERS.iter().filter(|known| known.is_signature()) {
        let other = [
            format!("{}x", known.body),
            known.body[1..].to_owned(),
            known.body.replacen('e', "E", 1),
            String::new(),
        ];
        for body in other.iter().filter(|other| *other != known.body) {
            let checked = known.check(&known.verifier(), &headers(known.headers), body, 0);
            assert_eq!(code(checked), "sender_wrong_signature", "{}", known.preset);
        }
    }
}

#[test]
fn another_key_is_rejected() {
    for known in KNOWN_ANSWERS {
        let other = verifier(known.scheme(), &[known.other_secret]);
        let checked = known.check(&other, &headers(known.headers), known.body, 0);
        let expected = match known.is_signature() {
            true => "sender_wrong_signature",
            false => "sender_wrong_token",
        };
        assert_eq!(code(checked), expected, "{}", known.preset);
        let both = verifier(known.scheme(), &[known.other_secret, known.secret]);
        let checked = known.check(&both, &headers(known.headers), known.body, 0);
        assert_eq!(checked, Ok(()), "{}", known.preset);
    }
}

#[test]
fn an_old_or_early_request_is_rejected_if_its_time_is_signed() {
    for known in KNOWN_ANSWERS {
        let verifier = known.verifier();
        for (later, expected) in [
            (300, "accepted"),
            (301, "sender_stale"),
            (-300, "accepted"),
            (-301, "sender_early"),
        ] {
            let checked = known.check(&verifier, &headers(known.headers), known.body, later);
            let expected = match known.row().has_window() {
                true => expected,
                false => "accepted",
            };
            assert_eq!(code(checked), expected, "{} {later}", known.preset);
        }
    }
}

/// Linear writes the time into the body; a body without it has no time.
#[test]
fn a_time_in_the_body_is_checked_after_the_signature() {
    let linear = KNOWN_ANSWERS.iter().find(|known| known.preset == "linear");
    let linear = linear.unwrap();
    let verifier = linear.verifier();
    let later = 301;
    let with = |body: &str| {
        let at = Timestamp::from_second(linear.at + later).unwrap();
        let headers = signed(&verifier, body.as_bytes(), at);
        code(linear.check(&verifier, &headers, body, later))
    };
    for (body, expected) in [
        (linear.body, "sender_stale"),
        (
            r#"{"webhookTimestamp":"2026-03-25T05:09:27Z"}"#,
            "sender_stale",
        ),
        (r#"{"webhookTimestamp":1774416367000}"#, "sender_early"),
        (r#"{"webhookTimestamp":1774415668000}"#, "accepted"),
        (r#"{"webhookTimestamp":null}"#, "accepted"),
        (r#"{"data":{"webhookTimestamp":1}}"#, "accepted"),
        (r#"[{"webhookTimestamp":1}]"#, "accepted"),
        ("{}", "accepted"),
        ("no JSON", "accepted"),
        (r#"{"webhookTimestamp":"soon"}"#, "sender_malformed"),
        (r#"{"webhookTimestamp":{"at":1}}"#, "sender_malformed"),
    ] {
        assert_eq!(with(body), expected, "{body}");
    }
    let other = linear.body.replace("evt_1", "evt_2");
    let checked = linear.check(&verifier, &headers(linear.headers), &other, later);
    assert_eq!(code(checked), "sender_wrong_signature");
}

#[test]
fn a_changed_time_is_rejected_although_it_is_recent() {
    for known in KNOWN_ANSWERS
        .iter()
        .filter(|known| known.row().has_window() && !known.has_time_in_body())
    {
        let changed = known.headers.iter().map(|(name, value)| {
            let at = known.at.to_string();
            let other = (known.at + 1).to_string();
            (*name, value.replace(&at, &other).replace(":27Z", ":28Z"))
        });
        let changed: Vec<_> = changed.collect();
        let pairs: Vec<_> = changed
            .iter()
            .map(|(name, value)| (*name, &**value))
            .collect();
        assert_ne!(pairs, known.headers, "{}", known.preset);
        let checked = known.check_headers(&headers(&pairs));
        assert_eq!(code(checked), "sender_wrong_signature", "{}", known.preset);
    }
}

#[test]
fn a_shortened_signature_is_rejected() {
    for known in KNOWN_ANSWERS {
        let (_, value) = known.headers[0];
        for removed in 1..value.len() {
            let mut shorter = headers(known.headers);
            let start = HeaderValue::from_str(&value[..value.len() - removed]).unwrap();
            shorter.insert(known.signature_header(), start);
            let checked = known.check_headers(&shorter);
            assert!(checked.is_err(), "{} without {removed}", known.preset);
        }
    }
}

#[test]
fn a_repeated_header_is_rejected() {
    for known in KNOWN_ANSWERS {
        for (name, value) in known.headers {
            let mut twice = headers(known.headers);
            twice.extend(headers(&[(name, value)]));
            let name: HeaderName = name.parse().unwrap();
            twice.append(name, HeaderValue::from_str(value).unwrap());
            let checked = known.check_headers(&twice);
            assert_eq!(code(checked), "sender_repeated", "{}", known.preset);
        }
    }
}

#[test]
fn an_absent_or_empty_header_is_rejected() {
    for known in KNOWN_ANSWERS {
        for (name, _) in known.headers {
            let mut without = headers(known.headers);
            without.remove(*name);
            let checked = known.check_headers(&without);
            assert_eq!(code(checked), "sender_unsigned", "{} {name}", known.preset);
            let mut empty = headers(known.headers);
            empty.insert(
                name.parse::<HeaderName>().unwrap(),
                HeaderValue::from_static(""),
            );
            let checked = known.check_headers(&empty);
            assert_eq!(code(checked), "sender_malformed", "{} {name}", known.preset);
        }
    }
}
