//! Comparisons to match expressions.

use super::super::ast::{Binary, Element, Expr, Operator, Selector};
use super::values::{Collector, Field, Unresolved, Values, number};
use super::{Lowering, Scope};
use fw_model::match_expr::MarkRegister;
use fw_model::service::{ICMP, ICMPV6, PORT_MAX, SCTP, TCP, UDP};
use fw_model::{
    AddressSet, ConditionKind, ConnectionState, Dimension, Family, InterfaceSet, IntervalSet,
    MatchExpr, ServiceSet, StateSet,
};
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// A selector: its field, or why the model cannot express it, and what must
/// hold for it to be readable at all.
pub struct Key {
    pub field: Result<Field, ConditionKind>,
    pub needs: Vec<MatchExpr>,
    /// The text, for conditions.
    pub text: String,
}

const WITH_PORTS: [u8; 5] = [TCP, UDP, 33, SCTP, 136];
/// How many ranges or blocks a masked value may take.
const BLOCKS: usize = 4096;

fn protocol(number: u8) -> MatchExpr {
    MatchExpr::service(ServiceSet::protocol(number))
}

fn states(list: &[ConnectionState]) -> MatchExpr {
    MatchExpr::State(list.iter().copied().collect())
}

impl Lowering<'_> {
    /// What a selector reads.
    pub fn key(&self, scope: &Scope<'_>, selector: &Selector) -> Key {
        let mut needs = Vec::new();
        let field = self.field(scope, selector, &mut needs);
        Key {
            field,
            needs,
            text: selector.to_string(),
        }
    }

    /// The condition "is of this family", where the table leaves it open.
    pub fn family(&self, scope: &Scope<'_>, family: Family) -> MatchExpr {
        match (scope.family(), family) {
            (Some(table), wanted) if table == wanted => MatchExpr::Always,
            (Some(_), _) => MatchExpr::Never,
            (None, wanted) => MatchExpr::Family(wanted),
        }
    }

    fn field(
        &self,
        scope: &Scope<'_>,
        selector: &Selector,
        needs: &mut Vec<MatchExpr>,
    ) -> Result<Field, ConditionKind> {
        use Dimension::{Destination, Source};
        match selector {
            Selector::Payload(proto, field) => {
                let dimension = match field.as_str() {
                    "saddr" => Some(Source),
                    "daddr" => Some(Destination),
                    _ => None,
                };
                let port = match field.as_str() {
                    "sport" => Some(true),
                    "dport" => Some(false),
                    _ => None,
                };
                match proto.as_str() {
                    "ip" | "ip6" => {
                        let family = if proto == "ip" {
                            Family::V4
                        } else {
                            Family::V6
                        };
                        needs.push(self.family(scope, family));
                        match (dimension, field.as_str()) {
                            (Some(dimension), _) => Ok(Field::Address(dimension, family)),
                            (None, "protocol" | "nexthdr") => Ok(Field::Protocol),
                            _ => Err(ConditionKind::Content),
                        }
                    }
                    "tcp" | "udp" | "udplite" | "sctp" | "dccp" | "th" => {
                        let protocols: &'static [u8] = match proto.as_str() {
                            "tcp" => &[TCP],
                            "udp" => &[UDP],
                            "udplite" => &[136],
                            "sctp" => &[SCTP],
                            "dccp" => &[33],
                            _ => &WITH_PORTS,
                        };
                        needs.push(MatchExpr::service(ServiceSet::union_all(
                            &protocols
                                .iter()
                                .map(|&p| ServiceSet::protocol(p))
                                .collect::<Vec<_>>(),
                        )));
                        match port {
                            Some(source) => Ok(Field::Port { protocols, source }),
                            None if proto == "tcp" && field == "flags" => Ok(Field::TcpFlags),
                            None => Err(ConditionKind::Content),
                        }
                    }
                    "icmp" | "icmpv6" => {
                        let (number, family) = if proto == "icmp" {
                            (ICMP, Family::V4)
                        } else {
                            (ICMPV6, Family::V6)
                        };
                        needs.push(self.family(scope, family));
                        needs.push(protocol(number));
                        match field.as_str() {
                            "type" => Ok(Field::IcmpType(number)),
                            "code" => Ok(Field::IcmpCode(number)),
                            _ => Err(ConditionKind::Content),
                        }
                    }
                    "esp" | "ah" | "comp" | "gre" | "igmp" | "gretap" | "auth" => {
                        let number = match proto.as_str() {
                            "esp" => 50,
                            "ah" | "auth" => 51,
                            "comp" => 108,
                            "igmp" => 2,
                            _ => 47,
                        };
                        needs.push(protocol(number));
                        Err(ConditionKind::Content)
                    }
                    "hbh" | "frag" | "dst" | "mh" | "srh" | "rt0" | "rt2" | "rt4" => {
                        needs.push(self.family(scope, Family::V6));
                        Err(ConditionKind::Content)
                    }
                    "ether" if field == "type" => Ok(Field::EtherType),
                    _ => Err(ConditionKind::Content),
                }
            }
            Selector::Meta(key) => match key.as_str() {
                "iif" | "iifname" => Ok(Field::Interface(true)),
                "oif" | "oifname" => Ok(Field::Interface(false)),
                "l4proto" => Ok(Field::Protocol),
                "nfproto" => Ok(Field::NetworkFamily),
                "protocol" => Ok(Field::EtherType),
                "mark" => Ok(Field::Mark(MarkRegister::Packet)),
                "skuid" | "skgid" => Err(ConditionKind::User),
                "time" | "day" | "hour" => Err(ConditionKind::Time),
                "random" => Err(ConditionKind::Rate),
                "length" | "pkttype" => Err(ConditionKind::Content),
                _ => Err(ConditionKind::Environment),
            },
            Selector::Ct(key, direction) => match (key.as_str(), direction.as_deref()) {
                ("state", None) => Ok(Field::State),
                ("status", None) => Ok(Field::Status),
                ("mark", None) => Ok(Field::Mark(MarkRegister::Connection)),
                ("direction", None) => Ok(Field::Direction),
                (_, _) if scope.variant.early => Err(ConditionKind::Environment),
                (key, Some("original")) => {
                    let inner = match key {
                        "ip saddr" => Field::Address(Source, Family::V4),
                        "ip daddr" => Field::Address(Destination, Family::V4),
                        "ip6 saddr" => Field::Address(Source, Family::V6),
                        "ip6 daddr" => Field::Address(Destination, Family::V6),
                        "saddr" | "daddr" if scope.family().is_some() => Field::Address(
                            if key == "saddr" { Source } else { Destination },
                            scope.family().unwrap_or(Family::V4),
                        ),
                        "proto-src" => Field::Port {
                            protocols: &WITH_PORTS,
                            source: true,
                        },
                        "proto-dst" => Field::Port {
                            protocols: &WITH_PORTS,
                            source: false,
                        },
                        "protocol" => Field::Protocol,
                        _ => return Err(ConditionKind::Environment),
                    };
                    if let Field::Address(_, family) = inner {
                        needs.push(self.family(scope, family));
                    }
                    Ok(Field::Original(Box::new(inner)))
                }
                ("bytes" | "packets" | "avgpkt", _) => Err(ConditionKind::Rate),
                _ => Err(ConditionKind::Environment),
            },
            Selector::Fib(flags, result) => match (flags.as_slice(), result.as_str()) {
                ([only], "type") if only == "daddr" => Ok(Field::FibType(Destination)),
                ([only], "type") if only == "saddr" => Ok(Field::FibType(Source)),
                _ => Err(ConditionKind::Environment),
            },
            Selector::Other(text) => Err(if text.starts_with("numgen") {
                ConditionKind::Rate
            } else if text.starts_with("socket") || text.starts_with("rt ") {
                ConditionKind::Environment
            } else {
                if text.starts_with("tcp option") {
                    needs.push(protocol(TCP));
                }
                // A hash of a header's fields asks for the header.
                if let Some((keys, _)) = text
                    .strip_prefix("jhash ")
                    .and_then(|rest| rest.rsplit_once(" mod "))
                {
                    for key in keys.split(" . ") {
                        if let Some((header, field)) = key.split_once(' ')
                            && !matches!(header, "meta" | "ct")
                        {
                            let inner = Selector::Payload(header.into(), field.into());
                            let _ = self.field(scope, &inner, needs);
                        }
                    }
                }
                ConditionKind::Content
            }),
        }
    }

    /// `LEFT OP RIGHT`
    pub fn comparison(
        &mut self,
        scope: &mut Scope<'_>,
        left: &Expr,
        op: Operator,
        right: &Expr,
    ) -> MatchExpr {
        match left {
            Expr::Select(selector) => {
                let key = self.key(scope, selector);
                match raw_port(selector) {
                    Some(port) => self.raw_port(scope, &port, key, op, right),
                    None => self.compare(scope, key, None, op, right),
                }
            }
            Expr::Binary(Binary::And, inner, mask) => {
                if let Expr::Select(selector) = &**inner {
                    let key = self.key(scope, selector);
                    if let Ok(field) = &key.field
                        && let Some(mask) = number(field, mask)
                    {
                        return self.compare(scope, key, Some(mask), op, right);
                    }
                    if key.field.is_err() {
                        let text = format!("{left} {op}{}", self.resolved(scope, right));
                        return self.open(scope, &key, text);
                    }
                }
                self.not_understood(scope, format!("{left} {op}{right}"))
            }
            Expr::Concat(parts) => self.tuples(scope, parts, op, right),
            _ => self.not_understood(scope, format!("{left} {op}{right}")),
        }
    }

    /// `@th,16,16 == 80`: a port where the protocol has ports, other bytes of
    /// the packet where it has none. Nothing asks for the protocol.
    fn raw_port(
        &mut self,
        scope: &mut Scope<'_>,
        port: &Selector,
        raw: Key,
        op: Operator,
        right: &Expr,
    ) -> MatchExpr {
        let port = self.key(scope, port);
        let ports = MatchExpr::all(port.needs.iter().cloned());
        let known = self.compare(scope, port, None, op, right);
        let bytes = self.compare(scope, raw, None, op, right);
        MatchExpr::any([known, MatchExpr::all([ports.negate(), bytes])])
    }

    /// A comparison that cannot be decided.
    fn open(&mut self, scope: &mut Scope<'_>, key: &Key, text: String) -> MatchExpr {
        let kind = match &key.field {
            Err(kind) => kind.clone(),
            Ok(_) => ConditionKind::Environment,
        };
        // Chance falls anew for every rule.
        let identity = if kind == ConditionKind::Rate {
            scope.own(&text)
        } else {
            text.clone()
        };
        let mut parts = key.needs.clone();
        parts.push(MatchExpr::opaque(kind, identity, text, Some(scope.span)));
        MatchExpr::all(parts)
    }

    fn compare(
        &mut self,
        scope: &mut Scope<'_>,
        mut key: Key,
        mask: Option<u128>,
        op: Operator,
        right: &Expr,
    ) -> MatchExpr {
        if let Some(mask) = mask {
            key.text.push_str(&format!(" & {mask:#x}"));
        }
        let Ok(field) = key.field.clone() else {
            if let Expr::Named(name) = right
                && self.set(scope, name).is_none()
            {
                return self.undefined_set(scope, name);
            }
            // What is not equal must not be, and the same condition in both
            // polarities is the same condition.
            let (op, negated) = match op {
                Operator::NotEqual => (Operator::Equal, true),
                Operator::NoneOf => (Operator::Implicit, true),
                op => (op, false),
            };
            let shown = match op {
                Operator::Equal => Operator::Implicit,
                op => op,
            };
            let text = format!("{} {shown}{}", key.text, self.resolved(scope, right));
            let inner = Key {
                field: key.field,
                needs: Vec::new(),
                text: key.text,
            };
            let open = self.open(scope, &inner, text);
            let mut parts = key.needs;
            parts.push(if negated { open.negate() } else { open });
            return MatchExpr::all(parts);
        };
        if field.is_flags() && !matches!(right, Expr::Named(_)) || field == Field::Direction {
            return self.flags(scope, &key, &field, mask, op, right);
        }
        let equality = matches!(
            op,
            Operator::Implicit | Operator::Equal | Operator::NotEqual
        );
        let found = match (right, mask) {
            (Expr::Named(_) | Expr::Set(_), _) if !equality => Err(()),
            (_, Some(_)) if !equality => Err(()),
            (Expr::Named(_), Some(_)) => Err(()),
            (Expr::Named(name), None) => self.named(scope, &key, &field, name),
            (Expr::Set(elements), None) => Ok(self.elements(scope, &key, &field, elements)),
            (right, mask) => {
                let mut collector = Collector::default();
                let mut plain = true;
                match right {
                    Expr::Set(elements) => {
                        for element in elements {
                            plain &= element.stateful.is_none();
                            collector.add(&field, &element.key);
                        }
                    }
                    other => collector.add(&field, other),
                }
                let values = collector.finish();
                match mask {
                    Some(mask) if plain => self.masked(scope, &field, mask, &values),
                    Some(_) => Err(()),
                    None => self.ordered(scope, &key, &field, op, &values),
                }
            }
        };
        let found = match found {
            Ok(found) => found,
            // A mask with holes of an IPv6 address has no short form as ranges.
            Err(()) if mask.is_some() && matches!(field, Field::Address(..)) && equality => {
                let text = format!("{} =={}", key.text, self.resolved(scope, right));
                let open =
                    MatchExpr::opaque(ConditionKind::Content, text.clone(), text, Some(scope.span));
                match op {
                    Operator::NotEqual => {
                        return MatchExpr::all(key.needs.into_iter().chain([open.negate()]));
                    }
                    _ => open,
                }
            }
            Err(()) => {
                let text = format!("{} {op}{}", key.text, self.resolved(scope, right));
                return self.not_understood(scope, text);
            }
        };
        let found = match op {
            Operator::NotEqual => found.negate(),
            _ => found,
        };
        MatchExpr::all(key.needs.into_iter().chain([found]))
    }

    fn ordered(
        &mut self,
        scope: &mut Scope<'_>,
        key: &Key,
        field: &Field,
        op: Operator,
        values: &Values,
    ) -> Result<MatchExpr, ()> {
        let bound = || match values.numbers.ranges() {
            [(low, high)] if low == high && values.unresolved.is_empty() => Ok(*low),
            _ => Err(()),
        };
        let max = field.max();
        let range = match op {
            Operator::Implicit | Operator::Equal | Operator::NotEqual => {
                return Ok(self.holds(scope, key, field, values));
            }
            Operator::NoneOf => return Err(()),
            Operator::Less => match bound()?.checked_sub(1) {
                Some(high) => IntervalSet::range(0, high),
                None => IntervalSet::new(),
            },
            Operator::AtMost => IntervalSet::range(0, bound()?),
            Operator::Greater => IntervalSet::range(bound()?.saturating_add(1), max),
            Operator::AtLeast => IntervalSet::range(bound()?, max),
        };
        let values = Values {
            numbers: range,
            ..Values::default()
        };
        Ok(self.holds(scope, key, field, &values))
    }

    /// `FIELD & MASK == VALUES`, for fields that hold no flags.
    fn masked(
        &mut self,
        scope: &mut Scope<'_>,
        field: &Field,
        mask: u128,
        values: &Values,
    ) -> Result<MatchExpr, ()> {
        if !values.unresolved.is_empty() {
            return Err(());
        }
        if values.numbers.count() > 256 {
            return Err(());
        }
        let mut parts = Vec::new();
        for low in values.numbers.ranges().iter().flat_map(|r| r.0..=r.1) {
            if low & !mask & field.max() != 0 {
                continue;
            }
            parts.push(match field {
                Field::Address(dimension, family) => {
                    let set = AddressSet::masked(*family, low, mask, BLOCKS).ok_or(())?;
                    MatchExpr::address(*dimension, Arc::new(set))
                }
                Field::Mark(register) => {
                    let (mask, value) = (mask as u32, low as u32);
                    self.mark(scope, *register, mask, value)
                }
                Field::Port { .. } | Field::Protocol | Field::IcmpType(_) | Field::IcmpCode(_) => {
                    let hits: Vec<_> = (0..=field.max())
                        .filter(|v| v & mask == low)
                        .map(|v| (v, v))
                        .collect();
                    let values = Values {
                        numbers: IntervalSet::from_ranges(hits),
                        ..Values::default()
                    };
                    self.numbers(scope, field, &values.numbers)
                }
                _ => return Err(()),
            });
        }
        Ok(MatchExpr::any(parts))
    }

    /// The members of a set. Flags compare exactly here.
    pub fn elements(
        &mut self,
        scope: &mut Scope<'_>,
        key: &Key,
        field: &Field,
        elements: &[Element],
    ) -> MatchExpr {
        let mut collector = Collector::default();
        let mut stateful: Vec<MatchExpr> = Vec::new();
        for element in elements {
            match &element.stateful {
                None => collector.add(field, &element.key),
                Some(meter) => {
                    let mut one = Collector::default();
                    one.add(field, &element.key);
                    let one = self.holds(scope, key, field, &one.finish());
                    let text = format!("{} {meter}", element.key);
                    let open = MatchExpr::opaque(
                        ConditionKind::Rate,
                        scope.own(&text),
                        text,
                        Some(scope.span),
                    );
                    stateful.push(MatchExpr::all([one, open]));
                }
            }
        }
        let values = collector.finish();
        if field.is_flags() || *field == Field::Direction {
            let numbers = values.numbers.clone();
            let exact = self.bits(scope, key, field, &|v| numbers.contains(v), u128::MAX);
            let rest = Values {
                numbers: IntervalSet::new(),
                ..values
            };
            let rest = self.holds(scope, key, field, &rest);
            return MatchExpr::any([exact, rest].into_iter().chain(stateful));
        }
        let all = self.holds(scope, key, field, &values);
        MatchExpr::any([all].into_iter().chain(stateful))
    }

    fn named(
        &mut self,
        scope: &mut Scope<'_>,
        key: &Key,
        field: &Field,
        name: &str,
    ) -> Result<MatchExpr, ()> {
        let Some(at) = self.set(scope, name) else {
            return Ok(self.undefined_set(scope, name));
        };
        self.use_set(scope, at);
        let cached = (scope.table, at, key.text.clone(), scope.variant);
        if let Some(found) = self.set_cache.get(&cached) {
            return Ok(found.clone());
        }
        let ruleset = self.ruleset;
        let Some(set) = ruleset.tables.get(scope.table).and_then(|t| t.sets.get(at)) else {
            return Err(());
        };
        let members = self.elements(scope, key, field, &set.elements);
        let found = self.membership(scope, at, &key.text, members);
        self.set_cache.insert(cached, found.clone());
        Ok(found)
    }

    /// What is known of a set's members, and the doubt about the others.
    pub fn membership(
        &mut self,
        scope: &mut Scope<'_>,
        at: usize,
        key: &str,
        members: MatchExpr,
    ) -> MatchExpr {
        let ruleset = self.ruleset;
        let Some(table) = ruleset.tables.get(scope.table) else {
            return members;
        };
        let Some(set) = table.sets.get(at) else {
            return members;
        };
        let name = format!("{} {} {}", table.name.family, table.name.name, set.name);
        let text = format!("{key} in @{}", set.name);
        if let Some(unknown) = &set.unknown {
            return MatchExpr::opaque(
                ConditionKind::NotUnderstood,
                format!("{key} in {name}: {unknown} {members:?}"),
                text,
                Some(set.place.span),
            );
        }
        let changes = set.dynamic
            || set.timeout
            || self.written.contains(&(scope.table, set.name.clone()))
            || set.elements.iter().any(|e| e.expires);
        if !changes {
            return members;
        }
        let lasting = set
            .elements
            .iter()
            .all(|e| !e.expires && !set.timeout && !set.dynamic);
        let open = MatchExpr::opaque(
            ConditionKind::Rate,
            format!("{key} in {name}"),
            text,
            Some(set.place.span),
        );
        if lasting {
            MatchExpr::any([members, open])
        } else {
            open
        }
    }

    /// `A . B OP RIGHT`
    fn tuples(
        &mut self,
        scope: &mut Scope<'_>,
        parts: &[Expr],
        op: Operator,
        right: &Expr,
    ) -> MatchExpr {
        let Some(keys) = self.tuple_keys(scope, parts) else {
            let text = format!("{} {op}{right}", Expr::Concat(parts.to_vec()));
            return self.not_understood(scope, text);
        };
        let needs: Vec<MatchExpr> = keys.iter().flat_map(|k| k.needs.clone()).collect();
        let found = match right {
            Expr::Named(name) => {
                let Some(at) = self.set(scope, name) else {
                    return self.undefined_set(scope, name);
                };
                self.use_set(scope, at);
                let text = Expr::Concat(parts.to_vec()).to_string();
                let cached = (scope.table, at, text.clone(), scope.variant);
                match self.set_cache.get(&cached) {
                    Some(found) => found.clone(),
                    None => {
                        let ruleset = self.ruleset;
                        let elements = ruleset
                            .tables
                            .get(scope.table)
                            .and_then(|t| t.sets.get(at))
                            .map_or(&[][..], |s| &s.elements);
                        let members = self.tuple_members(scope, &keys, elements.iter());
                        let found = self.membership(scope, at, &text, members);
                        self.set_cache.insert(cached, found.clone());
                        found
                    }
                }
            }
            Expr::Set(elements) => self.tuple_members(scope, &keys, elements.iter()),
            Expr::Concat(_) => {
                let element = Element {
                    key: right.clone(),
                    data: None,
                    expires: false,
                    stateful: None,
                    span: scope.span,
                };
                self.tuple_members(scope, &keys, [element].iter())
            }
            other => {
                let text = format!("{} {op}{other}", Expr::Concat(parts.to_vec()));
                return self.not_understood(scope, text);
            }
        };
        let found = match op {
            Operator::Implicit | Operator::Equal => found,
            Operator::NotEqual => found.negate(),
            _ => {
                let text = format!("{} {op}{right}", Expr::Concat(parts.to_vec()));
                return self.not_understood(scope, text);
            }
        };
        MatchExpr::all(needs.into_iter().chain([found]))
    }

    /// The keys of a concatenation.
    pub fn tuple_keys(&self, scope: &Scope<'_>, parts: &[Expr]) -> Option<Vec<Key>> {
        parts
            .iter()
            .map(|part| match part {
                Expr::Select(selector) => Some(self.key(scope, selector)),
                _ => None,
            })
            .collect()
    }

    /// The tuples of a concatenation, those that differ in one component
    /// alone put together.
    pub fn tuple_members<'e>(
        &mut self,
        scope: &mut Scope<'_>,
        keys: &[Key],
        elements: impl Iterator<Item = &'e Element>,
    ) -> MatchExpr {
        let mut rows: Vec<Vec<Values>> = Vec::new();
        let mut rest: Vec<MatchExpr> = Vec::new();
        for element in elements {
            if element.key == Expr::CatchAll {
                return MatchExpr::Always;
            }
            let components = match &element.key {
                Expr::Concat(components) => components.as_slice(),
                single => std::slice::from_ref(single),
            };
            if components.len() != keys.len() || element.stateful.is_some() {
                rest.push(self.not_understood(scope, element.to_string()));
                continue;
            }
            let mut row = Vec::with_capacity(keys.len());
            for (key, component) in keys.iter().zip(components) {
                let mut collector = Collector::default();
                match (&key.field, component) {
                    (Ok(field), Expr::Set(inner)) => {
                        for e in inner {
                            collector.add(field, &e.key);
                        }
                    }
                    (Ok(field), component) => collector.add(field, component),
                    (Err(_), component) => {
                        let text = format!("{} {component}", key.text);
                        let mut open = Values::default();
                        open.unresolved.push(Unresolved::Unknown(text));
                        collector.merge(&open);
                    }
                }
                row.push(collector.finish());
            }
            rows.push(row);
        }
        for at in (0..keys.len()).rev() {
            rows = merged(rows, at);
        }
        let mut parts = Vec::with_capacity(rows.len());
        for row in rows {
            let mut all = Vec::with_capacity(row.len());
            for (key, values) in keys.iter().zip(&row) {
                all.push(match &key.field {
                    Ok(field) if field.is_flags() || *field == Field::Direction => {
                        let numbers = values.numbers.clone();
                        self.bits(scope, key, field, &|v| numbers.contains(v), u128::MAX)
                    }
                    Ok(field) => self.holds(scope, key, field, values),
                    Err(kind) => {
                        let parts: Vec<MatchExpr> = values
                            .unresolved
                            .iter()
                            .map(|u| match u {
                                Unresolved::Unknown(text) | Unresolved::Host(text) => {
                                    MatchExpr::opaque(
                                        kind.clone(),
                                        text.clone(),
                                        text.clone(),
                                        Some(scope.span),
                                    )
                                }
                            })
                            .collect();
                        MatchExpr::any(parts)
                    }
                });
            }
            parts.push(MatchExpr::all(all));
        }
        parts.extend(rest);
        MatchExpr::any(parts)
    }

    /// The field has one of the values.
    pub fn holds(
        &mut self,
        scope: &mut Scope<'_>,
        key: &Key,
        field: &Field,
        values: &Values,
    ) -> MatchExpr {
        let mut parts = Vec::new();
        if let Field::Interface(ingress) = field {
            parts.push(self.interfaces(scope, *ingress, values));
        } else if !values.numbers.is_empty() {
            parts.push(self.numbers(scope, field, &values.numbers));
        }
        for unresolved in &values.unresolved {
            parts.push(match (unresolved, field) {
                (Unresolved::Host(name), Field::Address(dimension, _)) => {
                    let text = format!("{} {name}", key.text);
                    MatchExpr::opaque(
                        ConditionKind::Name(name.clone(), *dimension),
                        text.clone(),
                        text,
                        Some(scope.span),
                    )
                }
                (Unresolved::Host(text) | Unresolved::Unknown(text), _) => {
                    self.not_understood(scope, format!("{} {text}", key.text))
                }
            });
        }
        MatchExpr::any(parts)
    }

    fn interfaces(&mut self, scope: &Scope<'_>, ingress: bool, values: &Values) -> MatchExpr {
        self.interface_names.extend(
            values
                .names
                .iter()
                .filter(|n| n.parse::<u32>().is_err())
                .cloned(),
        );
        // Where the kernel has no such interface yet, its name is empty.
        let known = if ingress {
            scope.variant.ingress
        } else {
            scope.variant.egress
        };
        if !known {
            return MatchExpr::Never;
        }
        let (names, numbers): (Vec<String>, Vec<String>) = values
            .names
            .iter()
            .cloned()
            .partition(|n| n.parse::<u32>().is_err());
        let mut parts = Vec::new();
        if !names.is_empty() || !values.prefixes.is_empty() {
            let set = Arc::new(InterfaceSet {
                names,
                prefixes: values.prefixes.clone(),
            });
            parts.push(if ingress {
                MatchExpr::Ingress(set)
            } else {
                MatchExpr::Egress(set)
            });
        }
        for number in numbers {
            let text = format!("{} {number}", if ingress { "iif" } else { "oif" });
            parts.push(MatchExpr::opaque(
                ConditionKind::Environment,
                text.clone(),
                text,
                Some(scope.span),
            ));
        }
        MatchExpr::any(parts)
    }

    fn numbers(&mut self, scope: &Scope<'_>, field: &Field, numbers: &IntervalSet) -> MatchExpr {
        let any_port = || IntervalSet::range(0, PORT_MAX);
        match field {
            Field::Address(dimension, family) => MatchExpr::address(
                *dimension,
                Arc::new(AddressSet::of(*family, numbers.clone())),
            ),
            Field::Port { protocols, source } => {
                let sets: Vec<ServiceSet> = protocols
                    .iter()
                    .map(|&p| {
                        if *source {
                            ServiceSet::ports(p, numbers.clone(), any_port())
                        } else {
                            ServiceSet::ports(p, any_port(), numbers.clone())
                        }
                    })
                    .collect();
                MatchExpr::service(ServiceSet::union_all(&sets))
            }
            Field::Protocol => {
                let points: IntervalSet = numbers
                    .ranges()
                    .iter()
                    .map(|&(low, high)| (low << 16, (high << 16) | 0xffff))
                    .collect();
                MatchExpr::service(ServiceSet::of(points, any_port()))
            }
            Field::IcmpType(proto) => {
                let points: IntervalSet = numbers
                    .ranges()
                    .iter()
                    .map(|&(low, high)| (low << 8, (high << 8) | 0xff))
                    .collect();
                MatchExpr::service(ServiceSet::ports(*proto, any_port(), points))
            }
            Field::IcmpCode(proto) => {
                let mut points = Vec::new();
                for kind in 0..=255u128 {
                    for &(low, high) in numbers.ranges() {
                        points.push(((kind << 8) | low, (kind << 8) | high));
                    }
                }
                MatchExpr::service(ServiceSet::ports(
                    *proto,
                    any_port(),
                    IntervalSet::from_ranges(points),
                ))
            }
            Field::NetworkFamily | Field::EtherType => {
                let (v4, v6) = if *field == Field::EtherType {
                    (0x0800, 0x86dd)
                } else {
                    (2, 10)
                };
                let mut parts = Vec::new();
                if numbers.contains(v4) {
                    parts.push(self.family(scope, Family::V4));
                }
                if numbers.contains(v6) {
                    parts.push(self.family(scope, Family::V6));
                }
                MatchExpr::any(parts)
            }
            Field::Mark(register) => {
                let mut parts = Vec::new();
                for &(low, high) in numbers.ranges() {
                    for (base, size) in blocks(low, high.min(u128::from(u32::MAX))) {
                        let mask = !((size - 1) as u32);
                        parts.push(self.mark(scope, *register, mask, base as u32));
                    }
                }
                MatchExpr::any(parts)
            }
            Field::FibType(dimension) => {
                let mut parts = Vec::new();
                for kind in 0..=8u128 {
                    if numbers.contains(kind) {
                        parts.push(fib_type(scope, *dimension, kind));
                    }
                }
                MatchExpr::any(parts)
            }
            Field::Original(inner) => {
                let found = MatchExpr::Original(Box::new(self.numbers(scope, inner, numbers)));
                self.first_packets(scope, found, &format!("ct original {inner:?} {numbers:?}"))
            }
            Field::State
            | Field::Status
            | Field::TcpFlags
            | Field::Direction
            | Field::Interface(_) => MatchExpr::Never,
        }
    }

    /// The mark through a mask.
    fn mark(
        &mut self,
        scope: &Scope<'_>,
        register: MarkRegister,
        mask: u32,
        value: u32,
    ) -> MatchExpr {
        if value & !mask != 0 {
            return MatchExpr::Never;
        }
        let name = match register {
            MarkRegister::Packet => "meta mark",
            MarkRegister::Connection => "ct mark",
        };
        let text = format!("{name} & {mask:#x} == {value:#x}");
        if register == MarkRegister::Connection && scope.variant.early {
            return MatchExpr::Never;
        }
        if self.marks.unknown(register) {
            return MatchExpr::opaque(
                ConditionKind::Environment,
                text.clone(),
                text,
                Some(scope.span),
            );
        }
        let found = MatchExpr::Mark {
            register,
            mask,
            value,
        };
        // A connection keeps its mark; what a later packet of it sees was set
        // by an earlier one.
        if self.marks.kept(register) {
            self.first_packets(scope, found, &text)
        } else {
            found
        }
    }

    /// `found` for the packets that the model follows from the start; for
    /// packets of a known connection it rests on that connection's past.
    pub fn first_packets(&self, scope: &Scope<'_>, found: MatchExpr, text: &str) -> MatchExpr {
        let later = states(&[ConnectionState::Established]);
        let open = MatchExpr::opaque(
            ConditionKind::Environment,
            format!("{text} of the connection"),
            format!("{text} (of the connection)"),
            Some(scope.span),
        );
        MatchExpr::any([
            MatchExpr::all([later.clone().negate(), found]),
            MatchExpr::all([later, open]),
        ])
    }

    /// A comparison of flags.
    fn flags(
        &mut self,
        scope: &mut Scope<'_>,
        key: &Key,
        field: &Field,
        mask: Option<u128>,
        op: Operator,
        right: &Expr,
    ) -> MatchExpr {
        if let Expr::Set(elements) = right
            && mask.is_none()
        {
            let found = self.elements(scope, key, field, elements);
            let found = if op == Operator::NotEqual {
                found.negate()
            } else {
                found
            };
            return MatchExpr::all(key.needs.iter().cloned().chain([found]));
        }
        let mut collector = Collector::default();
        match right {
            Expr::Set(elements) => {
                for element in elements {
                    collector.add(field, &element.key);
                }
            }
            other => collector.add(field, other),
        }
        let values = collector.finish();
        let (Some(low), true) = (values.numbers.first(), values.unresolved.is_empty()) else {
            let text = format!("{} {op}{right}", key.text);
            return self.not_understood(scope, text);
        };
        let seen = mask.unwrap_or(u128::MAX);
        let all_bits = values.numbers.ranges().iter().fold(0, |a, r| a | r.0 | r.1);
        let set = values.numbers;
        let relevant = match op {
            Operator::Implicit | Operator::NoneOf => seen & all_bits,
            _ => seen,
        };
        let test = |v: u128| {
            let v = v & seen;
            match op {
                Operator::Implicit => v & all_bits != 0,
                Operator::NoneOf => v & all_bits == 0,
                Operator::Equal => set.contains(v),
                Operator::NotEqual => !set.contains(v),
                Operator::Less => v < low,
                Operator::Greater => v > low,
                Operator::AtMost => v <= low,
                Operator::AtLeast => v >= low,
            }
        };
        let found = self.bits(scope, key, field, &test, relevant);
        MatchExpr::all(key.needs.iter().cloned().chain([found]))
    }

    /// The field's bits pass the test, which looks at `relevant` ones.
    fn bits(
        &mut self,
        scope: &mut Scope<'_>,
        key: &Key,
        field: &Field,
        test: &dyn Fn(u128) -> bool,
        relevant: u128,
    ) -> MatchExpr {
        use ConnectionState::{Established, Invalid, New, Related, Untracked};
        match field {
            Field::State => {
                let table = [
                    (1, Invalid),
                    (2, Established),
                    (4, Related),
                    (8, New),
                    (64, Untracked),
                ];
                if scope.variant.early {
                    // Before connection tracking every packet that is not
                    // exempt counts as invalid.
                    let untracked = states(&[Untracked]);
                    let tracked = untracked.clone().negate();
                    return match (test(1), test(64)) {
                        (true, true) => MatchExpr::Always,
                        (true, false) => tracked,
                        (false, true) => untracked,
                        (false, false) => MatchExpr::Never,
                    };
                }
                let set: StateSet = table
                    .iter()
                    .filter(|(bit, _)| test(*bit))
                    .map(|&(_, state)| state)
                    .collect();
                if table.iter().all(|(bit, _)| test(*bit)) {
                    MatchExpr::Always
                } else if set == StateSet::NONE {
                    MatchExpr::Never
                } else {
                    MatchExpr::State(set)
                }
            }
            Field::TcpFlags => tcp_flags(test),
            Field::Direction => {
                // The model follows the first packet and its reply.
                let reply = states(&[Established]);
                match (test(0), test(1)) {
                    _ if scope.variant.early => MatchExpr::Never,
                    (true, true) => MatchExpr::Always,
                    (true, false) => reply.negate(),
                    (false, true) => reply,
                    (false, false) => MatchExpr::Never,
                }
            }
            Field::Status if scope.variant.early => MatchExpr::Never,
            Field::Status if relevant & !0x30 == 0 => {
                let translated = |dimension| MatchExpr::Translated(dimension, None);
                let mut parts = Vec::new();
                for bits in [0u128, 0x10, 0x20, 0x30] {
                    if bits & !relevant != 0 || !test(bits) {
                        continue;
                    }
                    let mut all = Vec::new();
                    for (bit, dimension) in
                        [(0x10, Dimension::Source), (0x20, Dimension::Destination)]
                    {
                        if relevant & bit != 0 {
                            let part = translated(dimension);
                            all.push(if bits & bit != 0 { part } else { part.negate() });
                        }
                    }
                    parts.push(MatchExpr::all(all));
                }
                let found = MatchExpr::any(parts);
                let text: Vec<&str> = [(0x20, "dnat"), (0x10, "snat")]
                    .iter()
                    .filter(|(bit, _)| relevant & bit != 0)
                    .map(|&(_, name)| name)
                    .collect();
                let polarity = if test(0) { "not " } else { "" };
                self.first_packets(
                    scope,
                    found,
                    &format!("ct status {polarity}{}", text.join(",")),
                )
            }
            _ => {
                let hits: Vec<String> = (0..10)
                    .map(|b| 1u128 << b)
                    .filter(|&v| test(v))
                    .map(|v| format!("{v:#x}"))
                    .collect();
                let text = format!("{} {}", key.text, hits.join(","));
                MatchExpr::opaque(
                    ConditionKind::Environment,
                    text.clone(),
                    text,
                    Some(scope.span),
                )
            }
        }
    }
}

