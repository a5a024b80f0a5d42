//! Tests of what survives faults: daemons that are killed, traced and flooded.

mod attack;
mod crash;
mod durability;
