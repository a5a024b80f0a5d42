//! The language server for editors: problems while typing, completion, descriptions, definitions and references.
//! It speaks the Language Server Protocol on standard input and output; logs go to standard error.

mod capabilities;
mod client;
mod code_action;
mod completion;
mod cursor;
mod definition;
mod document_symbol;
mod file_uri;
mod file_view;
mod flow_caller;
mod full_check;
mod hover;
mod inlay_hint;
mod known_event;
mod open_document;
mod position;
mod published;
mod queue;
mod quick_check;
mod request;
mod schema_walk;
mod session;
mod settings;
mod symbol;
mod workspace;
mod workspace_root;

use std::io;

use lsp_server::{Connection, ProtocolError};
use lsp_types::InitializeParams;
use serde_json::json;
use thiserror::Error;

pub use schema_walk::LanguageSchemas;
pub use session::SessionEnd;
pub use workspace_root::WorkspaceLayout;

use session::EditorSession;

/// Why the server ended without its client asking for it.
#[derive(Debug, Error)]
pub enum LanguageServerError {
    #[error("the client broke the protocol: {0}")]
    Protocol(#[from] ProtocolError),
    #[error("the client sent invalid parameters of `initialize`: {0}")]
    Parameters(#[from] serde_json::Error),
    #[error("failed to exchange messages with the client: {0}")]
    Io(#[from] io::Error),
}

/// Serves one client on standard input and output until it ends the session.
///
/// # Errors
/// A client that does not speak the protocol, or whose connection fails.
pub fn serve(
    layout: WorkspaceLayout,
    schemas: LanguageSchemas,
) -> Result<SessionEnd, LanguageServerError> {
    let (connection, threads) = Connection::stdio();
    let (id, parameters) = connection.initialize_start()?;
    let parameters: InitializeParams = serde_json::from_value(parameters)?;
    let unit = capabilities::position_unit(&parameters);
    let answer = json!({
        "capabilities": capabilities::of_server(unit),
        "serverInfo": { "name": "flowtrigger", "version": env!("CARGO_PKG_VERSION") },
    });
    connection.initialize_finish(id, answer)?;
    let end = EditorSession::new(connection, &parameters, layout, schemas).run();
    match end {
        SessionEnd::Exit => threads.join()?,
        // The client may still hold its end open.
        SessionEnd::Abandoned => {}
    }
    Ok(end)
}
