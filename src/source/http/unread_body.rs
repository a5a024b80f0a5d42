//! Notices whether the body of a request was read to its end. If it was not, the server closes the connection after the
//! response, and the response must say so: otherwise the sender writes its next request to a closed connection.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use hyper::body::{Frame, SizeHint};

/// Whether the end of a body was reached.
#[derive(Debug, Clone)]
pub struct BodyEnd(Arc<AtomicBool>);

impl BodyEnd {
    /// Watches the body of a request.
    pub fn watch(request: Request) -> (Request, Self) {
        let end = Self(Arc::new(AtomicBool::new(request.body().is_end_stream())));
        let watched = request.map(|body| {
            Body::new(WatchedBody {
                body,
                end: end.clone(),
            })
        });
        (watched, end)
    }

    /// Announces in the response that the connection is closed, unless the body was read.
    pub fn announce(&self, mut response: Response) -> Response {
        if !self.0.load(Ordering::Relaxed) {
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(header::CONNECTION, close);
        }
        response
    }
}

struct WatchedBody {
    body: Body,
    end: BodyEnd,
}

impl HttpBody for WatchedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        if matches!(frame, Poll::Ready(None)) || self.body.is_end_stream() {
            self.end.0.store(true, Ordering::Relaxed);
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::super::authenticate::drain;
    use super::*;

    fn closes(end: &BodyEnd) -> bool {
        let response = end.announce(Response::new(Body::empty()));
        response.headers().contains_key(header::CONNECTION)
    }

    #[tokio::test]
    async fn only_a_body_that_was_not_read_closes_the_connection() {
        for (bytes, is_closed) in [(0, false), (1_000, false), (100_000, true)] {
            let (request, end) = BodyEnd::watch(Request::new(Body::from(vec![b'x'; bytes])));
            assert_eq!(closes(&end), bytes > 0, "nothing was read of {bytes}");
            let mut request = request;
            let length = HeaderValue::from(bytes);
            request.headers_mut().insert(header::CONTENT_LENGTH, length);
            drain(request).await;
            assert_eq!(closes(&end), is_closed, "{bytes}");
        }
    }
}
