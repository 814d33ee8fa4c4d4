//! approve.yaml: openings that are intended.

use super::Expired;
use crate::flows::address::{Groups, Names, align_families};
use crate::flows::service::Services;
use crate::problem::Problem;
use fw_impact::Approval;
use fw_model::{Endpoint, IntervalSet, Source};

/// What the file says at a day.
pub struct Approvals {
    /// Those in force.
    pub active: Vec<Approval>,
    /// Those past their last day.
    pub expired: Vec<Expired>,
}

const KEYS: &[&str] = &[
    "from", "to", "service", "owner", "reason", "ticket", "until",
];

/// Reads a file; entries whose last day is before `today` are expired.
///
/// # Errors
/// All that is wrong with it.
pub fn read(
    source: &Source,
    names: &Names,
    today: jiff::civil::Date,
) -> Result<Approvals, Vec<Problem>> {
    super::whole(source, |reader, root| {
        let mut out = Approvals {
            active: Vec::new(),
            expired: Vec::new(),
        };
        let fields = reader.fields(
            root,
            "the approve file",
            &["version", "groups", "services", "approvals"],
        );
        let group_nodes = fields
            .get("groups")
            .map(|n| reader.pairs(n, "`groups`"))
            .unwrap_or_default();
        let mut groups = Groups::new(group_nodes.iter().map(|(k, n, _)| (*k, *n)), names);
        let mut services = Services::default();
        if let Some(node) = fields.get("services") {
            services.define(reader, node);
        }
        let Some(list) = fields.get("approvals") else {
            reader.error(fields.place(), "no `approvals:` in the file");
            return out;
        };
        for item in list.elements() {
            let entry = reader.fields(item, "an approval", KEYS);
            for key in ["from", "to", "service"] {
                if entry.get(key).is_none() {
                    reader.error(entry.place(), format!("an approval has no `{key}`"));
                }
            }
            let from = entry
                .get("from")
                .and_then(|n| groups.set(reader, n, "`from`"));
            let to = entry.get("to").and_then(|n| groups.set(reader, n, "`to`"));
            let service = entry.get("service").and_then(|n| services.read(reader, n));
            for key in ["owner", "reason", "ticket"] {
                reader.optional(&entry, key);
            }
            let until = reader.date(&entry, "until");
            let (Some(from), Some(to), Some((service, word))) = (from, to, service) else {
                continue;
            };
            let (mut from, mut to) = (Endpoint::Addresses(from), Endpoint::Addresses(to));
            if !align_families(&mut from, &mut to) {
                reader.error(item.place, "`from` and `to` share no address family");
                continue;
            }
            let (Endpoint::Addresses(from), Endpoint::Addresses(to)) = (from, to) else {
                continue;
            };
            match until {
                Some(until) if until < today => out.expired.push(Expired {
                    file: source.path.clone(),
                    line: item.place.line,
                    what: format!("{from} -> {to} {word}"),
                    until,
                }),
                _ => out.active.push(Approval {
                    from,
                    to,
                    // What is approved is approved from every source port.
                    services: service.set(&IntervalSet::range(0, 65535)),
                }),
            }
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_day_is_valid() {
        let text = "approvals:\n  - {from: any, to: 192.0.2.80, service: tcp/443, owner: web, reason: portal, ticket: C-1, until: 2027-01-31}\n";
        let source = Source::new("approve.yaml", text.into());
        let on = |day: &str| read(&source, &Names::new(), day.parse().unwrap()).unwrap();
        assert_eq!(on("2027-01-31").active.len(), 1);
        let late = on("2027-02-01");
        assert!(late.active.is_empty());
        assert_eq!(late.expired[0].line, 2);
        assert_eq!(late.expired[0].what, "0.0.0.0/0 -> 192.0.2.80 tcp/443");
    }
}
