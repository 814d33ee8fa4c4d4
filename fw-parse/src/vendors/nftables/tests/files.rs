//! Files, commands, JSON and what is not understood.

use super::*;

#[test]
fn commands_in_order() {
    let text = "table inet old { chain f { type filter hook forward priority 0; policy drop; } }\n\
        flush ruleset\n\
        add table inet t\n\
        add chain inet t f { type filter hook forward priority 0 ; policy drop ; }\n\
        add rule inet t f tcp dport { 80, \\\n 81 } accept\n\
        insert rule inet t f tcp dport 81 drop\n\
        add set inet t s { type inet_service ; }\n\
        add element inet t s { 90, 91 }\n\
        delete element inet t s { 91 }\n\
        add rule inet t f tcp dport @s accept # handle 7\n";
    assert_eq!(forward(text, WEB), Allow);
    assert_eq!(forward(text, "10.0.2.2 tcp 81"), Deny);
    assert_eq!(forward(text, "10.0.2.2 tcp 90"), Allow);
    assert_eq!(forward(text, "10.0.2.2 tcp 91"), Deny);
    assert_eq!(
        forward(
            &format!("{text}delete rule inet t f handle 7\n"),
            "10.0.2.2 tcp 90"
        ),
        Deny
    );
    assert_eq!(forward(&format!("{text}flush chain inet t f\n"), WEB), Deny);
    assert_eq!(
        forward(&format!("{text}delete table inet t\n"), "10.0.2.2 tcp 81"),
        Allow
    );
}

#[test]
fn what_is_not_understood_is_undecided() {
    let text = chain("tcp dport 80 frobnicate 7 accept\naccept");
    assert_eq!(forward(&text, WEB), Undecided);
    let parsed = parse(&text);
    assert_eq!(parsed.ledgers[0].coverage().opaque, 1);
    let include = parse("include \"/etc/nft/x.nft\"\ntable inet t { }\n");
    assert_eq!(include.devices[0].opaque_lines.len(), 1);
    assert_eq!(forward(&chain("ip saddr @nowhere accept"), WEB), Undecided);
    assert_eq!(forward(&chain("jump nowhere"), WEB), Undecided);
    assert_eq!(forward(&chain("tcp dport $X accept"), WEB), Undecided);
}

#[test]
fn included_files_take_their_place() {
    let main = Source::new(
        "etc/nftables.conf",
        "flush ruleset\ninclude \"/etc/nft/*.x\"\ninclude \"/etc/nft/web.nft\"\n".into(),
    );
    let web = Source::new("etc/nft/web.nft", chain("tcp dport 80 accept"));
    let parsed = Nftables.parse(Input {
        fallback_name: "fw",
        files: &[(SourceId(0), &web), (SourceId(1), &main)],
    });
    let device = &parsed.devices[0];
    assert_eq!(ask(device, WEB, Journey::Through, false), Allow);
    assert_eq!(
        ask(device, "10.0.2.2 tcp 81", Journey::Through, false),
        Deny
    );
    assert_eq!(device.opaque_lines.len(), 1);
}

#[test]
fn conditions_do_not_know_line_numbers() {
    let text = chain("meta skuid 1000 limit rate 5/second ip saddr @d accept").replace(
        "chain f",
        "set d { type ipv4_addr; flags dynamic; }\nchain f",
    );
    let keys = |text: &str| -> Vec<String> {
        device(text)
            .conditions()
            .iter()
            .map(|c| c.key.clone())
            .collect()
    };
    assert_eq!(keys(&text), keys(&format!("\n\n# moved\n{text}")));
    assert_eq!(keys(&text).len(), 3);
}

#[test]
fn assumption_of_completeness() {
    let has = |text: &str| {
        device(text)
            .assumptions
            .iter()
            .any(|a| a.code == "ruleset-assumed-complete")
    };
    assert!(has("#!/usr/sbin/nft -f\ntable inet t { }\n"));
    assert!(!has("flush ruleset\ntable inet t { }\n"));
    assert!(!has("table inet t {\n\tchain c {\n\t\taccept\n\t}\n}\n"));
}

