//! A rule list, compiled for one context.

use super::condition::{Clause, ConditionTable, Interfaces};
use super::index::RangeIndex;
use super::original::Origins;
use super::product::{DIMS, INTERFACE_MAX, REGION_SETS, Region, Set};
use super::term::{MarkTest, Reading, SetPool, Translator};
use fw_model::match_expr::CivilMinute;
use fw_model::packet::ConnectionState;
use fw_model::{Device, Dimension, Family, Filter, IntervalSet, MatchExpr};
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// By which interface packets come in, or leave.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Via {
    /// By none: the device itself sends or receives them.
    Itself,
    /// By this one.
    Interface(Arc<str>),
    /// By one of several: the region says which, by number.
    Open,
}

/// Everything that a rule's condition may ask for besides the dimensions of a
/// region and the marks.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Context {
    /// The family of the packets.
    pub family: Family,
    /// The interface by which they came in.
    pub ingress: Via,
    /// The interface by which they leave.
    pub egress: Via,
    /// The connection tracker's state.
    pub state: ConnectionState,
    /// The connection tracker ignores them.
    pub untracked: bool,
    /// Their TCP flags.
    pub tcp_flags: u8,
    /// The time.
    pub now: CivilMinute,
    /// The application, if the flow names one.
    pub application: Option<Arc<str>>,
    /// The user, if the flow names one (`Some(None)`: none).
    pub user: Option<Option<Arc<str>>>,
    /// The translation that changed the source.
    pub source_by: Option<Arc<str>>,
    /// The translation that changed the destination.
    pub destination_by: Option<Arc<str>>,
    /// The translation gave them another source address or port.
    pub source_moved: bool,
    /// The translation gave them another destination address or port.
    pub destination_moved: bool,
    /// The packets as this stage sees them are not as they entered.
    pub moved: bool,
    /// Where the first packet of the connection is found in these.
    pub origin: Origins,
    /// The expression is about that first packet.
    pub of_origin: bool,
    /// The address that is the device's own because the packets are to it, or
    /// of it.
    pub local: Option<Dimension>,
}

impl Context {
    /// Of first packets of a connection of which nothing else is known.
    #[must_use]
    pub const fn plain(family: Family, ingress: Via, egress: Via, now: CivilMinute) -> Self {
        Self {
            family,
            ingress,
            egress,
            state: ConnectionState::New,
            untracked: false,
            tcp_flags: 0,
            now,
            application: None,
            user: None,
            source_by: None,
            destination_by: None,
            source_moved: false,
            destination_moved: false,
            moved: false,
            origin: None,
            of_origin: false,
            local: None,
        }
    }
}

/// Which parts of a [`Context`] the rules of a filter ask for. The others are
/// blanked before compiling, so that one compiled filter serves many contexts.
#[derive(Clone, Copy, Default, Debug)]
pub struct Asks {
    interfaces: bool,
    state: bool,
    translated: bool,
    identity: bool,
    moved: bool,
    origin: bool,
    local: bool,
}

impl Asks {
    /// What the rules of `filter` ask for.
    #[must_use]
    pub fn of(filter: &Filter) -> Self {
        let mut asks = Self::default();
        for rule in &filter.rules {
            rule.match_expr.walk(&mut |part| match part {
                MatchExpr::Ingress(_) | MatchExpr::Egress(_) => asks.interfaces = true,
                MatchExpr::State(_) | MatchExpr::TcpFlags { .. } => asks.state = true,
                MatchExpr::Translated(..) => asks.translated = true,
                MatchExpr::Application(_) | MatchExpr::DefaultPort(_) | MatchExpr::User(_) => {
                    asks.identity = true;
                    asks.moved = true;
                }
                MatchExpr::Original(_) => asks.origin = true,
                MatchExpr::Local(_) => {
                    asks.moved = true;
                    asks.local = true;
                }
                MatchExpr::Opaque(_) => asks.moved = true,
                _ => {}
            });
        }
        asks
    }

