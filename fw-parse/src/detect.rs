//! Which format a text is of, and why.

use crate::vendor::{VENDORS, Vendor};

/// Something in a text that speaks for a format.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Evidence {
    /// How strongly: 100 is proof (a version banner), 40 is a construct that
    /// only this format has, 10 is one that it shares with others.
    pub weight: u32,
    /// What was seen, in a few words.
    pub what: String,
    /// The line it was seen on, counted from 1.
    pub line: u32,
}

/// A format that a text may be of.
#[derive(Clone)]
pub struct Candidate {
    /// The front end.
    pub vendor: &'static dyn Vendor,
    /// The sum of the weights.
    pub score: u32,
    /// What was seen.
    pub evidence: Vec<Evidence>,
}

impl std::fmt::Debug for Candidate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} ({}): {:?}",
            self.vendor.name(),
            self.score,
            self.evidence
        )
    }
}

/// A text is of no known format, or of several equally well.
#[derive(Clone, Debug)]
pub struct Undetected {
    /// Formats with some evidence, best first.
    pub nearest: Vec<Candidate>,
    /// How many formats were tried.
    pub tried: usize,
}

/// A format needs this score to be taken.
const ENOUGH: u32 = 40;

/// Finds the format of a text: the one with the most evidence, if that is
/// enough and no other has as much.
///
/// # Errors
/// [`Undetected`] with the nearest formats otherwise.
pub fn detect(text: &str) -> Result<Candidate, Undetected> {
    let mut found: Vec<Candidate> = VENDORS
        .iter()
        .map(|&vendor| {
            let evidence = vendor.detect(text);
            Candidate {
                vendor,
                score: evidence.iter().map(|e| e.weight).sum(),
                evidence,
            }
        })
        .filter(|c| c.score > 0)
        .collect();
    found.sort_by_key(|c| std::cmp::Reverse(c.score));
    let second = found.get(1).map_or(0, |c| c.score);
    match found.first() {
        Some(best) if best.score >= ENOUGH && best.score > second => Ok(best.clone()),
        _ => Err(Undetected {
            nearest: found,
            tried: VENDORS.len(),
        }),
    }
}
