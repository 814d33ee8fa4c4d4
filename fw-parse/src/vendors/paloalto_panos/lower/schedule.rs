//! Schedules as minutes.

use crate::vendors::paloalto_panos::ast::Schedule as Syntax;
use fw_model::Schedule;
use fw_model::match_expr::CivilMinute;

const DAY: u32 = 24 * 60;
const DAYS: [&str; 7] = [
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
];

/// A schedule without its name; `None` if a part of it is not understood.
pub(super) fn schedule(from: &Syntax<'_>) -> Option<Schedule> {
    if !from.unknown.is_empty() {
        return None;
    }
    let mut out = Schedule::default();
    for range in &from.daily {
        let (start, end) = clock_range(range.text)?;
        for day in 0..7 {
            out.weekly.push((day * DAY + start, day * DAY + end));
        }
    }
    for (day, ranges) in &from.weekly {
        let day = DAYS.iter().position(|d| *d == day.text)? as u32;
        for range in ranges {
            let (start, end) = clock_range(range.text)?;
            out.weekly.push((day * DAY + start, day * DAY + end));
        }
    }
    for range in &from.once {
        let (start, end) = range.text.split_once('-')?;
        out.absolute
            .push((Some(instant(start)?), Some(instant(end)?)));
    }
    out.never = out.weekly.is_empty() && out.absolute.is_empty();
    Some(out)
}

/// `08:00-17:30`. A range that ends with the last minute of the day holds
/// through it.
fn clock_range(text: &str) -> Option<(u32, u32)> {
    let (start, end) = text.split_once('-')?;
    let (start, end) = (clock(start)?, clock(end)?);
    let end = if end == DAY - 1 { DAY } else { end };
    (start < end).then_some((start, end))
}

fn clock(text: &str) -> Option<u32> {
    let (hour, minute) = text.trim().split_once(':')?;
    let (hour, minute): (u32, u32) = (hour.parse().ok()?, minute.parse().ok()?);
    (hour < 24 && minute < 60).then_some(hour * 60 + minute)
}

/// `2019/01/31@08:00`
fn instant(text: &str) -> Option<CivilMinute> {
    let (date, time) = text.trim().split_once('@')?;
    let mut parts = date.split('/');
    let year: i64 = parts.next()?.parse().ok()?;
    let month: i64 = parts.next()?.parse().ok()?;
    let day: i64 = parts.next()?.parse().ok()?;
    if parts.next().is_some()
        || !(1970..=9999).contains(&year)
        || !(1..=12).contains(&month)
        || !(1..=31).contains(&day)
    {
        return None;
    }
    Some(days_since_1970(year, month, day) * i64::from(DAY) + i64::from(clock(time)?))
}

/// Days from 1970-01-01 in the Gregorian calendar: years are counted from
/// March, so that the leap day is the last of its year.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let month_from_march = (month + 9) % 12;
    let days_before_month = (153 * month_from_march + 2) / 5;
    365 * year + year / 4 - year / 100 + year / 400 + days_before_month + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_clocks() {
        assert_eq!(days_since_1970(1970, 1, 1), 0);
        assert_eq!(days_since_1970(2000, 3, 1), 11_017);
        assert_eq!(instant("1970/01/02@00:01"), Some(1441));
        assert_eq!(clock_range("00:00-23:59"), Some((0, DAY)));
        assert_eq!(clock_range("17:00-08:00"), None);
        assert_eq!(instant("2026/13/01@00:00"), None);
    }
}
