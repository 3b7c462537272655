//! Who may begin a submission, and when: what lies in another part of the log than the job.

use crate::app::AppState;
use crate::begun::Begun;
use crate::error::ApiError;
use crate::extract::WorkerAuth;
use firsthand_domain::time::Span;
use firsthand_domain::workers::{Standing, Tier, Worker};
use firsthand_domain::{Rejection, Timestamp};
use firsthand_projections::worker_submissions;

/// A worker waits for none of his first jobs. What is given back or times out is one of them.
const FIRST_JOBS: i64 = 3;

/// Submissions that a worker may begin each day (spec sections 11 and 17, row 30).
#[derive(Debug, Clone, Copy)]
pub struct DailyCaps {
    /// Up to bronze.
    pub standard: i64,
    /// From silver on.
    pub silver: i64,
}

impl DailyCaps {
    /// Returns a tier's cap.
    pub(super) fn of(self, tier: Tier) -> i64 {
        if tier >= Tier::Silver { self.silver } else { self.standard }
    }
}

/// Returns how long after it was posted a job opens to a worker, or refuses one who is suspended or has
/// begun enough for today. `begun` holds what may not be in the read model yet; what is there is
/// dropped from it.
pub(super) async fn admit(
    app: &AppState,
    auth: &WorkerAuth,
    begun: &mut Vec<Begun>,
) -> Result<Span, ApiError> {
    must_be_in_standing(app, auth)?;
    begun.retain(|one| app.read_models.position(one.part) < one.position);
    let own: Vec<&Begun> = begun.iter().filter(|one| one.worker == auth.id).collect();
    let names: Vec<String> = own.iter().map(|one| one.submission.to_string()).collect();
    let now = app.now().micros();
    let today = Timestamp::from_micros(now - now.rem_euclid(86_400_000_000));
    let (store, id) = (app.store(), auth.id.to_string());
    let read = worker_submissions::count(store, &id, today.micros(), &names, FIRST_JOBS).await?;
    let lacking = own.iter().filter(|one| one.at >= today).count();
    let cap = app.limits.submissions_per_day.of(auth.worker.tier());
    if sum(read.since, lacking) >= cap {
        return Err(ApiError::DailyCap(cap));
    }
    Ok(wait(app, &auth.worker, sum(read.ever, own.len())))
}

/// Returns how long after it was posted a job is listed for a worker.
pub(super) async fn wait_of_listed(app: &AppState, auth: &WorkerAuth) -> Result<Span, ApiError> {
    let (worker, id) = (&auth.worker, auth.id.to_string());
    let ended = i64::from(worker.approved).saturating_add(i64::from(worker.rejected));
    let longest = wait(app, worker, FIRST_JOBS);
    if ended >= FIRST_JOBS || longest == Span::ZERO {
        return Ok(longest);
    }
    let read = worker_submissions::count(app.store(), &id, 0, &[], FIRST_JOBS).await?;
    Ok(wait(app, worker, read.ever))
}

/// Returns how long after it was posted a job opens to a worker who has begun so many.
fn wait(app: &AppState, worker: &Worker, begun: i64) -> Span {
    if !app.limits.priority_windows || begun < FIRST_JOBS {
        return Span::ZERO;
    }
    worker.tier().wait()
}

fn sum(read: i64, lacking: usize) -> i64 {
    read.saturating_add(i64::try_from(lacking).unwrap_or(i64::MAX))
}

/// Refuses a worker who is suspended.
fn must_be_in_standing(app: &AppState, auth: &WorkerAuth) -> Result<(), ApiError> {
    let until = match auth.worker.standing {
        Standing::Banned => None,
        Standing::Suspended { until } if until > app.now() => Some(until),
        Standing::Suspended { .. } | Standing::Good => return Ok(()),
    };
    Err(ApiError::Rejected(Rejection::WorkerSuspended { until }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silver_record_is_worth_a_higher_cap() {
        let caps = DailyCaps { standard: 50, silver: 100 };
        let tiers = [Tier::New, Tier::Bronze, Tier::Silver, Tier::Gold, Tier::Diamond];
        assert_eq!(tiers.map(|tier| caps.of(tier)), [50, 50, 100, 100, 100]);
    }
}
