//! Who may begin a submission, and when: what lies in another part of the log than the job.

use crate::app::AppState;
use crate::begun::Begun;
use crate::error::ApiError;
use crate::extract::WorkerAuth;
use firsthand_domain::ids::WorkerId;
use firsthand_domain::time::Span;
use firsthand_domain::workers::{Standing, Tier};
use firsthand_domain::{Rejection, Timestamp};
use firsthand_projections::worker_submissions;

/// A new worker waits for none of his first jobs.
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
    let now = app.now().micros();
    let today = Timestamp::from_micros(now - now.rem_euclid(86_400_000_000));
    begun.retain(|one| one.at >= today && app.read_models.position(one.part) < one.position);
    let cap = app.limits.submissions_per_day.of(auth.worker.tier());
    if count(app, auth.id, today, begun).await? >= cap {
        return Err(ApiError::DailyCap(cap));
    }
    wait(app, auth, begun).await
}

/// Returns how long after it was posted a job opens to a worker.
pub(super) async fn wait(
    app: &AppState,
    auth: &WorkerAuth,
    begun: &[Begun],
) -> Result<Span, ApiError> {
    if !app.limits.priority_windows {
        return Ok(Span::ZERO);
    }
    let (worker, wait) = (&auth.worker, auth.worker.tier().wait());
    let ended = i64::from(worker.approved).saturating_add(i64::from(worker.rejected));
    let beginner = wait > Span::ZERO
        && ended < FIRST_JOBS
        && count(app, auth.id, Timestamp::default(), begun).await? < FIRST_JOBS;
    Ok(if beginner { Span::ZERO } else { wait })
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

/// Returns how many submissions a worker has begun since then, with those that the read model may lack.
async fn count(
    app: &AppState,
    worker: WorkerId,
    since: Timestamp,
    begun: &[Begun],
) -> Result<i64, ApiError> {
    let own: Vec<String> = begun
        .iter()
        .filter(|one| one.worker == worker)
        .map(|one| one.submission.to_string())
        .collect();
    let (store, id) = (app.store(), worker.to_string());
    let others = worker_submissions::count_since(store, &id, since.micros(), &own).await?;
    Ok(others.saturating_add(i64::try_from(own.len()).unwrap_or(i64::MAX)))
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
