//! What happens to permitted traffic: idle timeouts, helpers, decryption,
//! profiles, shaping, logging.

use super::Lowering;
use crate::vendors::fortinet_fortios::ast::{Policy, Timeout};
use fw_model::match_expr::MatchExpr;
use fw_model::service::{ICMP, ICMPV6, UDP};
use fw_model::treatment::{Treatment, TreatmentKind, TreatmentRule};
use fw_model::{ServiceSet, Span};

/// Idle time of sessions unless something says otherwise.
/// <https://community.fortinet.com/t5/FortiGate/Technical-Tip-Session-timeout-settings/ta-p/191228>
const DEFAULT_TTL: u64 = 3600;

/// Idle time of UDP sessions unless something says otherwise (same source).
const DEFAULT_UDP: u64 = 180;

/// A session timeout as the model has it.
pub fn timeout(time: Timeout, span: Span) -> Treatment {
    match time {
        Timeout::Seconds(seconds) => Treatment::timeout(Some(seconds), Some(span)),
        Timeout::Never => Treatment::timeout(None, Some(span)),
    }
}

impl<'t> Lowering<'_, 't> {
    /// Treatments that go by traffic: `session-ttl` by port, then UDP's own
    /// timer, then the default; session helpers.
    pub(super) fn treatments(&mut self) {
        let vdom = self.vdom;
        let ttl = &vdom.session_ttl;
        for &(protocol, (low, high), time, span) in &ttl.ports {
            let protocols = if protocol == 0 {
                vec![6, 17, 132]
            } else {
                vec![protocol]
            };
            let sets: Vec<ServiceSet> = protocols
                .into_iter()
                .map(|p| ServiceSet::destination_ports(p, low, high))
                .collect();
            self.device.treatments.push(TreatmentRule {
                match_expr: MatchExpr::service(ServiceSet::union_all(&sets)),
                treatment: timeout(time, span),
            });
        }
        let (udp, span) = match self.config.global.udp_idle {
            Some((seconds, span)) => (seconds, Some(span)),
            None => (DEFAULT_UDP, None),
        };
        let datagrams = ServiceSet::protocol(UDP);
        self.device.treatments.push(TreatmentRule {
            match_expr: MatchExpr::service(datagrams.clone()),
            treatment: Treatment::timeout(Some(udp), span),
        });
        let rest = ServiceSet::union_all([
            &datagrams,
            &ServiceSet::protocol(ICMP),
            &ServiceSet::protocol(ICMPV6),
        ])
        .complement();
        let default = match ttl.default {
            Some((time, span)) => timeout(time, span),
            None => Treatment::timeout(Some(DEFAULT_TTL), None),
        };
        self.device.treatments.push(TreatmentRule {
            match_expr: MatchExpr::service(rest),
            treatment: default,
        });
        for bypass in &vdom.settings.bypasses {
            self.device.treatments.push(TreatmentRule {
                match_expr: MatchExpr::Always,
                treatment: Treatment {
                    kind: TreatmentKind::StateBypass,
                    value: format!("{} {}", bypass.setting, bypass.value),
                    span: bypass.span,
                },
            });
        }
        for helper in &vdom.helpers {
            self.device.treatments.push(TreatmentRule {
                match_expr: MatchExpr::service(ServiceSet::destination_ports(
                    helper.protocol,
                    helper.port,
                    helper.port,
                )),
                treatment: Treatment {
                    kind: TreatmentKind::Inspection,
                    value: format!("session-helper {}", helper.name),
                    span: Some(helper.span),
                },
            });
        }
    }

    /// Decryption, profiles, shaping and logging of a policy.
    pub(super) fn inspection(&mut self, policy: &Policy<'t>) -> Vec<Treatment> {
        let mut out = Vec::new();
        let mut treat = |kind, value: String, span| out.push(Treatment { kind, value, span });
        if let Some(proxy) = policy.proxy
            && (policy.ssl_profile.is_some() || !policy.profiles.is_empty())
        {
            let value = format!("{} {}", proxy.setting, proxy.value);
            treat(TreatmentKind::SecurityProfile, value, proxy.span);
        }
        if let Some(profile) = policy.ssl_profile {
            let defined = self
                .vdom
                .ssl_profiles
                .iter()
                .find(|p| p.name == profile.value);
            let name = profile.value;
            match defined.filter(|p| p.printed) {
                Some(p) if !p.decrypted.is_empty() => {
                    let mut value = format!("{name}: {}", p.decrypted.join(", "));
                    if !p.checks.is_empty() {
                        value.push_str("; ");
                        value.push_str(&p.checks.join(", "));
                    }
                    treat(TreatmentKind::TlsDecryption, value, profile.span);
                }
                Some(p) if p.inspects_certificates || !p.checks.is_empty() => {
                    let value = format!("{name}: certificate-inspection {}", p.checks.join(", "));
                    treat(
                        TreatmentKind::SecurityProfile,
                        value.trim_end().to_owned(),
                        profile.span,
                    );
                }
                Some(_) => {}
                // Profiles that every device has; by default a profile
                // inspects deeply.
                None if matches!(name, "no-inspection" | "") => {}
                None if name == "certificate-inspection" => {
                    treat(
                        TreatmentKind::SecurityProfile,
                        format!("{name}: certificate-inspection"),
                        profile.span,
                    );
                }
                None => treat(
                    TreatmentKind::TlsDecryption,
                    format!("{name}: all"),
                    profile.span,
                ),
            }
        }
        for (profile, section) in &policy.profiles {
            let defined = self
                .vdom
                .profiles
                .iter()
                .find(|(path, name, _)| path == section && profile.value == *name)
                .map_or_else(String::new, |(_, _, number)| {
                    format!(" (settings {number:08x})")
                });
            let value = format!("{} {}{defined}", profile.setting, profile.value);
            treat(TreatmentKind::SecurityProfile, value, profile.span);
        }
        for shaper in &policy.qos {
            let value = format!("{} {}", shaper.setting, shaper.value);
            treat(TreatmentKind::Qos, value, shaper.span);
        }
        if let Some(bypass) = policy.without_syn {
            let value = format!("{} {}", bypass.setting, bypass.value);
            treat(TreatmentKind::StateBypass, value, bypass.span);
        }
        // `utm` (log what profiles find) is the default.
        let (value, span) = policy.log.map_or(("utm", None), |l| (l.value, l.span));
        treat(TreatmentKind::Logging, value.to_owned(), span);
        out
    }
}
