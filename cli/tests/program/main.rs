//! The program itself, as its users run it.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::expect_used
)]

#[path = "../schema/mod.rs"]
mod schema;

mod backups;
mod comment;
mod exit_codes;
mod git_inputs;
mod gitlab;
mod messages;
mod options;
mod policy;
mod pull_request;
mod readme;
mod run;
mod scale;
mod server;
mod trace;
mod transport;
