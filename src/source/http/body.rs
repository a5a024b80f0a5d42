//! The bytes of a request, up to a limit.
//! It keeps nothing beyond the limit, but hears a sender out for a while, so that the sender hears why.

use std::future::poll_fn;
use std::pin::Pin;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::http::header;

use super::answer::Problem;

/// A sender of more than this is hung up on in the middle; one of less gets its 413.
const HEARD_OUT: usize = 16 * 1024 * 1024;

pub async fn read(request: Request, limit: usize) -> Result<Vec<u8>, Problem> {
    let length = request.headers().get(header::CONTENT_LENGTH);
    let length = length.and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if length.is_some_and(|length| length > HEARD_OUT) {
        return Err(Problem::TooLarge { limit });
    }
    let mut body = request.into_body();
    let mut bytes = Vec::with_capacity(length.unwrap_or_default().min(limit));
    let mut heard = 0;
    while let Some(piece) = next(&mut body).await? {
        heard += piece.len();
        if heard > HEARD_OUT {
            break;
        }
        if heard <= limit {
            bytes.extend_from_slice(&piece);
        }
    }
    match heard > limit {
        true => Err(Problem::TooLarge { limit }),
        false => Ok(bytes),
    }
}

async fn next(body: &mut Body) -> Result<Option<Bytes>, Problem> {
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await {
        // Trailers say nothing that is read here.
        if let Ok(data) = frame.map_err(|_| Problem::CutOff)?.into_data() {
            return Ok(Some(data));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(bytes: usize) -> Request {
        Request::new(Body::from(vec![b'x'; bytes]))
    }

    #[tokio::test]
    async fn the_limit_is_inclusive() {
        assert_eq!(read(request(10), 10).await.map(|b| b.len()), Ok(10));
        assert_eq!(
            read(request(11), 10).await,
            Err(Problem::TooLarge { limit: 10 })
        );
        let endless = request(HEARD_OUT + 1);
        assert_eq!(
            read(endless, 10).await,
            Err(Problem::TooLarge { limit: 10 })
        );
    }
}
