//! The concrete meaning of a network: one packet from device to device, and
//! its reply back.
//!
//! Like [`crate::evaluate`] this is a reference, written to be obviously right.
//! It covers what configurations tell by addresses and routes: no declared
//! links, no tunnels, one next hop a prefix.

use crate::device::{Connections, Device, Interface, SourceCheck};
use crate::evaluate::{
    Context, Disposition, Evaluation, Journey, evaluate, evaluate_reply_by, evaluate_stray,
};
use crate::nat::{claimed_addresses, translated_addresses};
use crate::packet::{ConnectionState, Packet, tcp_flags};
use crate::route::{NextHop, RouteDecision, lookup};
use crate::service::TCP;
use crate::snapshot::Snapshot;
use std::net::IpAddr;

/// The end of a packet's way through a network.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// It arrives and its reply comes back.
    Permitted,
    /// It, or its reply, is dropped.
    Lost,
    /// It is for a device itself.
    Own,
    /// It leaves the snapshot for one of its subnets: what routers outside do
    /// is not modeled here.
    Outside,
}

/// A device that a packet crossed.
struct Crossed {
    device: usize,
    ingress: String,
    evaluation: Evaluation,
}

/// Where a packet goes.
enum Next {
    Device(usize, String),
    Host,
    Outside,
}

/// A network with the packet's circumstances.
pub struct Walk<'a> {
    /// The devices.
    pub snapshot: &'a Snapshot,
    /// What holds besides the packet; the interfaces are filled in.
    pub context: Context<'a>,
}

