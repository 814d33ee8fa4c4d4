//! Sets of packets, and the first-match meaning of rule lists on them.
//!
//! A set is a union of [`Product`]s. A rule list is compiled for one
//! [`Context`] (interfaces, connection state...) into terms, which are
//! products with conditions; [`decompose`](decompose::decompose) splits a
//! product into disjoint pieces, each with the rule that decides it.

pub mod compile;
pub mod condition;
pub mod decompose;
pub mod index;
pub mod local;
pub mod minimize;
pub mod original;
pub mod overlay;
pub mod product;
pub mod term;

pub use compile::{Compiled, Context};
pub use condition::{Assumed, ConditionTable, Literal};
pub use decompose::{Budget, Decided, Fate, decompose};
pub use product::{Dim, Product, Set};
