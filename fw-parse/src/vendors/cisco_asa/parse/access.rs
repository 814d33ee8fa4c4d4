//! `access-list` lines.

use super::super::ast::{AccessList, Ace, AceAction, Address, Entry, EntryKind, Place, Protocol};
use super::super::words::Words;
use super::ace::{self, Scope};
use super::{Parser, Status};
use rustc_hash::FxHasher;
use std::hash::{Hash, Hasher};

impl<'a> Parser<'_, 'a> {
    /// The index of a list; made if it is new.
    fn list(&mut self, name: &'a str, ipv6: bool) -> usize {
        if let Some(&at) = self.lists.get(&(name, ipv6)) {
            return at;
        }
        let at = self.config.access_lists.len();
        self.config.access_lists.push(AccessList {
            name,
            ipv6,
            ..AccessList::default()
        });
        self.lists.insert((name, ipv6), at);
        at
    }

    /// Forgets one list, or all.
    pub(super) fn clear_lists(&mut self, name: Option<&str>) {
        for list in &mut self.config.access_lists {
            if name.is_none_or(|n| n == list.name) {
                list.entries.clear();
            }
        }
        self.config
            .access_groups
            .retain(|g| name.is_some_and(|n| n != g.list));
    }

    /// A line behind the word `access-list`. `remove` for `no access-list`.
    pub(super) fn access_list(
        &mut self,
        mut words: Words<'_, 'a>,
        ipv6: bool,
        indent: usize,
        remove: bool,
        place: Place,
    ) -> Status {
        let all = words;
        let Some(name) = words.take() else {
            return Status::Opaque;
        };
        if name.ends_with(';') {
            return Status::Inert("the heading of a listing");
        }
        let settings = match (name, words.peek(), words.peek_at(1)) {
            ("commit", None, _) => true,
            ("mode", Some("auto-commit" | "manual-commit" | "auto" | "manual"), None) => true,
            ("alert-interval" | "deny-flow-max", Some(n), None) => {
                n.bytes().all(|b| b.is_ascii_digit())
            }
            ("cached", Some("ACL"), Some("log")) => true,
            _ => false,
        };
        if settings {
            return Status::Inert("how lists are compiled and logged");
        }
        let mut number = None;
        if words.peek() == Some("line") {
            let mut ahead = words;
            ahead.take();
            if let Some(n) = ahead.number() {
                number = Some(n);
                words = ahead;
            }
        }
        if words.is_done() {
            if remove && number.is_none() {
                self.clear_lists(Some(name));
                return Status::Modeled;
            }
            return self.opaque_entry(name, ipv6, words, place);
        }
        let normalized = words;
        let scope = Scope {
            names: &self.names,
            groups: &self.groups,
            ipv6,
        };
        let mut standard = false;
        let kind = match words.peek() {
            Some("remark") => EntryKind::Remark,
            Some("webtype" | "ethertype") => {
                return Status::Inert("a list for other traffic than IP through the device");
            }
            Some("standard") => {
                standard = true;
                words.take();
                ace_or_opaque(ace::standard(&mut words, &scope), normalized)
            }
            Some(word) => {
                if matches!(word, "extended" | "advanced") {
                    words.take();
                }
                ace_or_opaque(
                    ace::extended(&mut words, &scope, word == "advanced"),
                    normalized,
                )
            }
            None => EntryKind::Remark,
        };
        let opaque = matches!(kind, EntryKind::Opaque(..));
        let entry = Entry {
            kind,
            place,
            unknown: words.token().filter(|_| opaque),
            expansion: Vec::new(),
        };
        let at = self.list(name, ipv6);
        let Some(list) = self.config.access_lists.get_mut(at) else {
            return Status::Opaque;
        };
        list.standard |= standard;
        if remove {
            let entries = &mut list.entries;
            if let Some(found) = entries.iter().position(|e| e.kind == entry.kind) {
                entries.remove(found);
            } else if entries.iter().any(|e| same_entry(e, &entry)) {
                // An entry is deleted by all its words as they are printed
                // (<https://easymanua.ls/cisco/asa-series/manual?p=562>);
                // whether those of its logging may differ is not told.
                return self.unknown(all, place);
            }
            return Status::Modeled;
        }
        let index = number.and_then(|n| (n as usize).checked_sub(1));
        // `show access-list` prints below an entry what its groups hold, with
        // the entry's own number.
        if indent > 0
            && let Some(index) = index
            && index + 1 == list.entries.len()
            && let Some(parent) = list.entries.last_mut()
            && refers(&parent.kind)
        {
            parent.expansion.push(entry);
            return if opaque {
                Status::Opaque
            } else {
                Status::Modeled
            };
        }
        // The device prints no entry twice. Of two that stand side by side in
        // a file the first is taken, as if they were in force both.
        let typed = |e: &Entry<'_>| e.place.line.abs_diff(place.line) > 1;
        if let EntryKind::Ace(ace) = &entry.kind
            && !list.seen.insert(number_of(ace))
            && let Some(known) = list
                .entries
                .iter_mut()
                .find(|e| typed(e) && e.kind != entry.kind && same_entry(e, &entry))
        {
            known.kind = entry.kind;
            known.place = place;
            return Status::Modeled;
        }
        match index {
            Some(index) if index < list.entries.len() => list.entries.insert(index, entry),
            _ => list.entries.push(entry),
        }
        if opaque {
            Status::Opaque
        } else {
            Status::Modeled
        }
    }

    fn opaque_entry(
        &mut self,
        name: &'a str,
        ipv6: bool,
        words: Words<'_, 'a>,
        place: Place,
    ) -> Status {
        let at = self.list(name, ipv6);
        if let Some(list) = self.config.access_lists.get_mut(at) {
            list.entries.push(Entry {
                kind: EntryKind::Opaque(None, words.rest()),
                place,
                unknown: None,
                expansion: Vec::new(),
            });
        }
        Status::Opaque
    }
}

