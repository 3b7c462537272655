//! What a buyer asks of the sandbox's simulated worker, by `metadata.sandbox` (spec section 14).

use super::create::JobInput;
use crate::scoring::{Dimensions, Score};

/// The stars of a simulated submission where nothing else was asked for.
const STARS: u8 = 4;

/// The course of a sandbox job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SandboxCourse {
    /// Every submission gets four stars.
    Usual,
    /// Every submission gets one star.
    Reject,
    /// Every submission gets two stars, and four after its retry.
    Retry,
    /// Nobody works on the job.
    Stall,
    /// As usual, and the balance is said to be low.
    LowBalance,
}

impl JobInput {
    /// Returns the course that was asked for; anything unknown means the usual one.
    pub fn sandbox_course(&self) -> SandboxCourse {
        match self.metadata.get("sandbox").and_then(serde_json::Value::as_str) {
            Some("reject") => SandboxCourse::Reject,
            Some("retry") => SandboxCourse::Retry,
            Some("stall") => SandboxCourse::Stall,
            Some("low_balance") => SandboxCourse::LowBalance,
            _ => SandboxCourse::Usual,
        }
    }
}

impl SandboxCourse {
    /// Returns the score of a simulated submission's attempt, counted from 1.
    pub fn score(self, attempt: u8) -> Score {
        let stars = match self {
            Self::Reject => 1,
            Self::Retry if attempt <= 1 => 2,
            Self::Retry | Self::Usual | Self::Stall | Self::LowBalance => STARS,
        };
        Score {
            stars,
            dimensions: Dimensions {
                relevance: Some(stars),
                quality: Some(stars),
                completeness: Some(stars),
            },
            reasoning: "The sandbox gives this score to its own canned files.".to_owned(),
            model: "firsthand-sandbox-1".to_owned(),
        }
    }
}
