//! The links by which people answer a `wait_for`: a signed token names the run and the step, and nothing else does.
//! Anyone who has a link can answer, so no list, log or recorded exchange shows one.

use std::borrow::Cow;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::event::Event;
use crate::run::{EventIdentity, RunId, idempotency_key};

/// The path of the events listener under which answers are given.
pub const ANSWERS_PATH: &str = "/answers";
/// What every token begins with, by which it is found in texts.
const PREFIX: &str = "fta_";
/// The longest token that is read.
const MAX_TOKEN_BYTES: usize = 2_048;
const RUN_BYTES: usize = 8;
const WORK_BYTES: usize = 8;
const MAC_BYTES: usize = 16;
const HEAD_BYTES: usize = RUN_BYTES + WORK_BYTES + MAC_BYTES;
/// Separates this use of the key from any other.
const DOMAIN: &[u8] = b"flowtrigger answer link 1\0";
/// What is shown in place of a token.
const MASK: &str = "(hidden)";

/// The key that signs the links of a store: 32 random bytes. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct AnswerKey([u8; 32]);

impl fmt::Debug for AnswerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AnswerKey(hidden)")
    }
}

impl AnswerKey {
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// `None` unless there are 32 bytes.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    fn mac(&self, run: &[u8], work: &[u8], step: &[u8]) -> Hmac<Sha256> {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.0).expect("a key of any length is valid");
        for part in [DOMAIN, run, work, step] {
            mac.update(part);
        }
        mac
    }

    /// The question that a token names. `None` unless this key has signed it.
    pub fn open(&self, token: &str) -> Option<AskedStep> {
        if token.len() > MAX_TOKEN_BYTES {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(token.strip_prefix(PREFIX)?).ok()?;
        let (head, step) = bytes.split_at_checked(HEAD_BYTES)?;
        let (run, rest) = head.split_at(RUN_BYTES);
        let (work, mac) = rest.split_at(WORK_BYTES);
        self.mac(run, work, step).verify_truncated_left(mac).ok()?;
        Some(AskedStep {
            run: RunId(u64::from_be_bytes(run.try_into().ok()?)),
            work: work.try_into().ok()?,
            step: String::from_utf8(step.to_vec()).ok()?,
        })
    }
}

/// What is asked: a step of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskedStep {
    pub run: RunId,
    work: [u8; WORK_BYTES],
    /// The step's path in the flow.
    pub step: String,
}

impl AskedStep {
    /// Whether the run with this id does the work that the link was made for: the same event, rule and generation. After
    /// the restore of an older backup it may be another run.
    pub fn is_of(&self, event: &Event, rule: &str, generation: u32) -> bool {
        self.work == work(event, rule, &self.step, generation)
    }

    /// The token of this question.
    fn token(&self, key: &AnswerKey) -> String {
        let run = self.run.0.to_be_bytes();
        let mac = key.mac(&run, &self.work, self.step.as_bytes());
        let mac = mac.finalize().into_bytes();
        let parts = [
            &run[..],
            &self.work,
            &mac[..MAC_BYTES],
            self.step.as_bytes(),
        ];
        format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(parts.concat()))
    }
}

/// What distinguishes the work of a step from that of all others: it differs for each replay of the event, and is the same
/// after `retry`.
fn work(event: &Event, rule: &str, step: &str, generation: u32) -> [u8; WORK_BYTES] {
    let key = idempotency_key(EventIdentity::of(event), rule, step, generation);
    let mut work = [0; WORK_BYTES];
    work.copy_from_slice(&key.as_bytes()[..WORK_BYTES]);
    work
}

/// Makes the links of one run.
#[derive(Debug, Clone)]
pub struct RunLinks {
    pub key: AnswerKey,
    /// The address before the path, without a slash at its end.
    pub base: String,
    pub run: RunId,
    pub rule: String,
    pub generation: u32,
}

impl RunLinks {
    fn url(&self, event: &Event, step: &str) -> String {
        let asked = AskedStep {
            run: self.run,
            work: work(event, &self.rule, step, self.generation),
            step: step.to_owned(),
        };
        format!("{}{ANSWERS_PATH}/{}", self.base, asked.token(&self.key))
    }
}

/// Where the flow of a run gets the links of its questions.
#[derive(Debug, Clone, Copy)]
pub enum AnswerLinks<'a> {
    /// The run does not exist, or its links are not shown.
    Hidden,
    /// A rule test: links that are the same each time and lead nowhere.
    Test,
    Run(&'a RunLinks),
}

impl AnswerLinks<'_> {
    /// The link of the step with this path.
    pub fn url(&self, event: &Event, step: &str) -> String {
        match self {
            AnswerLinks::Hidden => format!("https://…{ANSWERS_PATH}/(known when the run exists)"),
            AnswerLinks::Test => format!("https://answers.example{ANSWERS_PATH}/{step}"),
            AnswerLinks::Run(links) => links.url(event, step),
        }
    }
}