fn ace_or_opaque<'a>(
    ace: Option<super::super::ast::Ace<'a>>,
    mut text: Words<'_, 'a>,
) -> EntryKind<'a> {
    match ace {
        Some(ace) => EntryKind::Ace(ace),
        None => {
            let all = text.rest();
            if matches!(text.peek(), Some("extended" | "advanced" | "standard")) {
                text.take();
            }
            let action = match text.peek() {
                Some("permit") => Some(AceAction::Permit),
                Some("deny") => Some(AceAction::Deny),
                _ => None,
            };
            EntryKind::Opaque(action, all)
        }
    }
}

/// True if an entry names objects or groups, so that a listing expands it.
fn refers(kind: &EntryKind<'_>) -> bool {
    let EntryKind::Ace(ace) = kind else {
        return matches!(kind, EntryKind::Opaque(..));
    };
    let named = |a: Address<'_>| {
        matches!(
            a,
            Address::Object(_) | Address::Group(_) | Address::Interface(_)
        )
    };
    !matches!(ace.protocol, Protocol::Word(_))
        || named(ace.source.address)
        || named(ace.destination.address)
        || matches!(ace.source.ports, Some(super::super::ast::Ports::Group(_)))
        || matches!(
            ace.destination.ports,
            Some(super::super::ast::Ports::Group(_))
        )
        || matches!(ace.icmp, Some(super::super::ast::Icmp::Group(_)))
}

/// True if an entry is another one typed again: its logging and whether it is
/// inactive are set anew, and it stays at its place. Source: ASA firewall CLI
/// guide, "Access Control Lists": an inactive entry is in force again once the
/// whole entry is entered without the word
/// (<https://manualshive.com/en/manual/cisco/asa-5508-x/63708?page=33>).
fn same_entry(known: &Entry<'_>, again: &Entry<'_>) -> bool {
    match (&known.kind, &again.kind) {
        (EntryKind::Ace(known), EntryKind::Ace(again)) => {
            matched(known) == matched(again) && known.rule_id == again.rule_id
        }
        (known, again) => known == again,
    }
}

/// What an entry matches and does: all but its logging and whether it is
/// inactive.
fn matched<'e, 'a>(ace: &'e Ace<'a>) -> impl PartialEq + Hash + use<'e, 'a> {
    let ends = (&ace.source, &ace.destination);
    let what = (ace.action, ace.advanced, &ace.protocol, &ace.icmp);
    (what, ends, ace.time_range)
}

/// A number that entries share which match the same.
fn number_of(ace: &Ace<'_>) -> u64 {
    let mut hasher = FxHasher::default();
    matched(ace).hash(&mut hasher);
    hasher.finish()
}
