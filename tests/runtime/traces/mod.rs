//! Traces of runs, as a collector gets them from a daemon, and the trace context of requests.

mod collector;
mod export;
mod faults;
mod otlp;
mod propagation;
mod shared;
