//! Numbers that a device counts up in its own configuration.

use std::borrow::Cow;

/// A line without its words that are counters. `counts` tells of a word and
/// those behind it how many of them are counters.
pub(crate) fn without<'l>(line: &'l str, counts: impl Fn(&[&str]) -> usize) -> Cow<'l, str> {
    let words: Vec<&str> = line.split(' ').collect();
    let mut kept = Vec::with_capacity(words.len());
    let mut rest = words.as_slice();
    while let [word, behind @ ..] = rest {
        match counts(rest) {
            0 => {
                kept.push(*word);
                rest = behind;
            }
            n => rest = rest.get(n..).unwrap_or_default(),
        }
    }
    if kept.len() == words.len() {
        Cow::Borrowed(line)
    } else {
        Cow::Owned(kept.join(" "))
    }
}

/// True for `[12:3456]`, packets and bytes of iptables.
pub(crate) fn pair(word: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    word.strip_prefix('[')
        .and_then(|w| w.strip_suffix(']'))
        .and_then(|w| w.split_once(':'))
        .is_some_and(|(packets, bytes)| digits(packets) && digits(bytes))
}

#[cfg(test)]
mod tests {
    use crate::vendor::vendor;

    #[test]
    fn lines_that_differ_in_counters_are_alike() {
        let ipt = vendor("iptables").unwrap();
        assert_eq!(ipt.without_counters(":INPUT DROP [12:3456]"), ":INPUT DROP");
        assert_eq!(
            ipt.without_counters("[7:89] -A INPUT -p tcp -j ACCEPT"),
            "-A INPUT -p tcp -j ACCEPT"
        );
        let ip6 = "-A INPUT -d [::1]:80 -j ACCEPT";
        assert_eq!(ipt.without_counters(ip6), ip6);
        let nft = vendor("nftables").unwrap();
        assert_eq!(
            nft.without_counters("tcp dport 22 counter packets 7 bytes 99 accept # handle 4"),
            "tcp dport 22 counter accept"
        );
        // A limit is none.
        let quota = "quota over 25 mbytes used 3 mbytes drop";
        assert_eq!(nft.without_counters(quota), quota);
    }
}
