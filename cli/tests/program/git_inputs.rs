//! Inputs from git, without a checkout.

use crate::run::{RULE, check, folder, git, repository, rules, run, write};
use std::path::Path;

#[test]
fn a_change_between_two_revisions() {
    let folder = repository(&[]);
    let report = run(folder.path(), &check(&["--format", "json"]));
    assert_eq!(report.code, 14, "{}", report.err);
    let report = report.json();
    assert_eq!(
        report["flows"][0]["caused_by"][0]["file"],
        "git:main:net/edge.rules"
    );
    assert_eq!(report["flows"][0]["caused_by"][0]["line"], 6);
    let paths = &report["flows"][0]["paths"];
    assert_eq!(paths["before"][0]["verdict"], "permitted");
    assert_eq!(paths["after"][0]["verdict"], "denied");
    // Both sides from git, from a folder below the top, without a checkout.
    let below = folder.path().join("other");
    std::fs::create_dir_all(&below).unwrap();
    std::fs::remove_dir_all(folder.path().join("net")).unwrap();
    let report = run(
        &below,
        &[
            "check",
            "--before",
            "git:main:../net/edge.rules",
            "--after",
            "git:change:../net/edge.rules",
            "--flows",
            "../flows.yaml",
            "--format",
            "json",
        ],
    );
    assert_eq!(report.code, 14, "{}", report.err);
    let sarif = run(
        folder.path(),
        &[
            "check",
            "--before",
            "git:main:net",
            "--after",
            "git:change:net",
            "--flows",
            "flows.yaml",
            "--format",
            "sarif",
        ],
    )
    .json();
    let place = &sarif["runs"][0]["results"][0]["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "net/edge.rules");
}

/// The exit code of `diff` and what it says.
fn diff(folder: &Path, before: &str, after: &str) -> (i32, String) {
    let said = run(folder, &["diff", before, after, "--quiet"]);
    (said.code, said.out + &said.err)
}

#[test]
fn places_of_a_repository() {
    let folder = repository(&[]);
    let here = folder.path();
    let net = here.join("net");
    write(here, "a b/é.rules", rules(RULE));
    std::os::unix::fs::symlink("../net/edge.rules", here.join("a b/link")).unwrap();
    std::os::unix::fs::symlink("a b", here.join("folder")).unwrap();
    std::os::unix::fs::symlink("/etc/hostname", here.join("out")).unwrap();
    std::os::unix::fs::symlink("round", here.join("round")).unwrap();
    git(here, &["add", "."]);
    git(here, &["commit", "-qm", "more"]);
    for (from, before, after) in [
        // The current folder, with and without a name; the top; above.
        (&net, "git:main:.", "."),
        (&net, "git:main:", "."),
        (&net, "git:main:edge.rules", "edge.rules"),
        (&net, "git:main:/net", "../net"),
        (&net, "git:main:../net/./", "git:HEAD:../net"),
        (
            &here.to_owned(),
            "git:main:net/",
            "git:change:net//edge.rules",
        ),
        // Links of a tree lead where they lead in a folder.
        (
            &here.to_owned(),
            "git:HEAD:a b/é.rules",
            "git:HEAD:a b/link",
        ),
        (
            &here.to_owned(),
            "git:HEAD:a b/é.rules",
            "git:HEAD:folder/link",
        ),
    ] {
        let (code, said) = diff(from, before, after);
        assert_eq!(code, 10, "{before} {after}: {said}");
    }
    let (code, said) = diff(here, "git:HEAD:folder", "folder");
    assert_eq!(code, 0, "{said}");
    let bare = tempfile::tempdir().unwrap();
    git(
        here,
        &["clone", "-q", "--bare", ".", bare.path().to_str().unwrap()],
    );
    let (code, said) = diff(bare.path(), "git:main:net", "git:change:net");
    assert_eq!(code, 10, "{said}");
}

#[test]
fn submodules_are_read_where_they_are_checked_out() {
    let other = repository(&[]);
    let folder = repository(&[]);
    let here = folder.path();
    let address = other.path().to_str().unwrap();
    git(here, &["submodule", "add", "-q", address, "devices"]);
    git(here, &["commit", "-qm", "module"]);
    let (code, said) = diff(here, "git:HEAD:net", "git:HEAD:devices/net");
    assert_eq!(code, 0, "{said}");
    let (code, said) = diff(here, "git:HEAD:devices/net", "devices/net");
    assert_eq!(code, 0, "{said}");
    let copy = tempfile::tempdir().unwrap();
    git(here, &["clone", "-q", ".", copy.path().to_str().unwrap()]);
    let (code, said) = diff(copy.path(), "git:HEAD:devices/net", "net");
    assert_eq!(code, 1, "{said}");
    assert!(
        said.contains("git submodule update --init devices"),
        "{said}"
    );
}

#[test]
fn messages_name_the_input_and_what_to_do() {
    let folder = repository(&[]);
    let here = folder.path();
    std::os::unix::fs::symlink("/etc/hostname", here.join("out")).unwrap();
    std::os::unix::fs::symlink("round", here.join("round")).unwrap();
    git(here, &["add", "."]);
    git(here, &["commit", "-qm", "links"]);
    let shallow = tempfile::tempdir().unwrap();
    let address = format!("file://{}", here.display());
    let to = shallow.path().to_str().unwrap();
    git(here, &["clone", "-q", "--depth", "1", &address, to]);
    let nowhere = tempfile::tempdir().unwrap();
    let net = here.join("net");
    for (from, input, said, hint) in [
        (here, "git:mian:net", "no revision `mian`", "`main`?"),
        (here, "git:HEAD:nte", "no `nte` in `HEAD`", "`net`?"),
        (
            here,
            "git:HEAD:net/egde.rules",
            "no `net/egde.rules`",
            "`net/edge.rules`?",
        ),
        (&net, "git:HEAD:net", "no `net/net`", "`git:HEAD:/net`?"),
        (here, "git:HEAD:../net", "leaves the repository", ""),
        (
            here,
            "git:HEAD:out",
            "leads out of the repository",
            "/etc/hostname",
        ),
        (here, "git:HEAD:round", "leads in a circle", ""),
        (
            shallow.path(),
            "git:HEAD~1:net",
            "no revision",
            "fetch-depth: 0",
        ),
        (
            nowhere.path(),
            "git:HEAD:net",
            "in no git repository",
            "run it inside",
        ),
    ] {
        let (code, text) = diff(from, input, input);
        assert_eq!(code, 1, "{input}: {text}");
        let start = format!("error: cannot read {input}: ");
        assert!(text.starts_with(&start), "{text}");
        assert!(text.contains(said) && text.contains(hint), "{text}");
    }
    for input in ["git:main", "git::net", "git:-x:net"] {
        let (code, text) = diff(here, input, "net");
        assert_eq!(code, 2, "{text}");
        assert!(
            text.contains(input) && text.contains("git:REV:PATH"),
            "{text}"
        );
    }
    // Other files than configurations have a way of their own.
    let flows = run(
        here,
        &[
            "check",
            "--before",
            "net",
            "--after",
            "net",
            "--flows",
            "git:main:flows.yaml",
        ],
    );
    assert_eq!(flows.code, 2, "{}", flows.err);
    assert!(flows.err.contains("--policy-from"), "{}", flows.err);
}

#[test]
fn files_of_a_tree_that_are_no_configuration_are_named() {
    let folder = repository(&[
        ("net/edge.rules", "no config\n"),
        ("net/.hidden", "x"),
        ("net/old~", "x"),
    ]);
    std::fs::remove_dir_all(folder.path().join("net")).unwrap();
    for input in ["git:HEAD:net", "git:HEAD:net/edge.rules"] {
        let (code, said) = diff(folder.path(), input, input);
        assert_eq!(code, 3, "{said}");
        assert!(
            said.starts_with("error: git:HEAD:net/edge.rules is no config"),
            "{said}"
        );
    }
}

#[test]
fn what_a_single_file_includes_is_read_beside_it() {
    let forward = "table inet filter {\n chain forward {\n  type filter hook forward priority 0; \
                   policy drop;\n  ip daddr $SHOP accept\n }\n}\n";
    let folder = folder(&[
        (
            "fw1/nftables.conf",
            "flush ruleset\ninclude \"./hosts.nft\"\ninclude \"/etc/nftables.d/*.nft\"\n",
        ),
        ("fw1/hosts.nft", "define SHOP = 10.0.2.2\n"),
        ("fw1/nftables.d/forward.nft", forward),
        ("fw1/nftables.d/notes.txt", "not included\n"),
    ]);
    let here = folder.path();
    git(here, &["init", "-q"]);
    git(here, &["add", "."]);
    git(here, &["commit", "-qm", "base"]);
    let below = here.join("fw1");
    for (at, input) in [
        (here, "fw1/nftables.conf"),
        (here, "git:HEAD:fw1/nftables.conf"),
        (here, "git:HEAD:/fw1/nftables.conf"),
        (&below, "nftables.conf"),
        (&below, "git:HEAD:nftables.conf"),
    ] {
        let said = run(at, &["show", "--coverage", input]);
        assert_eq!(said.code, 0, "{}", said.err);
        assert!(
            said.out.contains("10 lines: 10 modeled"),
            "{input}: {}",
            said.out
        );
        assert!(!said.out.contains("include-missing"), "{}", said.out);
    }
}
