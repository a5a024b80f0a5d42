//! The table of known senders, one row for each. Verifying, `sign`, `send`, the schema and the documents read it.

use crate::config::verification::preset::{
    EventTypeLocation, Preset, PresetKind, SignatureRow, SigningTimeRow,
};
use crate::config::verification::signature::{
    Algorithm, KeyEncoding, Separator, SignatureCount, SignatureEncoding, TimestampFormat,
};

/// HMAC with SHA-256 over the body, in hexadecimal digits. Most senders differ from it in a few fields.
const HEX_OF_BODY: SignatureRow = SignatureRow {
    header: "",
    algorithm: Algorithm::Sha256,
    encoding: SignatureEncoding::Hex,
    prefix: "",
    signatures: SignatureCount::One,
    signed: "{body}",
    stamp: None,
    key: KeyEncoding::Verbatim,
    test_secret: None,
    secret_prefix: None,
};

const BASE64_OF_BODY: SignatureRow = SignatureRow {
    encoding: SignatureEncoding::Base64,
    ..HEX_OF_BODY
};

/// `v1,` and base64 over id, timestamp and body; the secret is base64 after `whsec_`.
const STANDARD_WEBHOOKS: SignatureRow = SignatureRow {
    header: "webhook-signature",
    prefix: "v1,",
    signatures: SignatureCount::Several(Separator::Space),
    signed: "{header:webhook-id}.{timestamp}.{body}",
    stamp: Some(SigningTimeRow::Header(
        "webhook-timestamp",
        TimestampFormat::Seconds,
    )),
    key: KeyEncoding::Base64,
    ..BASE64_OF_BODY
};