/// The port that a raw part of the transport header is.
fn raw_port(selector: &Selector) -> Option<Selector> {
    let field = match selector {
        Selector::Other(text) if text == "@th,0,16" => "sport",
        Selector::Other(text) if text == "@th,16,16" => "dport",
        _ => return None,
    };
    Some(Selector::Payload("th".into(), field.into()))
}

/// Aligned power-of-two blocks of a range of 32-bit values.
fn blocks(low: u128, high: u128) -> Vec<(u128, u128)> {
    let mut out = Vec::new();
    let mut at = low;
    while at <= high {
        let align = if at == 0 {
            1u128 << 32
        } else {
            1u128 << at.trailing_zeros().min(32)
        };
        let mut size = align;
        while at + size - 1 > high {
            size >>= 1;
        }
        out.push((at, size));
        at += size;
    }
    out
}

/// The rows with those that differ in component `at` alone put together.
fn merged(rows: Vec<Vec<Values>>, at: usize) -> Vec<Vec<Values>> {
    let mut order: Vec<(Vec<Values>, Collector)> = Vec::with_capacity(rows.len());
    let mut index: FxHashMap<Vec<Values>, usize> = FxHashMap::default();
    for mut row in rows {
        if at >= row.len() {
            continue;
        }
        let value = row.remove(at);
        let slot = *index.entry(row.clone()).or_insert_with(|| {
            order.push((row, Collector::default()));
            order.len() - 1
        });
        if let Some((_, collector)) = order.get_mut(slot) {
            collector.merge(&value);
        }
    }
    order
        .into_iter()
        .map(|(mut row, collector)| {
            row.insert(at, collector.finish());
            row
        })
        .collect()
}

