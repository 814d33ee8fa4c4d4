//! Match modules whose answer is not in the rules: content, rates, users,
//! hardware addresses and the like. They stay in the model as conditions.

use super::ast::{Module, Rule, Setting};
use super::matching::{Matched, Scope};
use fw_model::{ConditionKind, Dimension, MatchExpr};

/// Why a module cannot be decided; `None` for modules that are not known.
fn kind(name: &str) -> Option<ConditionKind> {
    Some(match name {
        "owner" | "mac" | "cgroup" => ConditionKind::User,
        "string" | "u32" | "bpf" | "length" | "length2" | "dscp" | "tos" | "ttl" | "hl" | "ecn"
        | "tcpmss" | "helper" | "layer7" | "ndpi" | "ipp2p" | "osf" | "esp" | "ah" | "dst"
        | "hbh" | "frag" | "ipv6header" | "mh" | "rt" | "eui64" | "unclean" | "tcp" | "sctp"
        | "dccp" => ConditionKind::Content,
        "limit" | "hashlimit" | "connlimit" | "connbytes" | "recent" | "statistic" | "quota"
        | "quota2" | "rateest" | "fuzzy" | "random" | "nth" | "psd" | "nfacct" | "cluster"
        | "cpu" => ConditionKind::Rate,
        "rpfilter" | "socket" | "policy" | "physdev" | "pkttype" | "realm" | "devgroup"
        | "ipvs" | "connlabel" | "condition" | "iface" | "addrtype" | "geoip" => {
            ConditionKind::Environment
        }
        _ => return None,
    })
}

/// A module as a whole.
pub(super) fn module(rule: &Rule<'_>, module: &Module<'_>, scope: &Scope<'_>, out: &mut Matched) {
    let name = module.name.as_ref();
    let text = module.text();
    // It only adds the packet to a list, and always matches.
    if name == "recent" && module.setting("set").is_some_and(|s| !s.negated) {
        return;
    }
    if name == "geoip"
        && let [setting] = module.settings.as_slice()
    {
        let dimension = if setting.name == "src-cc" {
            Dimension::Source
        } else {
            Dimension::Destination
        };
        let any: Vec<MatchExpr> = setting
            .value()
            .split(',')
            .map(|country| {
                MatchExpr::opaque(
                    ConditionKind::Name(format!("geoip:{country}"), dimension),
                    format!("geoip {dimension:?} {country}"),
                    format!("addresses of country {country}"),
                    Some(scope.span),
                )
            })
            .collect();
        out.push(setting.negated, MatchExpr::any(any));
        return;
    }
    let Some(kind) = kind(name) else {
        out.not_understood.push(format!("-m {text}"));
        out.parts.push(MatchExpr::opaque(
            ConditionKind::NotUnderstood,
            format!("match {text}"),
            format!("-m {text}"),
            Some(scope.span),
        ));
        return;
    };
    let key = if kind == ConditionKind::Rate {
        own_key(rule, &text, scope)
    } else {
        format!("match {text}")
    };
    out.parts.push(MatchExpr::opaque(
        kind,
        key,
        format!("-m {text}"),
        Some(scope.span),
    ));
}

/// One option of a module whose other options are exact.
pub(super) fn setting(
    module: &Module<'_>,
    setting: &Setting<'_>,
    scope: &Scope<'_>,
    out: &mut Matched,
) {
    let text = format!("{} {}", module.name, setting.text());
    out.parts.push(MatchExpr::opaque(
        kind(&module.name).unwrap_or(ConditionKind::NotUnderstood),
        format!("match {text}"),
        text,
        Some(scope.span),
    ));
}

/// A key for a condition with a state of its own: two rules with the same
/// words count, or toss their coin, apart from each other.
fn own_key(rule: &Rule<'_>, text: &str, scope: &Scope<'_>) -> String {
    format!(
        "match {text} of {:?} {}/{} rule {} #{}",
        scope.protocol,
        scope.table,
        scope.chain,
        rule.text(),
        scope.repetition
    )
}
