//! The reader of nft's text format.

mod block;
mod cursor;
pub mod expression;
pub mod statement;

use super::ast::{Command, Define, Rule, Statement, Verdict};
use super::lex::{Lexed, Line, expand};
pub use block::Marks;
use cursor::Cursor;
pub use cursor::integer;
use rustc_hash::FxHashMap;

/// What a text says.
pub struct Text {
    /// Its commands.
    pub commands: Vec<Command>,
    /// Its `define`s.
    pub defines: Vec<Define>,
    /// Lines that are settled already.
    pub marks: Marks,
    /// Lines with a comment on them.
    pub comments: Vec<Line>,
    /// Lines that include a file which was read.
    pub included: Vec<Line>,
}

/// Reads the tokens of a file and of those that it includes. The ids of its
/// `define`s count from `base`.
pub fn text(lexed: Lexed, base: usize) -> Text {
    let (tokens, defines) = expand(lexed.tokens, base);
    let mut marks = Marks::default();
    let mut cursor = Cursor::new(&tokens);
    let mut commands = block::commands(&mut cursor, &mut marks);
    if !lexed.handles.is_empty() {
        for command in &mut commands {
            match command {
                Command::AddChain(_, chain) => {
                    for rule in &mut chain.rules {
                        give_handle(rule, &lexed.handles);
                    }
                }
                Command::AddRule(_, _, _, rule) => give_handle(rule, &lexed.handles),
                _ => {}
            }
        }
    }
    Text {
        commands,
        defines,
        marks,
        comments: lexed.comments,
        included: lexed.included,
    }
}

fn give_handle(rule: &mut Rule, handles: &FxHashMap<Line, u64>) {
    let last = (rule.place.span.source, rule.place.last_line);
    rule.handle = handles.get(&last).copied();
    for statement in &mut rule.statements {
        if let Statement::Verdict(Verdict::JumpBlock(rules) | Verdict::GotoBlock(rules)) = statement
        {
            for rule in rules {
                give_handle(rule, handles);
            }
        }
    }
}