/// The TCP flags for which `test` holds, as few masks as the bits it really
/// looks at allow.
fn tcp_flags(test: &dyn Fn(u128) -> bool) -> MatchExpr {
    let hits: Vec<bool> = (0..256u128).map(test).collect();
    let hit = |v: usize| hits.get(v).copied().unwrap_or(false);
    let mut relevant = 0usize;
    for bit in 0..8 {
        if (0..256usize).any(|v| hit(v) != hit(v ^ (1 << bit))) {
            relevant |= 1 << bit;
        }
    }
    let values: Vec<usize> = (0..256usize).filter(|v| v & !relevant == 0).collect();
    let yes: Vec<usize> = values.iter().copied().filter(|&v| hit(v)).collect();
    let no: Vec<usize> = values.iter().copied().filter(|&v| !hit(v)).collect();
    let flags = |values: &[usize]| {
        MatchExpr::any(values.iter().map(|&v| MatchExpr::TcpFlags {
            mask: relevant as u8,
            value: v as u8,
        }))
    };
    if relevant == 0 {
        return if hit(0) {
            MatchExpr::Always
        } else {
            MatchExpr::Never
        };
    }
    if yes.len() <= no.len() {
        flags(&yes)
    } else {
        flags(&no).negate()
    }
}

fn fib_type(scope: &Scope<'_>, dimension: Dimension, kind: u128) -> MatchExpr {
    let word = match dimension {
        Dimension::Source => "saddr",
        Dimension::Destination => "daddr",
    };
    let addresses = |nets: &[&str]| {
        let sets: Vec<AddressSet> = nets
            .iter()
            .filter_map(|n| n.parse().ok())
            .map(AddressSet::prefix)
            .collect();
        MatchExpr::address(dimension, Arc::new(AddressSet::union_all(&sets)))
    };
    match (kind, dimension, scope.variant.to_itself) {
        // What comes to the input hook was found to be local, or is sent to
        // all.
        (2, Dimension::Destination, Some(true)) => {
            addresses(&["224.0.0.0/4", "255.255.255.255/32", "ff00::/8"]).negate()
        }
        (2, Dimension::Destination, Some(false)) => MatchExpr::Never,
        (2, ..) => MatchExpr::Local(dimension),
        (5, ..) => addresses(&["224.0.0.0/4", "ff00::/8"]),
        _ => {
            let text = format!("fib {word} type {kind}");
            MatchExpr::opaque(
                ConditionKind::Environment,
                text.clone(),
                text,
                Some(scope.span),
            )
        }
    }
}
