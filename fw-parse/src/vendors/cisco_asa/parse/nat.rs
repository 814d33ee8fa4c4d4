//! NAT lines: manual and object NAT of 8.3 and later, `static`, `nat` and
//! `global` of the versions before.

use super::super::ast::{
    LegacyNat, LegacyReal, NatAddress, NatEntry, NatMapping, NatSection, Place,
};
use super::super::ports;
use super::super::words::{Names, Words, address};
use std::net::{IpAddr, Ipv4Addr};

/// `(real,mapped)` in one or two words.
fn interfaces<'a>(words: &mut Words<'_, 'a>) -> Option<(&'a str, &'a str)> {
    let first = words.peek()?.strip_prefix('(')?;
    words.take();
    if let Some(pair) = first.strip_suffix(')') {
        return pair.split_once(',');
    }
    let real = first.strip_suffix(',').unwrap_or(first);
    let second = words.take()?.strip_suffix(')')?;
    Some((real, second.strip_prefix(',').unwrap_or(second)))
}

fn named(interface: &str) -> Option<&str> {
    (interface != "any").then_some(interface)
}

fn entry<'a>(section: NatSection<'a>, words: &Words<'_, 'a>, place: Place) -> NatEntry<'a> {
    NatEntry {
        section,
        real_interface: None,
        mapped_interface: None,
        real: NatAddress::Any,
        mapping: NatMapping {
            is_static: false,
            mapped: None,
            pat_pool: None,
            fallback_interface: false,
        },
        destination: None,
        service: None,
        ports: None,
        unidirectional: false,
        route_lookup: false,
        no_proxy_arp: false,
        inactive: false,
        opaque: false,
        position: None,
        text: words.rest(),
        place,
    }
}

/// `nat [(r,m)] [after-auto] [n] source ...`, behind the word `nat`.
pub fn manual<'a>(mut words: Words<'_, 'a>, names: &Names<'a>, place: Place) -> NatEntry<'a> {
    let mut out = entry(NatSection::Manual, &words, place);
    if manual_into(&mut words, names, &mut out).is_none() {
        out.opaque = true;
    }
    out
}

fn manual_into<'a>(
    words: &mut Words<'_, 'a>,
    names: &Names<'a>,
    out: &mut NatEntry<'a>,
) -> Option<()> {
    if let Some((real, mapped)) = interfaces(words) {
        out.real_interface = named(real);
        out.mapped_interface = named(mapped);
    }
    if words.eat("after-auto") {
        out.section = NatSection::AfterAuto;
    }
    words.eat("line");
    out.position = words.number();
    if !words.eat("source") {
        return None;
    }
    out.mapping.is_static = match words.take()? {
        "static" => true,
        "dynamic" => false,
        _ => return None,
    };
    out.real = side(words.take()?, names);
    mapped(words, names, &mut out.mapping)?;
    while let Some(word) = words.take() {
        match word {
            "destination" => {
                if !words.eat("static") {
                    return None;
                }
                let mapped = side(words.take()?, names);
                if mapped == NatAddress::Interface {
                    words.eat("ipv6");
                }
                out.destination = Some((mapped, side(words.take()?, names)));
            }
            "service" => out.service = Some((words.take()?, words.take()?)),
            "description" => return Some(()),
            other => option(other, words, out)?,
        }
    }
    Some(())
}

fn option(word: &str, _words: &mut Words<'_, '_>, out: &mut NatEntry<'_>) -> Option<()> {
    match word {
        "unidirectional" => out.unidirectional = true,
        "route-lookup" => out.route_lookup = true,
        "inactive" => out.inactive = true,
        "no-proxy-arp" => out.no_proxy_arp = true,
        // What becomes of names in DNS answers does not change where packets go.
        "dns" => {}
        // Only for translation between the address families.
        "net-to-net" => {}
        "round-robin" | "extended" | "flat" | "include-reserve" | "block-allocation" => {}
        _ => return None,
    }
    Some(())
}

