//! Taking sections apart: statuses of lines, values of settings.

use super::ast::{Timeout, Unknown};
use super::inert::listed;
use super::table::{Entry, Section};
use fw_model::{Ledger, Span};
use ipnet::{IpNet, Ipv4Net};
use std::net::{IpAddr, Ipv4Addr};

/// Writes down what becomes of the lines.
pub struct Reader<'l> {
    /// The ledger of the file.
    pub ledger: &'l mut Ledger,
}

impl Reader<'_> {
    /// The lines of a section are modeled until something in it says
    /// otherwise.
    pub fn known(&mut self, section: &Section<'_>) {
        for &(span, last) in &section.ranges {
            for line in span.line..=last {
                self.ledger.modeled(line);
            }
        }
    }

    /// All lines of a section are inert.
    pub fn inert(&mut self, section: &Section<'_>, reason: &'static str) {
        for &(span, last) in &section.ranges {
            for line in span.line..=last {
                self.ledger.inert(line, reason);
            }
        }
    }

    /// All lines of a section are opaque; the result stands for them.
    pub fn opaque(&mut self, section: &Section<'_>) -> Unknown {
        for &(span, last) in &section.ranges {
            for line in span.line..=last {
                self.ledger.opaque(line);
            }
        }
        let no_span = Span::line(fw_model::SourceId(0), 1, 0);
        Unknown {
            text: section.text(),
            span: section.ranges.first().map_or(no_span, |r| r.0),
        }
    }

    /// The value of a setting as `read` understands it; `None` if it has its
    /// default. A value that `read` refuses is not understood: it goes to
    /// `unknown`, so that no default takes its place.
    pub fn value<T>(
        &mut self,
        entry: &Entry<'_>,
        name: &str,
        unknown: &mut Vec<Unknown>,
        read: impl FnOnce(&[&str]) -> Option<T>,
    ) -> Option<T> {
        let value = read(&entry.words(name)?);
        if value.is_none() {
            self.refuse(entry, name, unknown);
        }
        value
    }

    /// A number that fits the type, see [`Self::value`].
    pub fn number<T: TryFrom<u64>>(
        &mut self,
        entry: &Entry<'_>,
        name: &str,
        unknown: &mut Vec<Unknown>,
    ) -> Option<T> {
        self.value(entry, name, unknown, |words| match words {
            [one] => T::try_from(one.parse::<u64>().ok()?).ok(),
            _ => None,
        })
    }

    /// A timeout with its place: seconds or `never`; 0 stands for "not set".
    pub fn timeout(
        &mut self,
        entry: &Entry<'_>,
        name: &str,
        unknown: &mut Vec<Unknown>,
    ) -> Option<(Timeout, Span)> {
        let value = self.value(entry, name, unknown, |words| match words {
            ["never"] => Some(Timeout::Never),
            [seconds] => seconds.parse().ok().map(Timeout::Seconds),
            _ => None,
        })?;
        let place = entry.place(name)?;
        (value != Timeout::Seconds(0)).then_some((value, place))
    }

    /// A setting whose value is not understood.
    pub fn refuse(&mut self, entry: &Entry<'_>, name: &str, unknown: &mut Vec<Unknown>) {
        let last = entry.settings.iter().rev().find(|s| s.name == name);
        if let Some(setting) = last {
            for line in setting.span.line..=setting.last_line {
                self.ledger.opaque(line);
            }
            unknown.push(Unknown {
                text: setting.text(),
                span: setting.span,
            });
        }
    }

    /// What nothing has read in an entry: inert if it is listed, else
    /// unknown.
    pub fn rest(&mut self, entry: &Entry<'_>, settings: &[&str], blocks: &[&str]) -> Vec<Unknown> {
        let mut out = self.settings(entry, settings);
        for block in entry.unread_blocks() {
            if listed(blocks, &block.path) || block.is_empty() {
                self.inert(block, "no effect on what passes");
            } else {
                out.push(self.opaque(block));
            }
        }
        out
    }

    /// As [`Self::rest`], for the settings alone.
    pub fn settings(&mut self, entry: &Entry<'_>, settings: &[&str]) -> Vec<Unknown> {
        let mut out = Vec::new();
        for setting in entry.unread() {
            let known = listed(settings, &setting.name);
            for line in setting.span.line..=setting.last_line {
                if known {
                    self.ledger.inert(line, "no effect on what passes");
                } else {
                    self.ledger.opaque(line);
                }
            }
            if !known {
                out.push(Unknown {
                    text: setting.text(),
                    span: setting.span,
                });
            }
        }
        out
    }

    /// Commands of a section that are not understood.
    pub fn strays(&mut self, section: &Section<'_>) -> Vec<Unknown> {
        section
            .strays
            .iter()
            .map(|(text, span, last)| {
                for line in span.line..=*last {
                    self.ledger.opaque(line);
                }
                Unknown {
                    text: format!("{}: {text}", section.path),
                    span: *span,
                }
            })
            .collect()
    }
}

