//! The braced form that `show config running` prints by default.

use super::tree::{MAX_DEPTH, NodeId, Place, ROOT, Tree};
use std::borrow::Cow;

/// What is kept of a braced configuration besides its paths.
pub(super) struct BraceTree<'a> {
    /// The paths, without the wrapper `config`.
    pub(super) tree: Tree<'a>,
    /// Lines of comments and of the wrapper.
    pub(super) comments: Vec<(u32, u32)>,
    /// Where the text stops making sense.
    pub(super) broken: Option<(String, u32)>,
}

enum Token<'a> {
    Word(Cow<'a, str>, Place),
    Open(u32),
    Close(u32),
    End,
}

struct Tokens<'a> {
    text: &'a str,
    at: usize,
    line: u32,
    line_start: usize,
    comments: Vec<(u32, u32)>,
}

impl<'a> Tokens<'a> {
    fn skip_blanks(&mut self) {
        while let Some(&byte) = self.text.as_bytes().get(self.at) {
            if byte == b'\n' {
                self.line += 1;
                self.line_start = self.at + 1;
            } else if !byte.is_ascii_whitespace() {
                let at_line_start = self
                    .text
                    .get(self.line_start..self.at)
                    .is_some_and(|t| t.trim().is_empty());
                if at_line_start && (byte == b'#' || byte == b'!') {
                    self.comments.push((self.line, self.line));
                    let rest = self.text.get(self.at..).unwrap_or("");
                    self.at += rest.find('\n').unwrap_or(rest.len());
                    continue;
                }
                return;
            }
            self.at += 1;
        }
    }

    fn next(&mut self) -> Option<Token<'a>> {
        self.skip_blanks();
        let rest = self.text.get(self.at..)?;
        let first = rest.chars().next()?;
        let line = self.line;
        let start = (self.at - self.line_start) as u32;
        match first {
            '{' => {
                self.at += 1;
                Some(Token::Open(line))
            }
            '}' => {
                self.at += 1;
                Some(Token::Close(line))
            }
            ';' => {
                self.at += 1;
                Some(Token::End)
            }
            '"' => {
                let inner = rest.get(1..).unwrap_or("");
                let end = inner.find('"').unwrap_or(inner.len());
                let body = inner.get(..end).unwrap_or("");
                self.at += (end + 2).min(rest.len());
                let breaks = body.matches('\n').count() as u32;
                if breaks > 0 {
                    self.line += breaks;
                    let last = body.rfind('\n').unwrap_or(0);
                    self.line_start = self.at - (body.len() - last).min(self.at);
                }
                let place = Place {
                    line,
                    start,
                    end: start + end as u32 + 2,
                    last_line: line + breaks,
                };
                Some(Token::Word(Cow::Borrowed(body), place))
            }
            _ => {
                let end = rest
                    .find(|c: char| c.is_ascii_whitespace() || matches!(c, ';' | '{' | '}'))
                    .unwrap_or(rest.len());
                self.at += end;
                let place = Place {
                    line,
                    start,
                    end: start + end as u32,
                    last_line: line,
                };
                Some(Token::Word(
                    Cow::Borrowed(rest.get(..end).unwrap_or("")),
                    place,
                ))
            }
        }
    }
}

/// Reads a braced configuration.
pub(super) fn read(text: &str) -> BraceTree<'_> {
    let mut tokens = Tokens {
        text,
        at: 0,
        line: 1,
        line_start: 0,
        comments: Vec::new(),
    };
    let mut tree = Tree::new();
    let mut stack: Vec<NodeId> = Vec::new();
    let mut at = ROOT;
    let mut statement: Vec<(Cow<'_, str>, Place)> = Vec::new();
    let mut broken = None;
    while let Some(token) = tokens.next() {
        match token {
            Token::Word(word, place) => statement.push((word, place)),
            Token::End => {
                let _ = statement_into(&mut tree, at, &mut statement);
            }
            Token::Open(line) => {
                let wrapper =
                    at == ROOT && matches!(statement.as_slice(), [(word, _)] if word == "config");
                let next = if wrapper {
                    tokens.comments.push((line, line));
                    statement.clear();
                    ROOT
                } else {
                    statement_into(&mut tree, at, &mut statement)
                };
                if stack.len() >= MAX_DEPTH {
                    broken = Some((
                        format!("braces are nested more than {MAX_DEPTH} deep"),
                        line,
                    ));
                    break;
                }
                stack.push(at);
                at = next;
            }
            Token::Close(line) => {
                if !statement.is_empty() {
                    let _ = statement_into(&mut tree, at, &mut statement);
                }
                if at == ROOT {
                    tokens.comments.push((line, line));
                } else {
                    tree.close(at, line);
                }
                match stack.pop() {
                    Some(outer) => at = outer,
                    None => {
                        broken = Some(("a brace is closed that was not opened".into(), line));
                        break;
                    }
                }
            }
        }
    }
    if broken.is_none() && (!stack.is_empty() || !statement.is_empty()) {
        broken = Some(("a brace is not closed".into(), tokens.line));
    }
    BraceTree {
        tree,
        comments: tokens.comments,
        broken,
    }
}

/// Enters the words of a statement; a bracketed list adds siblings.
fn statement_into<'a>(
    tree: &mut Tree<'a>,
    from: NodeId,
    words: &mut Vec<(Cow<'a, str>, Place)>,
) -> NodeId {
    let mut at = from;
    let mut list = false;
    for (depth, (word, place)) in words.drain(..).enumerate() {
        if word == "[" && !list {
            list = true;
            continue;
        }
        if word == "]" && list {
            continue;
        }
        if list {
            let word = match word {
                Cow::Borrowed(w) => Cow::Borrowed(w.strip_suffix(']').unwrap_or(w)),
                Cow::Owned(w) => Cow::Owned(w),
            };
            let _ = tree.enter(at, word, place);
        } else if depth <= MAX_DEPTH {
            at = tree.enter(at, word, place);
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_and_lists() {
        let text = "config {\n a {\n  from [ x y];\n  to \"p q\";\n  empty;\n }\n}\n";
        let read = read(text);
        assert!(read.broken.is_none());
        let a = read.tree.root().child("a").unwrap();
        let from: Vec<&str> = a
            .child("from")
            .unwrap()
            .children()
            .map(|c| c.name())
            .collect();
        assert_eq!(from, ["x", "y"]);
        assert_eq!(a.child("to").unwrap().value().unwrap().name(), "p q");
        assert!(a.child("empty").unwrap().is_leaf());
        assert_eq!(a.place().last_line, 6);
    }

    /// Blanks outside ASCII, and those that the format does not take for
    /// blanks, belong to words.
    #[test]
    fn unusual_blanks_end() {
        for blank in ['\u{b}', '\u{85}', '\u{a0}', '\u{2028}'] {
            let text = format!("a {{ {blank}b c{blank};{blank} }}");
            let read = read(&text);
            let names: Vec<&str> = read.tree.root().children().map(|c| c.name()).collect();
            assert_eq!(names, ["a"], "{blank:?}");
        }
    }

    #[test]
    fn unbalanced_braces_are_reported() {
        assert!(read("config { a {").broken.is_some());
        assert!(read("config { } }").broken.is_some());
        assert!(read(&"a {".repeat(100_000)).broken.is_some());
    }
}
