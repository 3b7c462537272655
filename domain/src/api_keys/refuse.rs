//! Put a refused call on record (design D12).

use super::events::{ApiKeyCallRefused, ApiKeyEvent};
use super::rotate::book_of;
use crate::decision::{self, Changes, Command, Context, View, need};
use crate::ids::{ApiKeyId, Book, StreamId};
use crate::rejection::Rejection;
use crate::time::Span;

/// How long the same refusal of the same key is not put on record again: who knocks a thousand times a
/// second must not fill the trail of others' deeds.
pub const REFUSAL_PAUSE: Span = Span::hours(1);

/// Puts on record that a key made a call that it may not make. The same refusal within
/// [`REFUSAL_PAUSE`] changes nothing; of a key that no longer works, every refusal is the same.
#[derive(Debug, Clone)]
pub struct RefuseCall {
    /// The key. It need not work any more.
    pub key_id: ApiKeyId,
    /// Method and path of the operation, without any ids.
    pub operation: String,
    /// The code of the refusal.
    pub code: &'static str,
}

impl Command for RefuseCall {
    fn book(&self, view: &dyn View) -> Option<Book> {
        book_of(view, self.key_id)
    }

    fn needs(&self, view: &dyn View) -> Vec<StreamId> {
        let mut missing = Vec::new();
        need(view, StreamId::ApiKey(self.key_id), &mut missing);
        missing
    }

    fn by_real_time(&self) -> bool {
        true
    }

    fn decide(&self, view: &dyn View, context: &Context) -> Result<Changes, Rejection> {
        let key = decision::api_key(view, self.key_id)?;
        if key.is_told(self, context.now) {
            return Ok(Changes::none());
        }
        let refused = ApiKeyCallRefused {
            operation: self.operation.clone(),
            code: self.code.to_owned(),
            at: context.now,
        };
        Ok(Changes::none().append(StreamId::ApiKey(self.key_id), ApiKeyEvent::CallRefused(refused)))
    }
}
