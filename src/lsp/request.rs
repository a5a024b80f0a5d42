//! Answers the requests of a client by their method. An unknown method is an error, and the session continues.

use lsp_server::{ErrorCode, Request};
use lsp_types::request::{
    CodeActionRequest, Completion, DocumentSymbolRequest, GotoDefinition, HoverRequest,
    InlayHintRequest, References, Request as RequestMethod,
};
use lsp_types::{
    CodeActionParams, CompletionParams, DocumentSymbolParams, GotoDefinitionParams, HoverParams,
    InlayHintParams, ReferenceParams, Uri,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use thiserror::Error;

use super::file_view::FileView;
use super::session::EditorSession;
use super::{code_action, completion, definition, document_symbol, hover, inlay_hint};

/// Why a request has no answer.
#[derive(Debug, Error)]
pub enum RequestError {
    #[error("this server has no method `{0}`")]
    UnknownMethod(String),
    #[error("invalid parameters: {0}")]
    Parameters(#[from] serde_json::Error),
}

impl RequestError {
    pub fn code(&self) -> ErrorCode {
        match self {
            RequestError::UnknownMethod(_) => ErrorCode::MethodNotFound,
            RequestError::Parameters(_) => ErrorCode::InvalidParams,
        }
    }
}

/// Returns the answer of a request: `null` for files that no workspace reads.
pub fn answer(session: &EditorSession, request: Request) -> Result<Value, RequestError> {
    match request.method.as_str() {
        Completion::METHOD => {
            let parameters: CompletionParams = parameters(request)?;
            let at = parameters.text_document_position;
            of_file(session, &at.text_document.uri, |view| {
                Some(completion::items(view, at.position))
            })
        }
        HoverRequest::METHOD => {
            let parameters: HoverParams = parameters(request)?;
            let at = parameters.text_document_position_params;
            of_file(session, &at.text_document.uri, |view| {
                hover::hover(view, at.position)
            })
        }
        GotoDefinition::METHOD => {
            let parameters: GotoDefinitionParams = parameters(request)?;
            let at = parameters.text_document_position_params;
            of_file(session, &at.text_document.uri, |view| {
                Some(definition::definitions(view, at.position))
            })
        }
        References::METHOD => {
            let parameters: ReferenceParams = parameters(request)?;
            let at = parameters.text_document_position;
            let context = parameters.context;
            of_file(session, &at.text_document.uri, |view| {
                Some(definition::references(view, at.position, context))
            })
        }
        DocumentSymbolRequest::METHOD => {
            let parameters: DocumentSymbolParams = parameters(request)?;
            of_file(session, &parameters.text_document.uri, |view| {
                Some(document_symbol::symbols(view))
            })
        }
        CodeActionRequest::METHOD => {
            let parameters: CodeActionParams = parameters(request)?;
            of_file(session, &parameters.text_document.uri, |view| {
                Some(code_action::actions(view, &parameters))
            })
        }
        InlayHintRequest::METHOD => {
            let parameters: InlayHintParams = parameters(request)?;
            of_file(session, &parameters.text_document.uri, |view| {
                Some(inlay_hint::hints(view, parameters.range))
            })
        }
        _ => Err(RequestError::UnknownMethod(request.method)),
    }
}

fn parameters<P: DeserializeOwned>(request: Request) -> Result<P, RequestError> {
    Ok(serde_json::from_value(request.params)?)
}

fn of_file<A: Serialize>(
    session: &EditorSession,
    uri: &Uri,
    answer: impl FnOnce(&FileView<'_>) -> Option<A>,
) -> Result<Value, RequestError> {
    let answer = session.view(uri).and_then(|view| answer(&view));
    Ok(serde_json::to_value(answer)?)
}
