//! Support for the tests of flowtrigger: one of each thing that several tests need.
//!
//! | need | module |
//! |---|---|
//! | a folder with rules, configuration and data; a data folder alone | [`sandbox`], [`data_folder`] |
//! | a data folder with very many events | [`large_folder`] |
//! | the program: start, output, exit code | [`program`] |
//! | a daemon as a process, or in the test's process | [`daemon`], [`test_daemon`] |
//! | a store of either backend | [`test_store`] |
//! | a clock that a test sets | [`clock`] |
//! | a daemon with events, runs and problems of every kind | [`support_desk`] |
//! | a Postgres server, and a proxy that loses and delays what it carries | [`postgres`], [`fault_proxy`] |
//! | a browser | [`browser`] |
//! | a server that records requests | [`receiver`] |
//! | certificates, a client with TLS, and a server with TLS that records requests | [`certificates`], [`tls_client`], [`tls_receiver`] |
//! | signed requests, HTTP by hand | [`sender`], [`http_wire`] |
//! | rules and configurations from texts | [`rules`] |
//! | files of the repository, expected output | [`repository`], [`expected`] |
//! | the JSON of commands against its schema | [`answers`] |
//! | random and mutated input, a reference evaluator and a model of debounce | [`strategy`], [`mutate`], [`reference`], [`debounce_model`] |

pub mod answers;
pub mod browser;
pub mod certificates;
pub mod clock;
pub mod daemon;
pub mod data_folder;
pub mod debounce_model;
pub mod editor;
pub mod expected;
pub mod fault_proxy;
pub mod http_wire;
pub mod large_folder;
pub mod mutate;
pub mod postgres;
pub mod program;
pub mod receiver;
pub mod reference;
pub mod repository;
pub mod rules;
pub mod sandbox;
pub mod schedules;
pub mod sender;
pub mod strategy;
pub mod support_desk;
pub mod test_daemon;
pub mod test_store;
pub mod tls_client;
pub mod tls_receiver;
pub mod wait;