    /// `context` without the parts that are not asked for.
    #[must_use]
    pub fn blank(self, context: &Context) -> Context {
        let mut out = context.clone();
        if !self.interfaces {
            out.ingress = Via::Itself;
            out.egress = Via::Itself;
        }
        if !self.state {
            out.state = ConnectionState::New;
            out.untracked = false;
            out.tcp_flags = 0;
        }
        if !self.translated {
            out.source_by = None;
            out.destination_by = None;
            out.source_moved = false;
            out.destination_moved = false;
        }
        if !self.identity {
            out.application = None;
            out.user = None;
        }
        if !self.moved {
            out.moved = false;
        }
        if !self.local {
            out.local = None;
        }
        if !self.origin {
            out.origin = None;
        }
        out
    }
}

/// One term of a compiled filter.
#[derive(Clone, Debug)]
pub struct CompiledTerm {
    /// Ids into [`Compiled::sets`], one a dimension.
    pub sets: [u32; REGION_SETS],
    /// The rule it belongs to, by position.
    pub rule: u32,
    /// Conditions that must hold too.
    pub clause: Clause,
    /// Marks that the packet must carry.
    pub marks: Vec<MarkTest>,
}

/// A filter's rules as terms, in order, with an index over their addresses.
pub struct Compiled {
    /// The terms.
    pub terms: Vec<CompiledTerm>,
    /// The distinct sets of each dimension.
    pub sets: [Vec<Set>; REGION_SETS],
    addresses: [AddressIndex; 2],
}

/// For source or destination: which sets meet a query, and which terms have
/// each set.
#[derive(Default)]
struct AddressIndex {
    ranges: RangeIndex,
    starts: Vec<u32>,
    terms: Vec<u32>,
}

/// Up to this many terms a scan is faster than the index.
const SCAN: usize = 24;

impl Compiled {
    /// Compiles `filter` of `device`.
    #[must_use]
    pub fn new(
        device: &Device,
        filter: &Filter,
        context: &Context,
        interfaces: &Interfaces,
        conditions: &ConditionTable,
        pool: &mut SetPool,
    ) -> Self {
        let [a, b, c, d] = DIMS.map(|d| d.max(context.family));
        let full = [a, b, c, d, INTERFACE_MAX, INTERFACE_MAX]
            .map(|max| pool.share(IntervalSet::range(0, max)));
        let mut sets: [Vec<Set>; REGION_SETS] = Default::default();
        let mut ids: [FxHashMap<usize, u32>; REGION_SETS] = Default::default();
        let mut terms = Vec::with_capacity(filter.rules.len());
        let mut translator = Translator {
            device,
            context,
            interfaces,
            conditions,
            pool,
            reading: Reading::Exact,
        };
        for (rule, number) in filter.rules.iter().zip(0u32..) {
            for term in translator.terms(&rule.match_expr) {
                let mut of = [0u32; REGION_SETS];
                for ((((slot, set), all), ids), sets) in of
                    .iter_mut()
                    .zip(&term.sets)
                    .zip(&full)
                    .zip(&mut ids)
                    .zip(&mut sets)
                {
                    let set = set.as_ref().unwrap_or(all);
                    *slot = *ids.entry(Arc::as_ptr(set) as usize).or_insert_with(|| {
                        sets.push(Arc::clone(set));
                        sets.len() as u32 - 1
                    });
                }
                terms.push(CompiledTerm {
                    sets: of,
                    rule: number,
                    clause: term.clause,
                    marks: term.marks,
                });
            }
        }
        let mut out = Self {
            terms,
            sets,
            addresses: Default::default(),
        };
        if out.terms.len() > SCAN {
            out.addresses = [out.index(|t| t.sets[0], 0), out.index(|t| t.sets[1], 1)];
        }
        out
    }