fn side<'a>(word: &'a str, names: &Names<'a>) -> NatAddress<'a> {
    match word {
        "any" => NatAddress::Any,
        "interface" => NatAddress::Interface,
        _ => match address(word, names) {
            // An object may have the name of a `name` line; the literal is
            // meant only where the word is written as an address.
            Some(a) if !names.contains_key(word) => NatAddress::Literal(a),
            _ => NatAddress::Name(word),
        },
    }
}

/// What a source becomes: `M`, `M interface`, `interface`, `pat-pool P ...`.
fn mapped<'a>(
    words: &mut Words<'_, 'a>,
    names: &Names<'a>,
    out: &mut NatMapping<'a>,
) -> Option<()> {
    if words.peek()? != "pat-pool" {
        let first = side(words.take()?, names);
        if first == NatAddress::Interface {
            words.eat("ipv6");
        }
        out.mapped = Some(first);
    }
    loop {
        match words.peek() {
            Some("pat-pool") => {
                words.take();
                out.pat_pool = Some(side(words.take()?, names));
            }
            Some("interface") => {
                words.take();
                words.eat("ipv6");
                out.fallback_interface = true;
            }
            Some("round-robin" | "extended" | "flat" | "include-reserve" | "block-allocation") => {
                words.take();
            }
            _ => return Some(()),
        }
    }
}

/// `nat [(r,m)] static|dynamic ...` of an object, behind the word `nat`.
pub fn object<'a>(
    mut words: Words<'_, 'a>,
    names: &Names<'a>,
    object: &'a str,
    place: Place,
) -> NatEntry<'a> {
    let mut out = entry(NatSection::Object(object), &words, place);
    out.real = NatAddress::Name(object);
    if object_into(&mut words, names, &mut out).is_none() {
        out.opaque = true;
    }
    out
}

fn object_into<'a>(
    words: &mut Words<'_, 'a>,
    names: &Names<'a>,
    out: &mut NatEntry<'a>,
) -> Option<()> {
    if let Some((real, mapped)) = interfaces(words) {
        out.real_interface = named(real);
        out.mapped_interface = named(mapped);
    }
    out.mapping.is_static = match words.take()? {
        "static" => true,
        "dynamic" => false,
        _ => return None,
    };
    mapped(words, names, &mut out.mapping)?;
    while let Some(word) = words.take() {
        match word {
            "service" => {
                let protocol = ports::protocol(words.take()?)?;
                let real = ports::port(words.take()?, Some(protocol))?;
                let mapped = ports::port(words.take()?, Some(protocol))?;
                out.ports = Some((protocol, real, mapped));
            }
            other => option(other, words, out)?,
        }
    }
    Some(())
}

/// `static (real,mapped) ...`, behind the word `static`.
pub fn legacy_static<'a>(
    mut words: Words<'_, 'a>,
    names: &Names<'a>,
    place: Place,
) -> LegacyNat<'a> {
    let text = format!("static {}", words.rest());
    legacy_static_of(&mut words, names, place).unwrap_or(LegacyNat::Opaque(text, place))
}

