//! The product's attempt log against the receivers' records: they must be the same, but for what a kill cut off.

use crate::findings::Findings;
use crate::webhooks_checks::{Evidence, accepted};
use crate::webhooks_evidence::{Entry, Outcome};
use crate::webhooks_records::{Hash, Records, Request};
use std::collections::{BTreeMap, BTreeSet};

/// The log's side and the receivers' side of one attempt. More than one of a side: the number was used again.
#[derive(Default)]
struct Sides<'e> {
    entries: Vec<&'e Entry>,
    requests: Vec<&'e Request>,
}

/// Compares the two attempt by attempt.
pub(crate) fn same(evidence: &Evidence, records: &Records) -> Findings {
    let mut findings = Findings::default();
    let mut sides: BTreeMap<(usize, &str, u32), Sides<'_>> = BTreeMap::new();
    for entry in &evidence.log {
        let key = (entry.endpoint, entry.event.as_str(), entry.attempt);
        sides.entry(key).or_default().entries.push(entry);
    }
    for request in &records.requests {
        let key = (request.endpoint, records.event(request), request.attempt);
        sides.entry(key).or_default().requests.push(request);
    }
    for ((endpoint, event, attempt), sides) in sides {
        let place = format!("attempt {attempt} of {event} at endpoint {endpoint}");
        for what in differences(sides) {
            findings.wrong(format!("{place}: {what}"));
        }
    }
    findings.absorb(successes(evidence, records));
    findings.absorb(hashes(evidence, records));
    findings
}

/// Pairs the entries of one attempt off against its requests; what is left over on either side is a difference, unless
/// it is an unknown entry.
fn differences(sides: Sides<'_>) -> Vec<String> {
    let Sides { mut entries, requests } = sides;
    let mut answers: Vec<Option<u16>> = requests.iter().map(|request| request.answer).collect();
    let mut found = Vec::new();
    // Unknown entries are paired last: they go with anything.
    entries.sort_by_key(|entry| entry.outcome);
    for entry in entries {
        let (outcome, response) = (entry.outcome, entry.response);
        let success = response.is_some_and(|status| (200..300).contains(&status));
        if success != (outcome == Outcome::Succeeded) {
            found.push(format!("the log calls it {outcome:?} with the response {response:?}"));
        }
        let pair = match outcome {
            Outcome::Unknown => answers.len().checked_sub(1),
            _ => answers.iter().position(|answer| *answer == response),
        };
        match pair {
            Some(pair) => drop(answers.swap_remove(pair)),
            None if outcome == Outcome::Unknown => (),
            None => found.push(format!(
                "the log says {outcome:?}, {response:?}; the receiver has answered {answers:?}"
            )),
        }
    }
    if !answers.is_empty() {
        found.push(format!("the receiver has answered {answers:?}, which the log does not know"));
    }
    found
}

/// What was accepted is a success in the log, once.
fn successes(evidence: &Evidence, records: &Records) -> Findings {
    let mut findings = Findings::default();
    let mut times: BTreeMap<(usize, &str), u64> = BTreeMap::new();
    for request in records.requests.iter().filter(|request| accepted(request)) {
        times.insert((request.endpoint, records.event(request)), 0);
    }
    for entry in evidence.log.iter().filter(|entry| entry.outcome == Outcome::Succeeded) {
        *times.entry((entry.endpoint, &entry.event)).or_default() += 1;
    }
    for ((endpoint, event), times) in times.into_iter().filter(|(_, times)| *times != 1) {
        findings.wrong(format!("{event} at endpoint {endpoint} has {times} successes in the log"));
    }
    findings
}

/// Where the log tells a body's hash, it is that of the bytes that came.
fn hashes(evidence: &Evidence, records: &Records) -> Findings {
    let mut findings = Findings::default();
    let came: BTreeSet<(&str, &Hash)> =
        records.bodies.iter().map(|body| (body.event.as_str(), &body.hash)).collect();
    for entry in &evidence.log {
        if let Some(hash) = &entry.body
            && !came.contains(&(entry.event.as_str(), hash))
        {
            let Entry { event, endpoint, attempt, .. } = entry;
            findings.wrong(format!(
                "attempt {attempt} of {event} at endpoint {endpoint}: the log's hash of the body is another one"
            ));
        }
    }
    findings
}

