//! What becomes of replies, and of packets of connections that a device does not
//! know.

use super::{Context, Disposition, Evaluation, Journey, State};
use crate::device::Device;
use crate::packet::{ConnectionState, Packet, tcp_flags};
use crate::route::{RouteDecision, lookup};

/// Follows the reply to a permitted packet back through the same device:
/// automatic where the device permits replies by itself, else through the
/// policies with the ends swapped.
#[must_use]
pub fn evaluate_reply(device: &Device, forward: &Evaluation, context: &Context<'_>) -> Disposition {
    let sent = forward.translated;
    // A connection does not help where a route drops what goes back.
    if let Some(came) = context.ingress {
        let back_by = match forward.egress.as_deref() {
            Some(egress) if !forward.local => egress,
            _ => came,
        };
        let vrf = device.interface(back_by).map_or("", |i| i.vrf.as_str());
        if let RouteDecision::Discarded(_) = lookup(device, vrf, forward.original.source) {
            return Disposition::Unrouted;
        }
    }
    if device
        .automatic_replies
        .contains(sent.service(), sent.source_port)
    {
        return Disposition::Permitted;
    }
    // A rule has to ignore the reply as well; else the tracker looks at it
    // without knowing the first packet.
    let state = if !device.tracks_connections {
        ConnectionState::New
    } else if forward.untracked {
        ConnectionState::of_unexpected_reply(sent.protocol)
    } else {
        ConnectionState::Established
    };
    // A translation may have turned a packet away from the device, or to it.
    let journey = match context.journey {
        Journey::FromDevice => Journey::ToDevice,
        Journey::Through | Journey::ToDevice if forward.local => Journey::FromDevice,
        Journey::Through | Journey::ToDevice => Journey::Through,
    };
    let reply_context = Context {
        journey,
        // What the device itself sends came in by no interface.
        ingress: match journey {
            Journey::FromDevice => None,
            Journey::Through | Journey::ToDevice => forward.egress.as_deref(),
        },
        egress: context.ingress,
        state,
        tcp_flags: tcp_flags::SYN | tcp_flags::ACK,
        ..context.clone()
    };
    let outer = sent.reply();
    let inner = Packet {
        destination: forward.original.source,
        destination_port: if crate::service::has_ports(sent.protocol) {
            forward.original.source_port
        } else {
            outer.destination_port
        },
        ..outer
    };
    let mut walk = State {
        first: forward.original,
        egress: context.ingress.map(str::to_owned),
        reply: true,
        ..State::of(device, outer, &reply_context)
    };
    let pipeline = &device.pipeline;
    let (first, last) = match journey {
        Journey::FromDevice => (&pipeline.output, &pipeline.postrouting),
        Journey::ToDevice => (&pipeline.prerouting, &pipeline.input),
        Journey::Through => (&pipeline.prerouting, &pipeline.forward),
    };
    if journey == Journey::FromDevice {
        walk.current = inner;
        walk.original = inner;
    }
    if !walk.policies(first) {
        return Disposition::Denied;
    }
    // Nothing undoes the translation for a packet that the tracker ignores.
    if walk.untracked && forward.translated != forward.original {
        return Disposition::Denied;
    }
    walk.current = inner;
    walk.original = inner;
    if !walk.policies(last) {
        return Disposition::Denied;
    }
    if journey == Journey::Through && !walk.policies(&pipeline.postrouting) {
        return Disposition::Denied;
    }
    Disposition::Permitted
}

/// Judges a packet that belongs to a connection which the device does not know
/// (or not so) by its policies alone: no translation but for packets that the
/// tracker takes for new ones. `egress` is where it leaves.
#[must_use]
pub fn evaluate_stray(
    device: &Device,
    packet: Packet,
    egress: Option<&str>,
    context: &Context<'_>,
) -> Disposition {
    let mut walk = State {
        egress: egress.map(str::to_owned),
        reply: true,
        ..State::of(device, packet, context)
    };
    let pipeline = &device.pipeline;
    let passes = [
        &pipeline.prerouting,
        &pipeline.forward,
        &pipeline.postrouting,
    ]
    .into_iter()
    .all(|stages| walk.policies(stages));
    if passes {
        Disposition::Permitted
    } else {
        Disposition::Denied
    }
}
