//! Reads request bodies within a limit per body and memory limits for all bodies: of their bytes while they are
//! received, and of their values and stored texts while they are accepted.
//! Reads on for a while beyond the limit of a body without keeping it, so that the sender receives the 413.

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
use flowtrigger_core::event::json::size::JsonSize;

/// The most that is read of a body over the limit. Beyond it the connection is closed.
const MAX_DRAINED_BYTES: usize = 16 * 1024 * 1024;
/// The part of each body that needs no memory permit. Almost every event is smaller.
const FREE_BYTES: usize = 16 * 1024;
/// How long a body waits for memory permits before its sender gets a 503.
const BODY_MEMORY_TIMEOUT: Duration = Duration::from_secs(3);
/// The estimated memory of values that needs no permit. An ordinary event takes less.
const FREE_VALUE_BYTES: usize = 128 * 1024;
/// An event keeps its values as received and normalised, and is stored as a text with both.
const COPIES: usize = 2;
/// The bytes of memory per permit.
const BYTES_PER_PERMIT: usize = 1024;

/// Limits the memory of all bodies that are being read.
pub struct BodyLimiter {
    limit: usize,
    permits: Arc<Semaphore>,
    /// The maximum number of JSON values of a body.
    values: usize,
    /// Permits for the estimated memory of values, and their number. They are acquired at once, so that bodies
    /// that wait for them do not block each other.
    value_permits: Arc<Semaphore>,
    value_capacity: usize,
    timeout: Duration,
}

/// The bytes of one body and the memory permits that it holds.
pub struct LimitedBody {
    bytes: Vec<u8>,
    permits: Option<OwnedSemaphorePermit>,
    value_permits: Option<OwnedSemaphorePermit>,
}

impl LimitedBody {
    fn with_capacity(bytes: usize) -> Self {
        Self {
            bytes: Vec::with_capacity(bytes),
            permits: None,
            value_permits: None,
        }
    }

    /// Whether its values hold permits for memory, which must be kept as long as the values.
    pub fn is_large(&self) -> bool {
        self.value_permits.is_some()
    }
}

