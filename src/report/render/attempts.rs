//! The log of a run with the exchange of each attempt. Exchanges are numbered through the whole log; one without an
//! attempt belongs to an attempt that was interrupted.

use jiff::Timestamp;

use flowtrigger_core::run::exchange::RecordedExchange;
use flowtrigger_core::run::{Attempt, LogEntry};

/// One line of the log.
#[derive(Debug)]
pub enum RunLogLine<'d> {
    /// An attempt, with its number in the run if it has an exchange.
    Attempt {
        number: Option<usize>,
        attempt: &'d Attempt,
        exchange: Option<&'d RecordedExchange>,
    },
    /// An attempt that was stopped before it had a result.
    Interrupted {
        number: usize,
        exchange: &'d RecordedExchange,
    },
    Other(&'d LogEntry),
}

impl<'d> RunLogLine<'d> {
    /// The number of an attempt, by which `--attempt` selects it.
    pub fn number(&self) -> Option<usize> {
        match self {
            RunLogLine::Attempt { number, .. } => *number,
            RunLogLine::Interrupted { number, .. } => Some(*number),
            RunLogLine::Other(_) => None,
        }
    }

    pub fn exchange(&self) -> Option<&'d RecordedExchange> {
        match self {
            RunLogLine::Attempt { exchange, .. } => *exchange,
            RunLogLine::Interrupted { exchange, .. } => Some(exchange),
            RunLogLine::Other(_) => None,
        }
    }
}

/// The lines of a log, in order. `exchanges` are those of the run, the oldest first.
pub fn log_lines<'d>(
    log: &'d [LogEntry],
    exchanges: &'d [RecordedExchange],
) -> Vec<RunLogLine<'d>> {
    let attempts: Vec<&Attempt> = log.iter().filter_map(LogEntry::attempt).collect();
    let mut interrupted: Vec<&RecordedExchange> = exchanges
        .iter()
        .filter(|exchange| !attempts.iter().any(|attempt| belongs(exchange, attempt)))
        .collect();
    interrupted.reverse();
    let (mut lines, mut number) = (Vec::new(), 0);
    for entry in log {
        let at = started(entry);
        while let Some(exchange) = interrupted.pop_if(|exchange| Some(exchange.started) < at) {
            number += 1;
            lines.push(RunLogLine::Interrupted { number, exchange });
        }
        match entry.attempt().filter(|attempt| !attempt.ends_an_item()) {
            Some(attempt) => {
                let exchange = exchanges.iter().find(|exchange| belongs(exchange, attempt));
                // Without an exchange no number is printed, and none is counted.
                number += usize::from(exchange.is_some());
                lines.push(RunLogLine::Attempt {
                    number: exchange.map(|_| number),
                    attempt,
                    exchange,
                });
            }
            None => lines.push(RunLogLine::Other(entry)),
        }
    }
    for exchange in interrupted.into_iter().rev() {
        number += 1;
        lines.push(RunLogLine::Interrupted { number, exchange });
    }
    lines
}

fn belongs(exchange: &RecordedExchange, attempt: &Attempt) -> bool {
    exchange.attempt == attempt.number
        && exchange.step == attempt.step
        && exchange.started == attempt.started
}

fn started(entry: &LogEntry) -> Option<Timestamp> {
    match entry {
        LogEntry::Attempt(attempt) => Some(attempt.started),
        LogEntry::Started { at, .. }
        | LogEntry::Waiting { at, .. }
        | LogEntry::Arrived { at, .. }
        | LogEntry::Answered { at, .. }
        | LogEntry::Expired { at, .. }
        | LogEntry::Caught { at, .. }
        | LogEntry::Revived { at } => Some(*at),
        LogEntry::Claimed { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use flowtrigger_core::run::RunId;
    use flowtrigger_core::run::call_result::Reply;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn attempt(number: u32, second: i64) -> LogEntry {
        LogEntry::Attempt(Attempt {
            step: "page".into(),
            number,
            started: at(second),
            took: Duration::ZERO,
            outcome: Ok(Reply {
                value: serde_json::Value::Null,
            }),
        })
    }

    fn exchange(number: u32, second: i64) -> RecordedExchange {
        RecordedExchange {
            run: RunId(1),
            step: "page".into(),
            attempt: number,
            started: at(second),
            target: None,
            end: None,
            exchange: None,
        }
    }

    /// After `runs retry` attempts count from 1 again, and a shutdown leaves an exchange without an attempt.
    #[test]
    fn exchanges_are_found_by_step_number_and_time() {
        let log = [
            attempt(1, 5),
            attempt(1, 10),
            LogEntry::Revived { at: at(20) },
            attempt(1, 30),
        ];
        let exchanges = [
            exchange(1, 10),
            exchange(1, 25),
            exchange(1, 30),
            exchange(2, 40),
        ];
        let lines = log_lines(&log, &exchanges);
        let shown: Vec<_> = lines
            .iter()
            .map(|line| {
                let second = line.exchange().map(|found| found.started.as_second());
                let is_interrupted = matches!(line, RunLogLine::Interrupted { .. });
                (line.number(), second, is_interrupted)
            })
            .collect();
        assert_eq!(
            shown,
            [
                (None, None, false),
                (Some(1), Some(10), false),
                (None, None, false),
                (Some(2), Some(25), true),
                (Some(3), Some(30), false),
                (Some(4), Some(40), true),
            ]
        );
    }
}