/// An event's own list of attempts is the part of the endpoints' lists that concerns it.
pub(crate) fn same_of_event(evidence: &Evidence, event: &str, told: &[Entry]) -> Findings {
    let short = |entries: &mut dyn Iterator<Item = &Entry>| {
        let mut all: Vec<_> = entries
            .map(|entry| (entry.endpoint, entry.attempt, entry.outcome, entry.response))
            .collect();
        all.sort_unstable();
        all
    };
    let mut findings = Findings::default();
    let own = short(&mut evidence.log.iter().filter(|entry| entry.event == event));
    findings.equal(&format!("the attempts of {event}"), short(&mut told.iter()), own);
    if let Some(stranger) = told.iter().find(|entry| entry.event != event) {
        findings.wrong(format!("the attempts of {event} hold one of {}", stranger.event));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::webhooks_world::World;

    fn found(world: &World, count: usize, part: &str) {
        let findings = same(&world.evidence, &world.records);
        assert_eq!(findings.lines.len(), count, "{findings:?}");
        assert!(findings.lines.iter().all(|line| line.contains(part)), "{part}: {findings:?}");
    }

    #[test]
    fn the_same_on_both_sides_is_clean() {
        let mut world = World::sound();
        world.tries(0, (1, 1), 2, Outcome::Failed, Some(500));
        world.tries(0, (1, 1), 3, Outcome::Failed, None);
        found(&world, 0, "");
    }

    #[test]
    fn a_request_that_is_not_in_the_log_is_found() {
        let mut world = World::sound();
        world.sends(0, (1, 1), 2, Some(500));
        found(
            &world,
            1,
            "attempt 2 of evt_1_1 at endpoint 0: the receiver has answered [Some(500)]",
        );
        let mut world = World::sound();
        world.sends(0, (1, 1), 1, Some(500));
        found(&world, 1, "which the log does not know");
        let mut world = World::sound();
        world.sends(0, (1, 1), 2, None);
        found(&world, 1, "answered [None], which the log does not know");
    }

    #[test]
    fn an_attempt_that_no_receiver_saw_is_found() {
        let mut world = World::sound();
        world.logs(1, (1, 1), 2, Outcome::Failed, Some(500));
        found(&world, 1, "the log says Failed, Some(500); the receiver has answered []");
        let mut world = World::sound();
        world.logs(1, (1, 1), 2, Outcome::Failed, None);
        found(&world, 1, "the log says Failed, None");
    }

    #[test]
    fn another_status_than_was_answered_is_found() {
        let mut world = World::sound();
        world.evidence.log[0].response = Some(204);
        found(&world, 2, "attempt 1 of evt_1_1");
        world.evidence.log[0].outcome = Outcome::Failed;
        world.evidence.log[0].response = None;
        found(&world, 3, "evt_1_1");
        world.evidence.log[0].response = Some(200);
        found(&world, 2, "evt_1_1");
    }

    #[test]
    fn only_an_unknown_attempt_may_have_come_or_not() {
        for answer in [Some(200), Some(500), None] {
            let mut world = World::sound();
            world.sends(0, (1, 1), 2, answer);
            world.logs(0, (1, 1), 2, Outcome::Unknown, None);
            world.logs(0, (1, 2), 2, Outcome::Unknown, None);
            found(&world, 0, "");
            // One entry excuses one request.
            world.sends(0, (1, 1), 2, answer);
            found(&world, 1, "which the log does not know");
        }
    }

    #[test]
    fn a_number_that_was_used_again_after_a_kill_is_paired_with_both() {
        let mut world = World::sound();
        world.sends(0, (1, 1), 1, Some(200));
        world.logs(0, (1, 1), 1, Outcome::Unknown, None);
        found(&world, 0, "");
    }

    #[test]
    fn a_success_that_is_missing_or_told_twice_is_found() {
        let mut world = World::sound();
        world.evidence.log[0].outcome = Outcome::Unknown;
        world.evidence.log[0].response = None;
        found(&world, 1, "has 0 successes in the log");
        let mut world = World::sound();
        world.tries(0, (1, 1), 2, Outcome::Succeeded, Some(200));
        found(&world, 1, "has 2 successes in the log");
    }

    #[test]
    fn a_hash_of_other_bytes_is_found() {
        let mut world = World::sound();
        world.evidence.log[0].body = Some(world.records.bodies[0].hash);
        found(&world, 0, "");
        world.evidence.log[0].body = Some(world.records.bodies[1].hash);
        found(&world, 1, "the log's hash of the body is another one");
    }

    #[test]
    fn an_event_s_own_list_that_differs_is_found() {
        let world = World::sound();
        let own: Vec<Entry> =
            world.evidence.log.iter().filter(|entry| entry.event == "evt_1_1").cloned().collect();
        assert!(same_of_event(&world.evidence, "evt_1_1", &own).clean());
        assert!(!same_of_event(&world.evidence, "evt_1_1", &own[1..]).clean());
        let mut other = own.clone();
        other[0].outcome = Outcome::Unknown;
        assert!(!same_of_event(&world.evidence, "evt_1_1", &other).clean());
        other[0] = own[0].clone();
        other[0].event = "evt_1_2".to_owned();
        assert!(!same_of_event(&world.evidence, "evt_1_1", &other).clean());
    }
}
