//! `daemon`: serves the endpoint that help desks post to, until it is asked to stop.
//! It refuses to start with a broken rule or an unset secret.

use super::exit::{CommandError, Exit};
use super::output::Output;
use super::progress::ProgressLine;
use crate::cli::options::GlobalOptions;
use crate::engine::{DaemonOptions, daemon};
use crate::source::http::HttpLimits;

const AFTER_HELP: &str = "\
Examples:
  flowtrigger daemon
  flowtrigger daemon --rules rules/ --data /var/lib/flowtrigger --listen 127.0.0.1:8080
  curl -d @event.json -H 'Content-Type: application/json' http://127.0.0.1:8080/events/support

What it answers with 200 is on disk, in the folder that --data names; `flowtrigger runs` and
`flowtrigger why` read it. One daemon at a time has the folder.

SIGHUP reads rules and configuration again. SIGTERM refuses new events, gives work in flight 30 s
to end, and exits with 0; a second one stops at once. What is left goes on at the next start.";

/// Serve the endpoint that help desks post events to.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// Address and port to listen on, 127.0.0.1:8080 unless the configuration says; port 0 takes any.
    #[arg(
        long,
        value_name = "ADDRESS",
        env = "FLOWTRIGGER_LISTEN",
        hide_env_values = true
    )]
    listen: Option<String>,
}

pub fn run(args: Args, global: &GlobalOptions, _: &mut Output) -> Result<Exit, CommandError> {
    let served = DaemonOptions {
        places: global.places(None),
        listen: args.listen,
        data: global.data.clone(),
        outbox: global.outbox(),
        limits: HttpLimits::default(),
    };
    let mut line = ProgressLine::new();
    let served = daemon(served, move |progress| line.tell(progress));
    let runtime = tokio::runtime::Runtime::new()
        .map_err(|error| CommandError::runtime(format!("failed to start: {error}")))?;
    runtime.block_on(served)?;
    Ok(Exit::Fine)
}
