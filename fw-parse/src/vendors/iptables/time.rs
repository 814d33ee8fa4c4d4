//! `-m time`, where a weekly schedule says the same.

use super::ast::Module;
use super::matching::{Matched, Scope};
use fw_model::{ConditionKind, MatchExpr, Schedule};
use std::sync::Arc;

const DAY: u32 = 24 * 60;

/// `-m time` as a schedule, or as a condition where days of the month, seconds
/// or negations are involved.
pub(super) fn module(module: &Module<'_>, scope: &Scope<'_>, out: &mut Matched) {
    out.utc = !["kerneltz", "localtz"]
        .iter()
        .any(|name| module.setting(name).is_some());
    match schedule(module) {
        Some(schedule) => out.parts.push(MatchExpr::Schedule(Arc::new(schedule))),
        None => {
            let text = module.text();
            out.parts.push(MatchExpr::opaque(
                ConditionKind::Time,
                format!("match {text}"),
                format!("-m {text}"),
                Some(scope.span),
            ));
        }
    }
}

fn schedule(module: &Module<'_>) -> Option<Schedule> {
    let (mut from, mut until) = (0, DAY);
    let mut days = [true; 7];
    let (mut first, mut last) = (None, None);
    for setting in &module.settings {
        let value = setting.value();
        if setting.negated && setting.name != "weekdays" {
            return None;
        }
        match setting.name.as_ref() {
            "timestart" => from = minute(value)?.0,
            "timestop" => {
                // The last second belongs to it; minutes are as fine as this
                // goes, so 17:59:59 and 18:00 both end at 18:00.
                let (minutes, seconds) = minute(value)?;
                until = minutes + u32::from(seconds == 59);
            }
            "weekdays" | "days" => {
                let mut named = [false; 7];
                for day in value.split(',') {
                    *named.get_mut(weekday(day)?)? = true;
                }
                for (slot, named) in days.iter_mut().zip(named) {
                    *slot = named != setting.negated;
                }
            }
            "datestart" => first = Some(instant(value, 0)?),
            "datestop" => last = Some(instant(value, 1)?),
            "kerneltz" | "utc" | "localtz" => {}
            _ => return None,
        }
    }
    let mut weekly = Vec::new();
    if days != [true; 7] || (from, until) != (0, DAY) {
        for (day, _) in days.iter().enumerate().filter(|(_, on)| **on) {
            let start = u32::try_from(day).ok()? * DAY;
            if from < until {
                weekly.push((start + from, start + until));
            } else {
                // Past midnight: the early and the late hours of the same day.
                weekly.push((start, start + until));
                weekly.push((start + from, start + DAY));
            }
        }
        weekly.retain(|(a, b)| a < b);
    }
    let never = weekly.is_empty() && days == [false; 7];
    let absolute = if first.is_some() || last.is_some() {
        vec![(first, last)]
    } else {
        Vec::new()
    };
    Some(Schedule {
        name: module.text(),
        absolute,
        weekly,
        never,
    })
}

/// `hh:mm[:ss]`: minutes of the day and seconds; a start must be at full
/// minutes, an end at full minutes or their last second.
fn minute(text: &str) -> Option<(u32, u32)> {
    let mut parts = text.split(':').map(str::parse::<u32>);
    let hours = parts.next()?.ok().filter(|h| *h < 24)?;
    let minutes = parts.next()?.ok().filter(|m| *m < 60)?;
    let seconds = parts.next().map_or(Some(0), Result::ok)?;
    matches!(seconds, 0 | 59).then_some((hours * 60 + minutes, seconds))
}

fn weekday(text: &str) -> Option<usize> {
    if let Ok(number) = text.parse::<usize>() {
        return number.checked_sub(1).filter(|d| *d < 7);
    }
    let lower = text.to_ascii_lowercase();
    let short = lower.get(..2)?;
    ["mo", "tu", "we", "th", "fr", "sa", "su"]
        .iter()
        .position(|d| *d == short)
}

/// `YYYY[-MM[-DD[Thh[:mm[:ss]]]]]` as minutes since 1970, `later` minutes on
/// because the last second of an end belongs to it.
fn instant(text: &str, later: i64) -> Option<i64> {
    let (date, clock) = match text.split_once(['T', 't', ' ']) {
        Some((date, clock)) => (date, clock),
        None => (text, "00:00"),
    };
    let mut parts = date.split('-').map(str::parse::<i64>);
    let year = parts.next()?.ok().filter(|y| (1970..2100).contains(y))?;
    let month = parts.next().map_or(Some(1), Result::ok)?;
    let day = parts.next().map_or(Some(1), Result::ok)?;
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    // Days since 1970-01-01 of a date in the Gregorian calendar, counting
    // years from March so that leap days come last.
    let (y, m) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let days = 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 719_469;
    let clock = if clock.contains(':') {
        minute(clock)?
    } else {
        (clock.parse::<u32>().ok().filter(|h| *h < 24)? * 60, 0)
    };
    let round = if clock.1 == 59 { later } else { 0 };
    Some(days * 24 * 60 + i64::from(clock.0) + round)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        assert_eq!(instant("1970-01-01", 0), Some(0));
        assert_eq!(instant("2000-03-01T01:02", 0), Some(951_872_520 / 60));
        assert_eq!(instant("2024-02-29T23:59:59", 1), Some(1_709_251_200 / 60));
        assert_eq!(instant("nonsense", 0), None);
    }
}
