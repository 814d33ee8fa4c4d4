//! Any bytes: detection and every front end survive them.
#![no_main]

use fw_model::{Source, SourceId};
use fw_parse::vendor::VENDORS;
use fw_parse::{Input, decode, detect};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = decode(bytes) else { return };
    let _ = detect(&text);
    let source = Source::new("fuzz", text);
    for front_end in VENDORS {
        let parsed = front_end.parse(Input {
            fallback_name: "fuzz",
            files: &[(SourceId(0), &source)],
        });
        assert_eq!(parsed.ledgers.len(), 1, "{}", front_end.name());
    }
});
