//! What must be true of events and deliveries once everything has settled: all there, nothing made up, one body for
//! each event, and no more repetitions than kills excuse. The order is judged in `webhooks_order`, the attempt log in
//! `webhooks_log`.

use crate::findings::Findings;
use crate::webhooks_evidence::{Endpoint, Entry, Event, Outcome};
use crate::webhooks_records::{Hash, Records, Request};
use crate::webhooks_writers::Written;
use std::collections::{BTreeMap, BTreeSet};

/// What the product says, and what the clients know.
#[derive(Debug, Clone, Default)]
pub(crate) struct Evidence {
    pub(crate) endpoints: Vec<Endpoint>,
    /// The feed above the last event before the endpoints were made, oldest first.
    pub(crate) feed: Vec<Event>,
    /// The attempt logs of all endpoints.
    pub(crate) log: Vec<Entry>,
    pub(crate) written: Vec<Written>,
    /// Processes that were killed: each met what was in flight then.
    pub(crate) kills: u64,
}

/// Repetitions, and what they are measured against.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Repeated {
    /// 2xx beyond the first of each (event, endpoint).
    pub(crate) duplicates: u64,
    /// Attempts that the product's log calls unknown.
    pub(crate) unknown: u64,
    /// What can have been in flight at the kills at most: all endpoints' slots at each.
    pub(crate) slots: u64,
}

impl Evidence {
    /// The numbers of the attempts that were in flight at a kill, by endpoint and event.
    pub(crate) fn unknown(&self) -> BTreeMap<(usize, &str), Vec<u32>> {
        let mut unknown: BTreeMap<_, Vec<u32>> = BTreeMap::new();
        for entry in self.log.iter().filter(|entry| entry.outcome == Outcome::Unknown) {
            unknown.entry((entry.endpoint, entry.event.as_str())).or_default().push(entry.attempt);
        }
        unknown
    }
}

/// Says whether the request was answered with a 2xx.
pub(crate) fn accepted(request: &Request) -> bool {
    request.answer.is_some_and(|status| (200..300).contains(&status))
}

/// The feed holds what was acknowledged, nothing else, and each job's events in their order without a gap.
pub(crate) fn feed(evidence: &Evidence) -> Findings {
    let mut findings = Findings::default();
    let mut ids = BTreeSet::new();
    let mut by_job: BTreeMap<&str, Vec<&Event>> = BTreeMap::new();
    for event in &evidence.feed {
        if !ids.insert(&event.id) {
            findings.doubled(format!("{} is in the feed twice", event.id));
        }
        match &event.job {
            Some(job) => by_job.entry(job).or_default().push(event),
            None if event.sequence.is_some() => {
                findings.wrong(format!("{} has a sequence and no job", event.id));
            }
            None => (),
        }
    }
    for written in &evidence.written {
        let events = by_job.remove(written.job.as_str()).unwrap_or_default();
        of_job(written, &events, &mut findings);
    }
    for (job, events) in by_job {
        findings
            .wrong(format!("the feed holds {} events of {job}, which nobody made", events.len()));
    }
    findings
}

fn of_job(written: &Written, events: &[&Event], findings: &mut Findings) {
    let job = &written.job;
    let count = |kind: &str| events.iter().filter(|event| event.kind == kind).count() as u64;
    let (flags, cancellations) = (count("job.flagged"), count("job.cancelled"));
    if flags < written.flags {
        findings.lost(format!("{} of {} flags of {job}", written.flags - flags, written.flags));
    }
    if flags > written.flags {
        findings.doubled(format!("{job} has {flags} flags instead of {}", written.flags));
    }
    match cancellations {
        0 => findings.lost(format!("the cancellation of {job}")),
        1 => (),
        _ => findings.doubled(format!("{job} was cancelled {cancellations} times")),
    }
    if flags + cancellations != events.len() as u64 {
        findings.wrong(format!("{job} has events that nobody made: {:?}", kinds(events)));
    }
    if events.last().is_some_and(|event| event.kind != "job.cancelled") {
        findings.wrong(format!("{job} goes on after its cancellation: {:?}", kinds(events)));
    }
    let numbers: Vec<Option<i64>> = events.iter().map(|event| event.sequence).collect();
    if !numbers.iter().copied().eq((1..).map(Some).take(numbers.len())) {
        findings.wrong(format!("the sequence of {job} in the feed is {numbers:?}"));
    }
}

fn kinds<'e>(events: &[&'e Event]) -> Vec<&'e str> {
    events.iter().map(|event| event.kind.as_str()).collect()
}

