//! A reader over the words of one line.

use crate::token::Token;
use rustc_hash::FxHashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Words that `name` lines gave to addresses.
pub type Names<'a> = FxHashMap<&'a str, IpAddr>;

/// A position in the words of a line.
#[derive(Clone, Copy)]
pub struct Words<'t, 'a> {
    tokens: &'t [Token<'a>],
    at: usize,
}

impl<'t, 'a> Words<'t, 'a> {
    /// At the first of `tokens`.
    #[must_use]
    pub const fn new(tokens: &'t [Token<'a>]) -> Self {
        Self { tokens, at: 0 }
    }

    /// The word at the position.
    #[must_use]
    pub fn peek(&self) -> Option<&'a str> {
        self.tokens.get(self.at).map(|t| t.text)
    }

    /// The word at the position, with its place in the line.
    #[must_use]
    pub fn token(&self) -> Option<Token<'a>> {
        self.tokens.get(self.at).copied()
    }

    /// The word `n` behind the position.
    #[must_use]
    pub fn peek_at(&self, n: usize) -> Option<&'a str> {
        self.tokens.get(self.at + n).map(|t| t.text)
    }

    /// The word at the position; moves on.
    pub fn take(&mut self) -> Option<&'a str> {
        let word = self.peek()?;
        self.at += 1;
        Some(word)
    }

    /// Moves past `word` if it is next.
    pub fn eat(&mut self, word: &str) -> bool {
        let hit = self.peek() == Some(word);
        if hit {
            self.at += 1;
        }
        hit
    }

    /// Moves past `words` if all of them are next.
    pub fn eat_all(&mut self, words: &[&str]) -> bool {
        let hit = words
            .iter()
            .enumerate()
            .all(|(n, w)| self.peek_at(n) == Some(w));
        if hit {
            self.at += words.len();
        }
        hit
    }

    /// Words that are left.
    #[must_use]
    pub const fn left(&self) -> usize {
        self.tokens.len().saturating_sub(self.at)
    }

    /// True at the end.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.at >= self.tokens.len()
    }

    /// The remaining words joined by one blank.
    #[must_use]
    pub fn rest(&self) -> String {
        let mut out = String::new();
        for token in self.tokens.get(self.at..).unwrap_or(&[]) {
            if !out.is_empty() {
                out.push(' ');
            }
            out.push_str(token.text);
        }
        out
    }

    /// An address, literal or by name; moves on only if it is one.
    pub fn address(&mut self, names: &Names<'_>) -> Option<IpAddr> {
        let address = address(self.peek()?, names)?;
        self.at += 1;
        Some(address)
    }

    /// An IPv4 address, literal or by name; moves on only if it is one.
    pub fn address4(&mut self, names: &Names<'_>) -> Option<Ipv4Addr> {
        match address(self.peek()?, names)? {
            IpAddr::V4(a) => {
                self.at += 1;
                Some(a)
            }
            IpAddr::V6(_) => None,
        }
    }

    /// A prefix `P/len` of either family; moves on only if it is one.
    pub fn prefix(&mut self) -> Option<(IpAddr, u8)> {
        let (address, length) = self.peek()?.split_once('/')?;
        let address: IpAddr = address.parse().ok()?;
        let length: u8 = length.parse().ok()?;
        if length > if address.is_ipv4() { 32 } else { 128 } {
            return None;
        }
        self.at += 1;
        Some((address, length))
    }

    /// A decimal number; moves on only if it is one.
    pub fn number(&mut self) -> Option<u32> {
        let number = self.peek()?.parse().ok()?;
        self.at += 1;
        Some(number)
    }
}

/// An address, literal or by name.
#[must_use]
pub fn address(word: &str, names: &Names<'_>) -> Option<IpAddr> {
    let bytes = word.as_bytes();
    if bytes.first().is_some_and(u8::is_ascii_digit)
        && let Some(a) = dotted(bytes)
    {
        return Some(IpAddr::V4(a));
    }
    if let Some(a) = names.get(word) {
        return Some(*a);
    }
    if word.contains(':') {
        return word.parse::<Ipv6Addr>().ok().map(IpAddr::V6);
    }
    None
}

/// A dotted quad. Unlike the standard library this takes leading zeros, which
/// old configurations have.
fn dotted(bytes: &[u8]) -> Option<Ipv4Addr> {
    let mut value: u32 = 0;
    let mut part: u32 = 0;
    let (mut digits, mut dots) = (0, 0);
    for &b in bytes {
        match b {
            b'0'..=b'9' => {
                part = part * 10 + u32::from(b - b'0');
                digits += 1;
                if digits > 3 || part > 255 {
                    return None;
                }
            }
            b'.' => {
                if digits == 0 {
                    return None;
                }
                value = (value << 8) | part;
                part = 0;
                digits = 0;
                dots += 1;
            }
            _ => return None,
        }
    }
    (dots == 3 && digits > 0).then_some(Ipv4Addr::from((value << 8) | part))
}

/// The length of a contiguous netmask.
#[must_use]
pub fn mask_length(mask: Ipv4Addr) -> Option<u8> {
    let bits = u32::from(mask);
    let ones = bits.leading_ones();
    (bits.count_ones() == ones).then_some(ones as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let mut names = Names::default();
        names.insert("srv", "10.1.1.5".parse().unwrap());
        let v4 = |t: &str| address(t, &names).map(|a| a.to_string());
        assert_eq!(v4("10.0.0.1").as_deref(), Some("10.0.0.1"));
        assert_eq!(v4("010.000.0.01").as_deref(), Some("10.0.0.1"));
        assert_eq!(v4("srv").as_deref(), Some("10.1.1.5"));
        assert_eq!(v4("2001:db8::1").as_deref(), Some("2001:db8::1"));
        for bad in ["10.0.0", "10.0.0.256", "10.0.0.1.2", "1..2.3", "", "x"] {
            assert_eq!(v4(bad), None, "{bad}");
        }
        assert_eq!(mask_length("255.255.0.0".parse().unwrap()), Some(16));
        assert_eq!(mask_length("255.0.255.0".parse().unwrap()), None);
        assert_eq!(mask_length("0.0.0.0".parse().unwrap()), Some(0));
    }
}
