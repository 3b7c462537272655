//! What must be true of a book once nobody writes to it: every acknowledgement holds, and nothing happened twice.

use crate::acklog::{Ack, AckLog, Act, Upload};
use crate::books::Book;
use crate::findings::{Findings, by};
use crate::support::{Ask, Line, crowd, text};
use crate::{audit, media_checks, money};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::Instant;

/// How many requests a check has in flight.
pub(crate) const WIDTH: usize = 16;
/// What follows the writes at a distance must have caught up with them within this.
const CATCH_UP: Duration = Duration::from_secs(15);

/// A book as the driver knows it and as the service lists it.
pub(crate) struct Ledger {
    pub(crate) book: Arc<Book>,
    /// Files whose upload was acknowledged.
    pub(crate) uploads: Vec<Arc<Upload>>,
    /// The jobs that the service lists, by id.
    pub(crate) jobs: BTreeMap<String, Value>,
}

/// Checks these books, one after the other.
pub(crate) async fn books(line: &Line, log: &AckLog, books: &[Arc<Book>]) -> Findings {
    let mut findings = Findings::default();
    for book in books {
        let before = findings.lines.len();
        findings.take(one(line.clone(), log, book).await);
        for finding in &mut findings.lines[before..] {
            *finding = format!("book {}: {finding}", book.index);
        }
    }
    findings
}

async fn one(mut line: Line, log: &AckLog, book: &Arc<Book>) -> Result<Findings, String> {
    let acks = log.acks_of(book);
    let uploads =
        log.uploads_of(book).into_iter().filter(|u| u.sent.load(Ordering::Relaxed)).collect();
    let mut findings = replays(&line, &acks).await;
    findings.absorb(still_there(&line, &acks).await);
    // A score that arrives between two of the lists below would look like a difference between them.
    let deadline = Instant::now() + CATCH_UP;
    findings.absorb(by(deadline, async || settled(&mut line, book).await).await);
    let listed = line.list(&book.token, "/v1/jobs").await?;
    findings.absorb(listing(&listed, &acks, &log.open_in(book)));
    let jobs = listed
        .into_iter()
        .map(|job| Ok((text(&job, "id")?.to_owned(), job)))
        .collect::<Result<_, String>>()?;
    let ledger = Ledger { book: Arc::clone(book), uploads, jobs };
    let deadline = Instant::now() + CATCH_UP;
    findings
        .absorb(by(deadline, async || media_checks::submissions(&mut line, &ledger).await).await);
    findings.absorb(by(deadline, async || media_checks::files(&mut line, &ledger).await).await);
    findings.absorb(by(deadline, async || money::balanced(&mut line, &ledger).await).await);
    findings.absorb(by(deadline, async || audit::complete(&mut line, &ledger).await).await);
    Ok(findings)
}

/// No upload of the book waits for its score.
async fn settled(line: &mut Line, book: &Arc<Book>) -> Result<Findings, String> {
    let mut findings = Findings::default();
    let pending = line.list(&book.token, "/v1/submissions?status=pending_score").await?;
    if !pending.is_empty() {
        findings.wrong(format!("{} uploads still wait for their score", pending.len()));
    }
    Ok(findings)
}

/// Each acknowledged key answers again, with the very bytes of the first answer.
async fn replays(line: &Line, acks: &[Arc<Ack>]) -> Findings {
    let line = line.clone();
    let each = crowd(acks.to_vec(), WIDTH, move |ack: Arc<Ack>| {
        let mut line = line.clone();
        async move {
            let mut findings = Findings::default();
            match line.finally(&ack.ask).await {
                Err(why) => findings.wrong(why),
                Ok(answer) => {
                    let reply = answer.reply;
                    if reply.status != ack.status || !ack.same_body(&reply.body) {
                        findings.lost(format!(
                            "answer of key {}: the replay is another one: {reply}",
                            ack.key()
                        ));
                    } else if reply.header("idempotent-replayed") != Some("true") {
                        findings.wrong(format!(
                            "key {}: the replay does not say that it is one",
                            ack.key()
                        ));
                    }
                }
            }
            findings
        }
    })
    .await;
    gathered(each)
}

