//! The same device in three formats gives the same model.

use crate::support::{BASE, device, parse, rule, rule_in};
use fw_model::{Device, LineStatus, Span};

const SET: &str = "\
set address web ip-netmask 10.2.2.10
set address 'two words' fqdn www.example.org
set address-group servers static [ web 10.2.2.11 ]
set service S protocol tcp port 8000-8010,9000
set service-group SG members [ S service-https ]
set rulebase nat rules N from untrust
set rulebase nat rules N to untrust
set rulebase nat rules N source any
set rulebase nat rules N destination 203.0.113.10
set rulebase nat rules N service any
set rulebase nat rules N destination-translation translated-address web
set rulebase security rules \"Rule 1\" from untrust
set rulebase security rules \"Rule 1\" to dmz
set rulebase security rules \"Rule 1\" source any
set rulebase security rules \"Rule 1\" source \"two words\"
set rulebase security rules \"Rule 1\" destination 203.0.113.10
set rulebase security rules \"Rule 1\" application [ ssl web-browsing ]
set rulebase security rules \"Rule 1\" service SG
set rulebase security rules \"Rule 1\" action allow
set rulebase security rules \"Rule 1\" profile-setting group strict
set rulebase security rules \"Rule 1\" log-end yes
";

const XML: &str = r#"<?xml version="1.0"?>
<config version="10.1.0" urldb="paloaltonetworks">
  <devices>
    <entry name="localhost.localdomain">
      <deviceconfig><system><hostname>fw1</hostname></system></deviceconfig>
      <network>
        <interface>
          <ethernet>
            <entry name="ethernet1/1"><layer3><ip><entry name="10.1.1.1/24"/></ip></layer3></entry>
            <entry name="ethernet1/2"><layer3><ip><entry name="192.0.2.1/24"/></ip></layer3></entry>
            <entry name="ethernet1/3"><layer3><ip><entry name="10.2.2.1/24"/></ip></layer3></entry>
            <entry name="ethernet1/4"><layer3><ip><entry name="10.3.3.1/24"/></ip></layer3></entry>
          </ethernet>
        </interface>
        <virtual-router>
          <entry name="default">
            <interface>
              <member>ethernet1/1</member><member>ethernet1/2</member>
              <member>ethernet1/3</member><member>ethernet1/4</member>
            </interface>
            <routing-table><ip><static-route>
              <entry name="d">
                <destination>0.0.0.0/0</destination>
                <nexthop><ip-address>192.0.2.254</ip-address></nexthop>
              </entry>
            </static-route></ip></routing-table>
          </entry>
        </virtual-router>
      </network>
      <vsys>
        <entry name="vsys1">
          <zone>
            <entry name="trust"><network><layer3><member>ethernet1/1</member><member>ethernet1/4</member></layer3></network></entry>
            <entry name="untrust"><network><layer3><member>ethernet1/2</member></layer3></network></entry>
            <entry name="dmz"><network><layer3><member>ethernet1/3</member></layer3></network></entry>
          </zone>
          <address>
            <entry name="web"><ip-netmask>10.2.2.10</ip-netmask></entry>
            <entry name="two words"><fqdn>www.example.org</fqdn></entry>
          </address>
          <address-group>
            <entry name="servers"><static><member>web</member><member>10.2.2.11</member></static></entry>
          </address-group>
          <service>
            <entry name="S"><protocol><tcp><port>8000-8010,9000</port></tcp></protocol></entry>
          </service>
          <service-group>
            <entry name="SG"><members><member>S</member><member>service-https</member></members></entry>
          </service-group>
          <rulebase>
            <nat>
              <rules>
                <entry name="N">
                  <from><member>untrust</member></from>
                  <to><member>untrust</member></to>
                  <source><member>any</member></source>
                  <destination><member>203.0.113.10</member></destination>
                  <service>any</service>
                  <destination-translation><translated-address>web</translated-address></destination-translation>
                </entry>
              </rules>
            </nat>
            <security>
              <rules>
                <entry name="Rule 1" uuid="7f0f">
                  <from><member>untrust</member></from>
                  <to><member>dmz</member></to>
                  <source><member>any</member><member>two words</member></source>
                  <destination><member>203.0.113.10</member></destination>
                  <application><member>ssl</member><member>web-browsing</member></application>
                  <service><member>SG</member></service>
                  <action>allow</action>
                  <profile-setting><group><member>strict</member></group></profile-setting>
                  <log-end>yes</log-end>
                </entry>
              </rules>
            </security>
          </rulebase>
        </entry>
      </vsys>
    </entry>
  </devices>
</config>
"#;

