//! Commands that load no rules.

/// Commands of shell scripts that load no rules. The kernel settings among
/// them (`sysctl`, `/proc/sys`) decide whether packets are forwarded at all;
/// that they are is what every answer about a rule set takes for granted.
const SCRIPT: [(&str, &str); 27] = [
    ("[", "asks for something"),
    ("[[", "asks for something"),
    ("test", "asks for something"),
    ("false", "does nothing"),
    ("break", "control flow"),
    ("continue", "control flow"),
    ("echo", "prints or sets a kernel parameter"),
    ("printf", "prints"),
    ("modprobe", "loads a kernel module"),
    ("insmod", "loads a kernel module"),
    ("depmod", "indexes kernel modules"),
    ("sysctl", "sets a kernel parameter"),
    ("exit", "ends the script"),
    ("set", "sets a shell option"),
    ("sleep", "waits"),
    ("logger", "writes to the log"),
    ("unset", "forgets a variable"),
    ("true", "does nothing"),
    (":", "does nothing"),
    ("touch", "writes no rule"),
    ("mkdir", "writes no rule"),
    ("chmod", "writes no rule"),
    ("cd", "changes the folder"),
    ("clear", "clears the terminal"),
    ("iptables-save", "writes the rules to a file"),
    ("ip6tables-save", "writes the rules to a file"),
    ("umask", "sets the mode of new files"),
];

/// Why a command is inert, by its name.
#[must_use]
pub fn inert(name: &str) -> Option<&'static str> {
    let name = name.rsplit('/').next().unwrap_or(name);
    SCRIPT.iter().find(|(n, _)| *n == name).map(|(_, why)| *why)
}
