//! Durations such as `300s`, `5m`, `1h` and `2h30m`.

/// The seconds of a duration; `None` if it is none.
pub fn seconds(text: &str) -> Option<u64> {
    let mut total: u64 = 0;
    let mut digits = String::new();
    let mut last = u64::MAX;
    if text.is_empty() {
        return None;
    }
    for c in text.chars() {
        if c.is_ascii_digit() {
            digits.push(c);
            continue;
        }
        let unit = match c {
            's' => 1,
            'm' => 60,
            'h' => 3600,
            'd' => 86_400,
            _ => return None,
        };
        // Units go from large to small, each once.
        if unit >= last {
            return None;
        }
        last = unit;
        total = total.checked_add(digits.parse::<u64>().ok()?.checked_mul(unit)?)?;
        digits.clear();
    }
    digits.is_empty().then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        assert_eq!(seconds("300s"), Some(300));
        assert_eq!(seconds("2h30m"), Some(9000));
        assert_eq!(seconds("1d"), Some(86_400));
        for wrong in [
            "",
            "300",
            "m5",
            "5m1h",
            "5m5m",
            "1w",
            "99999999999999999999s",
        ] {
            assert_eq!(seconds(wrong), None, "{wrong}");
        }
    }
}
