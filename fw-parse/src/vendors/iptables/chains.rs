//! Which chains call which: from which hooks a chain is reached, and which
//! jumps have to be cut because they close a loop.

use super::ast::Rule;
use super::lower::hook_of;
use super::ruleset::Table;
use rustc_hash::FxHashSet;

/// How deep jumps may go. The kernel allows 16 levels in one backend and as
/// many as there are chains in the other.
const DEPTH: usize = 48;

/// The calls between the chains of a table.
pub(super) struct Calls {
    hooks: Vec<u8>,
    cut: FxHashSet<(usize, usize)>,
}

impl Calls {
    /// The hooks that lead to a chain.
    pub fn hooks(&self, chain: usize) -> u8 {
        self.hooks.get(chain).copied().unwrap_or(0)
    }

    /// True if the jump of a rule must not be followed.
    pub fn is_cut(&self, chain: usize, rule: usize) -> bool {
        self.cut.contains(&(chain, rule))
    }
}

/// Looks at all jumps of a table.
pub(super) fn calls(table: &Table<'_>) -> Calls {
    let jumps: Vec<Vec<(usize, usize)>> = table
        .chains
        .iter()
        .map(|chain| {
            chain
                .entries
                .iter()
                .enumerate()
                .filter_map(|(rule, entry)| {
                    let target = entry.rule.target.as_ref()?;
                    Some((rule, table.position(&target.name)?))
                })
                .collect()
        })
        .collect();
    let mut out = Calls {
        hooks: table.chains.iter().map(hook_of).collect(),
        cut: FxHashSet::default(),
    };
    depth_first(&jumps, &mut out);
    spread_hooks(&jumps, &mut out);
    out
}

/// Finds jumps back into a chain that is still open, and those that make the
/// longest way down too long.
fn depth_first(jumps: &[Vec<(usize, usize)>], out: &mut Calls) {
    #[derive(Clone, Copy, PartialEq)]
    enum Visit {
        Not,
        Open,
        Done(usize),
    }
    let mut visits = vec![Visit::Not; jumps.len()];
    for start in 0..jumps.len() {
        // (chain, next jump, height so far)
        let mut stack = vec![(start, 0usize, 0usize)];
        if visits.get(start) != Some(&Visit::Not) {
            continue;
        }
        if let Some(visit) = visits.get_mut(start) {
            *visit = Visit::Open;
        }
        while let Some((chain, next, height)) = stack.last_mut() {
            let here = *chain;
            let Some(&(rule, target)) = jumps.get(here).and_then(|j| j.get(*next)) else {
                if let Some(visit) = visits.get_mut(here) {
                    *visit = Visit::Done(*height);
                }
                stack.pop();
                continue;
            };
            match visits.get(target).copied() {
                Some(Visit::Not) => {
                    // Looked at again when the target is done.
                    if let Some(visit) = visits.get_mut(target) {
                        *visit = Visit::Open;
                    }
                    stack.push((target, 0, 0));
                    continue;
                }
                Some(Visit::Done(below)) if below < DEPTH => *height = (*height).max(below + 1),
                _ => {
                    out.cut.insert((here, rule));
                }
            }
            *next += 1;
        }
    }
}

fn spread_hooks(jumps: &[Vec<(usize, usize)>], out: &mut Calls) {
    let mut work: Vec<usize> = (0..jumps.len()).collect();
    while let Some(chain) = work.pop() {
        let from = out.hooks(chain);
        for (_, target) in jumps.get(chain).into_iter().flatten() {
            if let Some(hooks) = out.hooks.get_mut(*target)
                && *hooks | from != *hooks
            {
                *hooks |= from;
                work.push(*target);
            }
        }
    }
}

/// True if a rule has a condition with a state of its own, so that equal rules
/// of one chain must be told apart.
pub(super) fn counts(rule: &Rule<'_>) -> bool {
    rule.matches.iter().any(|m| {
        !matches!(
            m.name.as_ref(),
            "tcp"
                | "udp"
                | "state"
                | "conntrack"
                | "comment"
                | "multiport"
                | "mac"
                | "set"
                | "icmp"
                | "icmp6"
                | "addrtype"
                | "mark"
                | "connmark"
                | "iprange"
        )
    })
}
