//! Standing: what strikes amount to (spec section 5).

use crate::time::{Span, Timestamp};
use serde::{Deserialize, Serialize};

/// Strikes count for this long.
const STRIKE_WINDOW: Span = Span::days(30);
/// So many strikes suspend.
const STRIKES_TO_SUSPEND: usize = 3;
/// So many strikes ban.
const STRIKES_TO_BAN: usize = 5;
/// How long a suspension lasts.
const SUSPENSION: Span = Span::days(7);

/// Whether a worker may work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "standing")]
pub enum Standing {
    /// Yes.
    #[default]
    Good,
    /// Not before that time.
    Suspended {
        /// The end of the suspension.
        until: Timestamp,
    },
    /// No.
    Banned,
}

/// Returns what strikes amount to, given when they were issued, oldest first: three within 30 days
/// suspend for seven days from the last of them, five ban for good.
pub fn standing(strikes: impl Iterator<Item = Timestamp>) -> Standing {
    let mut recent: Vec<Timestamp> = Vec::new();
    let mut standing = Standing::Good;
    for at in strikes {
        let since = at.before(STRIKE_WINDOW);
        recent.retain(|earlier| *earlier > since);
        recent.push(at);
        if recent.len() >= STRIKES_TO_BAN {
            return Standing::Banned;
        }
        if recent.len() >= STRIKES_TO_SUSPEND {
            standing = Standing::Suspended { until: at.after(SUSPENSION) };
        }
    }
    standing
}
