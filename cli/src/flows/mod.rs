//! The flows file: declared service flows, their groups and services.

pub mod address;
pub mod catalogue;
pub mod duration;
pub mod file;
pub mod schema;
pub mod service;
pub mod starter;

pub use file::{FlowsFile, Review, read};
