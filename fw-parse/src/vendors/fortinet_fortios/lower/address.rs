//! Address objects as address sets.

use crate::vendors::fortinet_fortios::ast::{Address, AddressKind, Vdom};
use fw_model::address::{Family, bits};
use fw_model::match_expr::{ConditionKind, Dimension, MatchExpr};
use fw_model::{AddressSet, Diagnostic, Effect, Severity, Span};
use ipnet::IpNet;
use rustc_hash::FxHashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

/// How deep groups may nest.
const DEPTH: usize = 64;

/// A wildcard mask may stand for so many ranges.
const RANGES: usize = 65_536;

/// Which list of objects a name is looked up in.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Book {
    /// `firewall address` and `addrgrp`.
    V4,
    /// `firewall address6` and `addrgrp6`.
    V6,
    /// `firewall multicast-address` in IPv4 multicast policies.
    Multicast,
}

impl Book {
    /// The kind of its definitions.
    pub fn kind(self) -> &'static str {
        match self {
            Self::V4 => "address",
            Self::V6 => "address6",
            Self::Multicast => "multicast-address",
        }
    }

    fn family(self) -> Family {
        match self {
            Self::V4 | Self::Multicast => Family::V4,
            Self::V6 => Family::V6,
        }
    }
}

/// A set of addresses: what is known of it, and conditions that stand for
/// the rest, one list for sources and one for destinations.
#[derive(Clone, Debug, Default)]
pub struct Resolved {
    /// Certain members.
    pub exact: Arc<AddressSet>,
    /// More members.
    pub open: [Vec<MatchExpr>; 2],
}

impl Resolved {
    fn exactly(set: AddressSet) -> Self {
        Self {
            exact: Arc::new(set),
            open: [Vec::new(), Vec::new()],
        }
    }

    /// True if nothing about it is open.
    pub fn is_exact(&self) -> bool {
        self.open.iter().all(Vec::is_empty)
    }

    /// As a condition on one end of a packet.
    pub fn expr(&self, dimension: Dimension) -> MatchExpr {
        let open = self.part(dimension);
        if open.is_empty() {
            return MatchExpr::address(dimension, Arc::clone(&self.exact));
        }
        let exact = (!self.exact.is_empty())
            .then(|| MatchExpr::address(dimension, Arc::clone(&self.exact)));
        MatchExpr::any(exact.into_iter().chain(open.iter().cloned()))
    }

    fn part(&self, dimension: Dimension) -> &[MatchExpr] {
        let [source, destination] = &self.open;
        match dimension {
            Dimension::Source => source,
            Dimension::Destination => destination,
        }
    }
}

/// All address objects of a virtual domain.
pub struct Addresses<'c, 't> {
    vdom: &'c Vdom<'t>,
    index: FxHashMap<(Book, &'t str), &'c Address<'t>>,
    resolved: FxHashMap<(Book, String), Option<Arc<Resolved>>>,
    unions: FxHashMap<(Book, Vec<String>), Arc<Resolved>>,
    /// What there is to say.
    pub diagnostics: Vec<Diagnostic>,
}

impl<'c, 't> Addresses<'c, 't> {
    /// Prepares the objects of `vdom`.
    pub fn new(vdom: &'c Vdom<'t>) -> Self {
        let mut index = FxHashMap::default();
        let books = [
            (Book::V4, &vdom.addresses),
            (Book::V6, &vdom.addresses6),
            (Book::Multicast, &vdom.multicast_addresses),
        ];
        for (book, items) in books {
            for item in items {
                index.insert((book, item.name), item);
            }
        }
        Self {
            vdom,
            index,
            resolved: FxHashMap::default(),
            unions: FxHashMap::default(),
            diagnostics: Vec::new(),
        }
    }

    /// The union of the named objects.
    pub fn union(&mut self, book: Book, names: &[&str], span: Option<Span>) -> Arc<Resolved> {
        if let [one] = names {
            return self.object(book, one, span, 0);
        }
        let key = (
            book,
            names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>(),
        );
        if let Some(done) = self.unions.get(&key) {
            return Arc::clone(done);
        }
        let parts: Vec<Arc<Resolved>> = names
            .iter()
            .map(|n| self.object(book, n, span, 0))
            .collect();
        let union = Arc::new(joined(&parts));
        self.unions.insert(key, Arc::clone(&union));
        union
    }

