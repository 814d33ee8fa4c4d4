//! The filter of a dynamic address group: tags joined by `and` and `or`.

/// A filter.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Tags {
    Tag(String),
    All(Vec<Tags>),
    Any(Vec<Tags>),
}

/// How deep parentheses may be nested.
const DEPTH: usize = 32;

impl Tags {
    /// True if an object with these tags is a member.
    pub(super) fn holds(&self, tags: &[&str]) -> bool {
        match self {
            Self::Tag(tag) => tags.contains(&tag.as_str()),
            Self::All(parts) => parts.iter().all(|p| p.holds(tags)),
            Self::Any(parts) => parts.iter().any(|p| p.holds(tags)),
        }
    }
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Token {
    Open,
    Close,
    And,
    Or,
    Tag(String),
}

/// Reads a filter; `and` binds tighter than `or`.
pub(super) fn parse(text: &str) -> Option<Tags> {
    let tokens = tokens(text)?;
    let mut at = 0;
    let out = any(&tokens, &mut at, 0)?;
    (at == tokens.len()).then_some(out)
}

fn tokens(text: &str) -> Option<Vec<Token>> {
    let mut out = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        rest = match first {
            '(' => {
                out.push(Token::Open);
                rest.get(1..)?
            }
            ')' => {
                out.push(Token::Close);
                rest.get(1..)?
            }
            '\'' | '"' => {
                let inner = rest.get(1..)?;
                let end = inner.find(first)?;
                out.push(Token::Tag(inner.get(..end)?.to_owned()));
                inner.get(end + 1..)?
            }
            _ => {
                let end = rest
                    .find(|c: char| c.is_whitespace() || matches!(c, '(' | ')'))
                    .unwrap_or(rest.len());
                let word = rest.get(..end)?;
                out.push(match word {
                    "and" | "AND" => Token::And,
                    "or" | "OR" => Token::Or,
                    tag => Token::Tag(tag.to_owned()),
                });
                rest.get(end..)?
            }
        }
        .trim_start();
    }
    Some(out)
}

fn any(tokens: &[Token], at: &mut usize, depth: usize) -> Option<Tags> {
    let mut parts = vec![all(tokens, at, depth)?];
    while tokens.get(*at) == Some(&Token::Or) {
        *at += 1;
        parts.push(all(tokens, at, depth)?);
    }
    Some(if parts.len() == 1 {
        parts.pop()?
    } else {
        Tags::Any(parts)
    })
}

fn all(tokens: &[Token], at: &mut usize, depth: usize) -> Option<Tags> {
    let mut parts = vec![one(tokens, at, depth)?];
    while tokens.get(*at) == Some(&Token::And) {
        *at += 1;
        parts.push(one(tokens, at, depth)?);
    }
    Some(if parts.len() == 1 {
        parts.pop()?
    } else {
        Tags::All(parts)
    })
}

fn one(tokens: &[Token], at: &mut usize, depth: usize) -> Option<Tags> {
    let token = tokens.get(*at)?;
    *at += 1;
    match token {
        Token::Tag(tag) => Some(Tags::Tag(tag.clone())),
        Token::Open if depth < DEPTH => {
            let inner = any(tokens, at, depth + 1)?;
            (tokens.get(*at) == Some(&Token::Close)).then(|| {
                *at += 1;
                inner
            })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters() {
        let filter = parse("'web' and ('prod site' or test)").unwrap();
        assert!(filter.holds(&["web", "test"]));
        assert!(filter.holds(&["prod site", "web"]));
        assert!(!filter.holds(&["web"]));
        assert_eq!(parse("'a'"), Some(Tags::Tag("a".into())));
        assert!(parse("'a' and").is_none());
        assert!(parse("").is_none());
        assert!(parse(&"(".repeat(10_000)).is_none());
    }
}
