//! A daemon of a support desk on which everything has happened that pages show: rules that matched, nearly matched and
//! did not, runs in many states, a receiver that fails, rejected requests, and hostile texts.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::daemon::DaemonProcess;
use crate::receiver::{Receiver, Response};
use crate::sandbox::Sandbox;
use crate::wait::wait_until;

/// A text that breaks out of HTML, of attributes and of the direction of writing, if anything lets it.
pub const HOSTILE: &str =
    "</script><img src=x onerror=alert(1)>\"'`&amp;\u{202e}gnp.exe\u{2066}\u{200b}\u{7}{{7*7}}";
/// The value of a secret; no page may contain it.
pub const SECRET: &str = "s3cr3t-of-the-pager-8f41";
/// The ticket for which nothing happened, because one tag has an invisible character.
pub const SILENT_TICKET: u64 = 90_417;
/// A ticket whose run wrote to the pager and died.
pub const DEAD_TICKET: u64 = 90_388;

const RULES: &str = r##"name: page-urgent
description: Page the on-call engineer when an enterprise customer's ticket becomes urgent.
event_source: support
event_type: ticket.PriorityChanged
when:
  current: urgent
  ticket.tags: { has: enterprise, not: { has: [internal, test] } }
flow:
  - name: page
    http:
      connection: pager
      path: /v2/enqueue
      headers: { X-Routing-Key: "{{ secret.PAGER_KEY }}" }
      json: { dedup_key: "ticket-{{ ticket.id }}", summary: "#{{ ticket.id }} is urgent: {{ ticket.subject | default('no subject') }}" }
    retry: { attempts: 3, backoff: 10ms }
tests:
  - name: an enterprise ticket pages
    event: { input: { ticket_event: { type: Priority Changed, previous: low, current: urgent, ticket: { id: 7, tags: [enterprise] } } } }
    expect: match
  - name: a test ticket pages nobody
    event: { input: { ticket_event: { type: Priority Changed, previous: low, current: urgent, ticket: { id: 7, tags: [enterprise, test] } } } }
    expect: no match
    because: ticket.tags
---
name: tell-team
description: Tell the team's channel about every change of a priority, once in 15 minutes for a ticket.
event_source: support
event_type: ticket.PriorityChanged
dedupe: { per: ticket.id, for: 15m }
flow:
  - name: tell
    http:
      connection: chat
      path: /groups/{{ ticket.group_id }}
      json: { text: "#{{ ticket.id }} is {{ current }} now", was: "{{ previous }}" }
  - name: done
    when: { current: urgent }
  - name: note
    http: { connection: chat, path: /urgent, json: { ticket: "{{ ticket.id }}" } }
---
name: close-quietly
description: Nothing is closed while this rule is in shadow mode.
mode: shadow
event_source: support
event_type: ticket.StatusChanged
when: { current: solved }
flow:
  - name: close
    http: { connection: chat, path: "/close/{{ ticket.id }}", method: POST, json: { by: rule } }
---
name: wait-for-customer
event_source: support
event_type: ticket.CommentAdded
debounce: { per: ticket.id, quiet: 2h }
flow:
  - name: remind
    http: { connection: chat, path: /reminders, json: { ticket: "{{ ticket.id }}" } }
---
name: audit-merge
mode: disabled
event_source: support
event_type: ticket.TicketMerged
flow:
  - succeed: merged
---
name: order-paid
description: A shop tells about an order.
event_source: shop
event_type: order.paid
when: { body.total: { gt: 100 } }
flow:
  - wait: 3h
  - name: thank
    http: { connection: chat, path: /orders, json: { order: "{{ body.number }}" } }
---
name: order-paid
description: Shall also thank for smaller orders.
mode: shadow
event_source: shop
event_type: order.paid
when: { body.total: { gt: 50 } }
flow:
  - name: thank
    http: { connection: chat, path: /orders, json: { order: "{{ body.number }}" } }
"##;

/// The running desk.
pub struct SupportDesk {
    pub daemon: DaemonProcess,
    pub sandbox: Sandbox,
    pub chat: Receiver,
    pub pager: Receiver,
    /// Where the page is.
    pub page: String,
}

impl SupportDesk {
    /// Starts a daemon and sends it the events of a morning. `program` is the path of the built program.
    #[track_caller]
    pub fn open(program: impl Into<PathBuf>) -> Self {
        let desk = Self::empty(program);
        desk.send_events();
        desk
    }

