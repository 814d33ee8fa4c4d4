//! Ordered rule lists: access lists, policies, rulebases, chains, NAT tables.

use crate::match_expr::{Condition, MarkRegister, MatchExpr};
use crate::nat::Translation;
use crate::snapshot::{Assumption, DefinitionId};
use crate::source::Span;
use crate::treatment::Treatment;
use std::sync::Arc;

/// Which [`Filter`] of a device.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct FilterId(pub u32);

/// An ordered list of rules; the first one that matches and ends decides.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Filter {
    /// The name in the configuration, unique within the device where the
    /// configuration's own names are. Comparison pairs filters by it.
    pub name: String,
    /// The rules in order of evaluation.
    pub rules: Vec<Rule>,
    /// What happens to a packet that no rule ended: a policy, an implicit
    /// deny, or [`Action::Return`] for a list that only is jumped to. Its
    /// rule name is what reports call it (`implicit deny`, `policy DROP`).
    pub default: Rule,
}

/// One rule.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rule {
    /// What reports call it: its name, or its number within the list.
    pub name: String,
    /// An identity that survives editing (a UUID, a rule name, an id), where
    /// the vendor has one. Used to pair rules of two versions.
    pub id: Option<String>,
    /// Where it stands; `None` for implicit rules.
    pub span: Option<Span>,
    /// When it matches.
    pub match_expr: MatchExpr,
    /// What it does to a matching packet before its action.
    pub effects: Vec<PacketEffect>,
    /// What happens next.
    pub action: Action,
    /// What a permitted connection is treated with.
    pub treatments: Vec<Treatment>,
    /// The named objects it refers to.
    pub uses: Vec<DefinitionId>,
    /// What a verdict of this rule rests on that the configuration does not
    /// say; listed with every verdict that the rule decides.
    pub assumption: Option<Arc<Assumption>>,
}

impl Rule {
    /// A rule with a name, a condition and an action, and nothing else.
    #[must_use]
    pub fn new(name: impl Into<String>, match_expr: MatchExpr, action: Action) -> Self {
        Self {
            name: name.into(),
            id: None,
            span: None,
            match_expr,
            effects: Vec::new(),
            action,
            treatments: Vec::new(),
            uses: Vec::new(),
            assumption: None,
        }
    }

    /// The same rule at a place.
    #[must_use]
    pub fn at(mut self, span: Span) -> Self {
        self.span = Some(span);
        self
    }
}

/// What happens to a packet that matched.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Action {
    /// Ends the stage: the packet goes on to the next one.
    Permit,
    /// The packet is dropped.
    Deny,
    /// The packet is dropped and its sender told.
    Reject,
    /// Evaluate another list; if that returns, go on behind this rule.
    Jump(FilterId),
    /// Evaluate another list; if that returns, return from this one too.
    Goto(FilterId),
    /// Back to the caller; in a stage's own list, apply its default.
    Return,
    /// Apply the effects and go on.
    Continue,
    /// Translate and end the stage. In NAT stages only.
    Translate(Arc<Translation>),
    /// Permits or denies; which one cannot be told.
    Opaque(Arc<Condition>),
}

/// What a rule does to a packet besides its action.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum PacketEffect {
    /// `mark = (mark & !mask) ^ value`
    SetMark {
        /// Which mark.
        register: MarkRegister,
        /// The bits that are cleared first.
        mask: u32,
        /// The bits that are then flipped.
        value: u32,
    },
    /// Copies bits of one mark into the other: `to = (to & !mask) ^ (from & mask)`.
    CopyMark {
        /// The mark that is read.
        from: MarkRegister,
        /// The mark that is written.
        to: MarkRegister,
        /// The bits.
        mask: u32,
    },
    /// The connection tracker ignores the packet.
    NoTrack,
}
