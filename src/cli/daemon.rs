//! `daemon`: serves the endpoints that help desks post to, until a signal stops it.
//! Does not start if a rule has errors or a secret has no value.

use std::time::Duration;

use clap::builder::FalseyValueParser;

use super::exit::Exit;
use super::progress::ProgressLine;
use crate::cli::options::GlobalOptions;
use crate::engine::{
    ActivatedSockets, DaemonOptions, EngineError, WATCH_INTERVAL, WatchMode, daemon,
};
use crate::page;
use crate::report::error::CommandError;
use crate::report::output::Output;
use crate::source::http::HttpLimits;
use flowtrigger_core::config::{DaemonRules, PageAddress};

const AFTER_HELP: &str = "\
Examples:
  flowtrigger daemon
  flowtrigger daemon --rules rules/ --data /var/lib/flowtrigger --listen 127.0.0.1:8080
  curl -d @event.json -H 'Content-Type: application/json' http://127.0.0.1:8080/events/support

An event that is answered with 200 is stored in the folder of --data; `flowtrigger runs` and
`flowtrigger why` read it. Only one daemon can use a data folder at a time.

Changed rules, configuration and secrets are loaded within seconds, if they have no mistake;
`flowtrigger reload` and SIGHUP load them at once. SIGTERM rejects new events, waits up to 30 s for
running work, and exits with 0; a second one stops at once. Unfinished runs continue at the next
start.";

/// Serve the endpoint that help desks post events to.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// Address and port to listen on; port 0 selects a free one. Default: the configuration's, or 127.0.0.1:8080.
    #[arg(
        long,
        value_name = "ADDRESS",
        env = "FLOWTRIGGER_LISTEN",
        hide_env_values = true
    )]
    listen: Option<String>,
    /// Use the rules that `flowtrigger push` stored last, instead of those of `--rules`. Default: the configuration's.
    #[arg(long)]
    pushed: bool,
    /// Address and port of the web page, or `off`. Default: the configuration's, or 127.0.0.1:8081 if it is free.
    #[arg(
        long,
        value_name = "ADDRESS",
        env = "FLOWTRIGGER_PAGE",
        hide_env_values = true,
        value_parser = page_address
    )]
    page: Option<PageAddress>,
    /// Do not load changed rules, configuration and secrets until a reload is requested.
    #[arg(
        long,
        env = "FLOWTRIGGER_NO_WATCH",
        hide_env_values = true,
        value_parser = FalseyValueParser::new()
    )]
    no_watch: bool,
    /// The time between two looks at the files, in milliseconds, for tests.
    #[arg(long, value_name = "MILLISECONDS", hide = true)]
    watch_interval: Option<u64>,
}

fn page_address(text: &str) -> Result<PageAddress, String> {
    Ok(match text {
        "off" => PageAddress::Off,
        address => PageAddress::At(address.to_owned()),
    })
}

pub fn run(args: Args, global: &GlobalOptions, _: &mut Output) -> Result<Exit, CommandError> {
    let options = DaemonOptions {
        paths: global.rulebook_paths(None),
        rules: args.pushed.then_some(DaemonRules::Pushed),
        listen: args.listen,
        sockets: ActivatedSockets::take().map_err(EngineError::from)?,
        page: args.page,
        data: global.data.clone(),
        outbox: global.outbox(),
        limits: HttpLimits::default(),
        watch: match args.no_watch {
            true => WatchMode::Off,
            false => WatchMode::Every(
                args.watch_interval
                    .map_or(WATCH_INTERVAL, Duration::from_millis),
            ),
        },
    };
    let mut line = ProgressLine::new();
    let served = daemon(options, page::open, move |progress| line.update(progress));
    let runtime = tokio::runtime::Runtime::new()
        .map_err(|error| CommandError::runtime(format!("failed to start: {error}")))?;
    runtime.block_on(served)?;
    Ok(Exit::Fine)
}
