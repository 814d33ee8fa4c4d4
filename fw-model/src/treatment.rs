//! What happens to permitted traffic besides being permitted.

use crate::match_expr::MatchExpr;
use crate::source::Span;

/// A kind of treatment.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum TreatmentKind {
    /// Idle time after which a session is forgotten; value in seconds.
    SessionTimeout,
    /// Protocol inspection or an application gateway.
    Inspection,
    /// Interception of TLS.
    TlsDecryption,
    /// Intrusion prevention, anti-virus, web filter and the like.
    SecurityProfile,
    /// The application the traffic must turn out to be.
    Application,
    /// Whether the permit is logged.
    Logging,
    /// State is not kept or not checked.
    StateBypass,
    /// How source translation gives out addresses and ports.
    NatMode,
    /// Priority, policing, shaping.
    Qos,
}

impl TreatmentKind {
    /// The kebab-case word in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SessionTimeout => "session-timeout",
            Self::Inspection => "inspection",
            Self::TlsDecryption => "tls-decryption",
            Self::SecurityProfile => "security-profile",
            Self::Application => "application",
            Self::Logging => "logging",
            Self::StateBypass => "state-bypass",
            Self::NatMode => "nat-mode",
            Self::Qos => "qos",
        }
    }
}

/// One treatment.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Treatment {
    /// What it is.
    pub kind: TreatmentKind,
    /// Its value in the vendor's words. For [`TreatmentKind::SessionTimeout`]
    /// the seconds followed by `s`, or `never`.
    pub value: String,
    /// Where it is configured.
    pub span: Option<Span>,
}

impl Treatment {
    /// A session timeout; `None` is "never".
    #[must_use]
    pub fn timeout(seconds: Option<u64>, span: Option<Span>) -> Self {
        Self {
            kind: TreatmentKind::SessionTimeout,
            value: seconds.map_or_else(|| "never".into(), |s| format!("{s}s")),
            span,
        }
    }

    /// The seconds of a session timeout; `None` for "never" and other kinds.
    #[must_use]
    pub fn seconds(&self) -> Option<u64> {
        self.value.strip_suffix('s')?.parse().ok()
    }
}

/// A treatment that a device gives to all matching traffic, whatever rule
/// permitted it. In a device's list the first match of each kind applies,
/// except [`TreatmentKind::Inspection`], of which all matches apply. A
/// treatment of the permitting rule itself goes before the device's list.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct TreatmentRule {
    /// What traffic it is for.
    pub match_expr: MatchExpr,
    /// What is done.
    pub treatment: Treatment,
}
