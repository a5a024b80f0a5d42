//! Client of the daemon's administrative socket: HTTP with JSON over a Unix socket.
//! Distinguishes an absent daemon from a socket without permission.

use std::io::ErrorKind;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::{Client, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use url::form_urlencoded;

use crate::page::{LoginLink, LoginRequest};
use crate::report::error::CommandError;
use crate::report::replay::scope::ReplayRules;
use crate::report::run::command::{RunCommand, RunCommandResult, RunStatusRow};
use crate::source::admin::{
    AnswerRequest, COMMANDER, PauseAnswer, PauseRequest, ReloadResult, ReplayRequest,
};
use crate::store::RevisionId;
use crate::store::history::RunRow;
use flowtrigger_core::run::commander::{CommandOrigin, Commander};

/// The time-out of a request. A daemon with a full commit queue answers late.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The time-out of a reload: a hundred thousand rules take half a minute on a busy machine.
const RELOAD_TIMEOUT: Duration = Duration::from_secs(600);

/// The time-out of a question that a command can do without.
const QUESTION_TIMEOUT: Duration = Duration::from_secs(2);

pub struct AdminClient {
    client: Client,
    runtime: Runtime,
    socket: PathBuf,
}

impl AdminClient {
    /// Returns `None` if no daemon runs.
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
                // The system limits the path of a socket to about a hundred bytes.
                ErrorKind::InvalidInput => {
                    let help = "the path of the data folder is too long: change into it, or use a symbolic link";
                    return Err(unreachable(error.to_string()).help(help));
                }
                _ => return Err(unreachable(error.to_string())),
            },
        }
        // Building a client requires a TLS provider. A second call has no effect.
        drop(rustls::crypto::ring::default_provider().install_default());
        let client = Client::builder().unix_socket(socket).timeout(TIMEOUT);
        let client = client.build().map_err(|e| unreachable(e.to_string()))?;
        let runtime = Runtime::new().map_err(|e| unreachable(e.to_string()))?;
        Ok(Some(Self {
            client,
            runtime,
            socket: socket.to_owned(),
        }))
    }

    /// Why the daemon accepts no events now; `None` if it accepts them.
    pub fn readiness(&self) -> Result<Option<String>, String> {
        let status = self.status()?;
        match (status["ready"].as_bool(), status["reason"].as_str()) {
            (Some(true), _) => Ok(None),
            (Some(false), reason) => Ok(Some(reason.unwrap_or("it is stopping").to_owned())),
            (None, _) => Err("the answer of the daemon is invalid; is it another version?".into()),
        }
    }

    /// The revision that the daemon evaluates events with.
    pub fn revision(&self) -> Result<RevisionId, String> {
        let status = self.status()?;
        let revision = status["revision"].as_u64().map(RevisionId);
        revision.ok_or_else(|| "the answer of the daemon is invalid; is it another version?".into())
    }

    /// The state of the daemon.
    pub fn status(&self) -> Result<Value, String> {
        self.ask(self.client.get("http://flowtrigger/status"))
    }

    /// Makes the daemon write what it has received to the database.
    pub fn flush(&self) -> Result<(), String> {
        self.ask(self.client.post("http://flowtrigger/flush"))
            .map(drop)
    }

    /// Makes the daemon load rules and configuration again.
    pub fn reload(&self) -> Result<ReloadResult, String> {
        let url = format!("http://flowtrigger/reload?{}", commander_query().finish());
        let answer = self.ask_within(self.client.post(url), RELOAD_TIMEOUT)?;
        serde_json::from_value(answer)
            .map_err(|_| "the answer of the daemon is invalid; is it another version?".into())
    }

    /// A one-time link to the web page.
    pub fn login_link(&self, request: &LoginRequest) -> Result<LoginLink, String> {
        let url = "http://flowtrigger/login-links";
        let answer = self.ask(self.client.post(url).body(json!(request).to_string()))?;
        serde_json::from_value(answer)
            .map_err(|_| "the answer of the daemon is invalid; is it another version?".into())
    }

    /// Describes a request without an answer: the daemon ended, or is too slow.
    fn no_answer(&self, error: reqwest::Error, limit: Duration) -> String {
        if error.is_timeout() {
            return format!(
                "the daemon did not answer within {} s; whether it was done is unknown",
                limit.as_secs()
            );
        }
        match UnixStream::connect(&self.socket) {
            Err(_) => "the daemon ended before it answered; whether it was done is unknown".into(),
            Ok(_) => format!(
                "the daemon closed the connection: {}; whether it was done is unknown; run the command as the user of the daemon, inside of its container if it has one",
                error.without_url()
            ),
        }
    }

    fn ask(&self, request: RequestBuilder) -> Result<Value, String> {
        self.ask_within(request, QUESTION_TIMEOUT)
    }

    fn ask_within(&self, request: RequestBuilder, limit: Duration) -> Result<Value, String> {
        self.runtime.block_on(async {
            let response = request.timeout(limit).send().await;
            let response = response.map_err(|error| self.no_answer(error, limit))?;
            let status = response.status();
            let body = response.bytes().await;
            let body = body.map_err(|error| self.no_answer(error, limit))?;
            let body: Value = serde_json::from_slice(&body).unwrap_or_default();
            match (status, body["error"].as_str()) {
                (StatusCode::OK, _) => Ok(body),
                (_, Some(why)) => Err(why.to_owned()),
                (other, None) => Err(format!(
                    "the daemon answers {other}; is it another version?"
                )),
            }
        })
    }

    /// Replays a stored event. Returns the status and the body of the answer.
    pub fn replay_event(&self, request: &ReplayRequest) -> Result<(StatusCode, Value), String> {
        self.runtime.block_on(async {
            let body = json!(request).to_string();
            let sent = self
                .client
                .post(format!(
                    "http://flowtrigger/replay?{}",
                    commander_query().finish()
                ))
                .body(body);
            self.answered(sent).await
        })
    }

    /// Answers a question of a run. The inner error is a rejection.
    pub fn answer(
        &self,
        run: u64,
        request: &AnswerRequest,
    ) -> Result<Result<Vec<RunStatusRow>, String>, CommandError> {
        let query = commander_query().finish();
        let url = format!("http://flowtrigger/runs/{run}/answer?{query}");
        let sent = self.client.post(url).body(json!(request).to_string());
        let answered = self.runtime.block_on(async {
            let (status, body) = self.answered(sent).await?;
            statuses(status, &body)
        });
        answered.map_err(|why| CommandError::runtime(format!("failed to answer run {run}: {why}")))
    }

    /// Pauses or resumes. The inner error is a rejection.
    pub fn suspend(
        &self,
        command: &str,
        request: &PauseRequest,
    ) -> Result<Result<PauseAnswer, String>, CommandError> {
        let failed = |why: String| CommandError::runtime(format!("failed to {command}: {why}"));
        let url = format!(
            "http://flowtrigger/{command}?{}",
            commander_query().finish()
        );
        let sent = self.client.post(url).body(json!(request).to_string());
        let (status, body) = self.runtime.block_on(self.answered(sent)).map_err(failed)?;
        match (status, body["error"].as_str()) {
            (StatusCode::OK, _) => serde_json::from_value(body).map(Ok).map_err(|_| {
                failed("the answer of the daemon is invalid; is it another version?".into())
            }),
            (StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND | StatusCode::CONFLICT, Some(why)) => {
                Ok(Err(why.to_owned()))
            }
            (other, Some(why)) => Err(failed(format!("the daemon answers {other}: {why}"))),
            (other, None) => Err(failed(format!(
                "the daemon answers {other}; is it another version?"
            ))),
        }
    }

    async fn answered(&self, request: RequestBuilder) -> Result<(StatusCode, Value), String> {
        let response = request.send().await;
        let response = response.map_err(|error| self.no_answer(error, TIMEOUT))?;
        let status = response.status();
        let body = response.bytes().await;
        let body = body.map_err(|error| self.no_answer(error, TIMEOUT))?;
        Ok((status, serde_json::from_slice(&body).unwrap_or_default()))
    }

    /// Sends the command for each run. A rejected run does not affect the others.
    pub fn execute(
        &self,
        command: RunCommand,
        runs: &[RunRow],
    ) -> Result<Vec<RunCommandResult>, CommandError> {
        self.runtime.block_on(async {
            let mut results = Vec::with_capacity(runs.len());
            for run in runs {
                let result = self.send(command, run).await.map_err(|why| {
                    let done = results.len();
                    CommandError::runtime(format!(
                        "failed to {} run {}: {why}; {done} before it were processed",
                        command.as_str(),
                        run.id.0
                    ))
                })?;
                results.push(RunCommandResult::new(run, result));
            }
            Ok(results)
        })
    }

    /// Sends the command for one run. The outer error is a failed connection, the inner one a rejection.
    async fn send(
        &self,
        command: RunCommand,
        run: &RunRow,
    ) -> Result<Result<Vec<RunStatusRow>, String>, String> {
        let mut query = commander_query();
        if command == RunCommand::Replay(ReplayRules::ItsRule) {
            query.append_pair("rule", &run.rule);
        }
        let url = format!(
            "http://flowtrigger/runs/{}/{}?{}",
            run.id.0,
            command.as_str(),
            query.finish()
        );
        let (status, body) = self.answered(self.client.post(url)).await?;
        statuses(status, &body)
    }
}

