//! Schedules and expiry dates.

use super::Lowering;
use crate::vendors::fortinet_fortios::ast::{Policy, ScheduleKind};
use fw_model::match_expr::{ConditionKind, MatchExpr, Schedule};
use fw_model::{Diagnostic, Effect, Severity};
use std::sync::Arc;

impl<'t> Lowering<'_, 't> {
    /// When a policy is in force.
    pub(super) fn time(&mut self, policy: &Policy<'t>) -> MatchExpr {
        let schedule = match policy.schedule {
            None => MatchExpr::Always,
            Some(name) => self.schedule(name, policy, 0),
        };
        let expiry = match policy.expiry {
            None => MatchExpr::Always,
            Some((Some(end), _)) => MatchExpr::Schedule(Arc::new(Schedule {
                name: format!("expiry of policy {}", policy.id),
                absolute: vec![(None, Some(end))],
                ..Schedule::default()
            })),
            Some((None, span)) => MatchExpr::opaque(
                ConditionKind::Time,
                "policy-expiry without a date",
                "policy-expiry without a date",
                span,
            ),
        };
        MatchExpr::all([schedule, expiry])
    }

    fn schedule(&mut self, name: &str, policy: &Policy<'t>, depth: u8) -> MatchExpr {
        let vdom = self.vdom;
        let found = self
            .schedules
            .get(name)
            .and_then(|&at| vdom.schedules.get(at));
        let Some(schedule) = found else {
            return match name {
                "always" => MatchExpr::Always,
                "none" => MatchExpr::Never,
                _ => {
                    self.diagnostics.push(Diagnostic {
                        code: "undefined-reference",
                        severity: Severity::Warning,
                        span: Some(policy.span),
                        message: format!("schedule `{name}` is not defined"),
                        effect: Effect::Opaque,
                    });
                    let text = format!("undefined schedule {name}");
                    MatchExpr::opaque(ConditionKind::Time, text.clone(), text, Some(policy.span))
                }
            };
        };
        let unclear = |what: String| {
            MatchExpr::opaque(ConditionKind::Time, what.clone(), what, Some(schedule.span))
        };
        if !schedule.unknown.is_empty() {
            return unclear(format!(
                "schedule {:?} {}",
                schedule.kind,
                super::unknown_key(&schedule.unknown)
            ));
        }
        let lowered = |absolute, weekly| {
            MatchExpr::Schedule(Arc::new(Schedule {
                name: name.to_owned(),
                absolute,
                weekly,
                never: false,
            }))
        };
        match &schedule.kind {
            ScheduleKind::Once(None, None) => MatchExpr::Always,
            ScheduleKind::Once(start, end) => lowered(vec![(*start, *end)], Vec::new()),
            ScheduleKind::Weekly(ranges) if ranges.is_empty() => MatchExpr::Never,
            ScheduleKind::Weekly(ranges) => {
                let all: u32 = ranges
                    .iter()
                    .map(|(a, b)| b.saturating_sub(*a))
                    .fold(0, u32::saturating_add);
                if i64::from(all) >= fw_model::match_expr::WEEK {
                    return MatchExpr::Always;
                }
                lowered(Vec::new(), ranges.clone())
            }
            ScheduleKind::Group(members) if depth < 4 => {
                let parts: Vec<MatchExpr> = members
                    .iter()
                    .map(|m| self.schedule(m, policy, depth + 1))
                    .collect();
                MatchExpr::any(parts)
            }
            ScheduleKind::Group(members) => unclear(format!("nested schedule group {members:?}")),
            ScheduleKind::Unclear => unclear(format!("schedule {name} is not understood")),
        }
    }
}
