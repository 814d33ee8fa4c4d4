//! What tests and conditions come to, where the text tells it.

use super::Word;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Runs {
    Yes,
    No,
    Perhaps,
}

/// What an `if` comes to.
pub(super) fn condition(commands: &[(Vec<Word>, &'static str)]) -> Runs {
    match commands {
        [(words, _)] => test(words.get(1..).unwrap_or_default()),
        _ => Runs::Perhaps,
    }
}

/// The result of a command, where the text tells it.
pub(super) fn test(words: &[Word]) -> Runs {
    let decided = |holds: bool| if holds { Runs::Yes } else { Runs::No };
    if words.iter().any(|w| w.open.is_some()) {
        return Runs::Perhaps;
    }
    let words: Vec<&str> = words.iter().map(|w| w.text.as_str()).collect();
    let inner = match words.as_slice() {
        ["true" | ":"] => return Runs::Yes,
        ["false"] => return Runs::No,
        ["[", inner @ .., "]"] | ["[[", inner @ .., "]]"] | ["test", inner @ ..] => inner,
        _ => return Runs::Perhaps,
    };
    let (inner, negated) = match inner {
        ["!", rest @ ..] => (rest, true),
        all => (all, false),
    };
    let holds = match inner {
        ["-n", text] => !text.is_empty(),
        ["-z", text] => text.is_empty(),
        [left, "=" | "==", right] if !right.contains(['*', '?', '[']) => left == right,
        [left, "!=", right] if !right.contains(['*', '?', '[']) => left != right,
        [left, op @ ("-eq" | "-ne"), right] => match (left.parse::<i64>(), right.parse::<i64>()) {
            (Ok(left), Ok(right)) => (left == right) == (*op == "-eq"),
            _ => return Runs::Perhaps,
        },
        _ => return Runs::Perhaps,
    };
    decided(holds != negated)
}

/// Whether a branch is run, behind others of which one may have been taken.
pub(super) fn chosen(taken: Runs, found: Runs) -> Runs {
    match (taken, found) {
        (Runs::Yes, _) | (_, Runs::No) => Runs::No,
        (Runs::No, found) => found,
        (Runs::Perhaps, _) => Runs::Perhaps,
    }
}

/// Whether one of the branches was taken, with one more.
pub(super) fn also(taken: Runs, runs: Runs) -> Runs {
    match (taken, runs) {
        (Runs::Yes, _) | (_, Runs::Yes) => Runs::Yes,
        (Runs::No, Runs::No) => Runs::No,
        _ => Runs::Perhaps,
    }
}

/// Whether a value matches the pattern of a `case`.
pub(super) fn matching(value: &str, pattern: &str) -> Runs {
    let mut found = Runs::No;
    for one in pattern.split('|') {
        let one = one.trim().trim_matches(['"', '\'']);
        found = also(
            found,
            if one == "*" || one == value {
                Runs::Yes
            } else if one.contains(['*', '?', '[', '$', '\\']) {
                Runs::Perhaps
            } else {
                Runs::No
            },
        );
    }
    found
}

/// Programs that load rules.
pub(super) fn loads(program: &str) -> bool {
    program.contains("tables") || matches!(program, "nft" | "ipset") || program.starts_with('$')
}

/// Programs that are taken to succeed.
pub(super) fn reliable(program: &str) -> bool {
    loads(program)
        || matches!(
            program,
            "ip" | "echo" | "printf" | "modprobe" | "sysctl" | "sleep" | "cat"
        )
}