/// The model as text without places.
fn plain(device: &Device) -> String {
    let text = format!("{device:#?}");
    let mut out = String::new();
    let mut skip = 0usize;
    for line in text.lines() {
        if skip == 0 && (line.contains("Span {") || line.contains("last_line:")) {
            skip = usize::from(line.contains("Span {"));
            continue;
        }
        if skip > 0 {
            skip += line.matches(['{', '(']).count();
            skip = skip.saturating_sub(line.matches(['}', ')']).count());
            continue;
        }
        out.push_str(line);
        out.push('\n');
    }
    out
}

/// A set file in the braced form: one statement a line.
fn braced(set: &str) -> String {
    let mut out = String::from("config {\n  devices {\n    localhost.localdomain {\n");
    for line in set.lines() {
        let rest = line.strip_prefix("set ").unwrap().replace('\'', "\"");
        let device = rest.starts_with("network") || rest.starts_with("deviceconfig");
        let scope = if device { "" } else { "vsys { vsys1 { " };
        let words: Vec<&str> = rest.splitn(2, ' ').collect();
        let close = if device { "" } else { " } }" };
        out.push_str(&format!(
            "      {scope}{} {{ {}; }}{close}\n",
            words[0], words[1]
        ));
    }
    out.push_str("    }\n  }\n}\n");
    out
}

#[test]
fn three_formats_one_model() {
    let set = format!("{BASE}{SET}");
    let from_set = device(&set);
    let from_xml = device(XML);
    let from_braces = device(&braced(&set));
    assert!(from_set.filters.iter().any(|f| !f.rules.is_empty()));
    similar(&plain(&from_set), &plain(&from_xml));
    similar(&plain(&from_set), &plain(&from_braces));
    assert!(plain(&from_set).contains("Rule 1"));
    assert!(!plain(&from_set).contains("Span"));
}

#[test]
fn one_command_may_give_several_fields() {
    let apart = format!("{BASE}{SET}");
    let one_line = "\
set address 'two words' fqdn www.example.org description \"a b\" tag [ x y ]
set address web ip-netmask 10.2.2.10 tag x
set address-group servers static [ web 10.2.2.11 ] description members
set service S protocol tcp port 8000-8010,9000 description ports
set service-group SG members [ S service-https ] tag x
set rulebase nat rules N from untrust to untrust source any destination 203.0.113.10 service any destination-translation translated-address web
set rulebase security rules \"Rule 1\" from untrust to dmz source [ any \"two words\" ] destination 203.0.113.10 application [ ssl web-browsing ] service SG action allow profile-setting group strict log-end yes
";
    let text = format!("{BASE}{one_line}");
    let parsed = parse(&text);
    assert_eq!(parsed.ledgers[0].coverage().opaque, 0);
    // The addresses stand in another order here.
    let (one, other) = (device(&text), device(&apart));
    assert_eq!(one.opaque_lines, []);
    for (a, b) in one.filters.iter().zip(&other.filters) {
        for (x, y) in a.rules.iter().zip(&b.rules) {
            assert_eq!((&x.name, &x.match_expr), (&y.name, &y.match_expr));
            assert_eq!(
                (&x.action, x.treatments.len()),
                (&y.action, y.treatments.len())
            );
        }
        assert_eq!(a.rules.len(), b.rules.len());
    }
}

#[test]
fn a_further_field_belongs_to_the_object_around_the_value() {
    let text = "\
set device-group DG pre-rulebase security rules A target devices 0011 negate yes
set device-group DG pre-rulebase security rules A source [ 10.0.0.1 10.0.0.2 ] destination any
set network virtual-router default routing-table ip static-route x destination 10.9.0.0/16 nexthop ip-address 192.0.2.9 metric 5
set zone z network layer3 ethernet1/1 enable-user-identification yes
set rulebase nat rules N destination-translation translated-address 10.1.1.1 translated-port 8443 nat-type ipv4
set schedule S schedule-type recurring weekly monday 08:00-17:00 tuesday [ 08:00-12:00 13:00-17:00 ]
";
    let apart = "\
set device-group DG pre-rulebase security rules A target devices 0011
set device-group DG pre-rulebase security rules A target negate yes
set device-group DG pre-rulebase security rules A source [ 10.0.0.1 10.0.0.2 ]
set device-group DG pre-rulebase security rules A destination any
set network virtual-router default routing-table ip static-route x destination 10.9.0.0/16
set network virtual-router default routing-table ip static-route x nexthop ip-address 192.0.2.9
set network virtual-router default routing-table ip static-route x metric 5
set zone z network layer3 ethernet1/1
set zone z enable-user-identification yes
set rulebase nat rules N destination-translation translated-address 10.1.1.1
set rulebase nat rules N destination-translation translated-port 8443
set rulebase nat rules N nat-type ipv4
set schedule S schedule-type recurring weekly monday 08:00-17:00
set schedule S schedule-type recurring weekly tuesday [ 08:00-12:00 13:00-17:00 ]
";
    let (one, other) = (parse(text), parse(apart));
    assert_eq!(one.devices.len(), other.devices.len());
    for (a, b) in one.devices.iter().zip(&other.devices) {
        similar(&plain(a), &plain(b));
    }
}

