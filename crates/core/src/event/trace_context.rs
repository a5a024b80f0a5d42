//! The trace that a delivery belongs to, as W3C Trace Context defines it: ids of traces and spans, and the header
//! `traceparent`.

use std::fmt;

/// The name of the header.
pub const TRACEPARENT: &str = "traceparent";

/// Characters of the header in version 00, which are the first ones in every later version.
pub const TRACEPARENT_LENGTH: usize = 55;

/// The flag of a trace that its sender records.
const SAMPLED: u8 = 1;

/// Values of the last seven bytes of a trace id.
const RANDOM_VALUES: f64 = (1_u64 << 56) as f64;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TraceId([u8; 16]);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SpanId([u8; 8]);

/// The content of the header `traceparent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceParent {
    pub trace: TraceId,
    /// The span of the sender.
    pub span: SpanId,
    flags: u8,
}

impl TraceId {
    /// `None` if all bytes are zero, which is no id.
    pub fn new(bytes: [u8; 16]) -> Option<Self> {
        (bytes != [0; 16]).then_some(Self(bytes))
    }

    /// Whether the trace belongs to a part of all traces, from 0 to 1. Every program that knows only the id decides the
    /// same: its last seven bytes are random.
    pub fn is_sampled(self, part: f64) -> bool {
        let last = self.0[9..].iter();
        let random = last.fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
        (random as f64) < part * RANDOM_VALUES
    }
}

impl SpanId {
    /// `None` if all bytes are zero, which is no id.
    pub fn new(bytes: [u8; 8]) -> Option<Self> {
        (bytes != [0; 8]).then_some(Self(bytes))
    }
}

impl TraceParent {
    pub fn new(trace: TraceId, span: SpanId, is_sampled: bool) -> Self {
        Self {
            trace,
            span,
            flags: u8::from(is_sampled) * SAMPLED,
        }
    }

    /// Reads the header. `None` if it is not valid: then there is no trace.
    pub fn parse(text: &str) -> Option<Self> {
        let (known, later) = text.split_at_checked(TRACEPARENT_LENGTH)?;
        let mut parts = known.split('-');
        let [version] = hexadecimal(parts.next()?)?;
        let trace = hexadecimal(parts.next()?)?;
        let span = hexadecimal(parts.next()?)?;
        let [flags] = hexadecimal(parts.next()?)?;
        let is_complete = match version {
            0 => later.is_empty(),
            0xff => false,
            // A later version may have more parts.
            _ => later.is_empty() || later.starts_with('-'),
        };
        (is_complete && parts.next().is_none()).then_some(Self {
            trace: TraceId::new(trace)?,
            span: SpanId::new(span)?,
            flags,
        })
    }

    /// Whether the sender records the trace.
    pub fn is_sampled(self) -> bool {
        self.flags & SAMPLED != 0
    }
}

/// Bytes in lower-case hexadecimal digits.
fn hexadecimal<const N: usize>(text: &str) -> Option<[u8; N]> {
    let is_digit = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    if text.len() != 2 * N || !text.as_bytes().iter().all(is_digit) {
        return None;
    }
    let mut bytes = [0; N];
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * index..2 * index + 2], 16).ok()?;
    }
    Some(bytes)
}

fn write_hexadecimal(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hexadecimal(f, &self.0)
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hexadecimal(f, &self.0)
    }
}

/// As in the header, in version 00.
impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{}-{}-{:02x}", self.trace, self.span, self.flags)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALID: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_header_is_read_and_written() {
        let parent = TraceParent::parse(VALID).unwrap();
        assert_eq!(parent.to_string(), VALID);
        assert_eq!(parent.trace.to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(parent.span.to_string(), "00f067aa0ba902b7");
        assert!(parent.is_sampled());
        let unsampled = VALID.replace("-01", "-02");
        assert!(!TraceParent::parse(&unsampled).unwrap().is_sampled());
    }

    #[test]
    fn a_later_version_may_have_more_parts() {
        for (later, is_read) in [
            (
                "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                true,
            ),
            (
                "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what",
                true,
            ),
            (
                "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.what",
                false,
            ),
            (
                "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what",
                false,
            ),
            (
                "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                false,
            ),
        ] {
            let read = TraceParent::parse(later);
            assert_eq!(read.is_some(), is_read, "{later}");
            if let Some(read) = read {
                assert_eq!(read.to_string(), VALID);
            }
        }
    }

    #[test]
    fn what_is_not_valid_is_no_trace() {
        for text in [
            "",
            "00",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0g",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473-600f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-+1",
            "00_4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7_01",
            " 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01 ",
            "00-4bf92f3577b34da6a3ce929d0e0e473é-00f067aa0ba902b7-01",
        ] {
            assert_eq!(TraceParent::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_part_of_all_traces_is_sampled() {
        let id =
            |last: u8| TraceId::new([0, 0, 0, 0, 0, 0, 0, 0, 9, last, 0, 0, 0, 0, 0, 0]).unwrap();
        assert!(id(0).is_sampled(0.01) && !id(0).is_sampled(0.0));
        assert!(id(0x7f).is_sampled(0.5) && !id(0x80).is_sampled(0.5));
        assert!(id(0xff).is_sampled(1.0) && !id(0xff).is_sampled(0.99));
    }
}