/// The model without positions, for comparison of two formats.
fn shape(text: &str) -> String {
    let device = device(text);
    let strip = |text: String| {
        // Spans are the only numbers that may differ.
        let mut out = String::new();
        let mut rest = text.as_str();
        while let Some(at) = rest.find("Span {") {
            out.push_str(&rest[..at]);
            let tail = &rest[at..];
            rest = &tail[tail.find('}').unwrap() + 1..];
            out.push_str("SPAN");
        }
        out.push_str(rest);
        out.replace("Some(SPAN)", "None")
    };
    strip(format!(
        "{:#?}\n{:#?}\n{:#?}",
        device.filters, device.pipeline, device.interfaces
    ))
}

const TEXT: &str = include_str!("../testdata/ruleset.nft");
const JSON: &str = include_str!("../testdata/ruleset.json");

#[test]
fn text_and_json_are_one_model() {
    let (text, json) = (shape(TEXT), shape(JSON));
    for (number, (a, b)) in text.lines().zip(json.lines()).enumerate() {
        assert_eq!(a, b, "line {number} of the models");
    }
    assert_eq!(text.len(), json.len());
    let opaque = |text: &str| parse(text).ledgers[0].coverage().opaque;
    assert_eq!((opaque(TEXT), opaque(JSON)), (0, 0));
}

#[test]
fn detection() {
    for text in [TEXT, JSON, "add rule inet t c accept\n", "flush ruleset\n"] {
        assert_eq!(crate::detect(text).unwrap().vendor.name(), "nftables");
    }
    for text in [
        "*filter\n:INPUT DROP [0:0]\n-A INPUT -j ACCEPT\nCOMMIT\n",
        "table <bad> { 10.0.0.1 }\nblock in from <bad>\npass out all\n",
        "{\"uid\": \"x\", \"rulebase\": []}",
    ] {
        assert!(
            super::super::detect::detect(text)
                .iter()
                .map(|e| e.weight)
                .sum::<u32>()
                < 40
        );
    }
}

#[test]
fn large_sets_stay_small() {
    let mut elements = String::new();
    for i in 0..10_000u32 {
        elements.push_str(&format!("10.{}.{}.1 . {}, ", i / 250, i % 250, 80 + i % 2));
    }
    let text = format!(
        "table inet t {{ set s {{ type ipv4_addr . inet_service; elements = {{ {elements} }} }}\n chain f {{ type filter hook forward priority 0; policy drop; ip daddr . tcp dport @s accept; }} }}"
    );
    let device = device(&text);
    let filter = device
        .filters
        .iter()
        .find(|f| f.name == "inet t f")
        .unwrap();
    let mut parts = 0;
    filter.rules[0]
        .match_expr
        .walk(&mut |_: &MatchExpr| parts += 1);
    assert!(parts < 20, "{parts} parts");
    assert_eq!(forward(&text, "10.0.3.1 tcp 81"), Allow);
    assert_eq!(forward(&text, "10.0.3.1 tcp 80"), Deny);
}

#[test]
fn no_panic_on_broken_input() {
    for end in 0..TEXT.len() {
        if end % 7 == 0 && TEXT.is_char_boundary(end) {
            parse(&TEXT[..end]);
        }
    }
    for text in [
        "table",
        "{",
        "}}}}",
        "table inet t { chain c { jump { jump {",
        "define x = $x\n$x",
        "add rule",
        "table t { set s { elements = { 1-",
        "ip daddr {{{{{{{{{{",
        "\u{e9}\u{fffd}\"",
        "{\"nftables\": [1, {}, {\"rule\": {}}, {\"add\": 3}]}",
        "{\"nftables\": [",
    ] {
        parse(text);
    }
    parse(&"table t { chain c { jump { ".repeat(2000));
    parse(&format!(
        "table t {{ chain c {{ ip saddr {}",
        "{ ".repeat(5000)
    ));
    let mut bomb = String::from("define a0 = { 1, 2 }\n");
    for i in 1..40 {
        bomb.push_str(&format!("define a{i} = {{ $a{}, $a{} }}\n", i - 1, i - 1));
    }
    parse(&format!(
        "{bomb}table t {{ set s {{ elements = $a39\n }} }}"
    ));
}