    fn object(
        &mut self,
        book: Book,
        name: &str,
        span: Option<Span>,
        depth: usize,
    ) -> Arc<Resolved> {
        let key = (book, name.to_owned());
        match self.resolved.get(&key) {
            Some(Some(done)) => return Arc::clone(done),
            // A group that holds itself.
            Some(None) => {
                return Arc::new(open(
                    ConditionKind::NotUnderstood,
                    &format!("cyclic group {name}"),
                    span,
                ));
            }
            None => {}
        }
        if depth > DEPTH {
            return Arc::new(open(
                ConditionKind::NotUnderstood,
                &format!("deeply nested group {name}"),
                span,
            ));
        }
        self.resolved.insert(key.clone(), None);
        let resolved = Arc::new(match self.index.get(&(book, name)).copied() {
            Some(item) => self.defined(book, item, depth),
            None => self.predefined(book, name, span),
        });
        self.resolved.insert(key, Some(Arc::clone(&resolved)));
        resolved
    }

    /// Names that exist on every device, for files that do not print them.
    fn predefined(&mut self, book: Book, name: &str, span: Option<Span>) -> Resolved {
        let v6 = book.family() == Family::V6;
        match name {
            "all" if book == Book::Multicast => Resolved::exactly(AddressSet::range(
                IpAddr::V4(Ipv4Addr::new(224, 0, 0, 0)),
                IpAddr::V4(Ipv4Addr::new(239, 255, 255, 255)),
            )),
            "all" | "any" if v6 => Resolved::exactly(AddressSet::any6()),
            "all" | "any" => Resolved::exactly(AddressSet::any4()),
            "none" if v6 => Resolved::exactly(AddressSet::host(IpAddr::V6(Ipv6Addr::UNSPECIFIED))),
            "none" => Resolved::exactly(AddressSet::host(IpAddr::V4(Ipv4Addr::UNSPECIFIED))),
            _ if book == Book::Multicast && self.index.contains_key(&(Book::V4, name)) => {
                // Sources of multicast policies are ordinary addresses.
                self.object(Book::V4, name, span, 1).as_ref().clone()
            }
            _ => {
                self.diagnostics.push(Diagnostic {
                    code: "undefined-reference",
                    severity: Severity::Warning,
                    span,
                    message: format!("{} `{name}` is not defined", book.kind()),
                    effect: Effect::Opaque,
                });
                open(
                    ConditionKind::NotUnderstood,
                    &format!("undefined {} {name}", book.kind()),
                    span,
                )
            }
        }
    }

