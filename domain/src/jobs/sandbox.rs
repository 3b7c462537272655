//! What a buyer asks of the sandbox's simulated worker, by `metadata.sandbox` (spec section 14).

use super::create::JobInput;
use crate::ids::Book;
use crate::scoring::{Dimensions, Score};

/// The stars of a simulated submission where nothing else was asked for.
const STARS: u8 = 4;

/// The course of a sandbox job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SandboxCourse {
    /// Every submission gets four stars.
    Usual,
    /// Every submission gets one star, which is too little whatever the job asks for.
    Reject,
    /// Every submission gets two stars, which are too few whatever the job asks for, and four after its
    /// retry.
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

impl JobInput {
    /// Says whether a submission's attempt, counted from 1, is approved with these stars. In the sandbox
    /// an attempt that is to fail does, also where one star is enough.
    pub fn approves(&self, book: Book, attempt: u8, stars: u8) -> bool {
        let fails = book.is_sandbox() && self.sandbox_course().fails(attempt);
        !fails && stars >= self.min_star_rating
    }
}

impl SandboxCourse {
    /// Says whether a simulated submission's attempt, counted from 1, must not be approved.
    fn fails(self, attempt: u8) -> bool {
        match self {
            Self::Reject => true,
            Self::Retry => attempt <= 1,
            Self::Usual | Self::Stall | Self::LowBalance => false,
        }
    }

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