impl Deref for LimitedBody {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Reads a body that is small, whatever the limit for events. What exceeds it is not read.
pub async fn read_small(request: Request, limit: usize) -> Result<Vec<u8>, HttpError> {
    let mut body = request.into_body();
    let mut bytes = Vec::new();
    while let Some(chunk) = next_chunk(&mut body).await? {
        if bytes.len() + chunk.len() > limit {
            return Err(HttpError::TooLarge { limit });
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

impl BodyLimiter {
    pub fn new(limits: &HttpLimits) -> Self {
        let value_capacity = limits.value_memory.div_ceil(BYTES_PER_PERMIT);
        Self {
            limit: limits.body,
            permits: Arc::new(Semaphore::new(limits.bodies.div_ceil(BYTES_PER_PERMIT))),
            values: limits.values,
            value_permits: Arc::new(Semaphore::new(value_capacity)),
            value_capacity,
            timeout: BODY_MEMORY_TIMEOUT,
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
        let mut kept = LimitedBody::with_capacity(length.unwrap_or_default().min(FREE_BYTES));
        let mut received = 0;
        while let Some(chunk) = next_chunk(&mut body).await? {
            received += chunk.len();
            if received > MAX_DRAINED_BYTES {
                break;
            }
            if received <= limit {
                self.reserve(&mut kept, received).await?;
                if let Some(whole) = length.filter(|whole| (received..=limit).contains(whole)) {
                    // Grows once. The kernel provides memory only when it is written.
                    kept.bytes.reserve_exact(whole - kept.bytes.len());
                }
                kept.bytes.extend_from_slice(&chunk);
            } else {
                // Frees the memory while the rest is read.
                kept = LimitedBody::with_capacity(0);
            }
        }
        match received > limit {
            true => Err(HttpError::TooLarge { limit }),
            false => Ok(kept),
        }
    }

    /// Replaces the text of a body by the same as JSON, within the limit.
    pub fn replace(&self, body: &mut LimitedBody, json: Vec<u8>) -> Result<(), HttpError> {
        if json.len() > self.limit {
            return Err(HttpError::TooLarge { limit: self.limit });
        }
        body.bytes = json;
        Ok(())
    }

    /// Counts the JSON values of a body, and acquires permits for the memory that they and their stored text will take.
    pub async fn admit_values(&self, body: &mut LimitedBody) -> Result<(), HttpError> {
        let size = JsonSize::of(&body.bytes);
        if size.values > self.values {
            return Err(HttpError::TooManyValues { limit: self.values });
        }
        let memory = (size.memory() + body.bytes.len()) * COPIES;
        if memory <= FREE_VALUE_BYTES {
            return Ok(());
        }
        let permits = memory.div_ceil(BYTES_PER_PERMIT).min(self.value_capacity);
        let permits = u32::try_from(permits).unwrap_or(u32::MAX);
        let acquired = Arc::clone(&self.value_permits).acquire_many_owned(permits);
        let Ok(Ok(acquired)) = timeout(self.timeout, acquired).await else {
            return Err(HttpError::NoBodyMemory);
        };
        body.value_permits = Some(acquired);
        Ok(())
    }

    /// Acquires permits for `needed` bytes. The permits of a body double each time, like the capacity of
    /// its `Vec`.
    async fn reserve(&self, body: &mut LimitedBody, needed: usize) -> Result<(), HttpError> {
        let has = body.permits.as_ref().map_or(0, |held| held.num_permits());
        if needed <= FREE_BYTES + has * BYTES_PER_PERMIT {
            return Ok(());
        }
        let whole = needed.next_power_of_two().min(self.limit);
        let more = whole.saturating_sub(FREE_BYTES).div_ceil(BYTES_PER_PERMIT) - has;
        let more = u32::try_from(more).unwrap_or(u32::MAX);
        let acquired = Arc::clone(&self.permits).acquire_many_owned(more);
        let Ok(Ok(acquired)) = timeout(self.timeout, acquired).await else {
            return Err(HttpError::NoBodyMemory);
        };
        match &mut body.permits {
            Some(held) => held.merge(acquired),
            None => body.permits = Some(acquired),
        }
        Ok(())
    }
}

/// Reads a body to its end, or to a limit, without keeping it.
pub async fn discard_body(request: Request, limit: usize) {
    let mut body = request.into_body();
    let mut received = 0;
    while let Ok(Some(chunk)) = next_chunk(&mut body).await {
        received += chunk.len();
        if received > limit {
            break;
        }
    }
}

async fn next_chunk(body: &mut Body) -> Result<Option<Bytes>, HttpError> {
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await {
        // Trailers are ignored.
        if let Ok(data) = frame.map_err(|_| HttpError::IncompleteBody)?.into_data() {
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

    async fn read(limiter: &BodyLimiter, bytes: usize) -> Result<usize, HttpError> {
        limiter.read(request(bytes)).await.map(|body| body.len())
    }

    fn limiter(body: usize, bodies: usize) -> BodyLimiter {
        let limits = HttpLimits {
            body,
            bodies,
            ..HttpLimits::default()
        };
        BodyLimiter {
            timeout: Duration::ZERO,
            ..BodyLimiter::new(&limits)
        }
    }

    #[tokio::test]
    async fn the_limit_is_inclusive() {
        let limiter = limiter(10, 1024 * 1024);
        assert_eq!(read(&limiter, 10).await, Ok(10));
        assert_eq!(
            read(&limiter, 11).await,
            Err(HttpError::TooLarge { limit: 10 })
        );
        assert_eq!(
            read(&limiter, MAX_DRAINED_BYTES + 1).await,
            Err(HttpError::TooLarge { limit: 10 })
        );
    }

    async fn admit(limiter: &BodyLimiter, text: String) -> Result<LimitedBody, HttpError> {
        let mut body = limiter.read(Request::new(Body::from(text))).await?;
        limiter.admit_values(&mut body).await.map(|()| body)
    }

    #[tokio::test]
    async fn values_are_limited_and_share_the_memory() {
        let limits = HttpLimits {
            values: 10_001,
            value_memory: 8 << 20,
            ..HttpLimits::default()
        };
        let limiter = BodyLimiter {
            timeout: Duration::ZERO,
            ..BodyLimiter::new(&limits)
        };
        let list = |objects: usize| format!("[{}]", vec!["{\"\":0}"; objects].join(","));
        let refused = admit(&limiter, list(5_001)).await.map(drop);
        assert_eq!(refused, Err(HttpError::TooManyValues { limit: 10_001 }));
        let large = admit(&limiter, list(5_000)).await.unwrap();
        assert!(large.is_large());
        let second = admit(&limiter, list(5_000)).await.map(drop);
        assert_eq!(second, Err(HttpError::NoBodyMemory));
        assert!(!admit(&limiter, list(50)).await.unwrap().is_large());
        drop(large);
        assert!(admit(&limiter, list(5_000)).await.is_ok());
    }

    #[tokio::test]
    async fn large_bodies_share_the_memory_and_small_ones_need_none() {
        let limiter = limiter(64 * 1024, 64 * 1024);
        let large = limiter.read(request(40 * 1024)).await.unwrap();
        assert_eq!(
            read(&limiter, 40 * 1024).await,
            Err(HttpError::NoBodyMemory)
        );
        assert_eq!(read(&limiter, FREE_BYTES).await, Ok(FREE_BYTES));
        drop(large);
        assert_eq!(read(&limiter, 64 * 1024).await, Ok(64 * 1024));
        assert_eq!(read(&limiter, 64 * 1024).await, Ok(64 * 1024));
    }
}