/// Each event came to each endpoint and was accepted, and nothing came that is not in the feed.
pub(crate) fn deliveries(evidence: &Evidence, records: &Records) -> Findings {
    let mut findings = Findings::default();
    for line in &records.malformed {
        findings.wrong(format!("no webhook: {line}"));
    }
    let known: BTreeSet<&str> = evidence.feed.iter().map(|event| event.id.as_str()).collect();
    let mut came: BTreeSet<(usize, &str)> = BTreeSet::new();
    let mut ghosts: BTreeMap<&str, u64> = BTreeMap::new();
    for request in &records.requests {
        let event = records.event(request);
        if accepted(request) {
            came.insert((request.endpoint, event));
        }
        if !known.contains(event) {
            *ghosts.entry(event).or_default() += 1;
        }
    }
    for (event, times) in ghosts {
        findings.wrong(format!("GHOST {event} came {times} times and is not in the feed"));
    }
    for event in &evidence.feed {
        let missing: Vec<usize> = (0..evidence.endpoints.len())
            .filter(|endpoint| !came.contains(&(*endpoint, event.id.as_str())))
            .collect();
        if !missing.is_empty() {
            let (id, kind) = (&event.id, &event.kind);
            findings.undone(format!("{kind} {id} never came to the endpoints {missing:?}"));
        }
    }
    findings
}

/// Each event always had the same bytes, and they say what the feed says.
pub(crate) fn bodies(evidence: &Evidence, records: &Records) -> Findings {
    let mut findings = Findings::default();
    let mut hashes: BTreeMap<&str, BTreeSet<Hash>> = BTreeMap::new();
    let feed: BTreeMap<&str, &Event> =
        evidence.feed.iter().map(|event| (event.id.as_str(), event)).collect();
    for body in &records.bodies {
        hashes.entry(&body.event).or_default().insert(body.hash);
        if let Some(event) = feed.get(body.event.as_str())
            && event.content != body.content
        {
            findings.wrong(format!(
                "{} was sent as {} and is in the feed as {}",
                body.event, body.content, event.content
            ));
        }
    }
    for (event, hashes) in hashes.into_iter().filter(|(_, hashes)| hashes.len() > 1) {
        findings.wrong(format!("{event} was sent with {} different bodies", hashes.len()));
    }
    findings
}

