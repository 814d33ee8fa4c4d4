//! The instant at which schedules and expiries are judged.

use crate::exit::Failure;
use fw_model::match_expr::CivilMinute;
use jiff::civil::{Date, DateTime};

/// An instant on the clock of the devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    time: DateTime,
    horizon_days: u32,
}

impl Clock {
    /// The instant that `--at` gives, else `SOURCE_DATE_EPOCH` (in UTC), else
    /// now in the time zone of this machine.
    ///
    /// # Errors
    /// If a given time cannot be read.
    pub fn new(at: Option<&str>, horizon_days: u32) -> Result<Self, Failure> {
        let time = match at {
            Some(text) => parse(text).ok_or_else(|| {
                Failure::Usage(format!(
                    "--at `{text}` is no time\n  write it as 2027-01-31, 2027-01-31T08:00 or 2027-01-31T08:00:00+01:00"
                ))
            })?,
            None => match std::env::var("SOURCE_DATE_EPOCH") {
                Ok(text) if !text.trim().is_empty() => text
                    .trim()
                    .parse()
                    .ok()
                    .and_then(|s| jiff::Timestamp::from_second(s).ok())
                    .map(|t| t.to_zoned(jiff::tz::TimeZone::UTC).datetime())
                    .ok_or_else(|| {
                        Failure::Usage(format!(
                            "SOURCE_DATE_EPOCH `{text}` is no number of seconds"
                        ))
                    })?,
                _ => jiff::Zoned::now().datetime(),
            },
        };
        Ok(Self { time, horizon_days })
    }

    /// The day.
    pub fn today(self) -> Date {
        self.time.date()
    }

    /// Minutes since 1970 on the devices' own clock.
    pub fn now(self) -> CivilMinute {
        self.time
            .to_zoned(jiff::tz::TimeZone::UTC)
            .map_or(0, |z| z.timestamp().as_second().div_euclid(60))
    }

    /// The end of the time in which schedules are looked at.
    pub fn horizon(self) -> CivilMinute {
        self.now() + CivilMinute::from(self.horizon_days) * 24 * 60
    }
}

/// A time with an offset is taken as its clock shows it there: devices keep
/// local time, and so do the people who write `--at`.
fn parse(text: &str) -> Option<DateTime> {
    let text = text.trim();
    if let Some(local) = text.strip_suffix(['Z', 'z']) {
        return local.parse().ok();
    }
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        let now = |t: &str| Clock::new(Some(t), 30).unwrap().now();
        assert_eq!(now("1970-01-02"), 24 * 60);
        assert_eq!(now("1970-01-01T01:00"), 60);
        assert_eq!(now("1970-01-01T01:00:59Z"), 60);
        assert_eq!(now("1970-01-01T01:00:00+05:00"), 60);
        assert!(Clock::new(Some("tomorrow"), 30).is_err());
        let clock = Clock::new(Some("2027-01-31T23:59"), 30).unwrap();
        assert_eq!(clock.today().to_string(), "2027-01-31");
        assert_eq!(clock.horizon() - clock.now(), 30 * 24 * 60);
    }
}
