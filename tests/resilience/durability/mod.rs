//! What an acknowledgement promises: after a power failure, with a full or failing disk, and in the order of
//! system calls. Each check also runs on a control that must fail it.

mod events;
mod traced;
mod truncated_log;
