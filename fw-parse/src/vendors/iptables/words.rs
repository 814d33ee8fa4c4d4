//! Words of a line, unquoted.

use super::ast::Word;
use std::borrow::Cow;

/// Splits a line of a restore file as `iptables-restore` does: at blanks, with
/// double quotes and backslashes within them. `None` if a quote stays open.
pub(super) fn restore(line: &str) -> Option<Vec<Word<'_>>> {
    let mut out = Vec::with_capacity(16);
    if !line.contains('"') {
        out.extend(line.split_ascii_whitespace().map(Cow::Borrowed));
        return Some(out);
    }
    let mut rest = line;
    loop {
        rest = rest.trim_ascii_start();
        if rest.is_empty() {
            return Some(out);
        }
        let end = rest
            .find(|c: char| c.is_ascii_whitespace() || c == '"')
            .unwrap_or(rest.len());
        if !rest.get(end..)?.starts_with('"') {
            out.push(Cow::Borrowed(rest.get(..end)?));
            rest = rest.get(end..)?;
            continue;
        }
        let mut word = String::from(rest.get(..end)?);
        let mut quoted = false;
        let mut escaped = false;
        let mut after = rest.len();
        for (at, c) in rest.char_indices().skip_while(|(at, _)| *at < end) {
            if escaped {
                word.push(c);
                escaped = false;
            } else if quoted && c == '\\' {
                escaped = true;
            } else if c == '"' {
                quoted = !quoted;
            } else if !quoted && c.is_ascii_whitespace() {
                after = at;
                break;
            } else {
                word.push(c);
            }
        }
        if quoted {
            return None;
        }
        out.push(Cow::Owned(word));
        rest = rest.get(after..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes() {
        let words = restore(r#"-A X --comment "a \"b\" -j DROP" -j ACCEPT"#).unwrap();
        assert_eq!(
            words,
            ["-A", "X", "--comment", r#"a "b" -j DROP"#, "-j", "ACCEPT"]
        );
        assert_eq!(restore("a \"b"), None);
        assert_eq!(restore("a\"b c\"d e").unwrap(), ["ab cd", "e"]);
    }
}