    fn index(&self, id: impl Fn(&CompiledTerm) -> u32, dim: usize) -> AddressIndex {
        let sets = self.sets.get(dim).map_or(&[][..], Vec::as_slice);
        let mut by_set: Vec<(u32, u32)> = self.terms.iter().map(&id).zip(0u32..).collect();
        by_set.sort_unstable();
        let mut starts = vec![0u32; sets.len() + 1];
        for &(set, _) in &by_set {
            if let Some(count) = starts.get_mut(set as usize + 1) {
                *count += 1;
            }
        }
        let mut sum = 0;
        for start in &mut starts {
            sum += *start;
            *start = sum;
        }
        AddressIndex {
            ranges: RangeIndex::new(sets),
            starts,
            terms: by_set.into_iter().map(|(_, term)| term).collect(),
        }
    }

    /// The set of a term in each dimension.
    fn term_sets<'a>(&'a self, term: &'a CompiledTerm) -> impl Iterator<Item = &'a Set> + 'a {
        self.sets
            .iter()
            .zip(term.sets)
            .filter_map(|(sets, id)| sets.get(id as usize))
    }

    /// The terms that meet `region`, in order.
    #[must_use]
    pub fn candidates(&self, region: &Region) -> Vec<u32> {
        if self.terms.len() <= SCAN {
            return self
                .terms
                .iter()
                .zip(0u32..)
                .filter(|(term, _)| {
                    self.term_sets(term)
                        .zip(region.sets())
                        .all(|(mine, theirs)| mine.meets(theirs))
                })
                .map(|(_, at)| at)
                .collect();
        }
        let [by_source, by_destination] = &self.addresses;
        let [source, destination, service, source_port, ingress, egress] = region.sets();
        let sources = by_source.hits(source);
        let destinations = by_destination.hits(destination);
        let from_source = by_source.count(&sources) <= by_destination.count(&destinations);
        let (index, hits, other) = if from_source {
            (by_source, &sources, &destinations)
        } else {
            (by_destination, &destinations, &sources)
        };
        let [
            source_sets,
            destination_sets,
            service_sets,
            port_sets,
            in_sets,
            out_sets,
        ] = &self.sets;
        let other_sets = if from_source {
            destination_sets
        } else {
            source_sets
        };
        let mut other_hit = vec![false; other_sets.len()];
        for &id in other {
            if let Some(hit) = other_hit.get_mut(id as usize) {
                *hit = true;
            }
        }
        let mut services = Memo::new(service_sets, service);
        let mut ports = Memo::new(port_sets, source_port);
        let mut ways = (Memo::new(in_sets, ingress), Memo::new(out_sets, egress));
        let mut out = Vec::new();
        for &set in hits {
            for &at in index.of(set) {
                let Some(term) = self.terms.get(at as usize) else {
                    continue;
                };
                let [a, b, c, d, e, f] = term.sets;
                let other = if from_source { b } else { a };
                if other_hit.get(other as usize) == Some(&true)
                    && services.meets(c)
                    && ports.meets(d)
                    && ways.0.meets(e)
                    && ways.1.meets(f)
                {
                    out.push(at);
                }
            }
        }
        out.sort_unstable();
        out
    }
}

impl AddressIndex {
    fn hits(&self, query: &IntervalSet) -> Vec<u32> {
        self.ranges.meeting(query)
    }

    fn of(&self, set: u32) -> &[u32] {
        let at = set as usize;
        match (self.starts.get(at), self.starts.get(at + 1)) {
            (Some(&from), Some(&to)) => self.terms.get(from as usize..to as usize).unwrap_or(&[]),
            _ => &[],
        }
    }

    fn count(&self, sets: &[u32]) -> usize {
        sets.iter().map(|&s| self.of(s).len()).sum()
    }
}

/// Remembers which sets meet a query.
struct Memo<'a> {
    sets: &'a [Set],
    query: &'a Set,
    known: Vec<Option<bool>>,
}

impl<'a> Memo<'a> {
    fn new(sets: &'a [Set], query: &'a Set) -> Self {
        Self {
            sets,
            query,
            known: vec![None; sets.len()],
        }
    }

    fn meets(&mut self, id: u32) -> bool {
        let (Some(set), Some(known)) =
            (self.sets.get(id as usize), self.known.get_mut(id as usize))
        else {
            return false;
        };
        *known.get_or_insert_with(|| set.meets(self.query))
    }
}
