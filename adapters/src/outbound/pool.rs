//! Connections that wait for the next request.
//!
//! Kept by URL, not by host: what the receiver behind one URL did to a connection is never seen
//! by another. Must not be asked without fresh addresses: a connection to an address that the
//! name no longer has, or that is no longer allowed, is not used.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::policy::Policy;
use super::wire::Wire;

/// A connection that waits.
struct Idle {
    target: Arc<str>,
    wire: Wire,
    since: Instant,
}

/// Connections that wait for the next request, oldest first.
pub(crate) struct Pool {
    waiting: Mutex<VecDeque<Idle>>,
    patience: Duration,
    most: usize,
    most_per_target: usize,
}

impl Pool {
    pub(crate) fn new(policy: &Policy) -> Self {
        Self {
            waiting: Mutex::default(),
            patience: policy.idle,
            most: policy.idle_connections,
            most_per_target: policy.idle_per_target,
        }
    }

    /// Takes the youngest connection for `target` to one of `addresses`. It may be closed.
    pub(crate) fn take(&self, target: &str, addresses: &[IpAddr]) -> Option<Wire> {
        let expired;
        let taken;
        {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            expired = expire(&mut waiting, self.patience);
            let fits =
                |idle: &Idle| *idle.target == *target && addresses.contains(&idle.wire.address());
            let index = waiting.iter().rposition(fits);
            taken = index.and_then(|index| waiting.remove(index));
        }
        // Connections are closed outside the lock.
        drop(expired);
        taken.map(|idle| idle.wire)
    }

    /// Keeps a connection on which nothing is under way.
    pub(crate) fn put(&self, target: &Arc<str>, wire: Wire) {
        let mut closing = Vec::new();
        {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            closing.extend(expire(&mut waiting, self.patience));
            let same = |idle: &Idle| idle.target == *target;
            if waiting.iter().filter(|idle| same(idle)).count() >= self.most_per_target {
                let oldest = waiting.iter().position(same);
                closing.extend(oldest.and_then(|index| waiting.remove(index)));
            }
            if waiting.len() >= self.most {
                closing.extend(waiting.pop_front());
            }
            waiting.push_back(Idle { target: Arc::clone(target), wire, since: Instant::now() });
            while waiting.len() > self.most {
                closing.extend(waiting.pop_front());
            }
        }
        drop(closing);
    }

    /// Closes what waited too long.
    pub(crate) fn expire(&self) {
        let expired = {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            expire(&mut waiting, self.patience)
        };
        drop(expired);
    }

    /// How many connections wait.
    pub(crate) fn len(&self) -> usize {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

/// Removes what waited too long.
fn expire(waiting: &mut VecDeque<Idle>, patience: Duration) -> Vec<Idle> {
    let now = Instant::now();
    let old = waiting.partition_point(|idle| now.duration_since(idle.since) >= patience);
    waiting.drain(..old).collect()
}