impl Walk<'_> {
    /// Follows a packet that enters `device` by `ingress`. With the devices
    /// that it crossed, in order.
    #[must_use]
    pub fn follow(&self, packet: Packet, device: usize, ingress: &str) -> (End, Vec<usize>) {
        let mut crossed: Vec<Crossed> = Vec::new();
        let mut at = (device, ingress.to_owned());
        let mut packet = packet;
        let end = loop {
            let (number, ingress) = at;
            let Some(device) = self.snapshot.devices.get(number) else {
                break End::Lost;
            };
            if crossed
                .iter()
                .any(|c| c.device == number && c.ingress == ingress)
            {
                break End::Lost;
            }
            let context = Context {
                journey: Journey::Through,
                ingress: Some(&ingress),
                egress: None,
                ..self.context.clone()
            };
            let evaluation = evaluate(device, packet, &context);
            let own = evaluation.local && evaluation.translated.destination == packet.destination;
            if own && evaluation.disposition != Disposition::Denied {
                break End::Own;
            }
            let refused =
                !crossed.is_empty() && is_refused(device, &ingress, evaluation.original.source);
            let passes = evaluation.disposition == Disposition::Permitted && !refused;
            packet = evaluation.translated;
            let (local, egress) = (evaluation.local, evaluation.egress.clone());
            let gateway = evaluation.gateway;
            crossed.push(Crossed {
                device: number,
                ingress: ingress.clone(),
                evaluation,
            });
            if !passes {
                break End::Lost;
            }
            if local {
                break self.back(&crossed);
            }
            let Some(egress) = egress else {
                break End::Lost;
            };
            let next = match gateway {
                Some(gateway) => self.owner(number, gateway),
                None => self.next(number, device, &ingress, &egress, packet.destination),
            };
            match next {
                Next::Device(next, by) => at = (next, by),
                Next::Host if self.is_mapped(packet.destination) => break End::Lost,
                Next::Host => break self.back(&crossed),
                Next::Outside if self.within(packet.destination) => break End::Outside,
                Next::Outside => break self.back(&crossed),
            }
        };
        (end, crossed.iter().map(|c| c.device).collect())
    }

    fn within(&self, address: IpAddr) -> bool {
        self.snapshot
            .devices
            .iter()
            .flat_map(|d| &d.interfaces)
            .any(|i| i.addresses.iter().any(|net| net.contains(&address)))
    }

    /// True if an address of a subnet is no host's, since a device translates
    /// it there.
    fn is_mapped(&self, address: IpAddr) -> bool {
        self.snapshot.devices.iter().any(|device| {
            let enabled = device.interfaces.iter().filter(|i| i.enabled);
            let mut names = enabled.map(|i| i.name.as_str());
            names.any(|name| translated_addresses(device, name).contains(address))
        })
    }

    fn gateway(
        device: &Device,
        ingress: &str,
        egress: &str,
        destination: IpAddr,
    ) -> Option<IpAddr> {
        let vrf = device.interface(ingress).map_or("", |i| i.vrf.as_str());
        let RouteDecision::Leaves(by) = lookup(device, vrf, destination) else {
            return None;
        };
        let (_, route) = by.iter().find(|(name, _)| *name == egress)?;
        match route.map(|r| &r.next) {
            Some(NextHop::Gateway(gateway) | NextHop::Interface(_, Some(gateway))) => {
                Some(*gateway)
            }
            _ => None,
        }
    }

    /// The other device that owns the address of a next router.
    fn owner(&self, number: usize, gateway: IpAddr) -> Next {
        for (other, device) in self.snapshot.devices.iter().enumerate() {
            for interface in device.interfaces.iter().filter(|i| i.enabled) {
                if other != number && interface.addresses.iter().any(|a| a.addr() == gateway) {
                    return Next::Device(other, interface.name.clone());
                }
            }
        }
        Next::Outside
    }

    /// The interfaces of other devices on the subnets of one.
    fn neighbours(&self, number: usize, egress: &Interface) -> Vec<(usize, &Interface)> {
        let mut out = Vec::new();
        for (other, device) in self.snapshot.devices.iter().enumerate() {
            for interface in device.interfaces.iter().filter(|i| i.enabled) {
                let shared = interface
                    .addresses
                    .iter()
                    .any(|a| egress.addresses.iter().any(|b| a.trunc() == b.trunc()));
                if other != number && shared {
                    out.push((other, interface));
                }
            }
        }
        out
    }

    fn next(
        &self,
        number: usize,
        device: &Device,
        ingress: &str,
        egress: &str,
        destination: IpAddr,
    ) -> Next {
        if let Some(gateway) = Self::gateway(device, ingress, egress, destination) {
            return self.owner(number, gateway);
        }
        let Some(interface) = device.interface(egress) else {
            return Next::Host;
        };
        let near = self.neighbours(number, interface);
        for (other, theirs) in &near {
            if theirs.addresses.iter().any(|a| a.addr() == destination) {
                return Next::Device(*other, theirs.name.clone());
            }
        }
        for (other, theirs) in &near {
            let claims = self
                .snapshot
                .devices
                .get(*other)
                .is_some_and(|d| claimed_addresses(d, &theirs.name).contains(destination));
            if claims {
                return Next::Device(*other, theirs.name.clone());
            }
        }
        Next::Host
    }

    /// The reply to a packet that arrived.
    fn back(&self, crossed: &[Crossed]) -> End {
        let Some(last) = crossed.last() else {
            return End::Permitted;
        };
        let mut reply = last.evaluation.translated.reply();
        let mut at = (
            last.device,
            last.evaluation
                .egress
                .clone()
                .filter(|_| !last.evaluation.local),
        );
        let mut passed: Vec<usize> = Vec::new();
        let mut seen: Vec<(usize, Option<String>)> = Vec::new();
        loop {
            if seen.contains(&at) {
                return End::Lost;
            }
            seen.push(at.clone());
            let (number, came) = at;
            let Some(device) = self.snapshot.devices.get(number) else {
                return End::Lost;
            };
            let known = (0..crossed.len())
                .rev()
                .filter(|k| !passed.contains(k))
                .find(|&k| crossed.get(k).is_some_and(|c| c.device == number))
                .filter(|&k| {
                    crossed
                        .get(k)
                        .is_some_and(|c| is_recognized(device, &c.evaluation, came.as_deref()))
                })
                .filter(|&k| {
                    !crossed.iter().enumerate().skip(k + 1).any(|(later, c)| {
                        !passed.contains(&later) && c.evaluation.original != c.evaluation.translated
                    })
                });
            let step = match known.and_then(|k| Some((k, crossed.get(k)?))) {
                Some((k, record)) => {
                    let way = self.way_back(k, record, came.as_deref(), device);
                    let Some((egress, routed)) = way else {
                        return End::Lost;
                    };
                    // What leaves by the routes of one interface alone.
                    let beside = (device.connections == Connections::Interface)
                        .then(|| device.routes_beside(&record.ingress));
                    let device_by = match &beside {
                        Some(beside) if egress == record.ingress => beside,
                        _ => device,
                    };
                    let context = Context {
                        journey: Journey::Through,
                        ingress: Some(&egress),
                        egress: None,
                        ..self.context.clone()
                    };
                    if evaluate_reply_by(device, &record.evaluation, came.as_deref(), &context)
                        != Disposition::Permitted
                    {
                        return End::Lost;
                    }
                    passed.push(k);
                    // What it translated is undone at both ends.
                    let asked = record.evaluation.original;
                    reply.source = asked.destination;
                    reply.destination = asked.source;
                    if crate::service::has_ports(reply.protocol) {
                        reply.source_port = asked.destination_port;
                        reply.destination_port = asked.source_port;
                    }
                    let by = came.as_deref().unwrap_or(&record.ingress);
                    if k > 0 && self.is_turned_away(record, device_by, by, &egress) {
                        return End::Outside;
                    }
                    self.step(
                        k,
                        crossed,
                        number,
                        device_by,
                        came.as_deref(),
                        &egress,
                        routed,
                    )
                }
                None => match self.stray(device, number, reply, crossed, came.as_deref()) {
                    Ok(step) => step,
                    Err(end) => return end,
                },
            };
            match step {
                Some(next) => at = next,
                None => return self.returned(crossed, &passed),
            }
        }
    }

    /// By which interface a reply leaves a device that knows it, and whether
    /// routes say so. `None`: a route drops it,
    /// or no route knows the client.
    fn way_back(
        &self,
        k: usize,
        record: &Crossed,
        came: Option<&str>,
        device: &Device,
    ) -> Option<(String, bool)> {
        let by = came.unwrap_or(&record.ingress);
        let vrf = device.interface(by).map_or("", |i| i.vrf.as_str());
        let client = record.evaluation.original.source;
        match lookup(device, vrf, client) {
            RouteDecision::Discarded(_) => None,
            RouteDecision::Down | RouteDecision::Unrouted if k > 0 => None,
            RouteDecision::Down | RouteDecision::Unrouted => Some((record.ingress.clone(), false)),
            RouteDecision::Leaves(hops) => {
                if hops.iter().any(|(name, _)| *name == record.ingress) {
                    return Some((record.ingress.clone(), true));
                }
                let (name, _) = hops.first()?;
                let on = !matches!(
                    self.next(record.device, device, by, name, client),
                    Next::Host | Next::Outside
                );
                let neighbours = Self::gateway(device, by, name, client).is_none()
                    && device
                        .interface(name)
                        .is_some_and(|i| !self.neighbours(record.device, i).is_empty());
                if k == 0 && !on && !neighbours {
                    return Some((record.ingress.clone(), false));
                }
                match device.connections {
                    Connections::Anywhere => Some(((*name).to_owned(), true)),
                    Connections::Zone => device
                        .recognizes(&record.ingress, name)
                        .then(|| ((*name).to_owned(), true)),
                    Connections::Interface if device.recognizes(&record.ingress, name) => {
                        Some(((*name).to_owned(), true))
                    }
                    // Only the routes of that interface are looked at.
                    Connections::Interface => {
                        let beside = device.routes_beside(&record.ingress);
                        match lookup(&beside, vrf, client) {
                            RouteDecision::Leaves(hops) => {
                                Some(((*hops.first()?.0).to_owned(), true))
                            }
                            _ => None,
                        }
                    }
                }
            }
        }
    }

    /// True if a reply leaves the snapshot by another interface than the one
    /// by which the packet that it answers came in, for a subnet of it.
    fn is_turned_away(&self, record: &Crossed, device: &Device, by: &str, egress: &str) -> bool {
        let client = record.evaluation.original.source;
        egress != record.ingress
            && matches!(
                self.next(record.device, device, by, egress, client),
                Next::Outside
            )
            && self.within(client)
    }

    /// The next device of a reply that a device knew; `None`: it is back.
    #[allow(clippy::too_many_arguments)]
    fn step(
        &self,
        k: usize,
        crossed: &[Crossed],
        number: usize,
        device: &Device,
        came: Option<&str>,
        egress: &str,
        routed: bool,
    ) -> Option<(usize, Option<String>)> {
        let before = k.checked_sub(1).and_then(|n| crossed.get(n));
        let asked = before.map(|b| (b.device, b.evaluation.egress.clone()));
        if !routed {
            return asked;
        }
        let record = crossed.get(k)?;
        let client = record.evaluation.original.source;
        let by = came.unwrap_or(&record.ingress);
        let interface = device.interface(egress)?;
        match Self::gateway(device, by, egress, client) {
            Some(_) => match self.next(number, device, by, egress, client) {
                Next::Device(next, ingress) => {
                    // The device that asked, if it is the same one.
                    Some((next, Some(ingress)))
                }
                _ => asked,
            },
            None => {
                let near = self.neighbours(number, interface);
                if let Some((device, Some(out))) = &asked
                    && near.iter().any(|(d, i)| d == device && i.name == *out)
                {
                    return asked;
                }
                if asked.is_some() {
                    let two = interface
                        .addresses
                        .iter()
                        .all(|net| net.prefix_len() + 2 >= net.max_prefix_len());
                    return if two {
                        near.first().map(|(d, i)| (*d, Some(i.name.clone())))
                    } else {
                        asked
                    };
                }
                if interface.addresses.iter().any(|net| net.contains(&client)) {
                    return None;
                }
                near.first().map(|(d, i)| (*d, Some(i.name.clone())))
            }
        }
    }

    /// A reply on a device that does not know it, and where it goes next;
    /// `None`: it is back.
    fn stray(
        &self,
        device: &Device,
        number: usize,
        reply: Packet,
        crossed: &[Crossed],
        came: Option<&str>,
    ) -> Result<Option<(usize, Option<String>)>, End> {
        let sent = crossed.last().ok_or(End::Lost)?.evaluation.translated;
        let automatic = device
            .automatic_replies
            .contains(sent.service(), sent.source_port);
        if automatic && reply.protocol == TCP {
            return Err(End::Lost);
        }
        let vrf = came
            .and_then(|name| device.interface(name))
            .map_or("", |i| i.vrf.as_str());
        let RouteDecision::Leaves(hops) = lookup(device, vrf, reply.destination) else {
            return Err(End::Lost);
        };
        let (egress, _) = hops.first().ok_or(End::Lost)?;
        let state = if device.tracks_connections {
            ConnectionState::of_unexpected_reply(reply.protocol)
        } else {
            ConnectionState::New
        };
        let context = Context {
            journey: Journey::Through,
            ingress: came,
            egress: None,
            state,
            tcp_flags: tcp_flags::SYN | tcp_flags::ACK,
            ..self.context.clone()
        };
        if evaluate_stray(device, reply, Some(egress), &context) != Disposition::Permitted {
            return Err(End::Lost);
        }
        let ingress = came.unwrap_or_default();
        match self.next(number, device, ingress, egress, reply.destination) {
            Next::Device(next, by) => Ok(Some((next, Some(by)))),
            Next::Outside if self.within(reply.destination) => Err(End::Outside),
            Next::Host | Next::Outside => Ok(None),
        }
    }

    /// The reply is back: does the connection work?
    fn returned(&self, crossed: &[Crossed], passed: &[usize]) -> End {
        for (_, record) in crossed
            .iter()
            .enumerate()
            .filter(|(k, _)| !passed.contains(k))
        {
            let Some(device) = self.snapshot.devices.get(record.device) else {
                return End::Lost;
            };
            let (was, is) = (record.evaluation.original, record.evaluation.translated);
            if was != is {
                return End::Lost;
            }
            if is.protocol != TCP {
                continue;
            }
            if device
                .automatic_replies
                .contains(is.service(), is.source_port)
            {
                return End::Lost;
            }
            if device.tracks_connections {
                let context = Context {
                    journey: Journey::Through,
                    ingress: Some(&record.ingress),
                    egress: None,
                    state: ConnectionState::Invalid,
                    tcp_flags: tcp_flags::ACK,
                    ..self.context.clone()
                };
                let egress = record.evaluation.egress.as_deref();
                if evaluate_third(device, was, egress, &context) != Disposition::Permitted {
                    return End::Lost;
                }
            }
        }
        End::Permitted
    }
}

