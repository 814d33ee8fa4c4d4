//! Included files, in the place of the statements that include them.
//!
//! nft reads an included file as if its text stood there, within a table or a
//! chain too. So its tokens are put into those of the file that includes it.

use super::lex::{Kind, Lexed, Token, lex};
use super::script;
use crate::include::{agreement, names};
use fw_model::{Source, SourceId};

/// How deep files may include each other; nft has the same limit.
const DEPTH: usize = 16;

/// The paths that a text includes.
pub fn paths(text: &str) -> Vec<String> {
    if script::is_script(text) {
        return script::loaded(text);
    }
    if !text.contains("include") {
        return Vec::new();
    }
    text.lines()
        .filter_map(|line| {
            let rest = line.trim().strip_prefix("include")?.trim_start();
            let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
            rest.get(1..)?.split(quote).next().map(str::to_owned)
        })
        .collect()
}

/// The files of a device.
pub struct Files<'f> {
    files: &'f [(SourceId, &'f Source)],
}

impl<'f> Files<'f> {
    pub fn new(files: &'f [(SourceId, &'f Source)]) -> Self {
        Self { files }
    }

    /// The files that a path names, in the order of their names: all for a
    /// pattern, else the one whose path agrees best.
    fn named(&self, path: &str, by: usize) -> Vec<usize> {
        let mut found: Vec<usize> = (0..self.files.len())
            .filter(|&at| {
                at != by
                    && self
                        .files
                        .get(at)
                        .is_some_and(|(_, source)| names(path, &source.path))
            })
            .collect();
        let at_path = |at: usize| self.files.get(at).map_or("", |(_, source)| &source.path);
        found.sort_by_key(|&at| at_path(at));
        if !path.contains(['*', '?'])
            && let Some(&best) = found
                .iter()
                .max_by_key(|&&at| (agreement(path, at_path(at)), std::cmp::Reverse(at)))
        {
            return vec![best];
        }
        found
    }

    /// The files that no other one includes; the first if each is included.
    pub fn roots(&self) -> Vec<usize> {
        let mut included = vec![false; self.files.len()];
        for (at, (_, source)) in self.files.iter().enumerate() {
            for path in paths(&source.text) {
                for other in self.named(&path, at) {
                    if let Some(slot) = included.get_mut(other) {
                        *slot = true;
                    }
                }
            }
        }
        let roots: Vec<usize> = (0..self.files.len())
            .filter(|&at| included.get(at) == Some(&false))
            .collect();
        if roots.is_empty() && !self.files.is_empty() {
            return vec![0];
        }
        roots
    }

    /// The tokens of a file with those of the files that it includes. Where
    /// no file is at hand the `include` stays.
    pub fn tokens(&self, at: usize) -> Lexed {
        let mut out = Lexed::default();
        self.add(at, &mut vec![at], &mut out);
        out
    }

    /// The same for tokens that stand in the file at `at`.
    pub fn spliced(&self, lexed: Lexed, at: usize) -> Lexed {
        let mut out = Lexed::default();
        self.splice(lexed, at, &mut vec![at], &mut out);
        out
    }

    fn add(&self, at: usize, open: &mut Vec<usize>, out: &mut Lexed) {
        if let Some(&(id, source)) = self.files.get(at) {
            self.splice(lex(&source.text, id), at, open, out);
        }
    }

    fn splice(&self, lexed: Lexed, at: usize, open: &mut Vec<usize>, out: &mut Lexed) {
        out.handles.extend(lexed.handles);
        out.comments.extend(lexed.comments);
        let mut fresh = true;
        let mut rest = lexed.tokens.into_iter().peekable();
        while let Some(token) = rest.next() {
            let path = (fresh && token.is_word("include"))
                .then(|| rest.next_if(|next| next.kind == Kind::Quoted))
                .flatten();
            fresh = ends_statement(&token);
            let Some(path) = path else {
                out.tokens.push(token);
                continue;
            };
            let found: Vec<usize> = self
                .named(&path.text, at)
                .into_iter()
                .filter(|n| !open.contains(n))
                .collect();
            if found.is_empty() || open.len() >= DEPTH {
                out.tokens.push(token);
                out.tokens.push(path);
                continue;
            }
            out.included.push((token.span.source, token.span.line));
            for other in found {
                open.push(other);
                self.add(other, open, out);
                open.pop();
            }
        }
    }
}

fn ends_statement(token: &Token) -> bool {
    token.kind == Kind::Newline || token.is(";") || token.is("{") || token.is("}")
}
