//! What is for the device itself, and what decides beside the access lists.

use super::super::ast::{Address, Beside, LocalService, Place};
use super::super::ports;
use super::super::words::Words;
use super::ace::{self, Scope};
use super::{Parser, Status};
use std::net::IpAddr;

/// Port of the management server unless `http server enable` names one.
const HTTPS: u16 = 443;

impl<'a> Parser<'_, 'a> {
    pub(super) fn local(
        &mut self,
        first: &str,
        mut words: Words<'_, 'a>,
        place: Place,
    ) -> Option<Status> {
        let scope = Scope {
            names: &self.names,
            groups: &self.groups,
            ipv6: false,
        };
        let (what, port) = match first {
            "ssh" => ("ssh", (6, 22)),
            "telnet" => ("telnet", (6, 23)),
            "http" if words.eat("server") => {
                if !words.eat("enable") {
                    return None;
                }
                let port = match words.take() {
                    Some(port) => port.parse().ok()?,
                    None => HTTPS,
                };
                self.config.http_server = Some(port);
                return Some(Status::Modeled);
            }
            "http" => ("http", (6, HTTPS)),
            "icmp" => {
                let permit = match words.take()? {
                    "permit" => true,
                    "deny" => false,
                    _ => return None,
                };
                let from = ace::address(&mut words, &scope)?;
                let kind = match (words.peek(), words.peek_at(1)) {
                    (Some(kind), Some(_)) => {
                        words.take();
                        Some(ports::icmp_type(kind, false)?)
                    }
                    _ => None,
                };
                self.config.local.push(LocalService {
                    what: "icmp",
                    port: None,
                    icmp: Some((kind, permit)),
                    from,
                    interface: words.take(),
                    place,
                });
                return Some(Status::Modeled);
            }
            "snmp-server" if words.eat("host") => {
                let interface = words.take()?;
                self.config.local.push(LocalService {
                    what: "snmp",
                    port: Some((17, 161)),
                    icmp: None,
                    from: Address::Host(words.address(&self.names)?),
                    interface: Some(interface),
                    place,
                });
                return Some(Status::Modeled);
            }
            _ => return None,
        };
        let from = match ace::address(&mut words, &scope) {
            Some(from) => from,
            // PIX 6 leaves the mask of a host out.
            None => Address::Host(words.address(&self.names)?),
        };
        let interface = words.take();
        self.config.local.push(LocalService {
            what,
            port: Some(port),
            icmp: None,
            from,
            interface,
            place,
        });
        Some(Status::Modeled)
    }

    pub(super) fn flagged(
        &mut self,
        first: &str,
        mut words: Words<'_, 'a>,
        place: Place,
    ) -> Option<Status> {
        let beside = match (first, words.peek()) {
            ("shun", Some(_)) => Beside::Shun(self.shunned(&mut words)),
            ("established", Some(protocol)) => {
                Beside::Established(ports::protocol(protocol), words.rest())
            }
            ("ip", Some("verify")) => {
                words.take();
                words.eat("reverse-path");
                words.eat("interface");
                Beside::ReversePath(words.take()?)
            }
            ("ip", Some("local")) => {
                words.take();
                words.eat("pool");
                let name = words.take()?;
                let (a, b) = words.take()?.split_once('-')?;
                let a = super::address(a, &self.names)?;
                let b = super::address(b, &self.names)?;
                self.config.pools.push((name, a, b, place));
                return Some(Status::Modeled);
            }
            ("aaa", Some("authentication" | "authorization"))
                if matches!(words.peek_at(1), Some("match" | "include")) =>
            {
                Beside::CutThrough
            }
            ("wccp", Some(_)) | ("filter", Some(_)) | ("url-server", Some(_)) => Beside::CutThrough,
            ("dynamic-filter", Some(_)) => Beside::BotnetFilter,
            ("firewall", Some("transparent")) => Beside::Transparent,
            ("crypto", Some("map" | "dynamic-map")) => return self.crypto_map(words, place),
            _ => return None,
        };
        self.config.beside.push((beside, place));
        Some(Status::Modeled)
    }

    /// `SOURCE [DESTINATION PORT PORT [PROTOCOL]] [vlan N | interface I]`. What
    /// stands behind the source picks a connection to end now; from then on
    /// the source is shunned whatever it asks for.
    pub(super) fn shunned(&self, words: &mut Words<'_, 'a>) -> Option<(IpAddr, Option<&'a str>)> {
        let source = words.address(&self.names)?;
        let mut interface = None;
        while let Some(word) = words.take() {
            match word {
                "vlan" => return None,
                "interface" => interface = Some(words.take()?),
                _ => {}
            }
        }
        Some((source, interface))
    }

    pub(super) fn crypto_map(&mut self, mut words: Words<'_, 'a>, place: Place) -> Option<Status> {
        words.take();
        let map = words.take()?;
        let sequence = words.take()?;
        if sequence == "interface" {
            self.config
                .crypto_bindings
                .push((map, words.take()?, place));
            return Some(Status::Modeled);
        }
        if words.eat_all(&["set", "peer"]) {
            let mut peers = Vec::new();
            while let Some(word) = words.take() {
                peers.push(super::address(word, &self.names)?);
            }
            self.config.crypto_peers.push((map, sequence, peers));
            return Some(Status::Modeled);
        }
        if words.eat_all(&["match", "address"]) {
            self.config
                .crypto_matches
                .push((map, sequence, words.take()?, place));
            return Some(Status::Modeled);
        }
        None
    }
}
