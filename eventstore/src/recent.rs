//! The latest events of a part in memory: who follows the log closely need not read and decode again
//! what this process has just written.

use crate::codec::Recorded;
use std::collections::VecDeque;
use std::sync::Arc;

/// Events that are kept over all parts.
const CAPACITY: usize = 32_768;

/// The end of a part's log, without gaps, as far as this process has written it itself.
#[derive(Debug)]
pub(crate) struct Recent {
    events: VecDeque<Arc<Recorded>>,
    capacity: usize,
}

impl Recent {
    /// Begins empty, with this part's share of the memory.
    pub(crate) fn new(parts: usize) -> Self {
        let capacity = CAPACITY.checked_div(parts).unwrap_or(CAPACITY);
        Self { events: VecDeque::new(), capacity }
    }

    /// Adds committed events, in order. If another process has written in between, it starts anew.
    pub(crate) fn push(&mut self, committed: Vec<Arc<Recorded>>) {
        let Some(begin) = committed.first().map(|event| event.position) else { return };
        if self.events.back().is_some_and(|last| last.position + 1 != begin) {
            self.events.clear();
        }
        self.events.extend(committed);
        let surplus = self.events.len().saturating_sub(self.capacity);
        self.events.drain(..surplus);
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.events.clear();
    }

    /// Returns up to `limit` events above a position; `None` if the next one is not here.
    pub(crate) fn after(&self, position: i64, limit: i64) -> Option<Vec<Arc<Recorded>>> {
        let first = self.events.front()?.position;
        let skip = usize::try_from(position.checked_add(1)?.checked_sub(first)?).ok()?;
        let limit = usize::try_from(limit).ok()?;
        let page: Vec<_> = self.events.iter().skip(skip).take(limit).cloned().collect();
        (!page.is_empty()).then_some(page)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use firsthand_domain::credits::{CreditEvent, CreditsExpired};
    use firsthand_domain::ids::LotId;
    use firsthand_domain::{Book, Cents, Event, Timestamp};

    fn events(positions: std::ops::Range<i64>) -> Vec<Arc<Recorded>> {
        let event = |position| Recorded {
            part: 0,
            position,
            book: Book::default(),
            sequence: position,
            stream: Book::default().stream(),
            version: position,
            recorded_at: position,
            effective_at: None,
            request_id: None,
            event: Event::Credits(CreditEvent::Expired(CreditsExpired {
                lot_id: LotId::default(),
                amount_cents: Cents::ZERO,
                available_cents: None,
                at: Timestamp::from_micros(0),
            })),
        };
        positions.map(|position| Arc::new(event(position))).collect()
    }

    fn after(recent: &Recent, position: i64, limit: i64) -> Option<Vec<i64>> {
        let page = recent.after(position, limit)?;
        Some(page.iter().map(|event| event.position).collect())
    }

    #[test]
    fn a_page_begins_right_after_the_cursor_or_is_not_here() {
        let mut recent = Recent::new(1);
        assert_eq!(after(&recent, 0, 10), None);
        recent.push(events(5..8));
        recent.push(events(8..9));
        assert_eq!(after(&recent, 3, 10), None, "4 was written before");
        assert_eq!(after(&recent, 4, 10), Some(vec![5, 6, 7, 8]));
        assert_eq!(after(&recent, 5, 2), Some(vec![6, 7]));
        assert_eq!(after(&recent, 8, 10), None, "nothing is known above");
        assert_eq!(after(&recent, 11, 10), None);
    }

    #[test]
    fn a_gap_forgets_what_was_before() {
        let mut recent = Recent::new(1);
        recent.push(events(1..4));
        recent.push(events(6..8));
        assert_eq!(after(&recent, 1, 10), None);
        assert_eq!(after(&recent, 5, 10), Some(vec![6, 7]));
    }

    #[test]
    fn the_oldest_make_room() {
        let mut recent = Recent::new(CAPACITY / 4);
        recent.push(events(1..4));
        recent.push(events(4..8));
        assert_eq!(after(&recent, 2, 10), None);
        assert_eq!(after(&recent, 3, 10), Some(vec![4, 5, 6, 7]));
    }
}
