//! What happens to permitted traffic: decryption, quality of service,
//! authentication, idle timeouts.

use super::application::RuleTimeout;
use super::matching::Missing;
use super::names::span;
use super::{Lower, Site};
use crate::vendors::paloalto_panos::ast::Rule as Syntax;
use fw_model::service::{ICMP, ICMPV6, TCP, UDP};
use fw_model::{MatchExpr, ServiceSet, Treatment, TreatmentKind, TreatmentRule};
use std::sync::Arc;

/// Idle timeouts in seconds of a device that sets none.
const TCP_TIMEOUT: u64 = 3600;
const UDP_TIMEOUT: u64 = 30;
const ICMP_TIMEOUT: u64 = 6;
const OTHER_TIMEOUT: u64 = 30;
/// How many exemptions are spelled out in every decryption rule.
const EXEMPTIONS: usize = 64;

impl<'t> Lower<'t> {
    /// Timeouts that services of a rule set: on the rule if it has one for all
    /// of its services, else for the part of its traffic.
    pub(super) fn service_timeouts(
        &mut self,
        rule: &Syntax<'t>,
        expr: &MatchExpr,
        timeouts: Vec<RuleTimeout>,
        out: &mut Vec<Treatment>,
    ) {
        let source = self.names.source;
        let whole = timeouts.len() == 1 && rule.services.len() == 1;
        for (set, seconds, place) in timeouts {
            let treatment = Treatment::timeout(Some(seconds), Some(span(source, place)));
            if whole {
                out.push(treatment);
                continue;
            }
            self.device.treatments.push(TreatmentRule {
                match_expr: MatchExpr::all([expr.clone(), MatchExpr::Service(set)]),
                treatment,
            });
        }
    }

    pub(super) fn read_treatments(&mut self, site: &Site<'t>) {
        self.read_decryption();
        self.read_by_rule(
            |r| &r.qos,
            TreatmentKind::Qos,
            |r| r.qos.as_ref().map(|(q, _)| q.clone()),
        );
        self.read_by_rule(
            |r| &r.authentication,
            TreatmentKind::Inspection,
            |r| {
                let how = r
                    .enforcement
                    .map(|e| e.text)
                    .filter(|e| !e.contains("no-captive"));
                how.map(|e| format!("authentication {e}"))
            },
        );
        self.read_by_rule(
            |r| &r.dos,
            TreatmentKind::Inspection,
            |r| {
                let settings = r.thresholds?;
                let name = r.name;
                Some(format!(
                    "flood protection {name} (settings {:08x})",
                    settings >> 32
                ))
            },
        );
        self.application_overrides();
        self.zone_protection(site);
        self.state_bypass(site);
        self.application_timeouts();
        self.global_timeouts(site);
    }

    /// A session that an override names an application for is not inspected
    /// to find it.
    fn application_overrides(&mut self) {
        for (expr, application) in self.overrides.spelled_out() {
            self.device.treatments.push(TreatmentRule {
                match_expr: expr,
                treatment: Treatment {
                    kind: TreatmentKind::Inspection,
                    value: format!("application-override {application}"),
                    span: None,
                },
            });
        }
    }

    /// Thresholds and packet checks of zones: traffic is taken to pass them,
    /// and an edited profile is a change.
    fn zone_protection(&mut self, site: &Site<'t>) {
        for zone in &site.zones {
            let Some(profile) = zone.protection else {
                continue;
            };
            let defined = site.network.zone_profiles.iter();
            let settings = defined
                .filter(|(name, _)| *name == profile.text)
                .map(|(_, settings)| format!(" (settings {:08x})", settings >> 32))
                .next();
            self.device.treatments.push(TreatmentRule {
                match_expr: match self.zones.interfaces(zone.name.text) {
                    Some(set) => MatchExpr::Ingress(Arc::clone(set)),
                    None => MatchExpr::Never,
                },
                treatment: Treatment {
                    kind: TreatmentKind::Inspection,
                    value: format!(
                        "zone-protection-profile {}{}",
                        profile.text,
                        settings.unwrap_or_default()
                    ),
                    span: Some(span(self.names.source, profile.place)),
                },
            });
        }
    }

    /// Settings by which TCP passes whose handshake the device has not seen
    /// (<https://docs.paloaltonetworks.com/pan-os/10-0/pan-os-web-interface-help/device/device-setup-session/tcp-settings.html>).
    fn state_bypass(&mut self, site: &Site<'t>) {
        let settings = &site.settings;
        let on = [
            (settings.non_syn_tcp, "sessions start without a SYN"),
            (settings.out_of_window, "packets out of their window pass"),
        ];
        let on: Vec<_> = on
            .into_iter()
            .filter_map(|(setting, text)| setting.filter(|(on, _)| *on).map(|(_, p)| (p, text)))
            .collect();
        let Some((place, _)) = on.first() else { return };
        let texts: Vec<&str> = on.iter().map(|(_, text)| *text).collect();
        self.device.treatments.push(TreatmentRule {
            match_expr: MatchExpr::Service(Arc::new(ServiceSet::protocol(TCP))),
            treatment: Treatment {
                kind: TreatmentKind::StateBypass,
                value: texts.join(", "),
                span: Some(span(self.names.source, *place)),
            },
        });
    }