/// In the order of the documents.
pub const PRESETS: &[Preset] = &[
    Preset {
        name: "zendesk",
        title: "Zendesk",
        summary: "The signature of Zendesk webhooks, over time and body.",
        kind: PresetKind::Signature(SignatureRow {
            header: "x-zendesk-webhook-signature",
            signed: "{timestamp}{body}",
            stamp: Some(SigningTimeRow::Header(
                "x-zendesk-webhook-signature-timestamp",
                TimestampFormat::Rfc3339,
            )),
            // Zendesk signs with this secret when a webhook is tested before it is saved.
            test_secret: Some("dGhpc19zZWNyZXRfaXNfZm9yX3Rlc3Rpbmdfb25seQ=="),
            ..BASE64_OF_BODY
        }),
        delivery_id: Some("x-zendesk-webhook-invocation-id"),
        event_type: Some(EventTypeLocation::Body("type")),
        documented: "Zendesk developer documentation, \"Verifying webhook authenticity\"",
    },
    Preset {
        name: "upmind",
        title: "Upmind",
        summary: "The signature of Upmind hooks, over the body.",
        kind: PresetKind::Signature(SignatureRow {
            header: "x-webhook-signature",
            signed: "{trimmed_body}",
            ..HEX_OF_BODY
        }),
        delivery_id: None,
        event_type: Some(EventTypeLocation::Body("hook_code")),
        documented: "Upmind documentation, \"Webhooks\"",
    },
    Preset {
        name: "standard_webhooks",
        title: "Standard Webhooks",
        summary: "The signature of Standard Webhooks, over id, time and body.",
        kind: PresetKind::Signature(STANDARD_WEBHOOKS),
        delivery_id: Some("webhook-id"),
        event_type: Some(EventTypeLocation::Body("type")),
        documented: "Standard Webhooks specification, \"Webhook headers (sending metadata to consumers)\"",
    },
    Preset {
        name: "svix",
        title: "Svix",
        summary: "The signature of Standard Webhooks with the header names of Svix: `svix-id`, `svix-timestamp`, `svix-signature`.",
        kind: PresetKind::Signature(SignatureRow {
            header: "svix-signature",
            signed: "{header:svix-id}.{timestamp}.{body}",
            stamp: Some(SigningTimeRow::Header(
                "svix-timestamp",
                TimestampFormat::Seconds,
            )),
            ..STANDARD_WEBHOOKS
        }),
        delivery_id: Some("svix-id"),
        event_type: Some(EventTypeLocation::Body("type")),
        documented: "Svix documentation, \"Verifying payloads manually\"",
    },
    Preset {
        name: "github",
        title: "GitHub",
        summary: "The signature of GitHub webhooks, over the body: `X-Hub-Signature-256` with `sha256=` and hexadecimal digits.",
        kind: PresetKind::Signature(SignatureRow {
            header: "x-hub-signature-256",
            prefix: "sha256=",
            ..HEX_OF_BODY
        }),
        delivery_id: Some("x-github-delivery"),
        event_type: Some(EventTypeLocation::Header("x-github-event")),
        documented: "GitHub documentation, \"Validating webhook deliveries\"",
    },
    Preset {
        name: "gitlab",
        title: "GitLab",
        summary: "The secret token of GitLab webhooks, in `X-Gitlab-Token`.",
        kind: PresetKind::Token("x-gitlab-token"),
        delivery_id: Some("idempotency-key"),
        event_type: Some(EventTypeLocation::Header("x-gitlab-event")),
        documented: "GitLab documentation, \"Webhooks\", secret token and delivery headers",
    },
    Preset {
        name: "gitlab_signed",
        title: "GitLab with a signing token",
        summary: "The signature of GitLab webhooks with a signing token (`whsec_…`), over id, time and body.",
        kind: PresetKind::Signature(STANDARD_WEBHOOKS),
        delivery_id: Some("webhook-id"),
        event_type: Some(EventTypeLocation::Header("x-gitlab-event")),
        documented: "GitLab documentation, \"Webhooks\", signing token",
    },
    Preset {
        name: "stripe",
        title: "Stripe",
        summary: "The signature of Stripe webhooks, over time and body.",
        kind: PresetKind::Signature(SignatureRow {
            header: "stripe-signature",
            prefix: "v1=",
            signatures: SignatureCount::Several(Separator::Comma),
            signed: "{timestamp}.{body}",
            stamp: Some(SigningTimeRow::Field("t")),
            secret_prefix: Some("whsec_"),
            ..HEX_OF_BODY
        }),
        delivery_id: None,
        event_type: Some(EventTypeLocation::Body("type")),
        documented: "Stripe documentation, \"Verify webhook signatures manually\"",
    },
    Preset {
        name: "slack",
        title: "Slack",
        summary: "The signature of Slack requests, over time and body.",
        kind: PresetKind::Signature(SignatureRow {
            header: "x-slack-signature",
            prefix: "v0=",
            signed: "v0:{timestamp}:{body}",
            stamp: Some(SigningTimeRow::Header(
                "x-slack-request-timestamp",
                TimestampFormat::Seconds,
            )),
            ..HEX_OF_BODY
        }),
        delivery_id: None,
        event_type: Some(EventTypeLocation::Body("event.type")),
        documented: "Slack documentation, \"Verifying requests from Slack\"",
    },
    Preset {
        name: "shopify",
        title: "Shopify",
        summary: "The signature of Shopify webhooks, over the body.",
        kind: PresetKind::Signature(SignatureRow {
            header: "x-shopify-hmac-sha256",
            ..BASE64_OF_BODY
        }),
        delivery_id: Some("x-shopify-webhook-id"),
        event_type: Some(EventTypeLocation::Header("x-shopify-topic")),
        documented: "Shopify documentation, \"Verify webhook deliveries\"",
    },
    Preset {
        name: "intercom",
        title: "Intercom",
        summary: "The signature of Intercom webhooks, over the body; the secret is the client secret of the app.",
        kind: PresetKind::Signature(SignatureRow {
            header: "x-hub-signature",
            algorithm: Algorithm::Sha1,
            prefix: "sha1=",
            ..HEX_OF_BODY
        }),
        delivery_id: None,
        event_type: Some(EventTypeLocation::Body("topic")),
        documented: "Intercom documentation, \"Setting up webhooks\", signed notifications",
    },
    Preset {
        name: "hubspot",
        title: "HubSpot",
        summary: "The signature of HubSpot (version 3), over method, URL, body and time; the secret is the client secret of the app.",
        kind: PresetKind::Signature(SignatureRow {
            header: "x-hubspot-signature-v3",
            signed: "{method}{decoded_url}{body}{timestamp}",
            stamp: Some(SigningTimeRow::Header(
                "x-hubspot-request-timestamp",
                TimestampFormat::Milliseconds,
            )),
            ..BASE64_OF_BODY
        }),
        delivery_id: None,
        event_type: Some(EventTypeLocation::Body("subscriptionType")),
        documented: "HubSpot documentation, \"Validating requests\", version 3 of the signature",
    },
    Preset {
        name: "helpscout",
        title: "Help Scout",
        summary: "The signature of Help Scout webhooks, over the body.",
        kind: PresetKind::Signature(SignatureRow {
            header: "x-helpscout-signature",
            algorithm: Algorithm::Sha1,
            ..BASE64_OF_BODY
        }),
        delivery_id: None,
        event_type: Some(EventTypeLocation::Header("x-helpscout-event")),
        documented: "Help Scout documentation, \"Webhooks\", verifying",
    },
    Preset {
        name: "front",
        title: "Front",
        summary: "The signature of Front application webhooks, over time and body; the secret is the signing key of the app.",
        kind: PresetKind::Signature(SignatureRow {
            header: "x-front-signature",
            signed: "{timestamp}:{body}",
            stamp: Some(SigningTimeRow::Header(
                "x-front-request-timestamp",
                TimestampFormat::Milliseconds,
            )),
            ..BASE64_OF_BODY
        }),
        delivery_id: None,
        event_type: Some(EventTypeLocation::Body("type")),
        documented: "Front documentation, \"Application webhooks\", verifying integrity",
    },
    Preset {
        name: "front_rule",
        title: "Front rules",
        summary: "The signature of webhooks of Front rules, over the body; the secret is the API secret.",
        kind: PresetKind::Signature(SignatureRow {
            header: "x-front-signature",
            algorithm: Algorithm::Sha1,
            ..BASE64_OF_BODY
        }),
        delivery_id: None,
        event_type: Some(EventTypeLocation::Body("type")),
        documented: "Front documentation, \"Rule webhooks\", validating data integrity",
    },
    Preset {
        name: "freshdesk",
        title: "Freshdesk",
        summary: "A token in `X-Webhook-Token`, which you add to the webhook action in Freshdesk as a custom header: Freshdesk does not sign. Its other way is `basic`.",
        kind: PresetKind::Token("x-webhook-token"),
        delivery_id: None,
        event_type: None,
        documented: "Freshdesk documentation, \"Using webhooks in automation rules\", custom headers and authentication",
    },
    Preset {
        name: "pagerduty",
        title: "PagerDuty",
        summary: "The signature of PagerDuty webhooks (version 3), over the body.",
        kind: PresetKind::Signature(SignatureRow {
            header: "x-pagerduty-signature",
            prefix: "v1=",
            signatures: SignatureCount::Several(Separator::Comma),
            ..HEX_OF_BODY
        }),
        delivery_id: None,
        event_type: Some(EventTypeLocation::Body("event.event_type")),
        documented: "PagerDuty documentation, \"Verifying signatures\"",
    },
    Preset {
        name: "linear",
        title: "Linear",
        summary: "The signature of Linear webhooks, over the body, with the time of signing in `webhookTimestamp`.",
        kind: PresetKind::Signature(SignatureRow {
            header: "linear-signature",
            stamp: Some(SigningTimeRow::Body(
                "webhookTimestamp",
                TimestampFormat::Milliseconds,
            )),
            ..HEX_OF_BODY
        }),
        delivery_id: Some("linear-delivery"),
        event_type: Some(EventTypeLocation::Header("linear-event")),
        documented: "Linear documentation, \"Webhooks\", securing webhooks",
    },
    Preset {
        name: "jira",
        title: "Jira",
        summary: "The signature of Jira webhooks with a secret, over the body.",
        kind: PresetKind::Signature(SignatureRow {
            header: "x-hub-signature",
            prefix: "sha256=",
            ..HEX_OF_BODY
        }),
        delivery_id: Some("x-atlassian-webhook-identifier"),
        event_type: Some(EventTypeLocation::Body("webhookEvent")),
        documented: "Jira Cloud documentation, \"Webhooks\", secure admin webhooks",
    },
    Preset {
        name: "typeform",
        title: "Typeform",
        summary: "The signature of Typeform webhooks, over the body.",
        kind: PresetKind::Signature(SignatureRow {
            header: "typeform-signature",
            prefix: "sha256=",
            ..BASE64_OF_BODY
        }),
        delivery_id: None,
        event_type: Some(EventTypeLocation::Body("event_type")),
        documented: "Typeform documentation, \"Secure your webhooks\"",
    },
    Preset {
        name: "zoom",
        title: "Zoom",
        summary: "The signature of Zoom webhooks, over time and body; the secret is the secret token of the app.",
        kind: PresetKind::Signature(SignatureRow {
            header: "x-zm-signature",
            prefix: "v0=",
            signed: "v0:{timestamp}:{body}",
            stamp: Some(SigningTimeRow::Header(
                "x-zm-request-timestamp",
                TimestampFormat::Seconds,
            )),
            ..HEX_OF_BODY
        }),
        delivery_id: None,
        event_type: Some(EventTypeLocation::Body("event")),
        documented: "Zoom documentation, \"Using webhooks\", verify with the header",
    },
    Preset {
        name: "discord",
        title: "Discord",
        summary: "The Ed25519 signature of Discord, over time and body; the secret is the public key of the application.",
        kind: PresetKind::Signature(SignatureRow {
            header: "x-signature-ed25519",
            algorithm: Algorithm::Ed25519,
            signed: "{timestamp}{body}",
            stamp: Some(SigningTimeRow::Header(
                "x-signature-timestamp",
                TimestampFormat::Seconds,
            )),
            ..HEX_OF_BODY
        }),
        delivery_id: None,
        event_type: Some(EventTypeLocation::Body("event.type")),
        documented: "Discord documentation, \"Interactions\", security and authorization",
    },
    Preset {
        name: "telegram",
        title: "Telegram",
        summary: "The secret token of Telegram bots, in `X-Telegram-Bot-Api-Secret-Token`.",
        kind: PresetKind::Token("x-telegram-bot-api-secret-token"),
        delivery_id: None,
        event_type: None,
        documented: "Telegram Bot API, \"setWebhook\", `secret_token`",
    },
    Preset {
        name: "calendly",
        title: "Calendly",
        summary: "The signature of Calendly webhooks, over time and body.",
        kind: PresetKind::Signature(SignatureRow {
            header: "calendly-webhook-signature",
            prefix: "v1=",
            signatures: SignatureCount::Several(Separator::Comma),
            signed: "{timestamp}.{body}",
            stamp: Some(SigningTimeRow::Field("t")),
            ..HEX_OF_BODY
        }),
        delivery_id: None,
        event_type: Some(EventTypeLocation::Body("event")),
        documented: "Calendly documentation, \"Webhook signatures\"",
    },
    Preset {
        name: "meta",
        title: "Meta",
        summary: "The signature of Meta webhooks (Facebook, Instagram, WhatsApp), over the body; the secret is the app secret.",
        kind: PresetKind::Signature(SignatureRow {
            header: "x-hub-signature-256",
            prefix: "sha256=",
            ..HEX_OF_BODY
        }),
        delivery_id: None,
        event_type: Some(EventTypeLocation::Body("object")),
        documented: "Meta documentation, \"Webhooks\", validating payloads",
    },
];
