//! The way of packets through a network: where they enter, which filters and
//! translations they meet, where routes lead them, and how replies come back.

pub mod device;
pub mod entry;
pub mod exits;
pub mod hosts;
pub mod journey;
pub mod network;
pub mod origin;
pub mod outside;
pub mod piece;
mod query;
pub mod reply;
pub mod return_path;
pub mod route_table;
pub mod routing;
mod selectors;
mod shift;
pub mod side;
pub mod source_check;
pub mod stray;
pub mod topology;
pub mod translate;
mod tunnel;
pub mod turned;
mod way_back;

pub use journey::{Crossing, Disposition, Outcome, Return, Visit};
pub use piece::Piece;
pub use side::Side;
