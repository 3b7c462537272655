//! Reactors and tasks: what the log's events oblige the service to do outside the log.
//!
//! A reactor maps events to tasks by a pure function; tasks and cursor commit together. The runner
//! leases a task, acts through the adapters and reports the outcome as a command. Schedules turn
//! timers that are due into commands; they hold no rules (design D9).

mod housekeeping;
mod reactors;
mod runner;
mod schedules;
mod tasks;
mod turns;
mod webhooks;

pub use housekeeping::run_housekeeping;
pub use reactors::{CURSOR, reactors};
pub use runner::{Bell, Runner, WorkerContext};
pub use schedules::run_schedules;
pub use tasks::Shelf;
pub use webhooks::{Dispatcher, Outbound, RetrySchedule};