/// True if a device refuses a source at an interface because of its routes. One
/// that learns routes may know better than its configuration.
fn is_refused(device: &Device, ingress: &str, source: IpAddr) -> bool {
    let Some(interface) = device.interface(ingress) else {
        return false;
    };
    let leads_back = |device: &Device| match lookup(device, &interface.vrf, source) {
        RouteDecision::Leaves(hops) => hops.iter().any(|(name, _)| *name == ingress),
        _ => false,
    };
    match interface.source_check {
        SourceCheck::Off => false,
        _ if device.dynamic_routing || !device.interfaces_complete => false,
        SourceCheck::Strict => !leads_back(device),
        SourceCheck::Feasible => {
            !leads_back(device) && !leads_back(&device.routes_by(&|name| name == ingress))
        }
    }
}

/// True if a device takes a reply that comes in by `came` for one of a
/// connection that it knows.
fn is_recognized(device: &Device, known: &Evaluation, came: Option<&str>) -> bool {
    match (known.egress.as_deref(), came) {
        (Some(left), Some(came)) if !known.local => device.recognizes(left, came),
        _ => true,
    }
}

/// The third packet of a connection whose second one a device did not see.
fn evaluate_third(
    device: &Device,
    packet: Packet,
    egress: Option<&str>,
    context: &Context<'_>,
) -> Disposition {
    // What leaves is not judged again: the first packet has left.
    let without = Device {
        pipeline: crate::device::Pipeline {
            postrouting: Vec::new(),
            ..device.pipeline.clone()
        },
        ..device.clone()
    };
    evaluate_stray(&without, packet, egress, context)
}
