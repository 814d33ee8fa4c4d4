//! The addresses of flows: groups, prefixes, ranges and names.

use crate::problem::{nearest, suggestion};
use crate::yaml::{Node, Reader};
use fw_model::{AddressSet, Endpoint};
use ipnet::IpNet;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// Host names, tags and dynamic groups with their addresses.
pub type Names = BTreeMap<String, AddressSet>;

/// A word that is no address, and why not.
#[derive(Debug, PartialEq, Eq)]
pub struct Bad {
    /// What is wrong.
    pub message: String,
    /// How to repair it.
    pub label: Option<String>,
}

/// Reads `any`, an address, a prefix or a range. `None` if the word looks
/// like none of these, so that it may be a name.
pub fn literal(word: &str) -> Option<Result<AddressSet, Bad>> {
    match word {
        "any" => return Some(Ok(AddressSet::any())),
        "any4" => return Some(Ok(AddressSet::any4())),
        "any6" => return Some(Ok(AddressSet::any6())),
        _ => {}
    }
    if let Ok(address) = word.parse::<IpAddr>() {
        return Some(Ok(AddressSet::host(address)));
    }
    if let Some((address, length)) = word.split_once('/') {
        return prefix(word, address.trim(), length.trim());
    }
    if let Some((low, high)) = word.split_once('-') {
        return range(low.trim(), high.trim());
    }
    let numeric = word.contains('.') && word.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let hex = word.contains("::")
        || (word.matches(':').count() > 1
            && word.bytes().all(|b| b.is_ascii_hexdigit() || b == b':'));
    (numeric || hex).then(|| {
        Err(Bad {
            message: format!("`{word}` is no address"),
            label: None,
        })
    })
}

fn prefix(word: &str, address: &str, length: &str) -> Option<Result<AddressSet, Bad>> {
    let Ok(base) = address.parse::<IpAddr>() else {
        // `tcp/80` is no address, `10.0.0/8` is meant as one.
        let numeric = address.starts_with(|c: char| c.is_ascii_digit()) || address.contains(':');
        return numeric.then(|| {
            Err(Bad {
                message: format!("invalid prefix `{word}`"),
                label: Some(format!("`{address}` is no address")),
            })
        });
    };
    let width = if base.is_ipv4() { 32 } else { 128 };
    let bad = |label: String| {
        Some(Err(Bad {
            message: format!("invalid prefix `{word}`"),
            label: Some(label),
        }))
    };
    let Ok(bits) = length.parse::<u8>() else {
        return bad(match mask_length(length) {
            Some(bits) => format!("write the mask as a length: `{base}/{bits}`"),
            None => format!("the length is a number from 0 to {width}"),
        });
    };
    let Ok(net) = IpNet::new(base, bits) else {
        return bad(format!("the length is a number from 0 to {width}"));
    };
    if net.network() != base {
        return bad(format!(
            "bits beyond /{bits} are set: `{}` or `{base}`?",
            net.trunc()
        ));
    }
    Some(Ok(AddressSet::prefix(net)))
}

/// The length of a netmask in dotted form.
fn mask_length(mask: &str) -> Option<u32> {
    let bits = u32::from(mask.parse::<std::net::Ipv4Addr>().ok()?);
    (bits.leading_ones() + bits.trailing_zeros() == 32 || bits == 0).then(|| bits.leading_ones())
}

fn range(low: &str, high: &str) -> Option<Result<AddressSet, Bad>> {
    let first = low.parse::<IpAddr>().ok()?;
    let bad = |message: String, label: Option<String>| Some(Err(Bad { message, label }));
    let Ok(last) = high.parse::<IpAddr>() else {
        let label = match (first, high.parse::<u8>()) {
            (IpAddr::V4(a), Ok(end)) => {
                let [x, y, z, _] = a.octets();
                Some(format!("write `{a}-{x}.{y}.{z}.{end}`"))
            }
            _ => Some(format!("`{high}` is no address")),
        };
        return bad(format!("invalid range `{low}-{high}`"), label);
    };
    if first.is_ipv4() != last.is_ipv4() {
        return bad(
            format!("invalid range `{low}-{high}`"),
            Some("its ends are of two families".into()),
        );
    }
    if last < first {
        return bad(
            format!("invalid range `{low}-{high}`"),
            Some(format!("its end is below its start: `{high}-{low}`?")),
        );
    }
    Some(Ok(AddressSet::range(first, last)))
}

