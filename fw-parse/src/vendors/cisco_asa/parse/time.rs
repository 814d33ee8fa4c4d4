//! Times: `timeout` values and `time-range` lines.

use super::super::ast::TimeRange;
use super::super::words::Words;

/// `H:M:S` in seconds.
#[must_use]
pub fn duration(word: &str) -> Option<u64> {
    let mut parts = word.split(':');
    let mut total: u64 = 0;
    for _ in 0..3 {
        let part: u64 = parts.next()?.parse().ok()?;
        if part > 100_000 {
            return None;
        }
        total = total * 60 + part;
    }
    parts.next().is_none().then_some(total)
}

/// Reads one line of a `time-range` block.
pub fn range_line(words: &mut Words<'_, '_>, out: &mut TimeRange<'_>) -> Option<()> {
    match words.take()? {
        "absolute" => {
            let mut start = None;
            let mut end = None;
            while let Some(word) = words.take() {
                match word {
                    "start" => start = Some(instant(words)?),
                    // The last minute still belongs to the range.
                    "end" => end = Some(instant(words)? + 1),
                    _ => return None,
                }
            }
            out.absolute.push((start, end));
            Some(())
        }
        "periodic" => periodic(words, out),
        _ => None,
    }
}

/// Reads `no absolute ...` or `no periodic ...`: the line that it repeats is
/// gone; of the only `absolute` line it need not repeat the times.
pub fn line_taken_back(words: &mut Words<'_, '_>, out: &mut TimeRange<'_>) -> Option<()> {
    if words.peek() == Some("absolute") && words.peek_at(1).is_none() {
        out.absolute.clear();
        return Some(());
    }
    let mut old = TimeRange::default();
    range_line(words, &mut old)?;
    out.absolute.retain(|range| !old.absolute.contains(range));
    out.weekly.retain(|range| !old.weekly.contains(range));
    Some(())
}

/// `hh:mm` in minutes.
fn clock(word: &str) -> Option<u32> {
    let (hours, minutes) = word.split_once(':')?;
    let (hours, minutes): (u32, u32) = (hours.parse().ok()?, minutes.parse().ok()?);
    (hours <= 24 && minutes < 60).then_some(hours * 60 + minutes)
}

/// `hh:mm day month year` in minutes since 1970.
fn instant(words: &mut Words<'_, '_>) -> Option<i64> {
    let minutes = clock(words.take()?)?;
    let day = i64::from(words.number()?);
    let month = month(words.take()?)?;
    let year = i64::from(words.number()?);
    if !(1..=31).contains(&day) || !(1970..=9999).contains(&year) {
        return None;
    }
    Some(days_since_1970(year, month, day) * 24 * 60 + i64::from(minutes))
}

fn month(word: &str) -> Option<i64> {
    const MONTHS: [&str; 12] = [
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
    ];
    let start = word.get(..3)?.to_ascii_lowercase();
    let at = MONTHS.iter().position(|m| *m == start)?;
    i64::try_from(at).ok().map(|m| m + 1)
}

/// Days of the proleptic Gregorian calendar: the year is counted from March,
/// so that the leap day is its last.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let shifted = (month + 9) % 12;
    let of_year = (153 * shifted + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

fn day(word: &str) -> Option<u32> {
    const DAYS: [&str; 7] = [
        "monday",
        "tuesday",
        "wednesday",
        "thursday",
        "friday",
        "saturday",
        "sunday",
    ];
    let lower = word.to_ascii_lowercase();
    let at = DAYS.iter().position(|d| *d == lower)?;
    u32::try_from(at).ok()
}

/// `periodic DAYS hh:mm to [DAY] hh:mm`.
fn periodic(words: &mut Words<'_, '_>, out: &mut TimeRange<'_>) -> Option<()> {
    const DAY: u32 = 24 * 60;
    let mut days = Vec::new();
    while let Some(word) = words.peek() {
        match word.to_ascii_lowercase().as_str() {
            "daily" => days.extend(0..7),
            "weekdays" => days.extend(0..5),
            "weekend" => days.extend(5..7),
            _ => match day(word) {
                Some(d) => days.push(d),
                None => break,
            },
        }
        words.take();
    }
    let start = clock(words.take()?)?;
    if !words.eat("to") || days.is_empty() {
        return None;
    }
    let until_day = words.peek().and_then(day);
    if until_day.is_some() {
        words.take();
    }
    // The last minute still belongs to the range.
    let end = clock(words.take()?)? + 1;
    if !words.is_done() {
        return None;
    }
    let week = 7 * DAY;
    let mut push = |from: u32, to: u32| {
        if from < to {
            out.weekly.push((from, to.min(week)));
        } else {
            out.weekly.push((from, week));
            out.weekly.push((0, to));
        }
    };
    match (until_day, days.as_slice()) {
        (Some(last), [first]) => push(first * DAY + start, last * DAY + end),
        (Some(_), _) => return None,
        (None, _) => {
            for d in &days {
                push(d * DAY + start, d * DAY + end);
            }
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::{Token, words};

    fn range(line: &str) -> Option<TimeRange<'static>> {
        let tokens: Vec<Token<'_>> = words(line).collect();
        let mut out = TimeRange::default();
        range_line(&mut Words::new(&tokens), &mut out)?;
        Some(out)
    }

    #[test]
    fn durations() {
        assert_eq!(duration("1:00:00"), Some(3600));
        assert_eq!(duration("0:0:0"), Some(0));
        assert_eq!(duration("1:00"), None);
        assert_eq!(duration("1:00:00:00"), None);
    }

    #[test]
    fn absolute_ranges() {
        let range =
            range("absolute start 00:00 1 January 2030 end 23:59 31 December 2030").unwrap();
        assert_eq!(
            range.absolute,
            [(Some(21_915 * 1440), Some((21_915 + 365) * 1440))]
        );
    }

    #[test]
    fn lines_taken_back() {
        let mut out = range("periodic weekdays 8:00 to 17:59").unwrap();
        let mut back = |line: &str| {
            let tokens: Vec<Token<'_>> = words(line).collect();
            line_taken_back(&mut Words::new(&tokens), &mut out).map(|()| out.weekly.len())
        };
        assert_eq!(back("periodic Monday 8:00 to 17:59"), Some(4));
        assert_eq!(back("periodic weekdays 8:00 to 17:59"), Some(0));
        assert_eq!(back("absolute"), Some(0));
        assert_eq!(back("quarterly"), None);
    }

    #[test]
    fn weekly_ranges() {
        assert_eq!(
            range("periodic weekdays 8:00 to 17:59").unwrap().weekly[4],
            (4 * 1440 + 480, 4 * 1440 + 1080)
        );
        assert_eq!(
            range("periodic Saturday 22:00 to Monday 5:59")
                .unwrap()
                .weekly,
            [(5 * 1440 + 1320, 10_080), (0, 360)]
        );
        assert!(range("periodic 8:00 to 9:00").is_none());
        assert!(range("periodic daily 25:00 to 9:00").is_none());
    }
}
