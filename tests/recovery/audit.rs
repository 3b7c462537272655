//! What must be true of a book's audit trail: no gap in its sequence, and one entry for each thing that happened.

use crate::checks::Ledger;
use crate::findings::Findings;
use crate::support::{Line, int};
use serde_json::Value;
use std::collections::BTreeMap;

/// Checks the book's audit events against its jobs and uploads.
pub(crate) async fn complete(line: &mut Line, ledger: &Ledger) -> Result<Findings, String> {
    let events = line.list(&ledger.book.token, "/v1/audit-events").await?;
    let mut findings = gapless(&events)?;
    let jobs = ledger.jobs.keys().map(String::as_str).collect::<Vec<_>>();
    each_once(&events, "job.created", "job", &jobs, &mut findings);
    let files: Vec<&str> = ledger.uploads.iter().map(|upload| upload.submission.as_str()).collect();
    each_once(&events, "submission.approved", "submission", &files, &mut findings);
    Ok(findings)
}

/// Newest first, each entry's number is its predecessor's minus one, down to the first.
fn gapless(events: &[Value]) -> Result<Findings, String> {
    let mut findings = Findings::default();
    let numbers =
        events.iter().map(|event| int(event, "sequence")).collect::<Result<Vec<i64>, String>>()?;
    for pair in numbers.windows(2).filter(|pair| pair[0] != pair[1] + 1) {
        findings.wrong(format!("audit events: {} follows {}", pair[0], pair[1]));
    }
    match numbers.last() {
        Some(0 | 1) => (),
        first => findings.wrong(format!("audit events: the sequence begins with {first:?}")),
    }
    Ok(findings)
}

/// Each of these ids has one event of this type, and nothing else has one.
fn each_once(
    events: &[Value],
    event_type: &str,
    resource: &str,
    ids: &[&str],
    findings: &mut Findings,
) {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for event in events.iter().filter(|event| event["event_type"] == event_type) {
        *counts.entry(subject(event, resource)).or_default() += 1;
    }
    for id in ids {
        match counts.remove(id) {
            None => findings.lost(format!("audit event {event_type} of {id}")),
            Some(1) => (),
            Some(count) => {
                findings.doubled(format!("audit event {event_type} of {id}: {count} times"))
            }
        }
    }
    for (id, count) in counts {
        findings.wrong(format!(
            "{count} audit events {event_type} of {id:?}, to which that never happened"
        ));
    }
}

/// The id of the thing that an event is about: its resource, or the field of that name where the resource is another.
fn subject<'e>(event: &'e Value, resource: &str) -> &'e str {
    let named = format!("{resource}_id");
    let places = [&event["resource"]["id"], &event[named.as_str()], &event["data"][named.as_str()]];
    let chosen = if event["resource"]["type"] == resource { 0..3 } else { 1..3 };
    places[chosen].iter().find_map(|place| place.as_str()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_gap_a_twin_and_a_stranger_are_found() {
        let event = |sequence: i64, id: &str| json!({"sequence": sequence, "event_type": "job.created", "resource": {"type": "job", "id": id}});
        let events = [event(3, "job_2"), event(2, "job_1"), event(1, "job_1")];
        assert!(gapless(&events).is_ok_and(|f| f.clean()));
        assert!(gapless(&events[..2]).is_ok_and(|f| !f.clean()), "the first is missing");
        assert!(gapless(&[event(3, "job_1"), event(1, "job_1")]).is_ok_and(|f| !f.clean()));
        let mut findings = Findings::default();
        each_once(&events, "job.created", "job", &["job_1", "job_3"], &mut findings);
        assert_eq!(
            (findings.lost, findings.doubled, findings.lines.len()),
            (1, 1, 3),
            "{findings:?}"
        );
    }
}