/// The groups of a file, resolved as they are asked for.
pub struct Groups<'n> {
    nodes: BTreeMap<&'n str, (&'n Node, bool)>,
    done: BTreeMap<&'n str, Option<AddressSet>>,
    open: Vec<&'n str>,
    names: &'n Names,
}

/// Groups may nest this deep.
const NESTING: usize = 64;

impl<'n> Groups<'n> {
    /// The groups by name, and the names that a `resolve` section gives.
    pub fn new(nodes: impl IntoIterator<Item = (&'n str, &'n Node)>, names: &'n Names) -> Self {
        Self {
            nodes: nodes.into_iter().map(|(k, n)| (k, (n, false))).collect(),
            done: BTreeMap::new(),
            open: Vec::new(),
            names,
        }
    }

    /// No groups, and the names that are known.
    pub fn none(names: &'n Names) -> Self {
        Self::new([], names)
    }

    /// The names of the groups.
    pub fn known(&self) -> impl Iterator<Item = &'n str> + '_ {
        self.nodes.keys().copied()
    }

    /// The groups that no flow used.
    pub fn unused(&self) -> Vec<&'n str> {
        self.nodes
            .iter()
            .filter(|(_, (_, used))| !used)
            .map(|(k, _)| *k)
            .collect()
    }

    /// The addresses of a group. `None` after an error, which is noted once.
    fn group(&mut self, reader: &mut Reader<'_>, name: &str, at: &Node) -> Option<AddressSet> {
        let (key, node) = match self.nodes.get_key_value(name) {
            Some((key, (node, _))) => (*key, *node),
            None => return None,
        };
        if let Some(entry) = self.nodes.get_mut(key) {
            entry.1 = true;
        }
        if let Some(done) = self.done.get(key) {
            return done.clone();
        }
        if self.open.contains(&key) || self.open.len() >= NESTING {
            let mut circle = self.open.clone();
            circle.push(key);
            reader.error_with(
                at.place,
                format!("group `{key}` contains itself"),
                Some(circle.join(" > ")),
            );
            return None;
        }
        self.open.push(key);
        let set = self.set(reader, node, &format!("group `{key}`"));
        self.open.pop();
        self.done.insert(key, set.clone());
        set
    }

    /// The addresses that a scalar or a list stands for.
    pub fn set(&mut self, reader: &mut Reader<'_>, node: &Node, what: &str) -> Option<AddressSet> {
        let items = node.elements();
        if items.is_empty() {
            reader.error(node.place, format!("{what} is empty"));
            return None;
        }
        let mut sets = Vec::with_capacity(items.len());
        let mut sound = true;
        for item in items {
            match self.word(reader, item, what) {
                Some(set) => sets.push(set),
                None => sound = false,
            }
        }
        sound.then(|| AddressSet::union_all(&sets))
    }

    fn word(&mut self, reader: &mut Reader<'_>, item: &Node, what: &str) -> Option<AddressSet> {
        if item.text().is_none() && !item.elements().is_empty() {
            // A list within a list, which aliases make easily.
            if let crate::yaml::Value::List(_) = item.value {
                if self.open.len() >= NESTING {
                    reader.error(item.place, format!("{what} is nested too deep"));
                    return None;
                }
                self.open.push("");
                let set = self.set(reader, item, what);
                self.open.pop();
                return set;
            }
        }
        let word = reader.text(item, what)?;
        if self.nodes.contains_key(word) {
            return self.group(reader, word, item);
        }
        if let Some(set) = self.names.get(word) {
            return Some(set.clone());
        }
        match literal(word) {
            Some(Ok(set)) => return Some(set),
            Some(Err(bad)) => {
                reader.error_with(item.place, bad.message, bad.label);
                return None;
            }
            None => {}
        }
        if let Some((kind, _)) = word.split_once(':')
            && matches!(kind, "zone" | "self")
        {
            reader.error(
                item.place,
                format!("`{word}` must stand alone as `from` or `to`"),
            );
            return None;
        }
        if word.contains('.') && nearest(word, self.known()).is_none() {
            reader.error_with(
                item.place,
                format!("host name `{word}` has no addresses"),
                Some("give them under `resolve:` or with --resolve".into()),
            );
            return None;
        }
        let label = suggestion(word, self.known().chain(["any"]));
        reader.error_with(item.place, format!("unknown group `{word}`"), label);
        None
    }

    /// One end of a flow, and the words for it.
    pub fn endpoint(
        &mut self,
        reader: &mut Reader<'_>,
        node: &Node,
        what: &str,
    ) -> Option<(Endpoint, String)> {
        let text = node
            .elements()
            .iter()
            .filter_map(Node::text)
            .collect::<Vec<_>>()
            .join(", ");
        if let [one] = node.elements()
            && let Some(word) = one.text()
        {
            for (kind, make) in [
                ("zone:", Endpoint::Zone as fn(String) -> Endpoint),
                ("self:", Endpoint::Device),
            ] {
                if let Some(name) = word.strip_prefix(kind) {
                    if name.trim().is_empty() {
                        reader.error(one.place, format!("`{kind}` needs a name"));
                        return None;
                    }
                    return Some((make(name.trim().to_owned()), text));
                }
            }
        }
        let set = self.set(reader, node, what)?;
        Some((Endpoint::Addresses(set), text))
    }
}