#[test]
fn what_stands_behind_a_value_and_is_no_field_is_not_dropped() {
    for line in [
        "set rulebase security rules A from trust frobnicate yes",
        "set rulebase security rules A from [ trust dmz ] frobnicate yes",
        "set rulebase sdwan rules D source 10.0.0.1 to zone dmz",
    ] {
        let device = device(&format!("{BASE}{line}\n"));
        assert_eq!(device.opaque_lines.len(), 1, "{line}");
    }
    let nested = XML.replace(
        "<from><member>untrust</member></from>",
        "<from><member>untrust<warp>yes</warp></member></from>",
    );
    assert!(!device(&nested).opaque_lines.is_empty());
}

fn similar(a: &str, b: &str) {
    for (number, (x, y)) in a.lines().zip(b.lines()).enumerate() {
        assert_eq!(x, y, "line {number} of the model");
    }
    assert_eq!(a.lines().count(), b.lines().count());
}

#[test]
fn every_line_has_a_status() {
    for text in [
        XML.to_owned(),
        format!("{BASE}{SET}"),
        braced(&format!("{BASE}{SET}")),
    ] {
        let parsed = parse(&text);
        let coverage = parsed.ledgers[0].coverage();
        assert_eq!(coverage.opaque, 0, "{:?}", parsed.diagnostics);
        assert!(coverage.modeled > 20);
    }
}

#[test]
fn spans_name_the_line_of_the_rule() {
    let source = fw_model::Source::new("x", XML.to_owned());
    let device = device(XML);
    let security = device
        .filters
        .iter()
        .find(|f| f.name == "security")
        .unwrap();
    let rule = security.rules.iter().find(|r| r.name == "Rule 1").unwrap();
    let Span {
        line, start, end, ..
    } = rule.span.unwrap();
    let text = source.line(line).unwrap();
    assert_eq!(
        &text[start as usize..end as usize],
        "<entry name=\"Rule 1\" uuid=\"7f0f\">"
    );
}

#[test]
fn what_is_unknown_in_a_rule_makes_its_match_open() {
    let text = format!("{BASE}{}", rule("A", &["time-travel yes", "action allow"]));
    let device = device(&text);
    let packet = crate::support::tcp("10.1.1.5", "198.51.100.7", 80);
    assert_eq!(
        crate::support::verdict(&device, packet, "ethernet1/1"),
        "undecided"
    );
    assert!(device.opaque_lines.is_empty());
    let ledger = &parse(&text).ledgers[0];
    let line = text
        .lines()
        .position(|l| l.contains("time-travel"))
        .unwrap() as u32
        + 1;
    assert_eq!(ledger.status(line), Some(&LineStatus::Opaque));
}

#[test]
fn what_is_unknown_on_top_concerns_the_device() {
    for line in [
        "set warp-drive engage yes",
        "set network warp-drive yes",
        "set rulebase warp-drive rules a from any",
        "frobnicate now",
    ] {
        let device = device(&format!("{BASE}{line}\n"));
        assert_eq!(device.opaque_lines.len(), 1, "{line}");
    }
    // Keys have no line numbers: the same line cancels wherever it stands.
    let one = device(&format!("{BASE}set warp-drive engage yes\n"));
    let two = device(&format!("# moved\n{BASE}set warp-drive engage yes\n"));
    assert_eq!(one.opaque_lines[0].key, two.opaque_lines[0].key);
}

#[test]
fn change_commands_are_carried_out() {
    let text = format!(
        "{BASE}{}{}move rulebase security rules B before A\nset rulebase security rules A action deny\nrename rulebase security rules A to C\n",
        rule("A", &["action allow"]),
        rule("B", &["action deny"]),
    );
    let device = device(&text);
    let names: Vec<&str> = device.filters[0]
        .rules
        .iter()
        .map(|r| r.name.as_str())
        .collect();
    assert_eq!(
        names,
        ["interface without a zone", "B", "C", "intrazone-default"]
    );
    assert_eq!(device.filters[0].rules[2].action, fw_model::Action::Deny);
    let _ = rule_in("rulebase nat rules", "x", &[]);
}

#[test]
fn a_value_that_is_given_again_marks_its_own_lines_alone() {
    let text = format!(
        "{BASE}{}set warp-drive engage yes\nset rulebase security rules A action allow\n",
        rule("A", &["action allow"])
    );
    let ledger = &parse(&text).ledgers[0];
    let last = text.lines().count() as u32;
    assert_eq!(ledger.status(last), Some(&LineStatus::Modeled));
    assert_eq!(ledger.status(last - 1), Some(&LineStatus::Opaque));
    assert_eq!(ledger.coverage().opaque, 1);
}
