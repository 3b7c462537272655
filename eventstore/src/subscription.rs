//! Following the log: who consumes it keeps one position for each part and reads what is above.
//!
//! Wake-ups are hints, the cursor is the truth: a consumer that misses one finds the events at its
//! next look (design D3, D16).

use crate::error::StoreError;
use crate::ledger::Ledger;
use crate::read;
use std::time::Duration;

/// How often heads are read from the database even if nothing was announced: other processes write
/// too.
pub const POLL: Duration = Duration::from_millis(500);

/// Reads all heads now and then, whatever else this process does, so that it notices what other
/// processes write. Runs until it is dropped.
pub async fn poll_heads(ledger: &Ledger) {
    loop {
        match read::heads(ledger.store()).await {
            Ok(heads) => heads.into_iter().for_each(|(part, head)| ledger.saw_head(part, head)),
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "heads can't be read");
            }
        }
        tokio::time::sleep(POLL).await;
    }
}

/// Waits until a part may have events above a position, or the poll interval is over. Returns the
/// head as last known.
pub async fn wait_above(ledger: &Ledger, part: i16, position: i64) -> Result<i64, StoreError> {
    let Some(mut head) = ledger.head(part) else {
        return Err(StoreError::corrupt(format_args!("no part {part}")));
    };
    if *head.borrow() > position {
        return Ok(*head.borrow());
    }
    let announced =
        async { head.wait_for(|known| *known > position).await.map_or(None, |known| Some(*known)) };
    if let Ok(Some(known)) = tokio::time::timeout(POLL, announced).await {
        return Ok(known);
    }
    let stored = read::head(ledger.store(), part).await?;
    ledger.saw_head(part, stored);
    Ok(stored)
}
