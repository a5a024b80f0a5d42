//! The bytes of a request, up to a limit of its own and to what all bodies together may take.
//! It keeps nothing beyond the limit, but hears a sender out for a while, so that the sender hears why.

use std::future::poll_fn;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::http::header;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::HttpLimits;
use super::response::HttpError;

/// A sender of more than this is hung up on in the middle; one of less gets its 413.
const MAX_DRAINED_BYTES: usize = 16 * 1024 * 1024;
/// Bytes of a body that are never waited for: more than almost every event has.
const UNLIMITED_BYTES: usize = 16 * 1024;
/// How long a large body waits for room, before its sender is asked to come back.
const BODY_MEMORY_TIMEOUT: Duration = Duration::from_secs(3);
/// What room is counted in.
const BYTES_PER_PERMIT: usize = 1024;

/// The memory for bodies that are being read.
pub struct BodyLimiter {
    limit: usize,
    room: Arc<Semaphore>,
    patience: Duration,
}

/// The bytes of one body, with the room that they take.
pub struct LimitedBody {
    bytes: Vec<u8>,
    room: Option<OwnedSemaphorePermit>,
}

impl Deref for LimitedBody {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl BodyLimiter {
    pub fn new(limits: &HttpLimits) -> Self {
        Self {
            limit: limits.body,
            room: Arc::new(Semaphore::new(limits.bodies.div_ceil(BYTES_PER_PERMIT))),
            patience: BODY_MEMORY_TIMEOUT,
        }
    }

    pub async fn read(&self, request: Request) -> Result<LimitedBody, HttpError> {
        let limit = self.limit;
        let length = request.headers().get(header::CONTENT_LENGTH);
        let length = length.and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
        if length.is_some_and(|length| length > MAX_DRAINED_BYTES) {
            return Err(HttpError::TooLarge { limit });
        }
        let mut body = request.into_body();
        let mut taken = LimitedBody {
            bytes: Vec::with_capacity(length.unwrap_or_default().min(UNLIMITED_BYTES)),
            room: None,
        };
        let mut heard = 0;
        while let Some(piece) = next(&mut body).await? {
            heard += piece.len();
            if heard > MAX_DRAINED_BYTES {
                break;
            }
            if heard <= limit {
                self.make_room(&mut taken, heard).await?;
                taken.bytes.extend_from_slice(&piece);
            } else {
                // What is too large is not kept while the rest of it is heard.
                taken = LimitedBody {
                    bytes: Vec::new(),
                    room: None,
                };
            }
        }
        match heard > limit {
            true => Err(HttpError::TooLarge { limit }),
            false => Ok(taken),
        }
    }

    /// Beyond the small ones, all bodies share what there is. The room of a body grows by doubling, as
    /// its bytes do.
    async fn make_room(&self, taken: &mut LimitedBody, wanted: usize) -> Result<(), HttpError> {
        let has = taken.room.as_ref().map_or(0, |room| room.num_permits());
        if wanted <= UNLIMITED_BYTES + has * BYTES_PER_PERMIT {
            return Ok(());
        }
        let whole = wanted.next_power_of_two().min(self.limit);
        let more = whole
            .saturating_sub(UNLIMITED_BYTES)
            .div_ceil(BYTES_PER_PERMIT)
            - has;
        let more = u32::try_from(more).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.room).acquire_many_owned(more);
        let Ok(Ok(room)) = timeout(self.patience, room).await else {
            return Err(HttpError::Crowded);
        };
        match &mut taken.room {
            Some(held) => held.merge(room),
            None => taken.room = Some(room),
        }
        Ok(())
    }
}

/// Hears a body to its end and keeps nothing of it.
pub async fn discard_body(request: Request) {
    let mut body = request.into_body();
    while let Ok(Some(_)) = next(&mut body).await {}
}

async fn next(body: &mut Body) -> Result<Option<Bytes>, HttpError> {
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await {
        // Trailers say nothing that is read here.
        if let Ok(data) = frame.map_err(|_| HttpError::CutOff)?.into_data() {
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

    async fn read(bodies: &BodyLimiter, bytes: usize) -> Result<usize, HttpError> {
        bodies.read(request(bytes)).await.map(|taken| taken.len())
    }

    fn bodies(body: usize, bodies: usize) -> BodyLimiter {
        let limits = HttpLimits {
            body,
            bodies,
            ..HttpLimits::default()
        };
        BodyLimiter {
            patience: Duration::ZERO,
            ..BodyLimiter::new(&limits)
        }
    }

    #[tokio::test]
    async fn the_limit_is_inclusive() {
        let bodies = bodies(10, 1024 * 1024);
        assert_eq!(read(&bodies, 10).await, Ok(10));
        assert_eq!(
            read(&bodies, 11).await,
            Err(HttpError::TooLarge { limit: 10 })
        );
        assert_eq!(
            read(&bodies, MAX_DRAINED_BYTES + 1).await,
            Err(HttpError::TooLarge { limit: 10 })
        );
    }

    #[tokio::test]
    async fn large_bodies_share_the_room_and_small_ones_need_none() {
        let bodies = bodies(64 * 1024, 64 * 1024);
        let large = bodies.read(request(40 * 1024)).await.unwrap();
        assert_eq!(read(&bodies, 40 * 1024).await, Err(HttpError::Crowded));
        assert_eq!(read(&bodies, UNLIMITED_BYTES).await, Ok(UNLIMITED_BYTES));
        drop(large);
        assert_eq!(read(&bodies, 64 * 1024).await, Ok(64 * 1024));
        assert_eq!(read(&bodies, 64 * 1024).await, Ok(64 * 1024));
    }
}
