//! Bytes to text.

/// Why bytes are no text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NotText {
    /// Nothing in it, or blanks alone.
    Empty,
    /// It holds NUL bytes: the offset of the first.
    Binary(usize),
    /// It is a known kind of binary file (`gzip archive`).
    Known(&'static str),
}

impl std::fmt::Display for NotText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Empty => f.write_str("it is empty"),
            Self::Binary(0) => f.write_str("it starts with NUL bytes"),
            Self::Binary(at) => write!(f, "it has a NUL byte at offset {at}"),
            Self::Known(what) => write!(f, "it is a {what}"),
        }
    }
}

/// Magic numbers of files that people pass by mistake.
const MAGIC: [(&[u8], &str); 6] = [
    (b"\x1f\x8b", "gzip archive"),
    (b"PK\x03\x04", "zip archive"),
    (b"\x7fELF", "program"),
    (b"%PDF", "PDF document"),
    (b"\xfd7zXZ", "xz archive"),
    (b"BZh", "bzip2 archive"),
];

/// Decodes UTF-8 (with or without a byte order mark) or UTF-16 with one; bytes
/// that are no UTF-8 are read as Latin-1, so that nothing is lost.
///
/// # Errors
/// [`NotText`] if the bytes are empty or binary.
pub fn decode(bytes: &[u8]) -> Result<String, NotText> {
    if let Some((_, what)) = MAGIC.iter().find(|(magic, _)| bytes.starts_with(magic)) {
        return Err(NotText::Known(what));
    }
    let utf16 = |rest: &[u8], unit: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = rest
            .chunks(2)
            .map(|c| match c {
                [a, b] => unit([*a, *b]),
                _ => u16::from(b'?'),
            })
            .collect();
        String::from_utf16_lossy(&units)
    };
    let text = if let Some(rest) = bytes.strip_prefix(b"\xff\xfe") {
        utf16(rest, u16::from_le_bytes)
    } else if let Some(rest) = bytes.strip_prefix(b"\xfe\xff") {
        utf16(rest, u16::from_be_bytes)
    } else {
        let rest = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        if let Some(at) = rest.iter().position(|&b| b == 0) {
            return Err(NotText::Binary(at));
        }
        match std::str::from_utf8(rest) {
            Ok(text) => text.to_owned(),
            Err(_) => rest.iter().map(|&b| char::from(b)).collect(),
        }
    };
    if text.trim().is_empty() {
        return Err(NotText::Empty);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings() {
        assert_eq!(decode(b"\xef\xbb\xbfabc").unwrap(), "abc");
        assert_eq!(decode(b"caf\xe9").unwrap(), "caf\u{e9}");
        assert_eq!(decode(b"\xff\xfea\0b\0").unwrap(), "ab");
        assert_eq!(decode(b" \r\n"), Err(NotText::Empty));
        assert_eq!(decode(b"ab\0"), Err(NotText::Binary(2)));
        assert_eq!(decode(b"\x1f\x8b\x08"), Err(NotText::Known("gzip archive")));
    }
}
