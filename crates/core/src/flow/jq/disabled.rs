//! The replacement for jq programs in a build without the feature `jq`: every program is an error.

use serde_json::Value;

use crate::flow::jq::JqError;

#[derive(Debug)]
pub struct JqProgram {
    never: std::convert::Infallible,
}

impl JqProgram {
    pub fn compile(text: &str) -> Result<Self, JqError> {
        Err(JqError {
            range: 0..text.len(),
            message: "this flowtrigger was built without jq".into(),
            help: "build it with the feature `jq`, which is on by default, or use templates and \
                   their filters"
                .into(),
        })
    }

    pub fn run(&self, _input: &str) -> Result<Value, String> {
        match self.never {}
    }
}