/// A text in which the tokens of links are hidden, also one whose end is missing.
pub fn hide_tokens(text: &str) -> Cow<'_, str> {
    if !text.contains(PREFIX) {
        return Cow::Borrowed(text);
    }
    let mut hidden = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(PREFIX) {
        let (before, token) = rest.split_at(at);
        let after = token[PREFIX.len()..].find(|c: char| !is_token_char(c));
        let after = after.map_or(token.len(), |end| PREFIX.len() + end);
        hidden.push_str(before);
        hidden.push_str(MASK);
        rest = &token[after..];
    }
    hidden.push_str(rest);
    Cow::Owned(hidden)
}

/// [`hide_tokens`] for a text whose beginning is missing: it may begin within a token.
pub fn hide_tokens_in_tail(text: &str) -> Cow<'_, str> {
    let end = text.find(|c: char| !is_token_char(c)).unwrap_or(text.len());
    match is_token_tail(&text[..end]) {
        true => Cow::Owned(format!("{MASK}{}", hide_tokens(&text[end..]))),
        false => hide_tokens(text),
    }
}

/// Whether these can be the last characters of a token: what they encode ends with the path of a step, which is text.
fn is_token_tail(text: &str) -> bool {
    let is_continued = |byte: &&u8| (0x80..0xc0).contains(*byte);
    text.len() > HEAD_BYTES
        && (0..4).any(|missing| {
            let Ok(bytes) = URL_SAFE_NO_PAD.decode(&text[missing..]) else {
                return false;
            };
            let step = bytes.get(HEAD_BYTES..).unwrap_or_default();
            // The first character may be cut.
            let cut = step.iter().take(3).take_while(is_continued).count();
            std::str::from_utf8(&step[cut..]).is_ok()
        })
}

fn is_token_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '-' || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::catalogue::Catalogue;
    use crate::event::catalogue::sample::sample;
    use crate::event::format::decode;
    use crate::event::json::parse::parse;

    fn event() -> Event {
        let sample = sample("support", "ticket.PriorityChanged").expect("a sample");
        let value = parse(sample.text.as_bytes()).expect("JSON").value;
        decode(value, Catalogue::built_in()).expect("an event")
    }

    fn links(run: u64, generation: u32) -> RunLinks {
        RunLinks {
            key: AnswerKey::new([7; 32]),
            base: "https://hooks.example.com".to_owned(),
            run: RunId(run),
            rule: "refund".to_owned(),
            generation,
        }
    }

    fn token(links: &RunLinks, step: &str) -> String {
        let url = AnswerLinks::Run(links).url(&event(), step);
        let token = url.strip_prefix("https://hooks.example.com/answers/");
        token.expect("the base").to_owned()
    }

    #[test]
    fn a_link_names_its_step_and_no_other_work() {
        let asked = AnswerKey::new([7; 32]).open(&token(&links(12, 0), "outer.approval"));
        let asked = asked.expect("signed");
        assert_eq!(
            (asked.run, asked.step.as_str()),
            (RunId(12), "outer.approval")
        );
        assert!(asked.is_of(&event(), "refund", 0));
        assert!(!asked.is_of(&event(), "refund", 1));
        assert!(!asked.is_of(&event(), "other", 0));
        let other = Event {
            id: "another".into(),
            ..event()
        };
        assert!(!asked.is_of(&other, "refund", 0));
    }

    #[test]
    fn what_differs_from_a_signed_token_in_one_bit_is_refused() {
        let key = AnswerKey::new([7; 32]);
        let token = token(&links(12, 0), "approval");
        assert!(AnswerKey::new([8; 32]).open(&token).is_none());
        let bytes = URL_SAFE_NO_PAD
            .decode(&token[PREFIX.len()..])
            .expect("base64");
        for bit in 0..bytes.len() * 8 {
            let mut forged = bytes.clone();
            forged[bit / 8] ^= 1 << (bit % 8);
            let forged = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(&forged));
            assert!(key.open(&forged).is_none(), "bit {bit}");
        }
        for end in 0..token.len() {
            assert!(key.open(&token[..end]).is_none(), "{end}");
        }
        assert!(key.open(&format!("{token}A")).is_none());
        assert!(key.open(&"fta_A".repeat(10_000)).is_none());
    }

    #[test]
    fn no_token_is_left_in_a_hidden_text() {
        let link = token(&links(12, 0), "approval");
        let text = format!("see https://h/answers/{link}?answer=approve or %2Fanswers%2F{link}");
        assert_eq!(
            hide_tokens(&text),
            "see https://h/answers/(hidden)?answer=approve or %2Fanswers%2F(hidden)"
        );
        let cut = &text[..60];
        assert_eq!(hide_tokens(cut), "see https://h/answers/(hidden)");
        for step in ["approval", "approve.all[0].höchster_Betrag"] {
            let token = token(&links(12, 0), step);
            for missing in 1..token.len() - HEAD_BYTES {
                let tail = format!("{} and more", &token[missing..]);
                assert_eq!(hide_tokens_in_tail(&tail), "(hidden) and more", "{missing}");
            }
        }
        for shown in [
            "a short word".to_owned(),
            format!("{}\nend", "e".repeat(508)),
        ] {
            assert_eq!(hide_tokens_in_tail(&shown), shown);
        }
    }

    #[test]
    fn the_key_is_never_printed() {
        assert_eq!(
            format!("{:?}", AnswerKey::new([7; 32])),
            "AnswerKey(hidden)"
        );
    }
}
