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

use super::Limits;
use super::response::Problem;

/// A sender of more than this is hung up on in the middle; one of less gets its 413.
const HEARD_OUT: usize = 16 * 1024 * 1024;
/// Bytes of a body that are never waited for: more than almost every event has.
const SMALL: usize = 16 * 1024;
/// How long a large body waits for room, before its sender is asked to come back.
const PATIENCE: Duration = Duration::from_secs(3);
/// What room is counted in.
const PIECE: usize = 1024;

/// The memory for bodies that are being read.
pub struct Bodies {
    limit: usize,
    room: Arc<Semaphore>,
    patience: Duration,
}

/// The bytes of one body, with the room that they take.
pub struct Taken {
    bytes: Vec<u8>,
    room: Option<OwnedSemaphorePermit>,
}

impl Deref for Taken {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Bodies {
    pub fn new(limits: &Limits) -> Self {
        Self {
            limit: limits.body,
            room: Arc::new(Semaphore::new(limits.bodies.div_ceil(PIECE))),
            patience: PATIENCE,
        }
    }

    pub async fn read(&self, request: Request) -> Result<Taken, Problem> {
        let limit = self.limit;
        let length = request.headers().get(header::CONTENT_LENGTH);
        let length = length.and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
        if length.is_some_and(|length| length > HEARD_OUT) {
            return Err(Problem::TooLarge { limit });
        }
        let mut body = request.into_body();
        let mut taken = Taken {
            bytes: Vec::with_capacity(length.unwrap_or_default().min(SMALL)),
            room: None,
        };
        let mut heard = 0;
        while let Some(piece) = next(&mut body).await? {
            heard += piece.len();
            if heard > HEARD_OUT {
                break;
            }
            if heard <= limit {
                self.make_room(&mut taken, heard).await?;
                taken.bytes.extend_from_slice(&piece);
            } else {
                // What is too large is not kept while the rest of it is heard.
                taken = Taken {
                    bytes: Vec::new(),
                    room: None,
                };
            }
        }
        match heard > limit {
            true => Err(Problem::TooLarge { limit }),
            false => Ok(taken),
        }
    }

    /// Beyond the small ones, all bodies share what there is. The room of a body grows by doubling, as
    /// its bytes do.
    async fn make_room(&self, taken: &mut Taken, wanted: usize) -> Result<(), Problem> {
        let has = taken.room.as_ref().map_or(0, |room| room.num_permits());
        if wanted <= SMALL + has * PIECE {
            return Ok(());
        }
        let whole = wanted.next_power_of_two().min(self.limit);
        let more = whole.saturating_sub(SMALL).div_ceil(PIECE) - has;
        let more = u32::try_from(more).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.room).acquire_many_owned(more);
        let Ok(Ok(room)) = timeout(self.patience, room).await else {
            return Err(Problem::Crowded);
        };
        match &mut taken.room {
            Some(held) => held.merge(room),
            None => taken.room = Some(room),
        }
        Ok(())
    }
}

/// Hears a body to its end and keeps nothing of it.
pub async fn pass_over(request: Request) {
    let mut body = request.into_body();
    while let Ok(Some(_)) = next(&mut body).await {}
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

    async fn read(bodies: &Bodies, bytes: usize) -> Result<usize, Problem> {
        bodies.read(request(bytes)).await.map(|taken| taken.len())
    }

    fn bodies(body: usize, bodies: usize) -> Bodies {
        let limits = Limits {
            body,
            bodies,
            ..Limits::default()
        };
        Bodies {
            patience: Duration::ZERO,
            ..Bodies::new(&limits)
        }
    }

    #[tokio::test]
    async fn the_limit_is_inclusive() {
        let bodies = bodies(10, 1024 * 1024);
        assert_eq!(read(&bodies, 10).await, Ok(10));
        assert_eq!(
            read(&bodies, 11).await,
            Err(Problem::TooLarge { limit: 10 })
        );
        assert_eq!(
            read(&bodies, HEARD_OUT + 1).await,
            Err(Problem::TooLarge { limit: 10 })
        );
    }

    #[tokio::test]
    async fn large_bodies_share_the_room_and_small_ones_need_none() {
        let bodies = bodies(64 * 1024, 64 * 1024);
        let large = bodies.read(request(40 * 1024)).await.unwrap();
        assert_eq!(read(&bodies, 40 * 1024).await, Err(Problem::Crowded));
        assert_eq!(read(&bodies, SMALL).await, Ok(SMALL));
        drop(large);
        assert_eq!(read(&bodies, 64 * 1024).await, Ok(64 * 1024));
        assert_eq!(read(&bodies, 64 * 1024).await, Ok(64 * 1024));
    }
}