/// `A M`, `A/n` or `A` as a prefix.
pub fn prefix(words: &[&str]) -> Option<IpNet> {
    match words {
        [one] => match one.parse::<IpNet>() {
            Ok(net) => Some(net),
            Err(_) => Some(IpNet::from(one.parse::<IpAddr>().ok()?)),
        },
        [address, mask, ..] => {
            let address: Ipv4Addr = address.parse().ok()?;
            let mask: Ipv4Addr = mask.parse().ok()?;
            Some(IpNet::V4(Ipv4Net::with_netmask(address, mask).ok()?))
        }
        [] => None,
    }
}

/// `A`, `A-B`, or `A/n` as first and last address.
pub fn range(text: &str) -> Option<(IpAddr, IpAddr)> {
    if let Some((low, high)) = text.split_once('-') {
        let (low, high) = (low.trim().parse().ok()?, high.trim().parse().ok()?);
        return Some((low, high));
    }
    if let Ok(net) = text.parse::<IpNet>() {
        return Some((net.network(), net.broadcast()));
    }
    let one = text.parse().ok()?;
    Some((one, one))
}

/// `n` or `n-m`.
pub fn ports(text: &str) -> Option<(u16, u16)> {
    match text.split_once('-') {
        Some((low, high)) => Some((low.parse().ok()?, high.parse().ok()?)),
        None => {
            let one = text.parse().ok()?;
            Some((one, one))
        }
    }
}

/// `YYYY/MM/DD` or `YYYY-MM-DD` with `HH:MM[:SS]` as civil minutes since
/// 1970-01-01, in either order.
pub fn instant(words: &[&str]) -> Option<i64> {
    let date = words.iter().find(|w| w.contains(['/', '-']))?;
    let time = words
        .iter()
        .find(|w| w.contains(':'))
        .copied()
        .unwrap_or("00:00");
    let mut parts = date.split(['/', '-']).map(|p| p.parse::<i64>().ok());
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    Some(days(year, month, day) * 24 * 60 + minute(time)?)
}

/// `HH:MM` as minutes of the day.
pub fn minute(text: &str) -> Option<i64> {
    let mut parts = text.split(':').map(|p| p.parse::<i64>().ok());
    let (hour, minute) = (parts.next()??, parts.next()??);
    ((0..=23).contains(&hour) && (0..60).contains(&minute)).then_some(hour * 60 + minute)
}

/// Days since 1970-01-01 in the Gregorian calendar.
fn days(year: i64, month: i64, day: i64) -> i64 {
    // Years are counted from March, so that a leap day is the last day.
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year - era * 400;
    let month = (month + 9) % 12;
    let of_year = (153 * month + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values() {
        assert_eq!(
            prefix(&["10.0.0.0", "255.0.0.0"]),
            "10.0.0.0/8".parse().ok()
        );
        assert_eq!(prefix(&["10.0.0.1", "255.0.255.0"]), None);
        assert_eq!(ports("80-90"), Some((80, 90)));
        assert_eq!(range("10.0.0.1").unwrap().0, range("10.0.0.1").unwrap().1);
    }

    #[test]
    fn instants() {
        assert_eq!(instant(&["00:00", "1970/01/01"]), Some(0));
        assert_eq!(
            instant(&["2024-03-01", "00:01:00"]),
            Some(19_783 * 1440 + 1)
        );
        assert_eq!(instant(&["08:00"]), None);
    }
}
