//! The events that runs wait for: waiters are planned with a run, compared with each event that arrives, and closed when
//! their step is decided or their run has ended. What decides a step is put into the inbox of the run.

mod arrival;
pub mod inbox;
pub mod lifetime;
pub mod plan;
pub mod subjects;
