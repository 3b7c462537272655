//! Send events once more. What that means for each delivery is worked out where deliveries are kept.

use super::events::{
    EndpointEventReplayed, EndpointReplayCancelled, EndpointReplayRequested, ReplayOnly,
    WebhookEndpointEvent,
};
use super::state::{endpoint_of, needs_endpoint};
use crate::decision::{Changes, Command, Context, View, need};
use crate::ids::{Book, EventId, ReplayId, StreamId, WebhookEndpointId};
use crate::rejection::Rejection;
use crate::time::Timestamp;

/// Sends one event once more to some endpoints of its book.
#[derive(Debug, Clone)]
pub struct ReplayEvent {
    /// The event.
    pub event_id: EventId,
    /// The book of both.
    pub book: Book,
    /// The endpoints.
    pub endpoints: Vec<WebhookEndpointId>,
    /// Whether they were named: then they must exist and be enabled, else those that are count.
    pub alone: bool,
}

impl Command for ReplayEvent {
    fn book(&self, _view: &dyn View) -> Option<Book> {
        Some(self.book)
    }

    fn needs(&self, view: &dyn View) -> Vec<StreamId> {
        let mut missing = Vec::new();
        for id in &self.endpoints {
            need(view, StreamId::WebhookEndpoint(*id), &mut missing);
        }
        missing
    }

    fn by_real_time(&self) -> bool {
        true
    }

    fn decide(&self, view: &dyn View, context: &Context) -> Result<Changes, Rejection> {
        let mut changes = Changes::none();
        for id in &self.endpoints {
            match endpoint_of(view, *id, self.book) {
                Ok(endpoint) if endpoint.enabled() => {
                    let replayed =
                        EndpointEventReplayed { event_id: self.event_id, at: context.now };
                    let stream = StreamId::WebhookEndpoint(*id);
                    changes.push(stream, WebhookEndpointEvent::EventReplayed(replayed));
                }
                Ok(_disabled) if self.alone => return Err(Rejection::EndpointDisabled),
                Err(missing) if self.alone => return Err(missing),
                Ok(_) | Err(_) => (),
            }
        }
        Ok(changes)
    }
}

/// Sends the events of a range once more.
#[derive(Debug, Clone)]
pub struct RequestReplay {
    /// The new replay.
    pub replay_id: ReplayId,
    /// The endpoint.
    pub endpoint_id: WebhookEndpointId,
    /// Whose it must be.
    pub book: Book,
    /// The earliest event.
    pub since: Timestamp,
    /// The end: events before it.
    pub until: Timestamp,
    /// Which.
    pub only: ReplayOnly,
}

impl Command for RequestReplay {
    fn book(&self, _view: &dyn View) -> Option<Book> {
        Some(self.book)
    }

    fn needs(&self, view: &dyn View) -> Vec<StreamId> {
        needs_endpoint(view, self.endpoint_id)
    }

    fn by_real_time(&self) -> bool {
        true
    }

    fn decide(&self, view: &dyn View, context: &Context) -> Result<Changes, Rejection> {
        if !endpoint_of(view, self.endpoint_id, self.book)?.enabled() {
            return Err(Rejection::EndpointDisabled);
        }
        let requested = EndpointReplayRequested {
            replay_id: self.replay_id,
            since: self.since,
            until: self.until,
            only: self.only,
            at: context.now,
        };
        let stream = StreamId::WebhookEndpoint(self.endpoint_id);
        Ok(Changes::none().append(stream, WebhookEndpointEvent::ReplayRequested(requested)))
    }
}

/// Ends a replay: what it has queued is still sent. Ending it again changes nothing and succeeds.
#[derive(Debug, Clone)]
pub struct CancelReplay {
    /// The replay.
    pub replay_id: ReplayId,
    /// The endpoint.
    pub endpoint_id: WebhookEndpointId,
    /// Whose it must be.
    pub book: Book,
}

impl Command for CancelReplay {
    fn book(&self, _view: &dyn View) -> Option<Book> {
        Some(self.book)
    }

    fn needs(&self, view: &dyn View) -> Vec<StreamId> {
        needs_endpoint(view, self.endpoint_id)
    }

    fn by_real_time(&self) -> bool {
        true
    }

    fn decide(&self, view: &dyn View, context: &Context) -> Result<Changes, Rejection> {
        endpoint_of(view, self.endpoint_id, self.book)?;
        let cancelled = EndpointReplayCancelled { replay_id: self.replay_id, at: context.now };
        let stream = StreamId::WebhookEndpoint(self.endpoint_id);
        Ok(Changes::none().append(stream, WebhookEndpointEvent::ReplayCancelled(cancelled)))
    }
}
