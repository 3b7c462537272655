//! Where a limiter keeps how far each caller is: bounded, and forgetful of those who are idle.

use governor::nanos::Nanos;
use governor::state::StateStore;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Shards, each with a lock of its own.
const SHARDS: usize = 32;
/// Callers that a shard remembers.
const PER_SHARD: usize = 4_096;

/// The time at which each caller's bucket would be full again.
type Shard = BTreeMap<u128, Nanos>;

/// The buckets of one limit: at most 131,072 callers, some megabytes.
pub(super) struct Buckets {
    shards: [Mutex<Shard>; SHARDS],
}

impl Default for Buckets {
    fn default() -> Self {
        Self { shards: std::array::from_fn(|_| Mutex::default()) }
    }
}

/// Spreads keys over the shards: identifiers differ in their middle, addresses at their ends.
fn shard_of(key: u128) -> usize {
    const GOLDEN: u128 = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835;
    let mixed = (key ^ (key >> 64)).wrapping_mul(GOLDEN) >> 96;
    usize::try_from(mixed).map_or(0, |mixed| mixed % SHARDS)
}

/// Forgets the eighth of a shard whose buckets are nearest to full: the idle ones first. Being
/// forgotten gives back what was used, so an eviction never refuses anybody.
fn forget_idle(shard: &mut Shard) {
    let mut full: Vec<u64> = shard.values().map(|full| full.as_u64()).collect();
    let eighth = full.len() / 8;
    let (_, limit, _) = full.select_nth_unstable(eighth);
    let limit = *limit;
    let before = shard.len();
    shard.retain(|_, full| full.as_u64() > limit);
    tracing::debug!(forgotten = before - shard.len(), "buckets of rate limits");
}

impl StateStore for Buckets {
    type Key = u128;

    fn measure_and_replace<T, F, E>(&self, key: &u128, decide: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let Some(shard) = self.shards.get(shard_of(*key)) else {
            return decide(None).map(|(outcome, _)| outcome);
        };
        let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
        let before = shard.get(key).copied();
        let (outcome, after) = decide(before)?;
        if before.is_none() && shard.len() >= PER_SHARD {
            forget_idle(&mut shard);
        }
        shard.insert(*key, after);
        Ok(outcome)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(buckets: &Buckets, key: u128, full: u64) {
        let kept: Result<(), ()> =
            buckets.measure_and_replace(&key, |_| Ok(((), Nanos::new(full))));
        assert_eq!(kept, Ok(()));
    }

    fn full(buckets: &Buckets, key: u128) -> Option<u64> {
        // A refusal changes nothing, so it may be used to look.
        buckets.measure_and_replace(&key, Err::<((), Nanos), _>).err().flatten().map(Nanos::as_u64)
    }

    #[test]
    fn it_never_remembers_more_than_its_bound_and_forgets_the_idle_first() {
        let buckets = Buckets::default();
        let callers = u64::try_from(SHARDS * PER_SHARD * 2).unwrap();
        for caller in 0..callers {
            put(&buckets, u128::from(caller) << 10, caller);
        }
        let lengths: Vec<usize> =
            buckets.shards.iter().map(|shard| shard.lock().unwrap().len()).collect();
        assert!(lengths.iter().all(|length| *length <= PER_SHARD), "{lengths:?}");
        assert!(lengths.iter().all(|length| *length > PER_SHARD / 2), "{lengths:?}");
        assert_eq!(full(&buckets, 0), None, "the one that was full first is forgotten");
        let last = callers - 1;
        assert_eq!(full(&buckets, u128::from(last) << 10), Some(last));
    }

    #[test]
    fn a_refusal_changes_nothing() {
        let buckets = Buckets::default();
        put(&buckets, 7, 70);
        assert_eq!(full(&buckets, 7), Some(70));
        assert_eq!(full(&buckets, 7), Some(70));
        assert_eq!(full(&buckets, 8), None);
    }

    #[test]
    fn addresses_and_identifiers_are_spread() {
        let mut hit = [0_usize; SHARDS];
        for n in 0..4_096_u128 {
            hit[shard_of(n)] += 1;
            hit[shard_of(n << 64)] += 1;
            hit[shard_of((n << 90) | (n << 10))] += 1;
        }
        assert!(hit.iter().all(|count| *count > 64), "{hit:?}");
    }
}
