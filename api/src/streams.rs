//! How many streams of events a book holds open: each costs memory and looks for news by itself.

use crate::error::ApiError;
use firsthand_domain::Book;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Streams that a book may hold open at one process.
const MOST: usize = 100;

/// The open streams of each book.
#[derive(Debug, Clone, Default)]
pub struct OpenStreams(Arc<Mutex<BTreeMap<Book, usize>>>);

impl OpenStreams {
    /// Counts one more stream until what is returned is dropped.
    pub(crate) fn open(&self, book: Book) -> Result<OpenStream, ApiError> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(book).or_default();
        if *count >= MOST {
            return Err(ApiError::TooManyStreams(MOST));
        }
        *count += 1;
        Ok(OpenStream { streams: self.clone(), book })
    }

    fn close(&self, book: Book) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&book) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&book);
            }
        }
    }
}

/// A stream that is counted.
#[derive(Debug)]
pub(crate) struct OpenStream {
    streams: OpenStreams,
    book: Book,
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        self.streams.close(self.book);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use firsthand_domain::Environment;
    use firsthand_domain::ids::OrganizationId;
    use ulid::Ulid;

    fn book(number: u128) -> Book {
        Book::Organization(OrganizationId::new(Ulid(number)), Environment::Live)
    }

    #[test]
    fn a_book_has_its_own_limit_and_what_is_closed_may_be_opened_again() {
        let streams = OpenStreams::default();
        let mut open: Vec<_> = (0..MOST).map(|_| streams.open(book(1)).expect("room")).collect();
        assert!(matches!(streams.open(book(1)), Err(ApiError::TooManyStreams(MOST))));
        let other = streams.open(book(2)).expect("another book's room");
        drop(open.pop());
        open.push(streams.open(book(1)).expect("room again"));
        assert!(streams.open(book(1)).is_err());
        drop((open, other));
        assert!(streams.0.lock().expect("nobody panicked").is_empty());
    }
}
