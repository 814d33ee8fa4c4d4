//! XML exports: running and candidate configurations, API answers.

use super::tree::{MAX_DEPTH, MAX_NODES, NodeId, Place, ROOT, Tree};
use roxmltree::{Document, ParsingOptions};
use std::borrow::Cow;

/// Reads the text as XML with no DTD, no entity declarations, and limits on
/// depth and number of nodes. Lines in errors count those before the text.
///
/// # Errors
/// What is wrong with it, with the line if one is known.
pub(super) fn document(
    text: &str,
    lines_before: u32,
) -> Result<Document<'_>, (String, Option<u32>)> {
    if let Some(offset) = too_deep(text) {
        let line = text
            .get(..offset)
            .map_or(1, |t| t.matches('\n').count() + 1);
        return Err((
            format!("elements are nested more than {MAX_DEPTH} deep"),
            u32::try_from(line).ok().map(|l| lines_before + l),
        ));
    }
    let options = ParsingOptions {
        allow_dtd: false,
        nodes_limit: u32::try_from(MAX_NODES).unwrap_or(u32::MAX),
        ..ParsingOptions::default()
    };
    let start = text.trim_start();
    Document::parse_with_options(start, options).map_err(|error| {
        let skipped = text.len() - start.len();
        let before = text.get(..skipped).map_or(0, |t| t.matches('\n').count());
        let line = u32::try_from(before)
            .ok()
            .map(|b| lines_before + error.pos().row + b);
        (error.to_string(), line)
    })
}

/// How many documents one file may have.
const DOCUMENTS: usize = 256;
/// How a document starts.
const DECLARATION: &str = "<?xml ";

/// The documents of a text that has several one after the other, each with
/// the number of lines before it; none if there are too many.
pub(super) fn documents(text: &str) -> Vec<(&str, u32)> {
    let mut starts: Vec<usize> = text
        .match_indices(DECLARATION)
        .map(|(at, _)| at)
        .filter(|&at| {
            let before = text.get(..at).unwrap_or("").trim_end();
            before.is_empty() || before.ends_with('>')
        })
        .take(DOCUMENTS + 1)
        .collect();
    if starts.len() > DOCUMENTS {
        return Vec::new();
    }
    starts.push(text.len());
    let mut lines = 0;
    let mut counted = 0;
    let mut out = Vec::new();
    for pair in starts.windows(2) {
        let &[start, end] = pair else { continue };
        let between = text.get(counted..start).unwrap_or("");
        lines += between.matches('\n').count() as u32;
        counted = start;
        out.extend(text.get(start..end).map(|part| (part, lines)));
    }
    out
}

/// The offset at which elements are nested too deep. The parser recurses per
/// level, so this has to be known before it runs.
fn too_deep(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut depth = 0usize;
    let mut at = 0usize;
    while let Some(found) = bytes
        .get(at..)
        .and_then(|b| b.iter().position(|&c| c == b'<'))
    {
        let start = at + found;
        let rest = text.get(start..).unwrap_or("");
        at = start + 1;
        if rest.starts_with("<!--") {
            at = rest.find("-->").map_or(bytes.len(), |e| start + e + 3);
        } else if rest.starts_with("<![CDATA[") {
            at = rest.find("]]>").map_or(bytes.len(), |e| start + e + 3);
        } else if rest.starts_with("</") {
            depth = depth.saturating_sub(1);
        } else if !rest.starts_with("<?") && !rest.starts_with("<!") {
            let mut quote = None;
            let mut closes = false;
            for (i, &c) in rest.as_bytes().iter().enumerate() {
                match (quote, c) {
                    (Some(q), c) if q == c => quote = None,
                    (Some(_), _) => {}
                    (None, b'"' | b'\'') => quote = Some(c),
                    (None, b'>') => {
                        closes = rest.as_bytes().get(i.wrapping_sub(1)) == Some(&b'/');
                        at = start + i + 1;
                        break;
                    }
                    _ => {}
                }
            }
            if quote.is_some() {
                return None;
            }
            if !closes {
                depth += 1;
                if depth > MAX_DEPTH {
                    return Some(start);
                }
            }
        }
    }
    None
}

/// Line starts of a text, to turn byte offsets into lines.
struct Lines {
    starts: Vec<usize>,
    skipped: u32,
}

impl Lines {
    fn new(text: &str, skipped: u32) -> Self {
        let starts = std::iter::once(0)
            .chain(
                text.bytes()
                    .enumerate()
                    .filter(|(_, b)| *b == b'\n')
                    .map(|(i, _)| i + 1),
            )
            .collect();
        Self { starts, skipped }
    }

    fn line_and_column(&self, offset: usize) -> (u32, u32) {
        let line = self.starts.partition_point(|&s| s <= offset);
        let start = line
            .checked_sub(1)
            .and_then(|i| self.starts.get(i))
            .copied()
            .unwrap_or(0);
        (line as u32 + self.skipped, (offset - start) as u32)
    }

    fn place(&self, start: usize, end: usize) -> Place {
        let (line, column) = self.line_and_column(start);
        let (last_line, last_column) = self.line_and_column(end.saturating_sub(1).max(start));
        Place {
            line,
            start: column,
            end: if last_line == line {
                last_column + 1
            } else {
                column + 1
            },
            last_line,
        }
    }
}