/// `any` means the family of its counterpart where that has only one.
/// `false` if the ends share no family.
pub fn align_families(from: &mut Endpoint, to: &mut Endpoint) -> bool {
    let (Endpoint::Addresses(a), Endpoint::Addresses(b)) = (from, to) else {
        return true;
    };
    narrow(a, b);
    narrow(b, a);
    (!a.v4.is_empty() && !b.v4.is_empty()) || (!a.v6.is_empty() && !b.v6.is_empty())
}

fn narrow(any: &mut AddressSet, counterpart: &AddressSet) {
    if *any != AddressSet::any() {
        return;
    }
    if counterpart.v6.is_empty() {
        *any = AddressSet::any4();
    } else if counterpart.v4.is_empty() {
        *any = AddressSet::any6();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label(word: &str) -> String {
        match literal(word) {
            Some(Err(bad)) => bad.label.unwrap_or(bad.message),
            other => panic!("{word}: {other:?}"),
        }
    }

    #[test]
    fn literals() {
        let text = |w: &str| literal(w).unwrap().unwrap().to_string();
        assert_eq!(text("10.20.0.0/16"), "10.20.0.0/16");
        assert_eq!(text("192.0.2.11-192.0.2.14"), "192.0.2.11-192.0.2.14");
        assert_eq!(text("2001:db8:20::/48"), "2001:db8:20::/48");
        assert_eq!(text("0.0.0.0/0"), "0.0.0.0/0");
        assert!(literal("branches").is_none());
        assert!(literal("sip2-servers").is_none());
    }

    #[test]
    fn wrong_literals_say_how_to_repair_them() {
        assert_eq!(
            label("10.20.1.0/16"),
            "bits beyond /16 are set: `10.20.0.0/16` or `10.20.1.0`?"
        );
        assert_eq!(
            label("10.20.0.0/255.255.0.0"),
            "write the mask as a length: `10.20.0.0/16`"
        );
        assert_eq!(label("10.0.0.0/33"), "the length is a number from 0 to 32");
        assert_eq!(label("192.0.2.11-14"), "write `192.0.2.11-192.0.2.14`");
        assert!(label("192.0.2.9-192.0.2.1").contains("below"));
        assert_eq!(label("10.0.0.300"), "`10.0.0.300` is no address");
    }

    #[test]
    fn any_takes_the_family_of_its_counterpart() {
        let v4 = Endpoint::Addresses(AddressSet::host("192.0.2.1".parse().unwrap()));
        let v6 = Endpoint::Addresses(AddressSet::host("2001:db8::1".parse().unwrap()));
        let any = Endpoint::Addresses(AddressSet::any());
        let (mut a, mut b) = (any.clone(), v4.clone());
        assert!(align_families(&mut a, &mut b));
        assert_eq!(a, Endpoint::Addresses(AddressSet::any4()));
        let (mut a, mut b) = (v6.clone(), any.clone());
        assert!(align_families(&mut a, &mut b));
        assert_eq!(b, Endpoint::Addresses(AddressSet::any6()));
        assert!(!align_families(&mut v4.clone(), &mut v6.clone()));
        assert!(align_families(&mut any.clone(), &mut any.clone()));
    }
}
