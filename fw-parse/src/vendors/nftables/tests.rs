use super::Nftables;
use crate::vendor::{Input, Parsed, Vendor};
use fw_model::{LineStatus, Source, SourceId};

fn parse(text: &str) -> Parsed {
    let source = Source::new("fw.nft", text.to_owned());
    Nftables.parse(Input {
        fallback_name: "fw",
        files: &[(SourceId(0), &source)],
    })
}

#[test]
fn corpus() {
    let folder = std::path::Path::new(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../shared/corpus/08_nftables"
    ));
    let Ok(entries) = std::fs::read_dir(folder) else {
        println!("no corpus at {}", folder.display());
        return;
    };
    let mut paths: Vec<_> = entries.filter_map(|e| Some(e.ok()?.path())).collect();
    paths.sort();
    assert!(!paths.is_empty());
    let verbose = std::env::var_os("FWIMPACT_SHOW_OPAQUE").is_some();
    let mut all = fw_model::Coverage::default();
    for path in &paths {
        let Ok(bytes) = std::fs::read(path) else {
            continue;
        };
        let Ok(text) = crate::decode(&bytes) else {
            continue;
        };
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let parsed = parse(&text);
        let ledger = &parsed.ledgers[0];
        all = all + ledger.coverage();
        if crate::detect(&text).is_err() {
            println!("{name}: not detected");
        }
        if verbose {
            for (number, status) in ledger.iter() {
                if *status == LineStatus::Opaque {
                    println!("{name}:{number}: {}", text.lines().nth(number as usize - 1).unwrap_or(""));
                }
            }
        }
    }
    println!(
        "{} files, {} lines: modeled {}, inert {}, opaque {}",
        paths.len(), all.lines, all.modeled, all.inert, all.opaque
    );
    assert!(all.opaque * 100 < all.lines * 5, "too many opaque lines");
}