/// The text of an element and where it stands, past comments.
fn value_of<'a>(node: roxmltree::Node<'a, '_>) -> Option<(&'a str, std::ops::Range<usize>)> {
    node.children().find_map(|child| {
        let text = child.text().filter(|_| child.is_text())?.trim();
        (!text.is_empty()).then(|| (text, child.range()))
    })
}

/// What is kept of a document besides its paths.
pub(super) struct XmlTree<'a> {
    /// The paths, without the wrappers `config`, `response` and `result`.
    pub(super) tree: Tree<'a>,
    /// Lines of comments and of the elements around the configuration.
    pub(super) comments: Vec<(u32, u32)>,
}

/// Turns a document into paths.
pub(super) fn read<'a>(document: &'a Document<'_>, text: &str, lines_before: u32) -> XmlTree<'a> {
    let start = text.trim_start();
    let skipped = text
        .get(..text.len() - start.len())
        .map_or(0, |t| t.matches('\n').count()) as u32;
    let lines = Lines::new(start, lines_before + skipped);
    let mut out = XmlTree {
        tree: Tree::new(),
        comments: Vec::new(),
    };
    if let Some(end) = start.strip_prefix("<?").and_then(|s| s.find("?>")) {
        let place = lines.place(0, end + 4);
        out.comments.push((place.line, place.last_line));
    }
    let mut stack: Vec<(roxmltree::Node<'a, '_>, NodeId)> = document
        .root()
        .children()
        .rev()
        .map(|n| (n, ROOT))
        .collect();
    while let Some((node, parent)) = stack.pop() {
        if node.is_comment() || node.is_pi() {
            let place = lines.place(node.range().start, node.range().end);
            out.comments.push((place.line, place.last_line));
            continue;
        }
        if !node.is_element() {
            continue;
        }
        let tag = node.tag_name().name();
        let range = node.range();
        let mut place = lines.place(range.start, range.end);
        let text = || value_of(node);
        if parent == ROOT && matches!(tag, "config" | "response" | "result") {
            out.comments.push((place.line, place.line));
            out.comments.push((place.last_line, place.last_line));
            stack.extend(node.children().rev().map(|n| (n, ROOT)));
            continue;
        }
        let name = match tag {
            "entry" => node.attribute("name").unwrap_or("entry"),
            "member" => text().map_or("", |(value, _)| value),
            _ => tag,
        };
        // The value of a leaf is what people look for on the line.
        if tag == "member" || (tag != "entry" && !node.has_children()) {
            place.end = place.end.max(place.start + 1);
        } else if let Some(first) = node.first_child() {
            let opening = lines.place(range.start, first.range().start);
            place.end = opening.end;
        }
        let id = out.tree.push(parent, Cow::Borrowed(name), place);
        if tag != "member"
            && !node.children().any(|c| c.is_element())
            && let Some((value, range)) = text()
        {
            let place = lines.place(range.start, range.end);
            out.tree.push(id, Cow::Borrowed(value), place);
        }
        stack.extend(node.children().rev().map(|n| (n, id)));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_elements() {
        let text = "<?xml version=\"1.0\"?>\n<config>\n<a><entry name=\"x\"><b><member>1</member></b>\n<c>v</c></entry></a></config>";
        let doc = document(text, 0).unwrap();
        let read = read(&doc, text, 0);
        let x = read.tree.root().path(&["a", "x"]).unwrap();
        assert_eq!(x.path(&["b", "1"]).unwrap().place().line, 3);
        assert_eq!(x.path(&["c", "v"]).unwrap().place().line, 4);
        assert_eq!(x.place().last_line, 4);
    }

    #[test]
    fn comments_and_cdata_within_values() {
        let text = "<config>\n<a><!-- why -->allow</a><b><member><!-- x -->\n<![CDATA[1]]></member></b></config>";
        let doc = document(text, 0).unwrap();
        let read = read(&doc, text, 0);
        assert!(read.tree.root().path(&["a", "allow"]).is_some());
        assert!(read.tree.root().path(&["b", "1"]).is_some());
    }

    #[test]
    fn several_documents_one_after_the_other() {
        let text = "<?xml version=\"1.0\"?>\n<config><a>1</a>\n</config>\n\n<?xml version=\"1.0\"?>\n<config><b>2</b></config>\n";
        assert!(document(text, 0).is_err());
        let parts = documents(text);
        assert_eq!(parts.iter().map(|p| p.1).collect::<Vec<_>>(), [0, 4]);
        let (second, before) = parts[1];
        let doc = document(second, before).unwrap();
        let read = read(&doc, second, before);
        assert_eq!(read.tree.root().path(&["b", "2"]).unwrap().place().line, 6);
        let broken = document("<?xml version=\"1.0\"?>\n<a></b>", 4).unwrap_err();
        assert_eq!(broken.1, Some(6));
    }

    #[test]
    fn depth_is_bounded_before_parsing() {
        let deep = format!("<config>{}", "<a>".repeat(100_000));
        assert!(document(&deep, 0).unwrap_err().0.contains("nested"));
        let flat = format!("<config>{}</config>", "<a/>".repeat(1000));
        assert!(document(&flat, 0).is_ok());
    }
}