    fn defined(&mut self, book: Book, item: &'c Address<'t>, depth: usize) -> Resolved {
        let span = Some(item.span);
        if !item.unknown.is_empty() {
            let key = format!(
                "{} {}",
                describe(&item.kind),
                super::unknown_key(&item.unknown)
            );
            return open(ConditionKind::NotUnderstood, &key, span);
        }
        match &item.kind {
            AddressKind::Subnet(net) => Resolved::exactly(AddressSet::prefix(*net)),
            AddressKind::Range(low, high) => {
                let set = AddressSet::range(*low, *high);
                if set.is_empty() {
                    self.diagnostics.push(Diagnostic {
                        code: "empty-range",
                        severity: Severity::Warning,
                        span,
                        message: format!("address `{}` ends before it starts", item.name),
                        effect: Effect::Opaque,
                    });
                    return open(
                        ConditionKind::NotUnderstood,
                        &format!("range {low}-{high}"),
                        span,
                    );
                }
                Resolved::exactly(set)
            }
            AddressKind::Wildcard(address, mask) => {
                match AddressSet::masked(Family::V4, bits(*address), bits(*mask), RANGES) {
                    Some(set) => Resolved::exactly(set),
                    None => open(
                        ConditionKind::NotUnderstood,
                        &format!("wildcard {address} {mask}"),
                        span,
                    ),
                }
            }
            AddressKind::InterfaceSubnet(interface) => {
                let net = self
                    .vdom
                    .interfaces
                    .iter()
                    .find(|i| i.name == *interface)
                    .and_then(|i| i.addresses.iter().find(|n| matches!(n, IpNet::V4(_))));
                match net {
                    Some(net) => Resolved::exactly(AddressSet::prefix(*net)),
                    None => named(
                        &format!("interface-subnet {interface}"),
                        "interface-subnet",
                        span,
                    ),
                }
            }
            AddressKind::Name(kind, name) => named(name, kind, span),
            AddressKind::Elsewhere(text) => {
                defined_elsewhere(item.name, &text.replace('\n', "; "), span)
            }
            AddressKind::Other(text) => open(ConditionKind::Environment, text, span),
            AddressKind::Group(members, excluded) => {
                let resolve = |this: &mut Self, names: &[&str]| -> Resolved {
                    let parts: Vec<Arc<Resolved>> = names
                        .iter()
                        .map(|n| this.object(book, n, span, depth + 1))
                        .collect();
                    joined(&parts)
                };
                if members.is_empty() {
                    self.diagnostics.push(Diagnostic {
                        code: "empty-group",
                        severity: Severity::Warning,
                        span,
                        message: format!("address group `{}` has no members", item.name),
                        effect: Effect::None,
                    });
                }
                let members = resolve(self, members);
                if excluded.is_empty() {
                    return members;
                }
                let excluded = resolve(self, excluded);
                without(&members, &excluded)
            }
        }
    }
}

fn describe(kind: &AddressKind<'_>) -> String {
    format!("{kind:?}")
}

/// A condition that stands for a whole set.
fn open(kind: ConditionKind, text: &str, span: Option<Span>) -> Resolved {
    let part = |dimension: &str| {
        vec![MatchExpr::opaque(
            kind.clone(),
            format!("{text} {dimension}"),
            text,
            span,
        )]
    };
    Resolved {
        exact: Arc::new(AddressSet::empty()),
        open: [part("source"), part("destination")],
    }
}

/// Addresses that the device learns, which go by the name of the object.
fn defined_elsewhere(name: &str, definition: &str, span: Option<Span>) -> Resolved {
    let part = |dimension: Dimension, word: &str| {
        vec![MatchExpr::opaque(
            ConditionKind::Name(name.to_owned(), dimension),
            format!("{definition} {word}"),
            format!("address {name} ({})", definition.trim_end_matches("; ")),
            span,
        )]
    };
    Resolved {
        exact: Arc::new(AddressSet::empty()),
        open: [
            part(Dimension::Source, "source"),
            part(Dimension::Destination, "destination"),
        ],
    }
}

/// Addresses that go by a name.
pub fn named(name: &str, kind: &str, span: Option<Span>) -> Resolved {
    let name = if kind == "geography" {
        format!("geography {name}")
    } else {
        name.to_owned()
    };
    let part = |dimension: Dimension, word: &str| {
        vec![MatchExpr::opaque(
            ConditionKind::Name(name.clone(), dimension),
            format!("{kind} {name} {word}"),
            format!("{kind} {name}"),
            span,
        )]
    };
    Resolved {
        exact: Arc::new(AddressSet::empty()),
        open: [
            part(Dimension::Source, "source"),
            part(Dimension::Destination, "destination"),
        ],
    }
}

fn joined(parts: &[Arc<Resolved>]) -> Resolved {
    let mut out = Resolved::exactly(AddressSet::union_all(
        parts.iter().map(|p| p.exact.as_ref()),
    ));
    let [source, destination] = &mut out.open;
    for part in parts {
        source.extend_from_slice(part.part(Dimension::Source));
        destination.extend_from_slice(part.part(Dimension::Destination));
    }
    out
}

fn without(members: &Resolved, excluded: &Resolved) -> Resolved {
    if members.is_exact() && excluded.is_exact() {
        return Resolved::exactly(members.exact.subtract(&excluded.exact));
    }
    let part = |dimension: Dimension| {
        vec![MatchExpr::all([
            members.expr(dimension),
            excluded.expr(dimension).negate(),
        ])]
    };
    Resolved {
        exact: Arc::new(AddressSet::empty()),
        open: [part(Dimension::Source), part(Dimension::Destination)],
    }
}
