//! Ordering `per_job`: at such an endpoint an event comes only when the earlier ones of its job were accepted.

use crate::findings::Findings;
use crate::webhooks_checks::Evidence;
use crate::webhooks_records::{Records, Request};
use std::collections::BTreeMap;

/// What was seen of the order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Ordered {
    /// Deliveries out of order.
    pub(crate) violations: u64,
    /// Late repetitions of what was in flight at a kill: allowed.
    pub(crate) repeated: u64,
}

/// A job's requests at one endpoint by sequence, in the order of their arrival.
type Steps<'r> = BTreeMap<i64, Vec<&'r Request>>;

/// Judges the endpoints that want their events in order.
pub(crate) fn order(evidence: &Evidence, records: &Records) -> (Ordered, Findings) {
    let (mut ordered, mut findings) = (Ordered::default(), Findings::default());
    let unknown = evidence.unknown();
    for ((endpoint, job), steps) in jobs(evidence, records) {
        let place = format!("endpoint {endpoint}, {job}");
        for ((earlier, before), (later, after)) in steps.iter().zip(steps.iter().skip(1)) {
            let accepted = before.iter().filter_map(|request| request.acknowledged).min();
            let came = after.first().map(|request| request.arrived);
            if accepted.is_none() || accepted > came {
                ordered.violations += 1;
                findings.wrong(format!(
                    "{place}: {later} came (at {came:?}) before {earlier} was accepted (at {accepted:?})"
                ));
            }
        }
        for (late, beyond) in late(&steps) {
            let event = records.event(late);
            let in_flight = unknown
                .get(&(endpoint, event))
                .is_some_and(|attempts| attempts.iter().any(|attempt| *attempt <= late.attempt));
            if in_flight {
                ordered.repeated += 1;
                continue;
            }
            ordered.violations += 1;
            findings.wrong(format!(
                "{place}: {event} came (attempt {}) after {beyond} was accepted, and was not in flight at a kill",
                late.attempt
            ));
        }
    }
    (ordered, findings)
}

/// The requests of each job at each ordered endpoint.
fn jobs<'r>(evidence: &Evidence, records: &'r Records) -> BTreeMap<(usize, &'r str), Steps<'r>> {
    let mut jobs: BTreeMap<(usize, &str), Steps<'r>> = BTreeMap::new();
    for request in &records.requests {
        let body = &records.bodies[request.body];
        let wanted = evidence.endpoints.get(request.endpoint).is_some_and(|one| one.ordered);
        if let (true, Some(job), Some(sequence)) = (wanted, &body.job, body.sequence) {
            let steps = jobs.entry((request.endpoint, job)).or_default();
            steps.entry(sequence).or_default().push(request);
        }
    }
    jobs
}

/// Requests that came when a later sequence had been accepted already, and the first such sequence.
fn late<'r>(steps: &Steps<'r>) -> Vec<(&'r Request, i64)> {
    let mut found = Vec::new();
    for (sequence, requests) in steps {
        let beyond = steps.range(sequence + 1..).filter_map(|(later, requests)| {
            let accepted = requests.iter().filter_map(|request| request.acknowledged).min();
            accepted.map(|accepted| (accepted, *later))
        });
        let Some((accepted, beyond)) = beyond.min() else { continue };
        let late = requests.iter().filter(|request| request.arrived > accepted);
        found.extend(late.map(|request| (*request, beyond)));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::webhooks_evidence::Outcome;
    use crate::webhooks_world::World;

    /// A world in which these requests of job 9 come to the endpoint: sequence, attempt, answer.
    fn world(endpoint: usize, requests: &[(i64, u32, Option<u16>)]) -> World {
        let mut world = World::sound();
        for (sequence, attempt, answer) in requests {
            world.sends(endpoint, (9, *sequence), *attempt, *answer);
        }
        world
    }

    fn judged(world: &World) -> (Ordered, usize) {
        let (ordered, findings) = order(&world.evidence, &world.records);
        (ordered, findings.lines.len())
    }

    const OK: Option<u16> = Some(200);

    #[test]
    fn one_after_the_other_is_in_order_whatever_failed_between() {
        let sound = Ordered::default();
        let requests =
            [(1, 1, Some(500)), (1, 2, None), (1, 3, OK), (2, 1, OK), (3, 1, None), (3, 2, OK)];
        assert_eq!(judged(&world(0, &requests)), (sound, 0));
    }

    #[test]
    fn an_event_before_the_one_that_comes_first_is_found_at_ordered_endpoints_only() {
        let requests = [(2, 1, OK), (1, 1, OK)];
        let (ordered, lines) = judged(&world(0, &requests));
        // Twice: the second came too early, and the first too late.
        assert_eq!((ordered.violations, ordered.repeated, lines), (2, 0, 2));
        assert_eq!(judged(&world(1, &requests)), (Ordered::default(), 0));
    }

    #[test]
    fn an_event_that_overtakes_a_failed_one_is_found() {
        let (ordered, _) = judged(&world(0, &[(1, 1, Some(500)), (2, 1, OK), (1, 2, OK)]));
        assert_eq!(ordered.violations, 2);
        let (ordered, _) =
            judged(&world(0, &[(1, 1, None), (2, 1, Some(500)), (1, 2, OK), (2, 2, OK)]));
        assert_eq!(ordered.violations, 1, "a failed delivery is out of order too");
    }

    #[test]
    fn an_event_that_came_while_the_earlier_one_was_unanswered_is_found() {
        let mut world = World::sound();
        let first = world.comes(0, (9, 1), 1);
        let second = world.comes(0, (9, 2), 1);
        world.records.answered(first, 200);
        world.records.answered(second, 200);
        assert_eq!(judged(&world).0, Ordered { violations: 1, repeated: 0 });
    }

    #[test]
    fn a_late_repetition_is_excused_only_if_it_was_in_flight_at_a_kill() {
        let requests = [(1, 1, OK), (2, 1, OK), (1, 2, OK)];
        let mut world = world(0, &requests);
        assert_eq!(judged(&world), (Ordered { violations: 1, repeated: 0 }, 1));
        world.logs(0, (9, 1), 3, Outcome::Unknown, None);
        world.logs(0, (9, 2), 1, Outcome::Unknown, None);
        world.logs(1, (9, 1), 1, Outcome::Unknown, None);
        world.logs(0, (9, 1), 1, Outcome::Succeeded, OK);
        assert_eq!(judged(&world).0.violations, 1, "another attempt, event, endpoint, outcome");
        world.logs(0, (9, 1), 1, Outcome::Unknown, None);
        assert_eq!(judged(&world), (Ordered { violations: 0, repeated: 1 }, 0));
    }
}
