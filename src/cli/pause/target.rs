//! The options that name what is paused: exactly one of them is given.

use crate::engine::host_target;
use crate::report::error::CommandError;
use flowtrigger_core::suspension::SuspensionTarget;

#[derive(Debug, Clone, clap::Args)]
#[group(required = true, multiple = false)]
pub struct TargetArgs {
    /// A rule.
    #[arg(long, value_name = "NAME")]
    rule: Option<String>,
    /// A connection of `connections` in flowtrigger.yaml.
    #[arg(long, value_name = "NAME")]
    connection: Option<String>,
    /// A host that requests go to without a connection. The default port is that of https.
    #[arg(long, value_name = "NAME:PORT")]
    host: Option<String>,
    /// Every rule.
    #[arg(long)]
    all: bool,
}

impl TargetArgs {
    pub fn target(self) -> Result<SuspensionTarget, CommandError> {
        let named = |name: String, target: fn(String) -> SuspensionTarget| match name.trim() {
            "" => Err(CommandError::usage("the name is empty")),
            name => Ok(target(name.to_owned())),
        };
        match self {
            Self {
                rule: Some(name), ..
            } => named(name, SuspensionTarget::Rule),
            Self {
                connection: Some(name),
                ..
            } => named(name, SuspensionTarget::Connection),
            Self {
                host: Some(text), ..
            } => host_target(&text).map_err(|error| CommandError::usage(error.to_string())),
            Self { .. } => Ok(SuspensionTarget::Everything),
        }
    }
}