/// The runs of an answer. The outer error is an answer that is not understood, the inner one a rejection.
fn statuses(status: StatusCode, body: &Value) -> Result<Result<Vec<RunStatusRow>, String>, String> {
    match status {
        StatusCode::OK => run_statuses(&body["runs"])
            .map(Ok)
            .ok_or_else(|| "the answer of the daemon is invalid; is it another version?".into()),
        StatusCode::NOT_FOUND | StatusCode::CONFLICT if body["error"].is_string() => {
            Ok(Err(body["error"].as_str().unwrap_or_default().to_owned()))
        }
        other => Err(match body["error"].as_str() {
            Some(why) => format!("the daemon answers {other}: {why}"),
            None => format!("the daemon answers {other}; is it another version?"),
        }),
    }
}

/// The query with the name of the system user.
fn commander_query() -> form_urlencoded::Serializer<'static, String> {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair(COMMANDER, &system_user().name.unwrap_or_default());
    query
}

/// The system user that runs the command line, also if `sudo` runs it.
pub fn system_user() -> Commander {
    Commander::new(Some(&system_user_name()), CommandOrigin::CommandLine)
}

/// The login name of the person who runs this, also through `sudo`; `user 0` if the environment has none.
pub fn system_user_name() -> String {
    let names = ["SUDO_USER", "LOGNAME", "USER"].into_iter();
    let mut names = names.filter_map(|name| std::env::var(name).ok());
    names
        .find(|name| !name.trim().is_empty())
        .unwrap_or_else(|| format!("user {}", rustix::process::getuid().as_raw()))
}

/// Reads a list of runs with their states.
pub fn run_statuses(runs: &Value) -> Option<Vec<RunStatusRow>> {
    let status = |run: &Value| {
        Some(RunStatusRow {
            id: run["id"].as_u64()?,
            rule: run["rule"].as_str()?.to_owned(),
            state: run["state"].as_str()?.to_owned(),
        })
    };
    runs.as_array()?.iter().map(status).collect()
}
