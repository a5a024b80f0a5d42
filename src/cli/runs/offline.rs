//! Orders to the runs of a folder that no daemon has open.
//! It refuses to touch a folder that somebody else holds.

use super::order::{Answer, Order};
use crate::cli::exit::Failure;
use crate::cli::global::Global;
use crate::core::run::RunId;

/// Carries out the order on the database itself, run by run, in this order.
pub fn carry_out(order: Order, _: &[RunId], global: &Global) -> Result<Vec<Answer>, Failure> {
    let message = format!(
        "failed to {} without a daemon: none answers at `{}`",
        order.word(),
        global.socket().display()
    );
    Err(Failure::runtime(message).help("start `flowtrigger daemon` and give the order again"))
}
