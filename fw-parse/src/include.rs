//! Files that a configuration includes, found among the files at hand.
//!
//! A configuration names them by the path on its device; here they lie
//! somewhere else. So a path names a file if their ends agree.

/// Most `*` of a pattern that are followed.
const STARS: usize = 8;

/// True if the path or pattern of an `include` may name the file at `path`.
///
/// The last part has to agree, with `*` and `?` for any characters. A pattern
/// with such characters has to agree in the folder too, since it names any
/// file of it.
#[must_use]
pub fn names(included: &str, path: &str) -> bool {
    let last = |text: &str| {
        let text = text.trim_end_matches('/');
        let (folder, name) = text.rsplit_once(['/', '\\']).unwrap_or(("", text));
        (folder.to_owned(), name.to_owned())
    };
    let (folder, name) = last(included);
    let (here, file) = last(within(path));
    if !name.contains(['*', '?']) {
        return !name.is_empty() && name == file;
    }
    let folder_name = last(&folder).1;
    let agrees = folder_name.is_empty() || folder_name == "." || folder_name == last(&here).1;
    agrees && glob(name.as_bytes(), file.as_bytes(), STARS) && !file.starts_with('.')
}

/// A path without the revision of `git:REV:PATH`.
fn within(path: &str) -> &str {
    path.strip_prefix("git:")
        .and_then(|rest| rest.split_once(':'))
        .map_or(path, |(_, path)| path)
}

/// How many parts, from the last one on, two paths have in common.
#[must_use]
pub fn agreement(included: &str, path: &str) -> usize {
    let parts = |text: &str| -> Vec<String> {
        text.split(['/', '\\'])
            .filter(|part| !part.is_empty() && *part != ".")
            .rev()
            .map(str::to_owned)
            .collect()
    };
    parts(included)
        .iter()
        .zip(&parts(within(path)))
        .take_while(|(a, b)| a == b)
        .count()
}

fn glob(pattern: &[u8], text: &[u8], stars: usize) -> bool {
    match (pattern.split_first(), text.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), _) => {
            stars > 0
                && (0..=text.len())
                    .any(|skip| glob(rest, text.get(skip..).unwrap_or(&[]), stars - 1))
        }
        (Some((b'?', rest)), Some((_, more))) => glob(rest, more, stars),
        (Some((a, rest)), Some((b, more))) => a == b && glob(rest, more, stars),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_agree_by_their_ends() {
        assert!(names("/etc/nftables/defs.nft", "configs/fw1/defs.nft"));
        assert!(names("./defs.nft", "defs.nft"));
        assert!(names("./defs.nft", "git:HEAD:defs.nft"));
        assert!(!names("/etc/nftables/defs.nft", "configs/fw1/other.nft"));
        assert!(names("/etc/nftables.d/*.nft", "fw1/nftables.d/web.nft"));
        assert!(!names("/etc/nftables.d/*.nft", "fw1/web.nft"));
        assert!(!names("/etc/nftables.d/*.nft", "fw1/nftables.d/.web.nft"));
        assert!(names("*.rules", "fw1/web.rules"));
        assert!(names("/etc/n/??-*.nft", "n/10-web.nft"));
        assert!(!names("/etc/n/??-*.nft", "n/1-web.nft"));
        assert_eq!(agreement("/etc/a/x.nft", "fw/a/x.nft"), 2);
        assert_eq!(agreement("/etc/a/x.nft", "fw/b/x.nft"), 1);
    }
}
