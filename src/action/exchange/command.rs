//! Records a command from its rendered call, and its outputs when it has ended.

use std::os::unix::process::ExitStatusExt;

use sha2::{Digest, Sha256};

use super::clean::{ReceivedBytes, TextCleaner, TextEnd};
use super::{ExchangeRecorder, RecordScope};
use crate::action::command::INHERITED;
use crate::action::command::process::{CapturedOutput, ProcessOutput, Termination};
use crate::action::secret::SecretStore;
use flowtrigger_core::flow::call::ExecCall;
use flowtrigger_core::language::rendered_text::RenderedText;
use flowtrigger_core::path::redact::REDACTED;
use flowtrigger_core::run::exchange::{
    CommandEnd, CommandExchange, Exchange, ExchangeText, ExchangeTiming, RequestChanges,
    StdinDigest, TextBudget,
};

impl ExchangeRecorder {
    /// Records the command before it starts. `size` is the size of its input with the values of its secrets.
    pub(in crate::action) fn command(&self, call: &ExecCall, (secrets, size): (&SecretStore, u64)) {
        let RecordScope::Content { limit } = self.scope else {
            return;
        };
        let cleaner = TextCleaner {
            secrets,
            mask: &self.mask,
        };
        let mut budget = TextBudget::new(limit);
        let mut redacted = false;
        let mut kept = |text: &RenderedText| {
            let mut text = match self.mask.is_whole(text) {
                true => {
                    redacted = true;
                    ExchangeText::plain(REDACTED)
                }
                false => ExchangeText::from_rendered(text),
            };
            redacted |= cleaner.sent(&mut text);
            budget.take(text)
        };
        let argv = call.argv.iter().map(&mut kept).collect();
        let changes = RequestChanges {
            cut: budget.was_cut(),
            redacted,
        };
        self.start(Exchange::Command(Box::new(CommandExchange {
            argv,
            cwd: call.cwd.clone(),
            environment: variables(call),
            stdin: StdinDigest {
                size,
                sha256: self.digest(&call.stdin, &cleaner),
            },
            end: None,
            stdout: None,
            stderr: None,
            timing: ExchangeTiming::default(),
            changes,
        })));
    }

    /// Records how the command ended, and its outputs.
    pub(in crate::action) fn command_ended(&self, ended: &ProcessOutput, secrets: &SecretStore) {
        let RecordScope::Content { limit } = self.scope else {
            return;
        };
        let cleaner = TextCleaner {
            secrets,
            mask: &self.mask,
        };
        let (out, err) = (ended.stdout.bytes(), ended.stderr.bytes());
        // Both outputs share the limit; standard output gets what the other leaves.
        let stderr = cleaner.tail_of(&received(&ended.stderr, &err), limit / 2);
        let left = limit.saturating_sub(err.len().min(limit / 2));
        let stdout = cleaner.body(&received(&ended.stdout, &out), &mut TextBudget::new(left));
        let end = match ended.how {
            Termination::Exited(status) => match (status.code(), status.signal()) {
                (Some(code), _) => Some(CommandEnd::Status(code)),
                (None, signal) => signal.map(CommandEnd::Signal),
            },
            Termination::Terminated | Termination::Killed => Some(CommandEnd::TimedOut),
        };
        if let Some(Exchange::Command(command)) = &mut self.parts().exchange {
            command.end = end;
            (command.stdout, command.stderr) = (Some(stdout), Some(stderr));
        }
    }

    /// The digest of the input as it may be kept: that of the real input would let a short value be guessed.
    fn digest(&self, stdin: &RenderedText, cleaner: &TextCleaner<'_>) -> String {
        let text = stdin.to_string();
        let masked = self.mask.json(text.as_bytes());
        let clean = cleaner.text(masked.as_deref().unwrap_or(&text));
        let digest = Sha256::digest(clean.as_bytes());
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// The names of the variables that the command gets, without those that identify its process.
fn variables(call: &ExecCall) -> Vec<String> {
    let inherited = INHERITED.into_iter();
    let inherited = inherited.filter(|name| std::env::var_os(name).is_some());
    let own = call.env.iter().map(|(name, _)| name.as_str());
    let mut names: Vec<String> = Vec::new();
    for name in inherited.chain(own) {
        if !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }
    names
}

fn received<'b>(output: &CapturedOutput, bytes: &'b [u8]) -> ReceivedBytes<'b> {
    ReceivedBytes {
        bytes,
        end: match output.truncated {
            true => TextEnd::Missing,
            false => TextEnd::Whole,
        },
        size: output.size,
    }
}
