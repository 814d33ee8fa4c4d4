//! Source and destination of policies.

use super::Lowering;
use super::address::Book;
use super::policy::List;
use crate::vendors::fortinet_fortios::ast::{Ends, InternetService, Policy, PolicyAction, Version};
use fw_model::match_expr::{ConditionKind, Dimension, MatchExpr};
use fw_model::{AddressSet, Family};

impl<'t> Lowering<'_, 't> {
    /// Source and destination of both families.
    pub(super) fn ends(&mut self, policy: &Policy<'t>, list: List) -> MatchExpr {
        let internet = policy.internet.is_some();
        let internet_source = policy.internet_source.is_some();
        let given = |ends: &Ends<'_>| {
            (
                ends.source.is_some() || internet_source,
                ends.destination.is_some() || internet,
            )
        };
        let (v4, v6) = (given(&policy.v4), given(&policy.v6));
        // Only the ends that are written down count for IPv6: an internet
        // service stands for IPv4 addresses.
        let six = policy.v6.source.is_some() && policy.v6.destination.is_some();
        if (policy.v6.source.is_some() != policy.v6.destination.is_some()) && v4 == (true, true) {
            self.assume(
                "one-sided-ipv6",
                "a policy with IPv6 addresses on one side alone matches no IPv6 traffic",
                Some(policy.span),
                false,
            );
        }
        let mut families = Vec::new();
        if v4 == (true, true) || (!six && v6 != (true, true)) {
            families.push(self.family_ends(policy, list, &policy.v4, Family::V4));
        }
        if six {
            families.push(self.family_ends(policy, list, &policy.v6, Family::V6));
        }
        MatchExpr::any(families)
    }

    fn family_ends(
        &mut self,
        policy: &Policy<'t>,
        list: List,
        ends: &Ends<'t>,
        family: Family,
    ) -> MatchExpr {
        let book = list.book(family == Family::V6);
        let span = Some(policy.span);
        let missing = |what: &str| {
            let text = format!("{what} is not given");
            MatchExpr::opaque(ConditionKind::NotUnderstood, text.clone(), text, span)
        };
        // A certain set of addresses of one family implies the family.
        let mut certain = false;
        let source = match (&policy.internet_source, &ends.source) {
            (Some(service), _) => self.internet(service, Dimension::Source),
            (None, Some(names)) => {
                // Multicast addresses are destinations.
                let book = if book == Book::Multicast {
                    Book::V4
                } else {
                    book
                };
                let set = self.addresses.union(book, names, span);
                certain |= set.is_exact() && !ends.source_negate;
                let expr = set.expr(Dimension::Source);
                if ends.source_negate {
                    expr.negate()
                } else {
                    expr
                }
            }
            (None, None) => missing("srcaddr"),
        };
        let destination = match (&policy.internet, &ends.destination) {
            (Some(service), _) => self.internet(service, Dimension::Destination),
            (None, Some(names)) => self.destination(policy, list, ends, names, book),
            (None, None) => missing("dstaddr"),
        };
        let gate = if certain {
            MatchExpr::Always
        } else {
            MatchExpr::Family(family)
        };
        MatchExpr::all([gate, source, destination])
    }

    /// The destination of a policy. Without central NAT, translated packets
    /// are matched by the virtual address that translated them; a plain
    /// address matches packets that were not translated.
    /// <https://community.fortinet.com/fortigate-3/technical-tip-deny-policy-for-virtual-ip-firewall-policy-94794>
    fn destination(
        &mut self,
        policy: &Policy<'t>,
        list: List,
        ends: &Ends<'t>,
        names: &[&'t str],
        book: Book,
    ) -> MatchExpr {
        let span = Some(policy.span);
        let translated = MatchExpr::Translated(Dimension::Destination, None);
        let (mut vips, mut plain) = (Vec::new(), Vec::new());
        for name in names {
            if !list.knows_vips() || !self.vips.expand(name, &mut vips) {
                plain.push(*name);
            }
        }
        let has_vips = plain.len() < names.len();
        let set = self.addresses.union(book, &plain, span);
        let expr = set.expr(Dimension::Destination);
        if self.central() || !self.vips.any {
            if !has_vips {
                return if ends.destination_negate {
                    expr.negate()
                } else {
                    expr
                };
            }
            if self.central() {
                let text = format!(
                    "virtual addresses {} in a policy with central NAT",
                    vips.join(" ")
                );
                let open = MatchExpr::opaque(ConditionKind::Environment, text.clone(), text, span);
                return MatchExpr::any([expr, open]);
            }
        }
        let by_vip = if has_vips {
            vips.sort_unstable();
            vips.dedup();
            MatchExpr::Translated(Dimension::Destination, Some(vips.into()))
        } else {
            MatchExpr::Never
        };
        if ends.destination_negate {
            let text = "negated destination of translated traffic";
            let open = MatchExpr::opaque(ConditionKind::Environment, text, text, span);
            return MatchExpr::any([
                MatchExpr::all([translated.clone().negate(), expr.negate()]),
                MatchExpr::all([translated, by_vip.negate(), open]),
            ]);
        }
        let direct = if plain.is_empty() {
            MatchExpr::Never
        } else if policy.match_vip_only {
            // Which version of the address is compared is not documented.
            self.translated_destination(&set, span)
        } else {
            MatchExpr::all([translated.clone().negate(), expr])
        };
        let caught = match policy.action {
            PolicyAction::Deny
                if !plain.is_empty() && !policy.match_vip_only && list.knows_vips() =>
            {
                let inner = MatchExpr::all([translated, self.translated_destination(&set, span)]);
                match policy
                    .match_vip
                    .or_else(|| self.version().and_then(match_vip_default))
                {
                    Some(true) => inner,
                    Some(false) => MatchExpr::Never,
                    None => {
                        let text = "match-vip of a deny policy is not given and its default depends on the version";
                        MatchExpr::all([
                            inner,
                            MatchExpr::opaque(
                                ConditionKind::Environment,
                                "match-vip default",
                                text,
                                span,
                            ),
                        ])
                    }
                }
            }
            _ => MatchExpr::Never,
        };
        MatchExpr::any([direct, by_vip, caught])
    }

    /// A plain address compared with a translated destination: certain where
    /// it holds both the outer and the inner address, open where only one.
    fn translated_destination(
        &self,
        set: &super::address::Resolved,
        span: Option<fw_model::Span>,
    ) -> MatchExpr {
        if *set.exact == AddressSet::any4() || *set.exact == AddressSet::any6() {
            return set.expr(Dimension::Destination);
        }
        let inner = set.expr(Dimension::Destination);
        let outer = MatchExpr::Original(Box::new(inner.clone()));
        let text = "which address of translated traffic the policy compares";
        let open = MatchExpr::opaque(ConditionKind::Environment, text, text, span);
        MatchExpr::any([
            MatchExpr::all([inner.clone(), outer.clone()]),
            MatchExpr::all([MatchExpr::any([inner, outer]), open]),
        ])
    }

    /// Internet services are a list of addresses and ports that the device
    /// gets from elsewhere.
    pub(super) fn internet(
        &mut self,
        service: &InternetService,
        dimension: Dimension,
    ) -> MatchExpr {
        let mut any = Vec::new();
        for name in &service.names {
            let defined = self
                .vdom
                .internet_services
                .iter()
                .find(|(n, _)| n == name)
                .map(|(_, text)| text.as_str())
                .unwrap_or("");
            let word = match dimension {
                Dimension::Source => "source",
                Dimension::Destination => "destination",
            };
            let text = format!("internet-service {name}");
            let key = format!("{text} {word} {defined}");
            let addresses = MatchExpr::opaque(
                ConditionKind::Name(text.clone(), dimension),
                key.trim_end(),
                text.clone(),
                service.span,
            );
            any.push(match dimension {
                Dimension::Source => addresses,
                Dimension::Destination => {
                    let ports = MatchExpr::opaque(
                        ConditionKind::Environment,
                        format!("{} ports", key.trim_end()),
                        format!("ports of {text}"),
                        service.span,
                    );
                    MatchExpr::all([addresses, ports])
                }
            });
        }
        if any.is_empty() {
            let text = "internet-service without a name";
            any.push(MatchExpr::opaque(
                ConditionKind::NotUnderstood,
                text,
                text,
                service.span,
            ));
        }
        let expr = MatchExpr::any(any);
        if service.negate { expr.negate() } else { expr }
    }
}

/// The default of `match-vip` on deny policies: sources differ on whether
/// 7.2.3 or 7.2.4 was the first to enable it.
fn match_vip_default(version: Version) -> Option<bool> {
    match (version.major, version.minor, version.patch) {
        (7, 2, None | Some(3)) => None,
        (7, 2, Some(patch)) => Some(patch > 3),
        (major, minor, _) => Some((major, minor) > (7, 2)),
    }
}
