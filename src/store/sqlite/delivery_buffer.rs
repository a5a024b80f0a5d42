//! The bounded buffer in front of the table of deliveries. Nothing waits for it: of many requests with the same
//! endpoint, status and reason only some are kept, and the others are counted with the newest kept one.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;

use super::writer_state::Gauge;
use crate::store::{Delivery, DeliveryId, DeliveryKind};

/// Requests that one tick writes, apart from the first of each class.
const MAX_BUFFERED: usize = 1_000;
/// Classes that are known at the same time. Senders cannot make new ones: endpoints are configured, and the reasons
/// are listed in the program.
const MAX_CLASSES: usize = 10_000;

#[derive(Debug, Default)]
pub struct DeliveryBuffer {
    buffered: Mutex<BufferedDeliveries>,
    /// The id of the last request.
    last: AtomicU64,
    pub written: Gauge,
    pub lost: Gauge,
}

#[derive(Debug, Default)]
struct BufferedDeliveries {
    new: Vec<Delivery>,
    classes: HashMap<DeliveryClass, ClassBudget>,
}

/// Requests that are counted together.
#[derive(Debug, PartialEq, Eq, Hash)]
struct DeliveryClass {
    kind: DeliveryKind,
    endpoint: Option<Arc<str>>,
    status: u16,
    reason: String,
}

/// How many requests of a class may still be kept, and the count of the others.
#[derive(Debug)]
struct ClassBudget {
    left: u32,
    /// When it was filled up last.
    since: Timestamp,
    newest: Option<KeptDelivery>,
    counted: Vec<CountedDeliveries>,
}

/// The newest kept request of a class.
#[derive(Debug, Clone, Copy)]
struct KeptDelivery {
    id: DeliveryId,
    received: Timestamp,
}

/// What to write.
#[derive(Debug, Default)]
pub struct DeliveryBatch {
    pub new: Vec<Delivery>,
    pub counted: Vec<CountedDeliveries>,
}

/// Requests that are counted with a kept one.
#[derive(Debug, PartialEq, Eq)]
pub struct CountedDeliveries {
    pub with: DeliveryId,
    pub count: u64,
    pub until: Timestamp,
}

impl DeliveryKind {
    /// Requests of a class that are kept without delay.
    fn burst(self) -> u32 {
        match self {
            DeliveryKind::Accepted => 100,
            DeliveryKind::Rejected => 20,
        }
    }

    /// After the burst, one request per interval is kept. A sender that is rejected all the time needs 14 hours to
    /// replace the table.
    fn interval_micros(self) -> i64 {
        match self {
            DeliveryKind::Accepted => 10_000,
            DeliveryKind::Rejected => 5_000_000,
        }
    }
}

impl ClassBudget {
    fn new(kind: DeliveryKind, now: Timestamp) -> Self {
        Self {
            left: kind.burst(),
            since: now,
            newest: None,
            counted: Vec::new(),
        }
    }

    /// Counts a request with the newest kept one, and not with one that is kept later.
    fn count(&mut self, now: Timestamp) {
        // The first request of a class is always kept.
        let Some(KeptDelivery { id, received }) = self.newest else {
            return;
        };
        // Requests that are handled at the same time arrive here in any order.
        let until = now.max(received);
        match self.counted.last_mut().filter(|last| last.with == id) {
            Some(last) => {
                last.count += 1;
                last.until = last.until.max(until);
            }
            None => self.counted.push(CountedDeliveries {
                with: id,
                count: 1,
                until,
            }),
        }
    }

    fn admits(&mut self, kind: DeliveryKind, now: Timestamp) -> bool {
        let passed = now.as_microsecond() - self.since.as_microsecond();
        let more = passed / kind.interval_micros();
        // The clock may have been set back.
        if more != 0 || passed < 0 {
            let more = u32::try_from(more).unwrap_or_default();
            self.left = self.left.saturating_add(more).min(kind.burst());
            self.since = now;
        }
        let admits = self.left > 0;
        self.left = self.left.saturating_sub(1);
        admits
    }
}

impl DeliveryBuffer {
    /// Ids follow the last one that was written.
    pub fn continue_after(&self, last: DeliveryId) {
        self.last.store(last.0, Ordering::Relaxed);
    }

    pub fn next_id(&self) -> DeliveryId {
        DeliveryId(self.last.fetch_add(1, Ordering::Relaxed) + 1)
    }