fn legacy_static_of<'a>(
    words: &mut Words<'_, 'a>,
    names: &Names<'a>,
    place: Place,
) -> Option<LegacyNat<'a>> {
    let (real_interface, mapped_interface) = interfaces(words)?;
    let protocol = match words.peek()? {
        "tcp" => Some(6),
        "udp" => Some(17),
        _ => None,
    };
    if protocol.is_some() {
        words.take();
    }
    let mapped = if words.eat("interface") {
        None
    } else {
        Some(words.address4(names)?)
    };
    let port = |words: &mut Words<'_, 'a>| ports::port(words.take()?, protocol);
    let mapped_port = match protocol {
        Some(_) => Some(port(words)?),
        None => None,
    };
    let mut real = if words.eat("access-list") {
        LegacyReal::AccessList(words.take()?)
    } else {
        let address = words.address4(names)?;
        LegacyReal::Network(address, Ipv4Addr::BROADCAST)
    };
    let real_port = match (protocol, &real) {
        (Some(_), LegacyReal::Network(..)) => Some(port(words)?),
        _ => None,
    };
    while let Some(word) = words.take() {
        match word {
            "netmask" => {
                let mask = words.address4(names)?;
                if let LegacyReal::Network(_, m) = &mut real {
                    *m = mask;
                }
            }
            "dns" | "norandomseq" => {}
            // Connection limits.
            "tcp" | "udp" => {
                words.number()?;
                let _ = words.number();
            }
            word if word.bytes().all(|b| b.is_ascii_digit()) => {}
            _ => return None,
        }
    }
    let ports = protocol.zip(mapped_port).map(|(p, m)| (p, m, real_port));
    Some(LegacyNat::Static {
        real_interface,
        mapped_interface,
        mapped,
        real,
        ports,
        place,
    })
}

fn one_interface<'a>(words: &mut Words<'_, 'a>) -> Option<&'a str> {
    words.take()?.strip_prefix('(')?.strip_suffix(')')
}

/// `nat (interface) id ...` up to 8.2, behind the word `nat`.
pub fn legacy_nat<'a>(mut words: Words<'_, 'a>, names: &Names<'a>, place: Place) -> LegacyNat<'a> {
    let text = format!("nat {}", words.rest());
    legacy_nat_of(&mut words, names, place).unwrap_or(LegacyNat::Opaque(text, place))
}

fn legacy_nat_of<'a>(
    words: &mut Words<'_, 'a>,
    names: &Names<'a>,
    place: Place,
) -> Option<LegacyNat<'a>> {
    let interface = one_interface(words)?;
    let id = words.number()?;
    let real = if words.eat("access-list") {
        LegacyReal::AccessList(words.take()?)
    } else {
        let mut part = || {
            if words.eat("0") {
                Some(Ipv4Addr::UNSPECIFIED)
            } else {
                words.address4(names)
            }
        };
        let network = part()?;
        match part() {
            Some(mask) => LegacyReal::Network(network, mask),
            None => LegacyReal::Network(network, Ipv4Addr::BROADCAST),
        }
    };
    let mut outside = false;
    while let Some(word) = words.take() {
        match word {
            "outside" => outside = true,
            "dns" | "norandomseq" => {}
            "tcp" | "udp" => {
                words.number()?;
                let _ = words.number();
            }
            word if word.bytes().all(|b| b.is_ascii_digit()) => {}
            _ => return None,
        }
    }
    Some(LegacyNat::Nat {
        interface,
        id,
        real,
        outside,
        place,
    })
}

/// `global (interface) id ...`, behind the word `global`.
pub fn legacy_global<'a>(
    mut words: Words<'_, 'a>,
    names: &Names<'a>,
    place: Place,
) -> LegacyNat<'a> {
    let text = format!("global {}", words.rest());
    legacy_global_of(&mut words, names, place).unwrap_or(LegacyNat::Opaque(text, place))
}

fn legacy_global_of<'a>(
    words: &mut Words<'_, 'a>,
    names: &Names<'a>,
    place: Place,
) -> Option<LegacyNat<'a>> {
    let interface = one_interface(words)?;
    let id = words.number()?;
    let pool = if words.eat("interface") {
        None
    } else {
        let word = words.take()?;
        let v4 = |text: &str| match address(text, names) {
            Some(IpAddr::V4(a)) => Some(a),
            _ => None,
        };
        match word.split_once('-') {
            Some((a, b)) if v4(word).is_none() => Some((v4(a)?, v4(b)?)),
            _ => {
                let a = v4(word)?;
                Some((a, a))
            }
        }
    };
    if words.eat("netmask") {
        words.address4(names)?;
    }
    words.is_done().then_some(LegacyNat::Global {
        interface,
        id,
        pool,
        place,
    })
}
