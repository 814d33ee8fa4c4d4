//! A ruleset in nft's own words. Both readers, text and JSON, make this; text
//! and JSON of one ruleset make the same one, up to positions.

use fw_model::{SourceId, Span};

/// Where something stands: its first line with columns, and its last line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    /// The first line.
    pub span: Span,
    /// The last line.
    pub last_line: u32,
}

impl Place {
    /// Its lines.
    pub fn lines(self) -> impl Iterator<Item = (SourceId, u32)> {
        (self.span.line..=self.last_line).map(move |line| (self.span.source, line))
    }
}

/// What a command works on, in the order of the file.
#[derive(Clone, PartialEq, Debug)]
pub enum Command {
    /// `flush ruleset [family]`
    FlushRuleset(Option<String>),
    /// `table F N { ... }`, `add table F N`
    AddTable(TableName, TableAttributes, Place),
    /// `delete table F N`
    DeleteTable(TableName),
    /// `flush table F N`: all rules go, chains and sets stay.
    FlushTable(TableName),
    /// `chain` with its attributes and rules.
    AddChain(TableName, ChainBlock),
    /// `delete chain`
    DeleteChain(TableName, String),
    /// `flush chain`
    FlushChain(TableName, String),
    /// `add rule`, `insert rule`, `replace rule`
    AddRule(TableName, String, RulePosition, Rule),
    /// `delete rule ... handle N`
    DeleteRule(TableName, String, Option<u64>, Place),
    /// `set`, `map`
    AddSet(TableName, SetBlock),
    /// `delete set`
    DeleteSet(TableName, String),
    /// `flush set`
    FlushSet(TableName, String),
    /// `add element`
    AddElements(TableName, String, Vec<Element>, Place),
    /// `delete element`, and `destroy element`, which may be of none (false).
    DeleteElements(TableName, String, Vec<Element>, bool, Place),
    /// A named limit, quota, counter, helper, flowtable...
    AddObject(TableName, NamedObject),
    /// Text that is not understood and may be anything.
    Unknown(String, Place),
}

/// Family and name of a table.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct TableName {
    /// `ip`, `ip6`, `inet`, `arp`, `bridge` or `netdev`.
    pub family: String,
    /// Its name.
    pub name: String,
}

/// Attributes of a table.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct TableAttributes {
    /// `flags dormant`: none of its chains is active.
    pub dormant: bool,
}

/// A chain as one block of the file declares it.
#[derive(Clone, PartialEq, Debug)]
pub struct ChainBlock {
    /// Its name.
    pub name: String,
    /// Present for base chains.
    pub hook: Option<Hook>,
    /// `policy ...`
    pub policy: Option<(Policy, Span)>,
    /// Its rules.
    pub rules: Vec<Rule>,
    /// Where it stands.
    pub place: Place,
}

/// The `type ... hook ...` line of a base chain.
#[derive(Clone, PartialEq, Debug)]
pub struct Hook {
    /// `filter`, `nat` or `route`.
    pub kind: String,
    /// `prerouting`, `input`, `forward`, `output`, `postrouting`, `ingress`, `egress`.
    pub hook: String,
    /// Order among the chains of the hook; the lowest runs first.
    pub priority: Option<i64>,
    /// The devices of ingress and egress hooks.
    pub devices: Vec<String>,
    /// Where it stands.
    pub span: Span,
}

/// What happens at the end of a base chain.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Policy {
    /// `policy accept`
    Accept,
    /// `policy drop`
    Drop,
    /// Not understood.
    Unknown,
}

/// Where a rule goes in its chain.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RulePosition {
    /// At the end.
    End,
    /// At the top.
    Top,
    /// Behind the rule with this index.
    AfterIndex(usize),
    /// Before the rule with this index.
    BeforeIndex(usize),
    /// Behind the rule with this handle.
    AfterHandle(u64),
    /// Before the rule with this handle.
    BeforeHandle(u64),
    /// In the place of the rule with this handle.
    Replace(u64),
}

/// One rule.
#[derive(Clone, PartialEq, Debug)]
pub struct Rule {
    /// Its statements in order.
    pub statements: Vec<Statement>,
    /// The kernel's number for it, where the file gives it.
    pub handle: Option<u64>,
    /// `comment "..."`
    pub comment: Option<String>,
    /// `define`s it uses.
    pub defines: Vec<u16>,
    /// Where it stands.
    pub place: Place,
}

/// A comparison operator.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Operator {
    /// None written: equality, or any bit for flag types.
    Implicit,
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `!`: none of the bits.
    NoneOf,
    /// `<`
    Less,
    /// `>`
    Greater,
    /// `<=`
    AtMost,
    /// `>=`
    AtLeast,
}

/// What a rule reads of a packet.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Selector {
    /// A header field: protocol and field.
    Payload(String, String),
    /// `meta KEY`
    Meta(String),
    /// `ct [DIRECTION] KEY`
    Ct(String, Option<String>),
    /// `fib FLAGS RESULT`
    Fib(Vec<String>, String),
    /// Anything else, in normalized words.
    Other(String),
}

/// A binary operator.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Binary {
    /// `&`
    And,
    /// `|`
    Or,
    /// `^`
    Xor,
    /// `<<`
    ShiftLeft,
    /// `>>`
    ShiftRight,
}

