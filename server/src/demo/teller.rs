//! Telling the demo's story, for people or as JSON lines.

use crate::output;
use anyhow::Result;
use serde_json::{Value, json};
use std::fmt::Display;

/// Tells steps, facts and checks, and remembers whether all checks held.
#[derive(Debug)]
pub(super) struct Teller {
    json: bool,
    step: String,
    checks: u32,
    failed: u32,
}

impl Teller {
    /// Begins a story.
    pub(super) fn new(json: bool) -> Self {
        Self { json, step: String::new(), checks: 0, failed: 0 }
    }

    fn line(&self, text: &str, value: &Value) -> Result<()> {
        if self.json { output::line(value) } else { output::line(text) }
    }

    /// Begins a step.
    pub(super) fn step(&mut self, name: &str, what: &str) -> Result<()> {
        name.clone_into(&mut self.step);
        self.line(&format!("\n{what}"), &json!({"event": "step", "step": name, "what": what}))
    }

    /// Tells a real value.
    pub(super) fn fact(&self, name: &str, value: impl Display) -> Result<()> {
        let text = value.to_string();
        let line = format!("  {name:<24} {text}");
        self.line(&line, &json!({"event": "fact", "step": self.step, "name": name, "value": text}))
    }

    /// Tells whether a check held.
    pub(super) fn check(&mut self, what: &str, held: bool) -> Result<()> {
        self.checks += 1;
        if !held {
            self.failed += 1;
        }
        let mark = if held { "ok" } else { "FAILED" };
        let value = json!({"event": "check", "step": self.step, "check": what, "held": held});
        self.line(&format!("  [{mark}] {what}"), &value)
    }

    /// Says whether every check held.
    pub(super) fn all_held(&self) -> bool {
        self.failed == 0
    }

    /// Ends the story.
    pub(super) fn end(&self) -> Result<()> {
        let held = self.checks - self.failed;
        let value = json!({"event": "end", "checks": self.checks, "held": held});
        self.line(&format!("\n{held} of {} checks held.", self.checks), &value)
    }
}
