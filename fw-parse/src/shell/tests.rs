//! What runs, by the rules of POSIX sh.

use super::{Step, script};
use fw_model::Source;

fn commands(text: &str) -> Vec<String> {
    let source = Source::new("script.sh", text.into());
    script(&source)
        .steps
        .into_iter()
        .filter_map(|step| match step {
            Step::Command(command) => Some(command.identity()),
            Step::Unreadable(_, key) => Some(format!("? {key}")),
            _ => None,
        })
        .collect()
}

#[test]
fn loops_over_constant_words_are_run() {
    assert_eq!(
        commands(
            "P='80 443'\nfor p in $P 8080; do\n  a $p\n  for q in x; do b $p $q; done\ndone\nc $p\n"
        ),
        [
            "a 80", "b 80 x", "a 443", "b 443 x", "a 8080", "b 8080 x", "c 8080"
        ]
    );
    assert_eq!(
        commands("for f in *.rules; do a $f; done\n"),
        ["a $f [for f in *.rules] (for f in *.rules)"]
    );
    assert_eq!(
        commands("while read ip; do a $ip; done < list\n"),
        ["a $ip [while read ip < list] (while read ip < list)"]
    );
    assert_eq!(
        commands("for p in 1 2; do a $p; break; done\n"),
        ["a $p [for p in 1 2] (for p in 1 2)", "break (for p in 1 2)"]
    );
}

#[test]
fn branches_that_constants_decide() {
    let text = "DNS=yes\nif [ \"$DNS\" = yes ]; then a; elif [ x = x ]; then b; else c; fi\n\
                [ $DNS = no ] && d\n[ $DNS = no ] || e\n[ -n \"$1\" ] && f\nif [ -z \"$2\" ]; then g; else h; fi\n";
    assert_eq!(
        commands(text),
        [
            "a",
            "[ yes = no ]",
            "[ yes = no ]",
            "e",
            "[ -n $1 ]",
            "f ([ -n $1 ] &&)",
            "g (if [ -z $2 ])",
            "h (if [ -z $2 ] else )"
        ]
    );
}

#[test]
fn functions_run_where_they_are_called() {
    let text = "allow() {\n  a $1 $2\n}\nnever() { b; }\nfunction late { c; }\nallow 22 x\nallow $P\n\
                case \"$MODE\" in start|on) late;; stop) d;; esac\n";
    assert_eq!(
        commands(text),
        [
            "a 22 x",
            "a $1 [$P]",
            "c (case $MODE in start|on))",
            "d (case $MODE in stop))"
        ]
    );
    assert_eq!(commands("f() { a; }\n$CMD\n"), ["a (function f)", "$CMD"]);
}

#[test]
fn the_script_is_started_and_goes_on() {
    let init = "case \"$1\" in\n  stop)\n    a\n    ;;\n  start|restart) b ;;\n  *) c; exit 1 ;;\nesac\nd\n";
    assert_eq!(commands(init), ["b", "d"]);
    let stop = "if [ \"$1\" = stop ]; then\n a\n exit 0\nfi\nif x; then b; else c; exit; fi\nd\n";
    assert_eq!(
        commands(stop),
        ["b (if x)", "c (if x else )", "exit (if x else )", "d"]
    );
    let source = Source::new("script.sh", format!("{init}{stop}"));
    let granted: Vec<(u32, &str)> = script(&source)
        .steps
        .into_iter()
        .filter_map(|step| match step {
            Step::Assumed(place, what) => Some((place.first, what.code())),
            _ => None,
        })
        .collect();
    assert_eq!(granted, [(5, "script-called-with-start")]);
    let source = Source::new("script.sh", stop.to_owned());
    let granted: Vec<u32> = script(&source)
        .steps
        .into_iter()
        .filter_map(|step| match step {
            Step::Assumed(place, super::Granted::GoesOn) => Some(place.first),
            _ => None,
        })
        .collect();
    assert_eq!(granted, [1]);
}

#[test]
fn unknown_words_keep_where_they_come_from() {
    assert_eq!(
        commands("P=$(cat /etc/port)\na $P\nif x; then Q=1; else Q=2; fi\nb $Q\n"),
        [
            "a $P [P=$(cat /etc/port)]",
            "b $Q [Q=1 (if x); Q=2 (if x else )]"
        ]
    );
    assert_eq!(
        commands("case $1 in start) a $1;; esac\nshift\nb $1\n"),
        ["a start", "shift", "b $1"]
    );
    assert_eq!(
        commands("P=1\n. ./conf\na $P\n"),
        [". ./conf", "a $P [P=1; . ./conf]"]
    );
}

#[test]
fn here_documents_are_fed() {
    let source = Source::new(
        "script.sh",
        "P=80\ncat <<'X' | load -\n$P\nX\nload -f - <<EOF\n port $P $Q\nEOF\nend\n".into(),
    );
    let fed: Vec<(String, Vec<(String, bool)>)> = script(&source)
        .steps
        .into_iter()
        .filter_map(|step| match step {
            Step::Command(c) => Some((
                c.name().to_owned(),
                c.input
                    .iter()
                    .map(|f| (f.text.to_string(), f.open))
                    .collect(),
            )),
            _ => None,
        })
        .collect();
    assert_eq!(
        fed,
        [
            ("cat".to_owned(), vec![]),
            ("load".to_owned(), vec![("$P".to_owned(), false)]),
            ("load".to_owned(), vec![(" port 80 $Q".to_owned(), true)]),
            ("end".to_owned(), vec![]),
        ]
    );
}

#[test]
fn nothing_is_lost() {
    assert_eq!(
        commands("if ! iptables -C X; then a; fi\n{ b; } | nft -f -\nc 'open\n"),
        [
            "iptables -C X",
            "a (if ! iptables -C X)",
            "b",
            "? } | nft -f -",
            "? c 'open"
        ]
    );
    assert_eq!(
        commands("a \"x\ny\" z\nb '\\(' \"\\{\" \\; # no\nexit 0\nc\n"),
        ["a x\ny z", "b \\( \\{ ;", "exit 0"]
    );
}

#[test]
fn any_cut_can_be_read() {
    let text = "f() { a \"$1\" `b` $(c (d)); }\nfor i in 1 2; do f $i || exit 1; done\ncase $x in a) b;; esac\n\
                cat <<E | d\n$i ${i:-2}\nE\nif [ a = b ]; then { x; } >&2; fi\nwhile :; do y; done\n";
    for end in 0..text.len() {
        for start in [0, 7, end / 2] {
            commands(&text[start.min(end)..end]);
        }
    }
}