/// An expression.
#[derive(Clone, PartialEq, Debug)]
pub enum Expr {
    /// Something of the packet.
    Select(Selector),
    /// A constant in its written form.
    Value(String),
    /// `ADDRESS/LENGTH`
    Prefix(Box<Expr>, u8),
    /// `A-B`
    Range(Box<Expr>, Box<Expr>),
    /// `A . B`
    Concat(Vec<Expr>),
    /// `A, B` behind a flag selector.
    List(Vec<Expr>),
    /// `{ ... }`
    Set(Vec<Element>),
    /// `@NAME`
    Named(String),
    /// `A & B` and the like.
    Binary(Binary, Box<Expr>, Box<Expr>),
    /// `KEY map DATA`
    Map(Box<Expr>, Box<Expr>),
    /// `*` in a set: everything else.
    CatchAll,
}

/// An element of a set or map.
#[derive(Clone, PartialEq, Debug)]
pub struct Element {
    /// The key.
    pub key: Expr,
    /// What a map gives for it.
    pub data: Option<Data>,
    /// It leaves the set after some time.
    pub expires: bool,
    /// It carries a limit, quota or count of its own: matching depends on it.
    pub stateful: Option<String>,
    /// Its line.
    pub span: Span,
}

/// What a map gives.
#[derive(Clone, PartialEq, Debug)]
pub enum Data {
    /// A value.
    Expr(Expr),
    /// A verdict.
    Verdict(Verdict),
}

/// Where control goes.
#[derive(Clone, PartialEq, Debug)]
pub enum Verdict {
    /// `accept`
    Accept,
    /// `drop`
    Drop,
    /// `continue`
    Continue,
    /// `return`
    Return,
    /// `jump CHAIN`
    Jump(String),
    /// `goto CHAIN`
    Goto(String),
    /// `jump { ... }`
    JumpBlock(Vec<Rule>),
    /// `goto { ... }`
    GotoBlock(Vec<Rule>),
    /// `queue ...`
    Queue(String),
}

/// Which translation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NatKind {
    /// `snat`
    Snat,
    /// `dnat`
    Dnat,
    /// `masquerade`
    Masquerade,
    /// `redirect`
    Redirect,
}

/// A translation statement.
#[derive(Clone, PartialEq, Debug)]
pub struct Nat {
    /// Which.
    pub kind: NatKind,
    /// `ip` or `ip6`, where written.
    pub family: Option<String>,
    /// The new address or addresses, or a map.
    pub address: Option<Expr>,
    /// The new port or ports, or a map.
    pub port: Option<Expr>,
    /// `prefix`: host bits are kept.
    pub prefix: bool,
}

/// A statement of a rule.
#[derive(Clone, PartialEq, Debug)]
pub enum Statement {
    /// The packet must compare so.
    Match(Expr, Operator, Expr),
    /// `KEY vmap DATA`
    VerdictMap(Expr, Expr),
    /// A verdict.
    Verdict(Verdict),
    /// `reject [with ...]`
    Reject,
    /// `SELECTOR set VALUE`
    Mangle(Selector, Expr),
    /// `notrack`
    NoTrack,
    /// A translation.
    Nat(Nat),
    /// `limit`, `quota`, `ct count`: passes some packets. The text, without
    /// `over`; `over` turns it around. The name is set for a named object.
    Meter {
        /// Normalized text.
        text: String,
        /// True for "over": passes what exceeds.
        over: bool,
        /// A named object of the table, whose state rules share.
        named: bool,
    },
    /// `add @set { key ... }`: what it reads must be there; a meter inside
    /// makes it conditional.
    SetUpdate {
        /// The set.
        set: String,
        /// What is added.
        key: Expr,
        /// A meter on the element.
        meter: Option<(String, bool)>,
    },
    /// No influence on the packet's way: counter, log, nftrace...
    Inert,
    /// A steal or redirect that the model cannot follow: tproxy, fwd, synproxy.
    Diverted(String),
    /// Not understood.
    Unknown(String),
}

/// A set or map.
#[derive(Clone, PartialEq, Debug)]
pub struct SetBlock {
    /// Its name.
    pub name: String,
    /// True for a map.
    pub map: bool,
    /// `flags dynamic`, or written to by rules: its members come from traffic.
    pub dynamic: bool,
    /// `flags timeout` or a timeout: its members leave.
    pub timeout: bool,
    /// `auto-merge`: overlapping intervals become one.
    pub auto_merge: bool,
    /// The elements.
    pub elements: Vec<Element>,
    /// An attribute of it is not understood.
    pub unknown: Option<String>,
    /// `define`s it uses.
    pub defines: Vec<u16>,
    /// Where it stands.
    pub place: Place,
}

/// A named object that rules refer to.
#[derive(Clone, PartialEq, Debug)]
pub struct NamedObject {
    /// `limit`, `quota`, `counter`, `flowtable`...
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Normalized text of its attributes.
    pub text: String,
    /// Where it stands.
    pub place: Place,
}

/// A `define`.
#[derive(Clone, PartialEq, Debug)]
pub struct Define {
    /// Its name.
    pub name: String,
    /// Other defines in its value.
    pub uses: Vec<u16>,
    /// Where it stands.
    pub place: Place,
}
