//! Register a worker.

use super::events::{WorkerEvent, WorkerRegistered};
use crate::decision::{Changes, Command, Context, View, need};
use crate::ids::{Book, StreamId, WorkerId};
use crate::rejection::Rejection;
use crate::state::State;

/// Begins a worker's record.
#[derive(Debug, Clone)]
pub struct RegisterWorker {
    /// The new worker.
    pub worker_id: WorkerId,
    /// Where the worker is.
    pub region: Option<String>,
    /// Keyed hash of the token.
    pub secret_hash: String,
}

impl Command for RegisterWorker {
    fn book(&self, _view: &dyn View) -> Option<Book> {
        Some(Book::Worker(self.worker_id))
    }

    fn needs(&self, view: &dyn View) -> Vec<StreamId> {
        let mut missing = Vec::new();
        need(view, StreamId::Worker(self.worker_id), &mut missing);
        missing
    }

    fn decide(&self, view: &dyn View, context: &Context) -> Result<Changes, Rejection> {
        let stream = StreamId::Worker(self.worker_id);
        if matches!(view.state(stream), Some(State::Worker(worker)) if worker.exists()) {
            return Err(Rejection::AlreadyExists { kind: "worker" });
        }
        let registered = WorkerRegistered {
            worker_id: self.worker_id,
            region: self.region.clone(),
            secret_hash: self.secret_hash.clone(),
            at: context.now,
        };
        Ok(Changes::none().append(stream, WorkerEvent::Registered(registered)))
    }
}
