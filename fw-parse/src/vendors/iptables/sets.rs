//! What a rule asks of an address set (`-m set --match-set NAME src,dst`).

use super::address::{self, prefix_mask};
use super::ast::Protocol;
use super::names;
use super::ruleset::{Element, Loaded, Set};
use fw_model::address::bits;
use fw_model::service::service_point;
use fw_model::{
    AddressSet, ConditionKind, Dimension, Family, InterfaceSet, IntervalSet, MatchExpr, ServiceSet,
};
use rustc_hash::{FxHashMap, FxHashSet};
use std::sync::Arc;

/// How deep lists of sets may nest; the kernel allows one level.
const DEPTH: usize = 4;

/// The sets of a device, and what was already made of them.
pub(super) struct Sets<'l, 'a> {
    loaded: &'l Loaded<'a>,
    /// Sets that rules add to or take from while they run.
    pub changing: FxHashSet<String>,
    cache: FxHashMap<(usize, String, Protocol, bool), Asked>,
}

/// What asking a set comes to.
#[derive(Clone)]
pub(super) enum Asked {
    Expr(MatchExpr),
    /// The loader refuses it: why.
    Refused(String),
    /// The set's content is not known.
    Unknown,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Address,
    Port,
    Interface,
    Other,
}

/// The dimensions of a set type.
fn parts(set_type: &str) -> Option<Vec<Part>> {
    let (_, dimensions) = set_type.split_once(':')?;
    Some(
        dimensions
            .split(',')
            .map(|part| match part {
                "ip" | "net" => Part::Address,
                "port" => Part::Port,
                "iface" => Part::Interface,
                _ => Part::Other,
            })
            .collect(),
    )
}

impl<'l, 'a> Sets<'l, 'a> {
    pub fn new(loaded: &'l Loaded<'a>) -> Self {
        Self {
            loaded,
            changing: FxHashSet::default(),
            cache: FxHashMap::default(),
        }
    }

    /// What `--match-set name flags` asks, for a rule of `protocol`. With
    /// `--return-nomatch` it asks for the `holes`, where the type can have any.
    pub fn ask(&mut self, name: &str, flags: &str, protocol: Protocol, holes: bool) -> Asked {
        let Some(at) = self.loaded.set_position(name) else {
            return if self.loaded.has_sets {
                Asked::Refused(format!("there is no set `{name}`"))
            } else {
                Asked::Unknown
            };
        };
        let set_type = self.loaded.sets.get(at).map_or("", |s| &s.set_type);
        if holes && set_type == "list:set" {
            return Asked::Unknown;
        }
        let holes = holes && set_type.contains("net");
        let key = (at, flags.to_owned(), protocol, holes);
        if let Some(known) = self.cache.get(&key) {
            return known.clone();
        }
        let mut directions = Vec::new();
        for flag in flags.split(',') {
            directions.push(match flag {
                "src" => Dimension::Source,
                "dst" => Dimension::Destination,
                _ => return Asked::Refused(format!("`{flag}` is neither `src` nor `dst`")),
            });
        }
        let asked = self.set(at, &directions, protocol, holes, DEPTH);
        self.cache.insert(key, asked.clone());
        asked
    }

    fn set(
        &self,
        at: usize,
        directions: &[Dimension],
        protocol: Protocol,
        holes: bool,
        depth: usize,
    ) -> Asked {
        let Some(set) = self.loaded.sets.get(at) else {
            return Asked::Unknown;
        };
        if self.changing.contains(&set.name) || depth == 0 {
            return Asked::Unknown;
        }
        if set.set_type == "list:set" {
            let mut any = Vec::new();
            for element in &set.elements {
                match self.loaded.set_position(&element.text) {
                    Some(member) => {
                        match self.set(member, directions, protocol, holes, depth - 1) {
                            Asked::Expr(expr) => any.push(expr),
                            // The family of a list is that of each member.
                            Asked::Refused(_) => {}
                            Asked::Unknown => return Asked::Unknown,
                        }
                    }
                    None => return Asked::Unknown,
                }
            }
            return Asked::Expr(MatchExpr::any(any));
        }
        let Some(parts) = parts(&set.set_type) else {
            return Asked::Unknown;
        };
        if set.set_type != "bitmap:port" && set_family(set) != protocol {
            return Asked::Refused(format!("set `{}` is of the other address family", set.name));
        }
        if directions.len() < parts.len() {
            // The kernel lets a set with more dimensions than flags match
            // nothing.
            return Asked::Expr(MatchExpr::Never);
        }
        let timed = set.options.iter().any(|o| o == "timeout");
        let odd = set
            .options
            .iter()
            .any(|o| matches!(o.as_ref(), "markmask" | "bitmask" | "skbinfo"));
        if odd {
            return Asked::Unknown;
        }
        let (lasting, expiring): (Vec<&Element<'_>>, Vec<&Element<'_>>) = set
            .elements
            .iter()
            .partition(|e| !timed || e.timeout == Some(0));
        let reader = Reader {
            set,
            parts: &parts,
            directions,
            protocol,
            holes,
        };
        // A hole that times out is part of the set again.
        if !expiring.is_empty() && set.elements.iter().any(|e| e.nomatch) {
            return Asked::Unknown;
        }
        let Some(lasting) = reader.union(&lasting) else {
            return Asked::Unknown;
        };
        let Some(expiring) = reader.union(&expiring) else {
            return Asked::Unknown;
        };
        if expiring == MatchExpr::Never {
            return Asked::Expr(lasting);
        }
        // An element with a timeout may be gone by the time of a packet.
        let flags: Vec<&str> = directions.iter().map(|d| flag(*d)).collect();
        let flags = flags.join(",");
        let there = MatchExpr::opaque(
            ConditionKind::Time,
            format!("set {} {flags} not timed out", set.name),
            format!("set `{}` has elements that time out", set.name),
            Some(set.span),
        );
        Asked::Expr(MatchExpr::any([lasting, MatchExpr::all([expiring, there])]))
    }
}

