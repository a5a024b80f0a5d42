//! Times that runs wait by: since when, and until when, moved with the clock when it was set back.
//! It leaves alone what is history: when something came, began and ended stays as it was.

use jiff::{SignedDuration, Timestamp};

use super::Inner;
use crate::core::run::State;

impl Inner {
    pub fn oldest_queued(&self) -> Option<Timestamp> {
        let records = self.runs.values().map(|kept| &kept.record);
        let queued = records.filter(|record| record.state == State::Queued);
        queued.map(|record| record.received).min()
    }

    pub fn shift(&mut self, by: SignedDuration) {
        self.lanes.shift(by);
        self.charges.shift(by);
        self.traces.shift(by);
        self.windows.shift(by);
        for kept in self.runs.values_mut() {
            if let State::Retrying { until }
            | State::Waiting { until }
            | State::Debouncing { until } = &mut kept.record.state
            {
                *until = moved(*until, by);
            }
        }
    }
}

pub fn moved(time: Timestamp, by: SignedDuration) -> Timestamp {
    time.checked_add(by).unwrap_or(time)
}
