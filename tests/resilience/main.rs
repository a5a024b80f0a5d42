//! Tests of what survives faults: daemons that are killed, traced and flooded, and stores after a power
//! failure.

mod attack;
mod certificates;
mod cluster;
mod crash;
mod durability;
mod page;
mod scheduling;
mod service_manager;
