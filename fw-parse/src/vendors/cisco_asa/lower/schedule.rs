//! Time ranges.

use super::super::ast::TimeRange;
use fw_model::{ConditionKind, MatchExpr, Schedule, Span};
use std::sync::Arc;

/// The condition that a time range stands for.
#[must_use]
pub fn condition(range: &TimeRange<'_>, span: Span) -> MatchExpr {
    if let Some(text) = &range.opaque {
        return MatchExpr::opaque(
            ConditionKind::Time,
            format!("time-range {text}"),
            format!("time-range {}: {text}", range.name),
            Some(span),
        );
    }
    MatchExpr::Schedule(Arc::new(Schedule {
        name: range.name.to_owned(),
        absolute: range.absolute.clone(),
        weekly: range.weekly.clone(),
        never: false,
    }))
}
