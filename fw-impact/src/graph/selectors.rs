//! Which packets a tunnel between two gateways carries: what both ends have the
//! same selector for.

use super::device::At;
use super::journey::Disposition;
use super::topology::FarEnd;
use crate::packet_set::compile::Via;
use crate::packet_set::product::Dim;
use crate::packet_set::term::{Reading, SetPool, Translator};
use crate::packet_set::{Context, Product, Set};
use fw_model::service::{PORT_MAX, SERVICE_MAX};
use fw_model::{
    AddressSet, Condition, ConditionKind, Family, IntervalSet, MatchExpr, Selector, Tunnel,
};
use std::sync::Arc;

/// Which packets a tunnel carries, as they are sent into it.
pub(super) struct Carries {
    /// It does.
    pub(super) agreed: Vec<Product>,
    /// It does under [`Self::condition`].
    pub(super) open: Vec<Product>,
    /// It drops all others; else that is open too.
    pub(super) strict: bool,
    /// What has to hold for those that are open.
    pub(super) condition: Arc<Condition>,
    /// What this end selects.
    near: Vec<Product>,
    /// What becomes of packets that this end does not select, and of those
    /// that the other one does not.
    refusals: [Disposition; 2],
}

impl Carries {
    /// What becomes of packets that the tunnel does not carry.
    pub(super) fn refusal(&self, packets: &Product) -> Disposition {
        let [near, far] = &self.refusals;
        if self.near.iter().any(|product| product.meets(packets)) {
            far.clone()
        } else {
            near.clone()
        }
    }
}

/// The selectors of an end, as packets on their way to the other end.
struct Selected {
    products: Vec<Product>,
    understood: bool,
}

impl Carries {
    /// What a tunnel of a device carries; `None` for everything.
    pub(super) fn of(
        at: &At<'_, '_>,
        tunnel: &Tunnel,
        end: &FarEnd,
        family: Family,
    ) -> Option<Self> {
        let back = match end {
            FarEnd::Device((device, _), back) => Some((*device, &**back)),
            FarEnd::Unknown => None,
        };
        let far_selects = back.is_some_and(|(_, b)| !b.selectors.is_empty());
        if tunnel.selectors.is_empty() && !far_selects {
            return None;
        }
        let near = selected(at, tunnel, family, false);
        let near_span = tunnel.selectors.first().map_or(tunnel.span, |s| s.span);
        let condition = |text: String| {
            let keys: Vec<String> = [Some(tunnel), back.map(|(_, b)| b)]
                .into_iter()
                .flatten()
                .map(key)
                .collect();
            Arc::new(Condition {
                key: format!("{text}: {}", keys.join(" | ")),
                kind: ConditionKind::Environment,
                text,
                span: near_span,
            })
        };
        let (name, device) = (&tunnel.name, &at.here.device.name);
        let refusal = Disposition::Unselected(at.number, near_span);
        let Some((number, back)) = back else {
            let (agreed, open) = if near.understood {
                (near.products.clone(), Vec::new())
            } else {
                (Vec::new(), vec![Product::everything(family)])
            };
            return Some(Self {
                agreed,
                open,
                strict: tunnel.strict,
                condition: condition(format!(
                    "{name} of {device} carries packets that none of its selectors holds"
                )),
                near: near.products,
                refusals: [refusal.clone(), refusal],
            });
        };
        let there = at.side.at(number)?;
        let far = selected(&there, back, family, true);
        let far_name = &there.here.device.name;
        let (agreed, open) = agreement((tunnel, &near), (back, &far), family);
        let far_span = back.selectors.first().map_or(back.span, |s| s.span);
        Some(Self {
            // Without any association nothing is carried.
            strict: tunnel.strict || back.strict || (agreed.is_empty() && open.is_empty()),
            agreed,
            open,
            condition: condition(format!(
                "{name} of {device} and {} of {far_name}, whose selectors differ, carry these packets",
                back.name
            )),
            near: near.products,
            refusals: [refusal, Disposition::Unselected(number, far_span)],
        })
    }
}

