//! A question of a run, as a link of an answer leads to it, and what becomes of the answer.

use std::net::IpAddr;

use jiff::Timestamp;
use serde_json::{Map, Value};

use flowtrigger_core::run::answer_link::AskedStep;

/// What a link asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskedQuestion {
    /// The rule that asks.
    pub rule: String,
    /// What its event is about: the ticket.
    pub about: Option<String>,
    /// The step's name.
    pub step: String,
    /// What the author of the rule asks.
    pub text: Option<String>,
    pub answers: Vec<String>,
    pub state: QuestionState,
}

/// Whether a question can be answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QuestionState {
    /// Until this time, if the step has begun.
    Open {
        until: Option<Timestamp>,
    },
    Answered {
        answer: String,
        at: Timestamp,
    },
    Expired {
        at: Timestamp,
    },
    /// The run has ended, in this state.
    Over {
        state: &'static str,
    },
}

/// What became of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnswerResult {
    Accepted(AskedQuestion),
    /// The question cannot be answered any more: its state says why.
    TooLate(AskedQuestion),
    /// It is none of the possible answers.
    NoSuchAnswer(AskedQuestion),
}

/// An answer that was sent to a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentAnswer {
    pub asked: AskedStep,
    pub answer: String,
    pub by: AnsweringClient,
}

/// What is known of who sends an answer: nothing that a link says identifies a person.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AnsweringClient {
    pub address: Option<IpAddr>,
    /// The name of the program, shortened.
    pub agent: Option<String>,
}

/// Characters of the name of a program.
const MAX_AGENT_CHARS: usize = 200;

impl AnsweringClient {
    pub fn new(address: Option<IpAddr>, agent: Option<&str>) -> Self {
        let clean = |agent: &str| -> String {
            let shown = agent.trim().chars().filter(|c| !c.is_control());
            shown.take(MAX_AGENT_CHARS).collect()
        };
        Self {
            address,
            agent: agent.map(clean).filter(|agent| !agent.is_empty()),
        }
    }

    /// As it is stored: `steps.NAME.by`.
    pub fn to_json(&self) -> Value {
        let mut by = Map::new();
        by.insert("via".to_owned(), "link".into());
        if let Some(address) = self.address {
            by.insert("address".to_owned(), address.to_string().into());
        }
        if let Some(agent) = &self.agent {
            by.insert("agent".to_owned(), agent.as_str().into());
        }
        Value::Object(by)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_a_client_says_of_itself_is_cut_and_cleaned() {
        let agent = format!(" Browser\u{1b}[31m/1.0{} ", "x".repeat(500));
        let client = AnsweringClient::new("192.0.2.7".parse().ok(), Some(&agent));
        let kept = client.agent.as_deref().expect("an agent");
        assert!(kept.starts_with("Browser[31m/1.0x"), "{kept}");
        assert_eq!(kept.chars().count(), MAX_AGENT_CHARS);
        assert_eq!(client.to_json()["address"], "192.0.2.7");
        let unknown = AnsweringClient::new(None, Some(" "));
        assert_eq!(unknown.to_json(), json!({"via": "link"}));
    }
}