/// Each job whose creation was acknowledged is there under its id, and cancelled if that was acknowledged.
async fn still_there(line: &Line, acks: &[Arc<Ack>]) -> Findings {
    let cancelled: BTreeSet<&str> = acks.iter().filter_map(|ack| cancelled(ack)).collect();
    let created = acks.iter().filter_map(|ack| match &ack.act {
        Act::Created(id) => Some((Arc::clone(ack), id.clone(), cancelled.contains(id.as_str()))),
        _ => None,
    });
    let line = line.clone();
    let each =
        crowd(created.collect(), WIDTH, move |(ack, id, cancelled): (Arc<Ack>, String, bool)| {
            let mut line = line.clone();
            async move {
                let mut findings = Findings::default();
                match line.expect(200, &Ask::get(&ack.book.token, format!("/v1/jobs/{id}"))).await {
                    Err(why) => findings.lost(format!("job {id} of key {}: {why}", ack.key())),
                    Ok(job) if job["metadata"]["key"] != ack.key() => {
                        findings.lost(format!(
                            "job {id} of key {}: it belongs to another key: {job}",
                            ack.key()
                        ));
                    }
                    Ok(job) if cancelled && job["status"] != "cancelled" => {
                        findings.lost(format!("cancellation of {id}: {job}"));
                    }
                    Ok(_) => (),
                }
                findings
            }
        })
        .await;
    gathered(each)
}

/// The book lists each acknowledged job once, and no job that nobody asked for.
fn listing(listed: &[Value], acks: &[Arc<Ack>], open: &[String]) -> Findings {
    let mut findings = Findings::default();
    let mut by_key: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut ids = BTreeSet::new();
    for job in listed {
        let id = job["id"].as_str().unwrap_or_default();
        if !ids.insert(id) {
            findings.wrong(format!("the list of jobs shows {id} twice"));
        }
        by_key.entry(job["metadata"]["key"].as_str().unwrap_or_default()).or_default().insert(id);
    }
    for (key, jobs) in by_key.iter().filter(|(_, jobs)| jobs.len() > 1) {
        findings.doubled(format!("key {key} has the jobs {jobs:?}"));
    }
    let mut known: BTreeSet<&str> = open.iter().map(String::as_str).collect();
    for ack in acks {
        match &ack.act {
            Act::Created(id) if !ids.contains(id.as_str()) => {
                findings.lost(format!("job {id} of key {} is not in the list", ack.key()));
            }
            Act::Created(_) => drop(known.insert(ack.key())),
            Act::Refused | Act::Cancelled(_) => (),
        }
    }
    for (key, jobs) in by_key.iter().filter(|(key, _)| !known.contains(*key)) {
        findings.wrong(format!(
            "the jobs {jobs:?} of key {key:?} were neither acknowledged nor in doubt"
        ));
    }
    findings
}

fn cancelled(ack: &Ack) -> Option<&str> {
    match &ack.act {
        Act::Cancelled(id) => Some(id),
        Act::Created(_) | Act::Refused => None,
    }
}

/// What the members of a crowd have found.
pub(crate) fn gathered(each: Vec<Findings>) -> Findings {
    each.into_iter().fold(Findings::default(), |mut all, one| {
        all.absorb(one);
        all
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_listing_that_holds_strangers_and_twins_is_not_clean() {
        let row = |id: &str, key: &str| json!({"id": id, "metadata": {"key": key}});
        let listed = [row("job_1", "a"), row("job_2", "a"), row("job_3", "b"), row("job_3", "b")];
        let findings = listing(&listed, &[], &["a".to_owned()]);
        assert_eq!(
            (findings.doubled, findings.lost, findings.lines.len()),
            (1, 0, 3),
            "{findings:?}"
        );
        assert!(listing(&listed[..1], &[], &["a".to_owned()]).clean());
    }
}
