//! Finds the working directory of a command.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use crate::action::PerformerOptions;
use flowtrigger_core::flow::call::ExecCall;
use flowtrigger_core::run::call_result::CallFailure;

/// The call, in the folder of the options if it names none and the folder of its rule does not exist.
pub(super) fn applied<'c>(call: &'c ExecCall, options: &PerformerOptions) -> Cow<'c, ExecCall> {
    match &options.work_folder {
        Some(folder) if call.cwd_is_default && !Path::new(&call.cwd).is_dir() => {
            Cow::Owned(ExecCall {
                cwd: folder.to_string_lossy().into_owned(),
                ..call.clone()
            })
        }
        Some(_) | None => Cow::Borrowed(call),
    }
}

/// The absolute path of the folder, which must exist.
pub(super) fn existing(call: &ExecCall, shown: &str) -> Result<PathBuf, CallFailure> {
    let absolute = std::path::absolute(Path::new(&call.cwd));
    match absolute {
        Ok(folder) if folder.is_dir() => Ok(folder),
        Ok(_) | Err(_) => Err(CallFailure::permanent(format!(
            "the folder `{}` of the command `{shown}` does not exist; create it or correct `cwd`",
            call.cwd
        ))),
    }
}