    fn read_decryption(&mut self) {
        let mut exempt: Vec<MatchExpr> = Vec::new();
        for (scope, rule) in self.rules(|r| &r.decryption) {
            if rule.disabled {
                continue;
            }
            let Some(expr) = self.treatment_match(rule, scope) else {
                continue;
            };
            let action = rule.action.map_or("", |a| a.text);
            if action == "no-decrypt" {
                exempt.push(expr);
                continue;
            }
            let kind = rule.decryption_type.map_or("ssl-forward-proxy", |t| t.text);
            let profile = rule
                .decryption_profile
                .map_or(String::new(), |p| format!(" {}", p.text));
            let tcp = MatchExpr::Service(Arc::new(ServiceSet::protocol(TCP)));
            let mut parts = vec![tcp, expr];
            if exempt.len() <= EXEMPTIONS {
                parts.push(MatchExpr::any(exempt.iter().cloned()).negate());
            } else {
                let text = "exempted from decryption by an earlier rule";
                parts.push(MatchExpr::opaque(
                    fw_model::ConditionKind::Content,
                    text,
                    text,
                    Some(span(self.names.source, rule.place)),
                ));
            }
            let (treatment, value) = match kind {
                "ssh-proxy" => (TreatmentKind::Inspection, format!("ssh-proxy{profile}")),
                _ => (TreatmentKind::TlsDecryption, format!("{kind}{profile}")),
            };
            self.device.treatments.push(TreatmentRule {
                match_expr: MatchExpr::all(parts),
                treatment: Treatment {
                    kind: treatment,
                    value,
                    span: Some(span(self.names.source, rule.place)),
                },
            });
        }
    }

    fn treatment_match(&mut self, rule: &'t Syntax<'t>, scope: usize) -> Option<MatchExpr> {
        let mut matched = self.matched(rule, scope, Missing::Any)?;
        let (traffic, _) = self.application_and_service(rule, scope, &mut matched.uses);
        matched.parts.push(traffic);
        Some(MatchExpr::all(matched.parts))
    }

    fn read_by_rule(
        &mut self,
        pick: impl Fn(&'t crate::vendors::paloalto_panos::ast::Rulebase<'t>) -> &'t Vec<Syntax<'t>>,
        kind: TreatmentKind,
        value: impl Fn(&Syntax<'t>) -> Option<String>,
    ) {
        for (scope, rule) in self.rules(pick) {
            if rule.disabled {
                continue;
            }
            let Some(expr) = self.treatment_match(rule, scope) else {
                continue;
            };
            if let Some(value) = value(rule) {
                let span = Some(span(self.names.source, rule.place));
                self.device.treatments.push(TreatmentRule {
                    match_expr: expr,
                    treatment: Treatment { kind, value, span },
                });
            }
        }
    }

    /// Custom applications and changed predefined ones have timers of their
    /// own, which go before the global ones.
    fn application_timeouts(&mut self) {
        let source = self.names.source;
        let tcp = ServiceSet::protocol(TCP);
        let udp = ServiceSet::protocol(UDP);
        let others = ServiceSet::union_all([&tcp, &udp]).complement();
        for app in self.names.all_applications() {
            let timers = [
                (app.tcp_timeout.or(app.timeout), &tcp),
                (app.udp_timeout.or(app.timeout), &udp),
                (app.timeout, &others),
            ];
            for (timer, set) in timers {
                let Some((seconds, place)) = timer.filter(|(s, _)| *s > 0) else {
                    continue;
                };
                self.device.treatments.push(TreatmentRule {
                    match_expr: MatchExpr::all([
                        MatchExpr::Service(Arc::new(set.clone())),
                        MatchExpr::Application([app.name.text.to_owned()].into()),
                    ]),
                    treatment: Treatment::timeout(Some(seconds), Some(span(source, place))),
                });
            }
        }
    }

    fn global_timeouts(&mut self, site: &Site<'t>) {
        let source = self.names.source;
        let settings = &site.settings;
        let icmp = ServiceSet::protocol(ICMP).union(&ServiceSet::protocol(ICMPV6));
        for (set, setting, default) in [
            (ServiceSet::protocol(TCP), settings.timeout_tcp, TCP_TIMEOUT),
            (ServiceSet::protocol(UDP), settings.timeout_udp, UDP_TIMEOUT),
            (icmp, settings.timeout_icmp, ICMP_TIMEOUT),
            (ServiceSet::any(), settings.timeout_default, OTHER_TIMEOUT),
        ] {
            let seconds = setting.map_or(default, |(s, _)| s);
            let span = setting.map(|(_, place)| span(source, place));
            let expr = if set == ServiceSet::any() {
                MatchExpr::Always
            } else {
                MatchExpr::Service(Arc::new(set))
            };
            self.device.treatments.push(TreatmentRule {
                match_expr: expr,
                treatment: Treatment::timeout(Some(seconds), span),
            });
        }
    }
}
