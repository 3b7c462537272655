//! Processor time of processes, read from `/proc`: says who of generator, service and `PostgreSQL`
//! the two cores went to. Elsewhere than on Linux nothing is known and nothing is said.

use std::fs;

use serde::Serialize;

use crate::numbers::{float, rounded};

/// Microseconds in a clock tick of `/proc/*/stat`: 100 ticks a second on every Linux in use.
const TICK_US: u64 = 10_000;

/// Processor microseconds that generator, service and `PostgreSQL` have used up to some moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading {
    generator: u64,
    service: u64,
    postgres: u64,
}

/// Processor microseconds per accepted request, by who used them.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct PerRequest {
    /// The bench process itself.
    pub(crate) generator: f64,
    /// The service that was loaded.
    pub(crate) service: f64,
    /// The postmaster and all its backends.
    pub(crate) postgres: f64,
}

impl Reading {
    /// Reads the counters of this process, of a service and of a postmaster with its backends.
    pub(crate) fn take(service: u32, postmaster: u32) -> Option<Self> {
        Some(Self {
            generator: ticks_of(&std::process::id().to_string())?.own * TICK_US,
            service: ticks_of(&service.to_string())?.own * TICK_US,
            postgres: family(postmaster)? * TICK_US,
        })
    }

    /// Returns what each used since `earlier`, divided by `requests`.
    pub(crate) fn since(self, earlier: Self, requests: u64) -> Option<PerRequest> {
        let share = |now: u64, then: u64| {
            rounded(float(now.saturating_sub(then)) / float(requests.max(1)), 1)
        };
        (requests > 0).then(|| PerRequest {
            generator: share(self.generator, earlier.generator),
            service: share(self.service, earlier.service),
            postgres: share(self.postgres, earlier.postgres),
        })
    }

    /// Returns how much service and `PostgreSQL` used since `earlier`, in microseconds.
    pub(crate) fn busy_since(self, earlier: Self) -> u64 {
        (self.service + self.postgres).saturating_sub(earlier.service + earlier.postgres)
    }
}

struct Ticks {
    parent: u32,
    /// User and system time of the process.
    own: u64,
    /// The same of its children that have ended.
    ended_children: u64,
}

/// Reads one process; its command name may hold blanks, so fields are counted from the last `)`.
fn ticks_of(pid: &str) -> Option<Ticks> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = fields.split_ascii_whitespace().collect();
    let number = |at: usize| fields.get(at).and_then(|field| field.parse::<u64>().ok());
    Some(Ticks {
        parent: u32::try_from(number(1)?).ok()?,
        own: number(11)? + number(12)?,
        ended_children: number(13)? + number(14)?,
    })
}

/// Sums a process, its living children and those that have ended.
fn family(head: u32) -> Option<u64> {
    let own = ticks_of(&head.to_string())?;
    let mut sum = own.own + own.ended_children;
    for entry in fs::read_dir("/proc").ok()?.flatten() {
        let name = entry.file_name();
        let Some(pid) = name.to_str().filter(|name| name.bytes().all(|b| b.is_ascii_digit()))
        else {
            continue;
        };
        // A process may end between listing and reading; its time then counts with its parent.
        sum += ticks_of(pid).filter(|ticks| ticks.parent == head).map_or(0, |ticks| ticks.own);
    }
    Some(sum)
}
