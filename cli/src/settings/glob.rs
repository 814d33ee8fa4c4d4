//! Patterns with `*` (any text) and `?` (any one character).

/// True if `text` is of the form of `pattern`.
pub fn matches(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    let (mut p, mut t) = (0, 0);
    // Where to go on after a mismatch: behind the last `*`, one character on.
    let mut back: Option<(usize, usize)> = None;
    while let Some(&c) = text.get(t) {
        match pattern.get(p) {
            Some('*') => {
                back = Some((p + 1, t));
                p += 1;
            }
            Some(&q) if q == '?' || q == c => {
                p += 1;
                t += 1;
            }
            _ => match back {
                Some((after, start)) => {
                    p = after;
                    t = start + 1;
                    back = Some((after, start + 1));
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(p).all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns() {
        assert!(matches(
            "threat-detection rate *",
            "threat-detection rate dos 1"
        ));
        assert!(!matches(
            "threat-detection rate *",
            "no threat-detection rate 1"
        ));
        assert!(matches("*", ""));
        assert!(matches("a*b*c", "a--b-b-c"));
        assert!(!matches("a*b", "a-b-c"));
        assert!(matches("fw?", "fw1"));
        assert!(!matches("fw?", "fw"));
    }
}
