//! A daemon under a service manager: the sockets that it is given, and the states that it reports.

mod notifications;
mod reports;
mod sockets;
