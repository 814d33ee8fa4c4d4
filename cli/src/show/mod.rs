//! Views of the common model and of a flows file, as plain public data.

pub mod expr;
pub mod flows;
pub mod model;

pub use flows::FlowsReport;
pub use model::ShowReport;