    pub fn put(&self, delivery: Delivery) {
        let (kind, now) = (delivery.kind(), delivery.received);
        let class = DeliveryClass {
            kind,
            endpoint: delivery.endpoint.clone(),
            status: delivery.status,
            reason: delivery.reason().unwrap_or_default().to_owned(),
        };
        let mut buffered = self.buffered.lock().unwrap_or_else(PoisonError::into_inner);
        let BufferedDeliveries { new, classes } = &mut *buffered;
        let budget = classes
            .entry(class)
            .or_insert_with(|| ClassBudget::new(kind, now));
        let has_room = new.len() < MAX_BUFFERED || budget.newest.is_none();
        if budget.admits(kind, now) && has_room {
            budget.newest = Some(KeptDelivery {
                id: delivery.id,
                received: now,
            });
            new.push(delivery);
        } else {
            budget.count(now);
        }
    }

    pub fn take(&self) -> DeliveryBatch {
        let mut buffered = self.buffered.lock().unwrap_or_else(PoisonError::into_inner);
        let new = std::mem::take(&mut buffered.new);
        let counting = buffered.classes.values_mut();
        let counted = counting.flat_map(|class| std::mem::take(&mut class.counted));
        let counted = counted.collect();
        if buffered.classes.len() > MAX_CLASSES {
            buffered.classes.clear();
        }
        DeliveryBatch { new, counted }
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::store::conformance::history::deliveries::{accepted, rejected};
    use crate::store::conformance::now;

    fn put(buffer: &DeliveryBuffer, delivery: &Delivery, seconds: i64) {
        buffer.put(Delivery {
            id: buffer.next_id(),
            received: now() + SignedDuration::from_secs(seconds),
            ..delivery.clone()
        });
    }

    #[test]
    fn a_flood_is_counted_with_its_newest_kept_request_and_leaves_the_others_alone() {
        let buffer = DeliveryBuffer::default();
        let unsound = rejected("desk", 400, "unsound");
        for _ in 0..1_000 {
            put(&buffer, &unsound, 0);
        }
        put(&buffer, &rejected("desk", 401, "sender_stale"), 0);
        put(&buffer, &rejected("shop", 400, "unsound"), 0);
        put(&buffer, &accepted("desk", "e1"), 0);
        let batch = buffer.take();
        assert_eq!(batch.new.len(), 20 + 3);
        let counted = CountedDeliveries {
            with: DeliveryId(20),
            count: 980,
            until: now(),
        };
        assert_eq!(batch.counted, [counted]);
        let nothing = buffer.take();
        assert!(nothing.new.is_empty() && nothing.counted.is_empty());
        // One more per interval, and the count goes on with it.
        for _ in 0..10 {
            put(&buffer, &unsound, 5);
        }
        let batch = buffer.take();
        assert_eq!((batch.new.len(), batch.counted.len()), (1, 1));
        assert_eq!(
            (batch.counted[0].with, batch.counted[0].count),
            (batch.new[0].id, 9)
        );
    }

    #[test]
    fn each_request_is_counted_with_the_one_that_was_kept_before_it() {
        let buffer = DeliveryBuffer::default();
        let unsound = rejected("desk", 400, "unsound");
        for second in [0, 5, 10] {
            for _ in 0..30 {
                put(&buffer, &unsound, second);
            }
            // Handled at the same time as the kept one, and received a moment before it.
            put(&buffer, &unsound, second - 1);
        }
        let counted = buffer.take().counted;
        let counts: Vec<u64> = counted.iter().map(|counted| counted.count).collect();
        assert_eq!(counts, [11, 30, 30]);
        for (counted, second) in counted.iter().zip([0, 5, 10]) {
            assert_eq!(counted.until, now() + SignedDuration::from_secs(second));
        }
    }

    #[test]
    fn ordinary_traffic_is_kept_request_by_request() {
        let buffer = DeliveryBuffer::default();
        for second in 0..60 {
            for _ in 0..100 {
                put(&buffer, &accepted("desk", "e"), second);
            }
            assert_eq!(buffer.take().new.len(), 100);
        }
    }

    #[test]
    fn a_clock_that_is_set_back_stops_nothing() {
        let buffer = DeliveryBuffer::default();
        let unsound = rejected("desk", 400, "unsound");
        for second in [0, -3_600, -3_595] {
            put(&buffer, &unsound, second);
        }
        assert_eq!(buffer.take().new.len(), 3);
    }

    #[test]
    fn one_tick_writes_a_limited_number_of_requests_and_the_first_of_each_class() {
        let buffer = DeliveryBuffer::default();
        for endpoint in 0..100 {
            for _ in 0..100 {
                put(&buffer, &accepted(&format!("desk{endpoint}"), "e"), 0);
            }
        }
        let batch = buffer.take();
        assert_eq!(batch.new.len(), MAX_BUFFERED + 90);
        let counted: u64 = batch.counted.iter().map(|counted| counted.count).sum();
        assert_eq!(batch.new.len() as u64 + counted, 10_000);
    }
}
