//! The status of every line, from the marks of the tree.

use super::inert;
use super::tree::{At, MAX_DEPTH, Mark, Place};
use fw_model::Ledger;

/// A value that nothing reads and nothing declares inert.
pub(super) struct Unread {
    /// The path with the value.
    pub(super) key: String,
    /// The first steps of the path: `vsys NAME` or `device-group NAME`.
    pub(super) part: Option<String>,
    pub(super) place: Place,
}

/// What a line holds, the strongest last.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Held {
    Nothing,
    /// Tags around values.
    Frame(Status),
    Value(Status),
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Status {
    Inert(&'static str),
    Modeled,
    Opaque,
}

const EMPTY: &str = "an empty section";
const COMMENT: &str = "a comment or the frame of the configuration";

/// Marks what is inert, writes into a ledger, and returns what is left over.
pub(super) fn settle(
    root: At<'_>,
    ledger: &mut Ledger,
    comments: &[(u32, u32)],
    edits: &[(u32, u32)],
) -> Vec<Unread> {
    let lines = ledger.iter().count();
    let mut sweep = Sweep {
        held: vec![Held::Nothing; lines + 1],
        unread: Vec::new(),
        path: Vec::new(),
    };
    for child in root.children() {
        let _ = sweep.visit(child, Mark::None);
    }
    for (line, held) in sweep.held.iter().enumerate() {
        let line = line as u32;
        match held {
            Held::Nothing | Held::Frame(Status::Opaque) | Held::Value(Status::Opaque) => {}
            Held::Frame(Status::Modeled) | Held::Value(Status::Modeled) => ledger.modeled(line),
            Held::Frame(Status::Inert(reason)) | Held::Value(Status::Inert(reason)) => {
                ledger.inert(line, reason);
            }
        }
    }
    let untouched = |line: u32| matches!(sweep.held.get(line as usize), Some(Held::Nothing) | None);
    for &(first, last) in comments {
        for line in (first..=last).filter(|l| untouched(*l)) {
            ledger.inert(line, COMMENT);
        }
    }
    for &(first, last) in edits {
        for line in first..=last {
            ledger.modeled(line);
        }
    }
    sweep.unread
}

struct Sweep<'t> {
    held: Vec<Held>,
    unread: Vec<Unread>,
    path: Vec<&'t str>,
}

impl<'t> Sweep<'t> {
    /// Settles a node and returns its status.
    fn visit(&mut self, at: At<'t>, inherited: Mark) -> Status {
        if self.path.len() > MAX_DEPTH + 2 {
            return Status::Opaque;
        }
        self.path.push(at.name());
        let mut mark = match at.mark() {
            Mark::None => inherited,
            own => own,
        };
        if mark == Mark::None
            && let Some(reason) = inert::reason(&self.path)
        {
            mark = Mark::Inert(reason);
        }
        let mut status: Option<Status> = None;
        for child in at.children() {
            let below = self.visit(child, mark);
            // A frame counts as read if anything in it is.
            status = Some(match (status, below) {
                (None, s) => s,
                (Some(Status::Modeled), _) | (_, Status::Modeled) => Status::Modeled,
                (Some(s), t) => s.max(t),
            });
        }
        let leaf = status.is_none();
        let status = match (status, mark) {
            (Some(status), _) => status,
            (None, Mark::Modeled) => Status::Modeled,
            (None, Mark::Inert(reason)) => Status::Inert(reason),
            (None, Mark::Opaque) => Status::Opaque,
            (None, Mark::None | Mark::Stray) => {
                if mark == Mark::None && is_section(at.name()) {
                    Status::Inert(EMPTY)
                } else {
                    self.unread.push(Unread {
                        key: self.path.join(" "),
                        part: part(&self.path),
                        place: at.place(),
                    });
                    Status::Opaque
                }
            }
        };
        self.path.pop();
        let place = at.place();
        let held = if leaf {
            Held::Value(status)
        } else {
            Held::Frame(status)
        };
        let mut write = |line: u32| {
            if let Some(slot) = self.held.get_mut(line as usize) {
                *slot = (*slot).max(held);
            }
        };
        if leaf {
            (place.line..=place.last_line.max(place.line)).for_each(&mut write);
        } else {
            write(place.line);
            write(place.last_line);
        }
        at.repeated().iter().copied().for_each(&mut write);
        status
    }
}

/// Words that name sections; with nothing below they say nothing.
fn is_section(name: &str) -> bool {
    matches!(
        name,
        "config"
            | "shared"
            | "devices"
            | "network"
            | "vsys"
            | "device-group"
            | "template"
            | "template-stack"
            | "interface"
            | "ethernet"
            | "aggregate-ethernet"
            | "vlan"
            | "loopback"
            | "tunnel"
            | "units"
            | "virtual-router"
            | "logical-router"
            | "zone"
            | "import"
            | "rulebase"
            | "pre-rulebase"
            | "post-rulebase"
            | "security"
            | "nat"
            | "rules"
            | "profiles"
            | "policy"
            | "panorama"
            | "shared-gateway"
            | "routing-table"
            | "static-route"
            | "ip"
            | "ipv6"
            | "layer3"
            | "layer2"
            | "virtual-wire"
            | "protocol"
            | "override"
            | "application"
            | "sdwan"
            | "import-network"
            | "cellular"
    )
}

fn part(path: &[&str]) -> Option<String> {
    match path {
        ["devices", _, kind @ ("vsys" | "device-group"), name, ..] => {
            Some(format!("{kind} {name}"))
        }
        _ => None,
    }
}
