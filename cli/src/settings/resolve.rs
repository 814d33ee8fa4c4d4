//! resolve.yaml: addresses of host names, tags, lists and dynamic groups.

use crate::flows::address::{Groups, Names};
use crate::problem::Problem;
use crate::yaml::{Node, Reader};
use fw_model::Source;

/// Reads a file.
///
/// # Errors
/// All that is wrong with it.
pub fn read(source: &Source) -> Result<Names, Vec<Problem>> {
    super::whole(source, |reader, root| {
        let mut names = Names::new();
        let fields = reader.fields(root, "the resolve file", &["version", "resolve"]);
        match fields.get("resolve") {
            Some(node) => section(reader, node, &mut names),
            None => reader.error(fields.place(), "no `resolve:` in the file"),
        }
        names
    })
}

/// Reads a `resolve:` section into `names`.
pub fn section(reader: &mut Reader<'_>, node: &Node, names: &mut Names) {
    let empty = Names::new();
    let mut groups = Groups::none(&empty);
    for (name, value, _) in reader.pairs(node, "`resolve`") {
        if let Some(set) = groups.set(reader, value, &format!("`{name}`")) {
            names.insert(name.to_owned(), set);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let text = "resolve: { api.example.org: [192.0.2.7], \"tag:kiosk\": [10.20.1.0/24] }\n";
        let names = read(&Source::new("resolve.yaml", text.into())).unwrap();
        assert_eq!(names["tag:kiosk"].to_string(), "10.20.1.0/24");
        let wrong = read(&Source::new("r", "resolve: {a: [b]}\n".into())).unwrap_err();
        assert_eq!(wrong.len(), 1);
    }
}
