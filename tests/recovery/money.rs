//! What must be true of a book's money: nothing appears, nothing vanishes, each approval is paid for once.

use crate::checks::Ledger;
use crate::findings::Findings;
use crate::support::{Ask, Line, int, text};
use serde_json::Value;
use std::collections::BTreeMap;

/// What the transactions of one job come to.
#[derive(Debug, Default, PartialEq, Eq)]
struct JobMoney {
    /// Taken from the available balance when the job was created.
    held: i64,
    /// Still in escrow.
    escrow: i64,
    /// Given back.
    returned: i64,
}

/// Checks the balance, the transactions and the jobs of a book against each other and against the uploads.
pub(crate) async fn balanced(line: &mut Line, ledger: &Ledger) -> Result<Findings, String> {
    let token = &ledger.book.token;
    let credits = line.expect(200, &Ask::get(token, "/v1/billing/credits")).await?;
    let transactions = line.list(token, "/v1/billing/transactions").await?;
    compared(ledger, &credits, &transactions)
}

fn compared(ledger: &Ledger, credits: &Value, transactions: &[Value]) -> Result<Findings, String> {
    let mut findings = Findings::default();
    let (available, held) = (int(credits, "available_cents")?, int(credits, "held_cents")?);
    findings.equal("total_cents", int(credits, "total_cents")?, available + held);
    if available < 0 || held < 0 {
        findings.wrong(format!("a negative balance: {credits}"));
    }
    let sum = |field| transactions.iter().map(|row| int(row, field)).sum::<Result<i64, String>>();
    findings.equal(
        "sum of available_delta_cents against available",
        sum("available_delta_cents")?,
        available,
    );
    findings.equal("sum of held_delta_cents against held", sum("held_delta_cents")?, held);
    let spent = deductions(ledger, transactions, &mut findings)?;
    findings.equal(
        "available + held + spent against what was granted",
        available + held + spent,
        ledger.book.granted,
    );
    escrows(ledger, transactions, held, &mut findings)?;
    Ok(findings)
}

/// Each approval has one deduction of its price, and there is no other deduction. Returns what all of them spent.
fn deductions(
    ledger: &Ledger,
    transactions: &[Value],
    findings: &mut Findings,
) -> Result<i64, String> {
    let mut spent = 0;
    let mut of_submission: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for row in transactions.iter().filter(|row| row["type"] == "deduction") {
        spent -= int(row, "held_delta_cents")?;
        of_submission.entry(text(row, "submission_id")?).or_default().push(row);
    }
    for upload in &ledger.uploads {
        let rows = of_submission.remove(upload.submission.as_str()).unwrap_or_default();
        match rows.as_slice() {
            [] => findings.lost(format!("deduction for {}", upload.submission)),
            [row] => {
                let exact = int(row, "amount_cents")?.abs() == upload.price
                    && int(row, "held_delta_cents")? == -upload.price
                    && int(row, "available_delta_cents")? == 0
                    && row["job_id"] == upload.job.as_str();
                if !exact {
                    findings.wrong(format!("{} costs {}: {row}", upload.submission, upload.price));
                }
            }
            more => {
                findings.doubled(format!("{} deductions for {}", more.len(), upload.submission))
            }
        }
    }
    for (submission, rows) in of_submission {
        findings
            .wrong(format!("{} deductions for {submission}, which was never uploaded", rows.len()));
    }
    Ok(spent)
}

/// Each job held its whole cost once and keeps what its missing files cost while it is active, else nothing.
fn escrows(
    ledger: &Ledger,
    transactions: &[Value],
    held: i64,
    findings: &mut Findings,
) -> Result<(), String> {
    let mut jobs: BTreeMap<&str, JobMoney> = BTreeMap::new();
    for row in transactions {
        let Some(job) = row["job_id"].as_str() else { continue };
        let money = jobs.entry(job).or_default();
        let (into_available, into_escrow) =
            (int(row, "available_delta_cents")?, int(row, "held_delta_cents")?);
        money.escrow += into_escrow;
        if row["type"] == "hold" {
            money.held += into_escrow;
            findings.equal(
                &format!("hold of {job}, sum of its deltas"),
                into_available + into_escrow,
                0,
            );
        } else {
            money.returned += into_available;
        }
    }
    let mut active = 0;
    for (id, job) in &ledger.jobs {
        let (needed, approved) = (int(job, "files_needed")?, int(job, "files_approved")?);
        let (price, cost) = (int(job, "price_per_file_cents")?, int(job, "total_cost_cents")?);
        findings.equal(&format!("total cost of {id}"), cost, needed * price);
        let open = !matches!(job["status"].as_str(), Some("completed" | "cancelled"));
        let missing = price * (needed - approved);
        let (escrow, returned) = if open { (missing, 0) } else { (0, missing) };
        active += escrow;
        let should = JobMoney { held: cost, escrow, returned };
        match jobs.remove(id.as_str()) {
            None => findings.lost(format!("transactions of {id}")),
            Some(is) if is.held == 2 * cost => findings.doubled(format!("hold of {id}: {is:?}")),
            Some(is) => findings.equal(&format!("money of {id}"), is, should),
        }
    }
    for (job, money) in jobs {
        findings.wrong(format!("transactions of a job that is not in the list: {job} {money:?}"));
    }
    findings.equal("held_cents against the escrow of all active jobs", held, active);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::books::Book;
    use serde_json::json;
    use std::sync::Arc;

    fn ledger() -> Ledger {
        let job = json!({
            "id": "job_1", "status": "cancelled", "files_needed": 2, "files_approved": 0,
            "price_per_file_cents": 30, "total_cost_cents": 60,
        });
        Ledger {
            book: Arc::new(Book { index: 0, token: "t".into(), granted: 1_000, lean: false }),
            uploads: Vec::new(),
            jobs: BTreeMap::from([("job_1".to_owned(), job)]),
        }
    }

    fn row(kind: &str, job: Option<&str>, available: i64, held: i64) -> Value {
        json!({"type": kind, "job_id": job, "available_delta_cents": available, "held_delta_cents": held})
    }

    #[test]
    fn a_cancelled_job_gives_everything_back_once() {
        let credits = json!({"available_cents": 1_000, "held_cents": 0, "total_cents": 1_000});
        let grant = row("free_tier", None, 1_000, 0);
        let good =
            [grant, row("hold", Some("job_1"), -60, 60), row("refund", Some("job_1"), 60, -60)];
        assert!(compared(&ledger(), &credits, &good).is_ok_and(|f| f.clean()));
        for broken in [&good[..2], &good[..1], &[&good[..], &good[2..]].concat()[..]] {
            assert!(compared(&ledger(), &credits, broken).is_ok_and(|f| !f.clean()), "{broken:?}");
        }
    }

    #[test]
    fn a_cent_from_nowhere_is_found() {
        let credits = json!({"available_cents": 1_001, "held_cents": 0, "total_cents": 1_001});
        let rows = [
            row("free_tier", None, 1_001, 0),
            row("hold", Some("job_1"), -60, 60),
            row("refund", Some("job_1"), 60, -60),
        ];
        let findings = compared(&ledger(), &credits, &rows).expect("complete rows");
        assert_eq!(findings.lines.len(), 1, "{findings:?}");
    }
}