/// What was accepted more than once was in flight at a kill: each repetition has an attempt of its own that the log
/// calls unknown, and all together fit into the slots that the kills met.
pub(crate) fn repetitions(evidence: &Evidence, records: &Records) -> (Repeated, Findings) {
    let mut findings = Findings::default();
    let unknown = evidence.unknown();
    let mut times: BTreeMap<(usize, &str), usize> = BTreeMap::new();
    for request in records.requests.iter().filter(|request| accepted(request)) {
        *times.entry((request.endpoint, records.event(request))).or_default() += 1;
    }
    let slots: u64 = evidence.endpoints.iter().map(|endpoint| endpoint.max_in_flight).sum();
    let mut repeated = Repeated {
        unknown: unknown.values().map(|attempts| attempts.len() as u64).sum(),
        slots: slots * evidence.kills,
        duplicates: 0,
    };
    for ((endpoint, event), times) in times {
        let excused = unknown.get(&(endpoint, event)).map_or(0, Vec::len);
        repeated.duplicates += times as u64 - 1;
        if times - 1 > excused {
            findings.doubled(format!(
                "endpoint {endpoint} accepted {event} {times} times; {excused} attempts were in flight at a kill"
            ));
        }
    }
    if repeated.duplicates > repeated.slots {
        findings.doubled(format!("more repetitions than slots at the kills: {repeated:?}"));
    }
    if repeated.unknown > repeated.slots {
        findings.wrong(format!("more unknown attempts than slots at the kills: {repeated:?}"));
    }
    (repeated, findings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::webhooks_world::World;

    /// That many findings, each of which holds this text.
    fn found(findings: &Findings, count: usize, part: &str) {
        assert_eq!(findings.lines.len(), count, "{findings:?}");
        assert!(findings.lines.iter().all(|line| line.contains(part)), "{part}: {findings:?}");
    }

    #[test]
    fn a_sound_world_has_no_findings() {
        let world = World::sound();
        assert!(feed(&world.evidence).clean());
        assert!(deliveries(&world.evidence, &world.records).clean());
        assert!(bodies(&world.evidence, &world.records).clean());
        let (repeated, findings) = repetitions(&world.evidence, &world.records);
        assert!(findings.clean(), "{findings:?}");
        assert_eq!(repeated, Repeated { duplicates: 0, unknown: 0, slots: 16 });
    }

    #[test]
    fn a_flag_too_few_or_too_many_is_found() {
        let mut world = World::sound();
        world.evidence.written[0].flags = 3;
        found(&feed(&world.evidence), 1, "LOST 1 of 3 flags of job_1");
        world.evidence.written[0].flags = 1;
        found(&feed(&world.evidence), 1, "DOUBLED job_1 has 2 flags");
    }

    #[test]
    fn a_lost_a_second_and_an_early_cancellation_are_found() {
        let mut world = World::sound();
        let last = world.evidence.feed.len() - 1;
        world.evidence.feed[last].kind = "job.flagged".to_owned();
        world.evidence.written[1].flags += 1;
        let findings = feed(&world.evidence);
        found(&findings, 2, "job_2");
        assert_eq!(findings.lost, 1, "{findings:?}");
        world.evidence.feed[last - 1].kind = "job.cancelled".to_owned();
        world.evidence.written[1].flags -= 1;
        found(&feed(&world.evidence), 1, "job_2 goes on after its cancellation");
        world.evidence.feed[last].kind = "job.cancelled".to_owned();
        world.evidence.written[1].flags -= 1;
        found(&feed(&world.evidence), 1, "DOUBLED job_2 was cancelled 2 times");
    }

    #[test]
    fn gaps_twins_and_strangers_in_the_feed_are_found() {
        let mut world = World::sound();
        world.evidence.feed[1].sequence = Some(3);
        found(&feed(&world.evidence), 1, "the sequence of job_1");
        let mut world = World::sound();
        world.evidence.written.pop();
        found(&feed(&world.evidence), 1, "job_2, which nobody made");
        let mut world = World::sound();
        let twin = world.evidence.feed[0].clone();
        world.evidence.feed.insert(0, twin);
        assert_eq!(feed(&world.evidence).doubled, 2, "the id twice, and a flag too many");
        let mut world = World::sound();
        world.evidence.feed[0].job = None;
        found(&feed(&world.evidence), 3, "");
        let mut world = World::sound();
        world.evidence.feed[0].kind = "job.completed".to_owned();
        found(&feed(&world.evidence), 2, "job_1");
    }

    #[test]
    fn a_delivery_that_never_succeeded_is_found() {
        let mut world = World::sound();
        world.records.requests[0].answer = Some(500);
        found(&deliveries(&world.evidence, &world.records), 1, "never came to the endpoints [0]");
        world.records.requests.remove(0);
        found(&deliveries(&world.evidence, &world.records), 1, "never came to the endpoints [0]");
    }

    #[test]
    fn a_ghost_and_a_request_that_is_no_webhook_are_found() {
        let mut world = World::sound();
        world.sends(1, (1, 9), 1, Some(200));
        found(&deliveries(&world.evidence, &world.records), 1, "GHOST evt_1_9 came 1 times");
        let mut world = World::sound();
        world.records.malformed.push("GET /".to_owned());
        found(&deliveries(&world.evidence, &world.records), 1, "no webhook: GET /");
    }

    #[test]
    fn a_body_that_changes_or_differs_from_the_feed_is_found() {
        let mut world = World::sound();
        world.sends_otherwise(1, (1, 1), 2);
        found(&bodies(&world.evidence, &world.records), 1, "evt_1_1 was sent with 2 different");
        let mut world = World::sound();
        world.evidence.feed[0].content["livemode"] = true.into();
        found(&bodies(&world.evidence, &world.records), 1, "evt_1_1 was sent as");
    }

    #[test]
    fn a_repetition_needs_an_unknown_attempt_of_its_own() {
        let mut world = World::sound();
        world.sends(1, (1, 1), 2, Some(200));
        found(&repetitions(&world.evidence, &world.records).1, 1, "DOUBLED endpoint 1 accepted");
        world.logs(0, (1, 1), 1, Outcome::Unknown, None);
        found(&repetitions(&world.evidence, &world.records).1, 1, "DOUBLED endpoint 1 accepted");
        world.logs(1, (1, 1), 1, Outcome::Unknown, None);
        let (repeated, findings) = repetitions(&world.evidence, &world.records);
        assert!(findings.clean(), "{findings:?}");
        assert_eq!(repeated, Repeated { duplicates: 1, unknown: 2, slots: 16 });
    }

    #[test]
    fn more_than_the_kills_can_have_met_is_found() {
        let mut world = World::sound();
        world.evidence.kills = 0;
        world.sends(1, (1, 1), 2, Some(200));
        world.logs(1, (1, 1), 1, Outcome::Unknown, None);
        found(&repetitions(&world.evidence, &world.records).1, 2, "than slots at the kills");
    }
}