    /// A daemon that has received nothing.
    #[track_caller]
    pub fn empty(program: impl Into<PathBuf>) -> Self {
        let chat = Receiver::always(Response::new(
            "200 OK",
            "content-type: application/json\r\n",
            &json!({ "ok": true, "note": HOSTILE }).to_string(),
        ));
        let pager = Receiver::always(Response::new(
            "503 Service Unavailable",
            "content-type: application/json\r\n",
            r#"{"error":"upstream unavailable"}"#,
        ));
        let sandbox = Sandbox::new(program).with_env("FLOWTRIGGER_SECRET_PAGER_KEY", SECRET);
        sandbox.write_rules(RULES);
        sandbox.write("flowtrigger.yaml", configuration(&chat, &pager));
        let daemon = DaemonProcess::start_with(
            &sandbox,
            &["--listen", "127.0.0.1:0", "--page", "127.0.0.1:0"],
        );
        let opened = daemon.expect_message("serving the page");
        let address = opened["address"].as_str().expect("an address");
        Self {
            page: format!("http://{address}"),
            daemon,
            sandbox,
            chat,
            pager,
        }
    }

    fn send_events(&self) {
        for (number, ticket) in (90_380..90_400).enumerate() {
            self.priority(ticket, "urgent", json!(["enterprise", "checkout"]), number);
        }
        self.priority(
            SILENT_TICKET,
            "urgent",
            json!(["enterpri\u{200b}se", "checkout"]),
            30,
        );
        self.priority(SILENT_TICKET, "high", json!(["checkout"]), 31);
        self.priority(
            90_500,
            "urgent",
            json!(["enterprise", "internal", HOSTILE]),
            32,
        );
        self.status(90_501, "solved");
        self.comment(90_502, HOSTILE);
        self.comment(90_503, "\u{5e9}\u{5dc}\u{5d5}\u{5dd}, \u{5d4}\u{5d4}\u{5d6}\u{5de}\u{5e0}\u{5d4} \u{5dc}\u{5d0} \u{5d4}\u{5d2}\u{5d9}\u{5e2}\u{5d4}");
        self.comment(90_504, &"long ".repeat(5_000));
        self.order("A-1", json!(250), HOSTILE);
        self.order("A-2", json!(99), "plain");
        self.order("A-3", json!("250"), "a text and not a number");
        for body in [
            "{\"input\": ",
            "[]",
            "{\"kind\": \"nothing that is known\"}",
        ] {
            self.daemon.post("/events/support", body);
        }
        self.daemon.post("/events/nowhere", "{}");
        self.daemon.request("GET", "/events/support", "", b"");
        wait_until("the runs of the pager are dead", || {
            self.daemon.count("dead") >= 20
        });
        self.daemon.wait_until_idle();
        self.daemon.admin("POST", "/flush");
    }

    fn priority(&self, ticket: u64, current: &str, tags: Value, number: usize) {
        self.daemon.accept(
            "support",
            &json!({
                "account_id": 48_213_907,
                "input": { "ticket_event": {
                    "meta": {
                        "version": "1.0",
                        "occurred_at": "2026-03-02T09:41:30Z",
                        "sequence": { "id": format!("PRIORITY{number}"), "position": 1, "total": 1 },
                    },
                    "type": "Priority Changed",
                    "previous": "normal",
                    "current": current,
                    "ticket": {
                        "id": ticket, "status": "open", "priority": current, "group_id": 2_290_114,
                        "organization_id": 90_071_992_547_409_931_u64, "tags": tags,
                        "external_id": HOSTILE,
                    },
                } },
            }),
        );
    }

    fn status(&self, ticket: u64, current: &str) {
        self.daemon.accept(
            "support",
            &json!({
                "input": { "ticket_event": {
                    "type": "Status Changed", "previous": "open", "current": current,
                    "ticket": { "id": ticket, "status": current },
                } },
            }),
        );
    }

    fn comment(&self, ticket: u64, text: &str) {
        self.daemon.accept(
            "support",
            &json!({
                "input": { "ticket_event": {
                    "type": "Comment Added",
                    "comment": { "id": ticket * 10, "body": text, "is_public": true },
                    "ticket": { "id": ticket, "status": "open" },
                } },
            }),
        );
    }

    fn order(&self, number: &str, total: Value, customer: &str) {
        self.daemon.accept(
            "shop",
            &json!({ "kind": "order.paid", "number": number, "total": total, "customer": customer }),
        );
    }

    /// A one-time link that signs in, as a person gets it on the command line.
    #[track_caller]
    pub fn login_link(&self, arguments: &[&str]) -> String {
        let arguments = [&["page", "--format", "json"], arguments].concat();
        let printed = self.sandbox.run(&arguments);
        assert_eq!(printed.code, 0, "{printed:?}");
        let lines = printed.json_lines();
        lines[0]["url"].as_str().expect("a link").to_owned()
    }
}

fn configuration(chat: &Receiver, pager: &Receiver) -> String {
    let (chat, pager) = (chat.url(""), pager.url(""));
    format!(
        "outgoing: {{ allow: [127.0.0.1] }}\nconnections:\n  chat: {{ base_url: \"{chat}\" }}\n  pager: {{ base_url: \"{pager}\", breaker: off }}\n\
         sources:\n  support: {{}}\n  shop: {{ event_type: {{ path: kind }}, id: none, key: number }}\n"
    )
}
