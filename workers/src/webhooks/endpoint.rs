//! An endpoint, ready to be sent to.

use super::Shared;
use firsthand_adapters::outbound::{Target, UrlRefused};
use firsthand_domain::ids::{SealId, WebhookEndpointId};
use firsthand_domain::webhook_endpoints::WebhookEndpoint;
use firsthand_domain::{State, StreamId};
use firsthand_eventstore::{StoreError, read};
use firsthand_projections::webhooks::seals;
use std::collections::BTreeMap;
use std::sync::Arc;

/// An endpoint's settings and secrets at one version of its stream.
#[derive(Debug)]
pub(super) struct Endpoint {
    pub(super) id: WebhookEndpointId,
    version: i64,
    pub(super) state: WebhookEndpoint,
    pub(super) target: Result<Target, UrlRefused>,
    pub(super) headers: BTreeMap<String, String>,
    secrets: BTreeMap<SealId, String>,
}

/// What became of an endpoint.
#[derive(Debug)]
pub(super) enum Found {
    /// It is sent to.
    Enabled(Arc<Endpoint>),
    /// It is not sent to.
    Disabled,
    /// It is no more.
    Deleted,
}

impl Endpoint {
    /// Loads an endpoint, or keeps what is known of it if nothing changed.
    pub(super) async fn load(
        shared: &Shared,
        id: WebhookEndpointId,
        known: Option<Arc<Self>>,
    ) -> Result<Found, StoreError> {
        let store = shared.context.ledger.store();
        let stream = StreamId::WebhookEndpoint(id);
        let rows = read::states(store, store.part_of(stream), &[stream]).await?;
        let Some(row) = rows.into_iter().next() else { return Ok(Found::Deleted) };
        if let Some(known) = known
            && known.version == row.version
        {
            return Ok(Found::Enabled(known));
        }
        let State::WebhookEndpoint(state) = row.state else { return Ok(Found::Deleted) };
        if !state.enabled() {
            return Ok(if state.exists() { Found::Disabled } else { Found::Deleted });
        }
        let mut sealed: Vec<SealId> = state.previous.iter().map(|old| old.secret).collect();
        sealed.extend(state.secret);
        sealed.extend(state.settings.headers);
        let mut opened = BTreeMap::new();
        for (seal, value) in seals::read(store, stream, &sealed).await? {
            let text = shared
                .outbound
                .secrets
                .open(&seals::purpose(id), &value)
                .map_err(StoreError::corrupt)?;
            opened.insert(seal, String::from_utf8(text).map_err(StoreError::corrupt)?);
        }
        let headers = match state.settings.headers.and_then(|seal| opened.get(&seal)) {
            Some(text) => serde_json::from_str(text).map_err(StoreError::corrupt)?,
            None => BTreeMap::new(),
        };
        let target = shared.outbound.connector.parse(&state.settings.url);
        let endpoint =
            Self { id, version: row.version, state: *state, target, headers, secrets: opened };
        Ok(Found::Enabled(Arc::new(endpoint)))
    }

    /// Returns the secrets that sign now, the newest first.
    pub(super) fn secrets(&self, now: firsthand_domain::Timestamp) -> Vec<&str> {
        let ids = self.state.secrets(now);
        ids.iter().filter_map(|id| self.secrets.get(id)).map(String::as_str).collect()
    }
}