/// The word of a direction.
pub(super) const fn flag(dimension: Dimension) -> &'static str {
    match dimension {
        Dimension::Source => "src",
        Dimension::Destination => "dst",
    }
}

fn set_family(set: &Set<'_>) -> Protocol {
    if set.options.iter().any(|o| o == "inet6") {
        Protocol::V6
    } else {
        Protocol::V4
    }
}

struct Reader<'r, 'a> {
    set: &'r Set<'a>,
    parts: &'r [Part],
    directions: &'r [Dimension],
    protocol: Protocol,
    /// The holes are asked for, not the members.
    holes: bool,
}

/// The parts of an element, each with its own kind of value.
enum Value {
    Addresses(AddressSet),
    Service(ServiceSet),
    Interface(String),
}

impl Reader<'_, '_> {
    /// Everything that one of the elements holds. `None` if one of them is not
    /// understood.
    fn union(&self, elements: &[&Element<'_>]) -> Option<MatchExpr> {
        if elements.is_empty() {
            return Some(MatchExpr::Never);
        }
        // Sets of addresses alone become one address set. Others are grouped
        // by what stands beside the addresses, so that a large set has few
        // parts.
        let mut groups: Vec<(Vec<MatchExpr>, Vec<Entry>)> = Vec::new();
        let mut index: FxHashMap<Vec<MatchExpr>, usize> = FxHashMap::default();
        let mut last_address = None;
        for (at, part) in self.parts.iter().enumerate() {
            if *part == Part::Address && last_address.is_none() {
                last_address = Some(at);
            }
        }
        for element in elements {
            let values = self.element(&element.text)?;
            if element.wildcard {
                return None;
            }
            let mut beside = Vec::new();
            let mut addresses = None;
            for (at, value) in values.into_iter().enumerate() {
                let dimension = *self.directions.get(at)?;
                match value {
                    Value::Addresses(set) if Some(at) == last_address => addresses = Some(set),
                    Value::Addresses(set) => {
                        beside.push(MatchExpr::address(dimension, Arc::new(set)));
                    }
                    Value::Service(set) => beside.push(MatchExpr::service(set)),
                    Value::Interface(name) => {
                        let set = Arc::new(InterfaceSet::name(name));
                        beside.push(match dimension {
                            Dimension::Source => MatchExpr::Ingress(set),
                            Dimension::Destination => MatchExpr::Egress(set),
                        });
                    }
                }
            }
            let group = *index.entry(beside.clone()).or_insert_with(|| {
                groups.push((beside, Vec::new()));
                groups.len() - 1
            });
            if let Some((_, entries)) = groups.get_mut(group) {
                entries.push(Entry {
                    addresses: addresses.unwrap_or_else(AddressSet::any),
                    nomatch: element.nomatch,
                });
            }
        }
        // Which entry is the most specific one is told for those alone that
        // have the same beside the network.
        let nets_beside = self.parts.iter().filter(|p| **p == Part::Address).count() > 1;
        let overlapping = groups.len() > 1 && elements.iter().any(|e| e.text.contains('-'));
        if (nets_beside || overlapping) && elements.iter().any(|e| e.nomatch) {
            return None;
        }
        Some(MatchExpr::any(groups.into_iter().map(
            |(mut all, entries)| {
                if let Some(at) = last_address
                    && let Some(dimension) = self.directions.get(at)
                {
                    all.push(MatchExpr::address(
                        *dimension,
                        Arc::new(join(entries, self.holes)),
                    ));
                }
                MatchExpr::all(all)
            },
        )))
    }

    fn element(&self, text: &str) -> Option<Vec<Value>> {
        let words: Vec<&str> = text.split(',').collect();
        if words.len() != self.parts.len() {
            return None;
        }
        let mut out = Vec::with_capacity(words.len());
        for (at, (word, part)) in words.iter().zip(self.parts).enumerate() {
            out.push(match part {
                Part::Address => Value::Addresses(self.addresses(word)?),
                Part::Port => Value::Service(self.service(word, *self.directions.get(at)?)?),
                Part::Interface => Value::Interface((!word.contains(':')).then_some(*word)?.into()),
                Part::Other => return None,
            });
        }
        Some(out)
    }

    fn addresses(&self, word: &str) -> Option<AddressSet> {
        let netmask = self
            .set
            .options
            .iter()
            .position(|o| o == "netmask")
            .and_then(|at| self.set.options.get(at + 1));
        let word = word.trim_matches(['[', ']']);
        if let Some(length) = netmask {
            let length: u32 = length.parse().ok()?;
            let family = address::family(self.protocol);
            let start = address::host(word, self.protocol)?;
            return AddressSet::masked(family, bits(start), prefix_mask(family, length), 1);
        }
        if word.contains('-') {
            return address::range(word, self.protocol);
        }
        match address::network(word, self.protocol) {
            address::Addresses::Set(set) => Some(set),
            _ => None,
        }
    }

    /// `80`, `tcp:80-90`, `icmp:8/0`, `vrrp:0`. Without a protocol it is TCP,
    /// except in a `bitmap:port`, where it is TCP and UDP.
    fn service(&self, word: &str, dimension: Dimension) -> Option<ServiceSet> {
        let (protocols, ports): (Vec<u8>, &str) = match word.split_once(':') {
            Some((name, ports)) => (vec![names::protocol(name)?], ports),
            None if self.set.set_type == "bitmap:port" => (vec![6, 17], word),
            None => (vec![6], word),
        };
        let mut out = ServiceSet::empty();
        for protocol in protocols {
            let one = if fw_model::service::has_ports(protocol) {
                let (low, high) = ports.split_once('-').unwrap_or((ports, ports));
                let ports = IntervalSet::range(names::port(low)?.into(), names::port(high)?.into());
                let every = IntervalSet::range(0, fw_model::service::PORT_MAX);
                match dimension {
                    Dimension::Source => ServiceSet::ports(protocol, ports, every),
                    Dimension::Destination => ServiceSet::ports(protocol, every, ports),
                }
            } else if fw_model::service::is_icmp(protocol) {
                let (number, code) = names::icmp(ports, self.protocol)??;
                let point = service_point(
                    protocol,
                    u16::from(number) << 8 | u16::from(code.unwrap_or(0)),
                );
                ServiceSet::of(
                    IntervalSet::single(point),
                    IntervalSet::range(0, fw_model::service::PORT_MAX),
                )
            } else {
                ServiceSet::protocol(protocol)
            };
            out = out.union(&one);
        }
        Some(out)
    }
}

struct Entry {
    addresses: AddressSet,
    nomatch: bool,
}

/// The union of entries in which, as in the kernel, the most specific one that
/// holds an address decides whether it is a member or a hole; or the holes.
fn join(mut entries: Vec<Entry>, holes: bool) -> AddressSet {
    let whole = AddressSet::union_all(entries.iter().map(|e| &e.addresses));
    if entries.iter().all(|e| !e.nomatch) {
        return if holes { AddressSet::empty() } else { whole };
    }
    let size = |set: &AddressSet| {
        set.family(Family::V4)
            .count()
            .saturating_add(set.family(Family::V6).count())
    };
    entries.sort_by_key(|e| std::cmp::Reverse(size(&e.addresses)));
    let mut out = AddressSet::empty();
    let mut at = 0;
    while let Some(first) = entries.get(at) {
        let same = entries
            .iter()
            .skip(at)
            .take_while(|e| e.nomatch == first.nomatch)
            .count();
        let run = AddressSet::union_all(entries.iter().skip(at).take(same).map(|e| &e.addresses));
        out = if first.nomatch {
            out.subtract(&run)
        } else {
            out.union(&run)
        };
        at += same;
    }
    if holes { whole.subtract(&out) } else { out }
}
