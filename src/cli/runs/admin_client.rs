//! The daemon's administrative socket, from the outside: HTTP with JSON over a Unix socket.
//! It refuses to guess why nobody answers: an absent daemon is one thing, a forbidden socket another.

use std::io::ErrorKind;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use reqwest::{Client, StatusCode};
use serde_json::Value;
use tokio::runtime::Runtime;
use url::form_urlencoded;

use crate::cli::exit::CommandError;
use crate::cli::runs::command::{ReplayRules, RunCommand, RunCommandResult, RunStatusRow};
use crate::store::history::RunRow;

/// A daemon with a full commit queue answers later than at once.
const PATIENCE: Duration = Duration::from_secs(30);

pub struct AdminClient {
    client: Client,
    runtime: Runtime,
}

impl AdminClient {
    /// None where no daemon is alive.
    pub fn connect(socket: &Path) -> Result<Option<Self>, CommandError> {
        let unreachable = |why: String| {
            CommandError::runtime(format!(
                "failed to reach the daemon at `{}`: {why}",
                socket.display()
            ))
        };
        match UnixStream::connect(socket) {
            Ok(_) => {}
            Err(error) => match error.kind() {
                ErrorKind::NotFound | ErrorKind::ConnectionRefused => return Ok(None),
                ErrorKind::PermissionDenied => {
                    let help = "run the command as the user that runs the daemon";
                    return Err(unreachable(error.to_string()).help(help));
                }
                // The system takes no longer names of sockets than some hundred bytes.
                ErrorKind::InvalidInput => {
                    let help = "the path of the data folder is too long: change into it, or use a symbolic link";
                    return Err(unreachable(error.to_string()).help(help));
                }
                _ => return Err(unreachable(error.to_string())),
            },
        }
        // Nothing here is encrypted, but no client is built without; a second call changes nothing.
        drop(rustls::crypto::ring::default_provider().install_default());
        let client = Client::builder().unix_socket(socket).timeout(PATIENCE);
        let client = client.build().map_err(|e| unreachable(e.to_string()))?;
        let runtime = Runtime::new().map_err(|e| unreachable(e.to_string()))?;
        Ok(Some(Self { client, runtime }))
    }

    /// Gives the order run by run; what one is refused for does not keep it from the others.
    pub fn carry_out(
        &self,
        order: RunCommand,
        runs: &[RunRow],
    ) -> Result<Vec<RunCommandResult>, CommandError> {
        self.runtime.block_on(async {
            let mut answers = Vec::with_capacity(runs.len());
            for run in runs {
                let result = self.ask(order, run).await.map_err(|why| {
                    let done = answers.len();
                    CommandError::runtime(format!(
                        "failed to {} run {}: {why}; {done} before it were processed",
                        order.word(),
                        run.id.0
                    ))
                })?;
                answers.push(RunCommandResult::new(run, result));
            }
            Ok(answers)
        })
    }

    /// What became of it; the outer error is one of the way to the daemon.
    async fn ask(
        &self,
        order: RunCommand,
        run: &RunRow,
    ) -> Result<Result<Vec<RunStatusRow>, String>, String> {
        let mut url = format!("http://flowtrigger/runs/{}/{}", run.id.0, order.word());
        if order == RunCommand::Replay(ReplayRules::ItsRule) {
            let rule = form_urlencoded::Serializer::new(String::new())
                .append_pair("rule", &run.rule)
                .finish();
            url = format!("{url}?{rule}");
        }
        let answer = self.client.post(url).send().await;
        let answer = answer.map_err(|error| error.without_url().to_string())?;
        let status = answer.status();
        let body = answer.bytes().await.map_err(|error| error.to_string())?;
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        match status {
            StatusCode::OK => placed(&body).map(Ok).ok_or_else(|| {
                "the answer of the daemon is invalid; is it another version?".into()
            }),
            StatusCode::NOT_FOUND | StatusCode::CONFLICT if body["error"].is_string() => {
                Ok(Err(body["error"].as_str().unwrap_or_default().to_owned()))
            }
            other => Err(match body["error"].as_str() {
                Some(why) => format!("the daemon answers {other}: {why}"),
                None => format!("the daemon answers {other}; is it another version?"),
            }),
        }
    }
}

fn placed(body: &Value) -> Option<Vec<RunStatusRow>> {
    let placed = |run: &Value| {
        Some(RunStatusRow {
            id: run["id"].as_u64()?,
            rule: run["rule"].as_str()?.to_owned(),
            state: run["state"].as_str()?.to_owned(),
        })
    };
    body["runs"].as_array()?.iter().map(placed).collect()
}
