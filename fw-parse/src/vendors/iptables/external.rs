//! Chains that another program calls: a file by hand that fills them alone
//! does not show how packets get there.

use super::chains::Calls;
use super::ruleset::Table;
use fw_model::filter::{Action, FilterId, Rule};
use fw_model::match_expr::{Condition, ConditionKind};
use fw_model::{MatchExpr, Span};
use std::sync::Arc;

/// A chain, the built-in chain that a program jumps to it from, the program,
/// and what decides of the packets that come back.
type Called = (&'static str, &'static str, &'static str, &'static str);

/// Docker: docs.docker.com/engine/network/packet-filtering-firewalls; ufw:
/// `ufw-framework(8)`. In the order in which packets meet them.
const CALLED: [Called; 10] = [
    ("DOCKER-USER", "FORWARD", "Docker", "rules of Docker"),
    ("before-input", "INPUT", "ufw", "the default policy of ufw"),
    ("user-input", "INPUT", "ufw", "the default policy of ufw"),
    ("after-input", "INPUT", "ufw", "the default policy of ufw"),
    (
        "before-forward",
        "FORWARD",
        "ufw",
        "the default policy of ufw",
    ),
    (
        "user-forward",
        "FORWARD",
        "ufw",
        "the default policy of ufw",
    ),
    (
        "after-forward",
        "FORWARD",
        "ufw",
        "the default policy of ufw",
    ),
    (
        "before-output",
        "OUTPUT",
        "ufw",
        "the default policy of ufw",
    ),
    ("user-output", "OUTPUT", "ufw", "the default policy of ufw"),
    ("after-output", "OUTPUT", "ufw", "the default policy of ufw"),
];

/// What a program is called that calls a chain of this name, where it calls
/// it from, and what decides behind it.
fn called(chain: &str) -> impl Iterator<Item = (usize, Called)> {
    let name = match chain.split_once('-') {
        Some(("ufw" | "ufw6", rest)) => rest,
        _ if chain == "DOCKER-USER" => chain,
        _ => "",
    };
    CALLED
        .into_iter()
        .enumerate()
        .filter(move |(_, c)| c.0 == name)
}

/// The jump that a program adds if it runs, and what it adds behind it.
pub(in super::super) fn jump(
    program: &str,
    behind: &str,
    to: FilterId,
    span: Option<Span>,
) -> [Rule; 2] {
    let runs = MatchExpr::opaque(
        ConditionKind::Environment,
        format!("{program} runs"),
        format!("{program} runs, which sends packets to this chain"),
        span,
    );
    let decides = Action::Opaque(Arc::new(Condition {
        key: behind.to_owned(),
        kind: ConditionKind::Environment,
        text: format!("{behind}, which are not in the file"),
        span,
    }));
    let mut out = [
        Rule::new(format!("jump by {program}"), runs.clone(), Action::Jump(to)),
        Rule::new(behind.to_owned(), runs, decides),
    ];
    for rule in &mut out {
        rule.span = span;
    }
    out
}

/// The rules that programs put before those of a built-in chain, for chains
/// that the file fills but does not call.
pub(super) fn rules(
    table: &Table<'_>,
    calls: &Calls,
    hook: &str,
    id: &dyn Fn(usize) -> FilterId,
) -> Vec<Rule> {
    if table.dumped {
        return Vec::new();
    }
    let mut found: Vec<(usize, usize, Called)> = Vec::new();
    for (at, chain) in table.chains.iter().enumerate() {
        // Of what the host sends, programs let pass what no chain of theirs
        // holds up.
        let counts = hook != "OUTPUT" || !chain.entries.is_empty();
        if !chain.built_in && calls.hooks(at) == 0 && counts {
            found.extend(
                called(&chain.name)
                    .filter(|(_, c)| c.1 == hook)
                    .map(|(order, c)| (order, at, c)),
            );
        }
    }
    found.sort_unstable_by_key(|f| (f.0, f.1));
    let mut out: Vec<Rule> = Vec::new();
    for (_, at, (_, _, program, behind)) in found {
        let span = table.chains.get(at).and_then(|c| c.span);
        let [jump, decides] = jump(program, behind, id(at), span);
        // What decides comes once, behind the last of a program's chains.
        out.retain(|rule| rule.name != decides.name);
        out.extend([jump, decides]);
    }
    out
}

/// The chains that a file of ufw declares, if it is one: such a file declares
/// no built-in chain, and ufw loads it into what is there (`--noflush`).
fn parts(text: &str) -> Vec<&str> {
    let mut own = Vec::new();
    for line in text.lines() {
        let Some(rest) = line.trim_start().strip_prefix(':') else {
            continue;
        };
        let name = rest.split_ascii_whitespace().next().unwrap_or("");
        if name.starts_with("ufw-") || name.starts_with("ufw6-") {
            own.push(name);
        } else if matches!(name, "INPUT" | "FORWARD" | "OUTPUT") {
            return Vec::new();
        }
    }
    own
}

/// True for a file of ufw that holds some of its chains.
pub(super) fn is_part(text: &str) -> bool {
    !parts(text).is_empty()
}

/// True for two files of ufw on one host: each has its own chains
/// (`before.rules`, `user.rules`, `after.rules`).
pub(super) fn are_parts(first: &str, other: &str) -> bool {
    let (one, two) = (parts(first), parts(other));
    !one.is_empty() && !two.is_empty() && !one.iter().any(|chain| two.contains(chain))
}
