//! `route-map`, as far as policy-based routing uses it. Source: ASA general
//! operations configuration guide, "Policy Based Routing".

use super::super::ast::{Place, RouteMap};
use super::super::words::Words;
use super::block::Block;
use super::{Parser, Status};

/// What routing protocols set and ask for; policy-based routing does not.
const OF_PROTOCOLS: &str = "what routing protocols send and accept";

impl<'a> Parser<'_, 'a> {
    /// `route-map NAME [permit|deny] [SEQUENCE]`.
    pub(super) fn route_map(&mut self, mut words: Words<'_, 'a>, place: Place) -> Option<Status> {
        let name = words.take()?;
        let permit = !words.eat("deny");
        words.eat("permit");
        let sequence = words.number().unwrap_or(10);
        self.config.route_maps.push(RouteMap {
            name,
            permit,
            sequence,
            lists: Vec::new(),
            gateways: Vec::new(),
            interface: None,
            unknown: Vec::new(),
            place,
        });
        self.block = Block::RouteMap(self.config.route_maps.len() - 1);
        Some(Status::Modeled)
    }

    pub(super) fn route_map_line(
        &mut self,
        at: usize,
        mut words: Words<'_, 'a>,
        inside: bool,
        place: Place,
    ) -> Option<Status> {
        let start = words;
        let map = self.config.route_maps.get_mut(at)?;
        let (first, second, third) = (words.peek()?, words.peek_at(1), words.peek_at(2));
        let mut known = true;
        match (first, second, third) {
            ("description", ..) => return Some(Status::Inert("a description")),
            ("match", Some("ip" | "ipv6"), Some("address"))
                if words.peek_at(3) != Some("prefix-list") =>
            {
                words.eat_all(&["match"]);
                words.take();
                words.take();
                while let Some(list) = words.take() {
                    map.lists.push(list);
                }
            }
            ("set", Some("ip" | "ipv6"), Some("next-hop")) => {
                words.take();
                words.take();
                words.take();
                while let Some(word) = words.take() {
                    match super::address(word, &self.names) {
                        Some(gateway) => map.gateways.push(gateway),
                        None => known = false,
                    }
                }
            }
            ("set", Some("interface"), Some(name)) => {
                known = map.interface.is_none() && words.peek_at(3).is_none();
                map.interface.get_or_insert(name);
            }
            // Marks of packets that go on.
            ("set", Some("ip" | "ipv6"), Some("dscp" | "df")) => {
                return Some(Status::Inert("a mark that nothing asks for"));
            }
            ("match" | "set", ..) => known = false,
            _ if inside => known = false,
            _ => return None,
        }
        if known {
            return Some(Status::Modeled);
        }
        map.unknown.push((start.rest(), place));
        Some(Status::Inert(OF_PROTOCOLS))
    }
}
