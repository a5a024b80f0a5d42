//! What an acknowledgement is worth: power that fails, disks that lie or fill up, traced at the level of
//! system calls. Each check is tried on a control that must fail it, so that a pass means something.

mod cut;
mod support;
mod traced;
