//! `page`: prints a one-time link with which somebody signs in on the web page of a running daemon.

use std::io::Write;

use serde_json::json;

use super::exit::Exit;
use crate::cli::options::{Format, GlobalOptions};
use crate::cli::runs::admin_client::{AdminClient, system_user_name};
use crate::page::{LoginLink, LoginRequest, Role};
use crate::report::error::CommandError;
use crate::report::output::Output;
use crate::report::render::document::versioned;
use crate::report::render::escape::plain;
use crate::report::time_argument::seconds;

const AFTER_HELP: &str = "\
Examples:
  flowtrigger page                     print a link with which you may retry, replay and cancel
  flowtrigger page --read --name ada   print a link for ada, who may only read
  ssh -L 8081:/var/lib/flowtrigger/flowtrigger.sock desk
                                       the page of another machine, without a link: open
                                       http://127.0.0.1:8081

The link works once, for 10 minutes, and the session that it starts for 12 hours.
Exit codes: 0 success, 1 no daemon runs, or its page has no address.";

/// Print a link with which you sign in on the web page.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// The session may only read: no retry, replay and cancel.
    #[arg(long)]
    read: bool,
    /// The name that is logged with commands. Default: the name of the system user.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Output format.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

pub fn run(args: Args, global: &GlobalOptions, out: &mut Output) -> Result<Exit, CommandError> {
    let socket = global.socket();
    let Some(admin) = AdminClient::connect(&socket)? else {
        let data = global.data.display();
        let error = CommandError::nothing(format!("no daemon runs on the data folder `{data}`"));
        return Err(error.help("start `flowtrigger daemon`, or name its folder with `--data`"));
    };
    let request = LoginRequest {
        name: args.name.unwrap_or_else(system_user_name),
        role: match args.read {
            true => Role::Read,
            false => Role::Act,
        },
    };
    let link = admin.login_link(&request).map_err(CommandError::runtime)?;
    let socket = socket.canonicalize().unwrap_or(socket);
    match args.format {
        Format::Json => {
            let mut document = json!(link);
            document["socket"] = socket.display().to_string().into();
            writeln!(out, "{}", versioned(document))?;
        }
        Format::Text => match &link.url {
            Some(url) => writeln!(out, "{url}\n{}", describe(&link))?,
            None => write!(
                out,
                "the page has no address (`page: off`, or the port was in use); it is served on the daemon's socket, without a login:\n  ssh -L 8081:{} HOST\nthen open http://127.0.0.1:8081\n",
                plain(&socket.display().to_string())
            )?,
        },
    }
    Ok(match link.url {
        Some(_) => Exit::Fine,
        None => Exit::Negative,
    })
}

/// What the link is good for.
fn describe(link: &LoginLink) -> String {
    let role = match link.role {
        Role::Act => "act",
        Role::Read => "read",
    };
    let until = link
        .expires
        .map(|expires| format!(", until {}", seconds(expires)));
    format!(
        "works once{}; signs in {}, who may {role}",
        until.unwrap_or_default(),
        plain(&link.name)
    )
}