/// The packets for which both ends have the same selector, and those for which
/// they have different ones.
fn agreement(
    (tunnel, near): (&Tunnel, &Selected),
    (back, far): (&Tunnel, &Selected),
    family: Family,
) -> (Vec<Product>, Vec<Product>) {
    let is_in = |list: &[Product], one: &Product| list.iter().any(|p| p == one);
    let covered = |list: &[Product], one: &Product| list.iter().any(|p| p.covers(one));
    let by_policy = tunnel.takes.is_some() || back.takes.is_some();
    let known = near.understood && far.understood;
    let agreed: Vec<Product> = if !known {
        Vec::new()
    } else if tunnel.awaits {
        // The end that begins says what it wants.
        let wanted = far.products.iter();
        wanted
            .filter(|f| covered(&near.products, f))
            .cloned()
            .collect()
    } else if back.awaits {
        let wanted = near.products.iter();
        wanted
            .filter(|n| covered(&far.products, n))
            .cloned()
            .collect()
    } else if by_policy {
        // A list of packets has a selector an entry, whose addresses are a
        // union here.
        let same = is_same(&near.products, &far.products);
        if same {
            near.products.clone()
        } else {
            Vec::new()
        }
    } else {
        let both = near.products.iter();
        both.filter(|n| is_in(&far.products, n)).cloned().collect()
    };
    let or_all = |one: &Selected| {
        if one.understood {
            one.products.clone()
        } else {
            vec![Product::everything(family)]
        }
    };
    let far = or_all(far);
    let open = or_all(near)
        .iter()
        .flat_map(|n| far.iter().filter_map(|f| n.intersect(f)))
        .filter(|both| !covered(&agreed, both))
        .collect();
    (agreed, open)
}

/// True if two lists hold the same packets.
fn is_same(one: &[Product], other: &[Product]) -> bool {
    let within = |list: &[Product], by: &[Product]| {
        list.iter().all(|product| {
            let mut left = vec![product.clone()];
            for part in by {
                left = left.iter().flat_map(|l| l.subtract(part)).collect();
            }
            left.is_empty()
        })
    };
    within(one, other) && within(other, one)
}

/// What an end selects, from its side or, `mirrored`, from the other one.
fn selected(at: &At<'_, '_>, tunnel: &Tunnel, family: Family, mirrored: bool) -> Selected {
    if let Some(takes) = &tunnel.takes {
        return by_policy(at, takes, family, mirrored);
    }
    if tunnel.selectors.is_empty() {
        return Selected {
            products: vec![Product::everything(family)],
            understood: true,
        };
    }
    Selected {
        products: tunnel
            .selectors
            .iter()
            .filter_map(|s| product(s, family, mirrored))
            .collect(),
        understood: tunnel.selectors.iter().all(|s| s.understood),
    }
}

fn product(selector: &Selector, family: Family, mirrored: bool) -> Option<Product> {
    let addresses = |set: &AddressSet| -> Set { Arc::new(set.family(family).clone()) };
    let (mut source, mut destination) = (addresses(&selector.local), addresses(&selector.remote));
    let (mut from, mut to) = (selector.local_port, selector.remote_port);
    if mirrored {
        std::mem::swap(&mut source, &mut destination);
        std::mem::swap(&mut from, &mut to);
    }
    let service = match selector.protocol {
        None => IntervalSet::range(0, SERVICE_MAX),
        Some(protocol) => {
            let base = u128::from(protocol) << 16;
            match to {
                Some(port) => IntervalSet::single(base | u128::from(port)),
                None => IntervalSet::range(base, base | 0xffff),
            }
        }
    };
    let port = from.map_or_else(
        || IntervalSet::range(0, PORT_MAX),
        |port| IntervalSet::single(port.into()),
    );
    let product = Product {
        sets: [source, destination, Arc::new(service), Arc::new(port)],
    };
    (!product.is_empty()).then_some(product)
}

/// What a list of packets selects.
fn by_policy(at: &At<'_, '_>, takes: &MatchExpr, family: Family, mirrored: bool) -> Selected {
    let context = Context::plain(family, Via::Open, Via::Open, at.side.now);
    let mut pool = SetPool::default();
    let terms = Translator {
        device: at.here.device,
        context: &context,
        interfaces: at.here.interfaces(),
        conditions: at.side.conditions,
        pool: &mut pool,
        reading: Reading::Exact,
    }
    .terms(takes);
    let mut understood = true;
    let products = terms
        .iter()
        .map(|term| {
            let mut one = Product::everything(family);
            for (slot, set) in one.sets.iter_mut().zip(&term.sets) {
                if let Some(set) = set {
                    *slot = Arc::clone(set);
                }
            }
            understood &= term.clause.is_empty();
            if mirrored {
                let (source, destination) = (
                    Arc::clone(one.get(Dim::Source)),
                    Arc::clone(one.get(Dim::Destination)),
                );
                // Ports would have to change places too.
                let whole = Product::everything(family);
                understood &= one.get(Dim::Service) == whole.get(Dim::Service)
                    && one.get(Dim::SourcePort) == whole.get(Dim::SourcePort);
                one = one
                    .with(Dim::Source, destination)
                    .with(Dim::Destination, source);
            }
            one
        })
        .collect();
    Selected {
        products,
        understood,
    }
}

/// What an end selects, for the key of a condition.
fn key(tunnel: &Tunnel) -> String {
    let plain = |s: &Selector| Selector {
        span: None,
        ..s.clone()
    };
    let selectors: Vec<Selector> = tunnel.selectors.iter().map(plain).collect();
    format!("{selectors:?} {:?}", tunnel.takes)
}
