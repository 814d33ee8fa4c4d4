//! Any bytes as a Cisco ASA configuration: no panic, every line has a status.
#![no_main]

use fw_model::{LineStatus, Source, SourceId};
use fw_parse::{Input, decode, vendor};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = decode(bytes) else { return };
    let source = Source::new("fuzz", text);
    let front_end = vendor("cisco-asa").expect("registered");
    let parsed = front_end.parse(Input {
        fallback_name: "fuzz",
        files: &[(SourceId(0), &source)],
    });
    let ledger = &parsed.ledgers[0];
    assert_eq!(ledger.iter().count(), source.line_count() as usize);
    for (line, status) in ledger.iter() {
        let blank = source.line(line).is_none_or(|t| t.trim().is_empty());
        assert_eq!(blank, *status == LineStatus::Blank, "line {line}");
    }
});
