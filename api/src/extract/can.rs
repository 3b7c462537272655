//! `Can<Scope>`: a buyer whose key grants a scope.

use crate::app::AppState;
use crate::context::RequestContext;
use crate::error::ApiError;
use crate::limits;
use crate::refusals;
use axum::extract::FromRequestParts;
use axum::http::{HeaderMap, header, request::Parts};
use firsthand_adapters::secrets;
use firsthand_domain::api_keys::{ApiKey, Scope, Scopes};
use firsthand_domain::ids::{ApiKeyId, OrganizationId};
use firsthand_domain::{Book, Environment, State, StreamId};
use std::marker::PhantomData;
use std::sync::Arc;

/// What a route demands of a key: one of these scopes; any key if there are none.
pub(crate) trait Demand: Send + Sync + 'static {
    /// One of these must be granted.
    const ONE_OF: &'static [Scope];
}

macro_rules! demands {
    ($($(#[$meta:meta])* $name:ident = [$($scope:ident),*];)*) => {$(
        $(#[$meta])*
        #[derive(Debug)]
        pub(crate) struct $name;
        impl Demand for $name {
            const ONE_OF: &'static [Scope] = &[$(Scope::$scope),*];
        }
    )*};
}

demands! {
    /// Any valid key.
    Anybody = [];
    /// `jobs:read`.
    JobsRead = [JobsRead];
    /// `jobs:write`.
    JobsWrite = [JobsWrite];
    /// `webhooks:read`.
    WebhooksRead = [WebhooksRead];
    /// `webhooks:write`.
    WebhooksWrite = [WebhooksWrite];
    /// `keys:manage`.
    KeysManage = [KeysManage];
    /// `audit:read`.
    AuditRead = [AuditRead];
    /// `audit:read` or `jobs:read`.
    AuditOrJobsRead = [AuditRead, JobsRead];
    /// `usage:read` or `billing:read`.
    BillingRead = [UsageRead];
    /// `billing:write`.
    BillingWrite = [BillingWrite];
}

/// An authorized buyer.
#[derive(Debug)]
pub(crate) struct Can<D> {
    /// The key that was used.
    pub key_id: ApiKeyId,
    /// Whose it is.
    pub organization_id: OrganizationId,
    /// Which book it opens.
    pub environment: Environment,
    /// What it grants.
    pub scopes: Scopes,
    /// Keyed hash of the secret that was shown.
    pub secret_hash: String,
    demand: PhantomData<D>,
}

impl<D> Can<D> {
    /// Returns the book that the key opens.
    pub(crate) fn book(&self) -> Book {
        Book::Organization(self.organization_id, self.environment)
    }

    /// Returns who acts, for the log.
    pub(crate) fn actor(&self) -> String {
        self.key_id.to_string()
    }

    /// Refuses unless the key grants another scope too.
    pub(crate) fn must_also(&self, scope: Scope) -> Result<(), ApiError> {
        if self.scopes.grants(scope) { Ok(()) } else { Err(ApiError::ScopeMissing(scope.as_str())) }
    }
}

/// Returns the bearer token of a request.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// A key whose secret was shown, whether or not it still works.
struct Shown {
    id: ApiKeyId,
    environment: Environment,
    secret_hash: String,
    state: Arc<State>,
}

impl Shown {
    fn key(&self) -> Result<&ApiKey, ApiError> {
        match &*self.state {
            State::ApiKey(key)
                if key.environment == self.environment && key.knows(&self.secret_hash) =>
            {
                Ok(key)
            }
            _ => Err(ApiError::Unauthenticated),
        }
    }
}

/// Returns the key whose secret a request shows, and notes it for whoever refuses the request.
async fn shown(parts: &Parts, app: &AppState) -> Result<Shown, ApiError> {
    let secret = bearer(&parts.headers).ok_or(ApiError::Unauthenticated)?;
    let environment = [Environment::Live, Environment::Test]
        .into_iter()
        .find(|environment| secret.starts_with(secrets::key_prefix(*environment)))
        .ok_or(ApiError::Unauthenticated)?;
    // The checksum is checked before anything is looked up.
    let ulid = secrets::opens(secrets::key_prefix(environment), secret)
        .ok_or(ApiError::Unauthenticated)?;
    let id = ApiKeyId::new(ulid);
    let state = app.ledger.current(StreamId::ApiKey(id)).await?;
    let secret_hash = app.secrets.digest_hex("api-key", secret);
    let shown = Shown { id, environment, secret_hash, state };
    shown.key()?;
    if let Some(context) = parts.extensions.get::<Arc<RequestContext>>() {
        // Set once: a request is authorized once.
        context.key.get_or_init(|| id);
    }
    Ok(shown)
}

/// Refuses a request to a route that no buyer's key opens; if it shows one, that is put on record.
pub(super) async fn no_key_opens(parts: &Parts, app: &AppState, refusal: ApiError) -> ApiError {
    let _shown = tokio::time::timeout(refusals::PATIENCE, shown(parts, app)).await;
    refusal
}

impl<D: Demand> FromRequestParts<AppState> for Can<D> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Self, ApiError> {
        let shown = shown(parts, app).await?;
        let key = shown.key()?;
        if !key.opens(&shown.secret_hash, app.now()) {
            return Err(ApiError::Unauthenticated);
        }
        if let Some(context) = parts.extensions.get::<Arc<RequestContext>>() {
            context.book.get_or_init(|| key.book());
        }
        app.process.key_uses.note(shown.id, key.book(), app.now());
        limits::admit_key(app, parts, shown.id, key.organization_id).await?;
        if let Some(first) = D::ONE_OF.first()
            && !D::ONE_OF.iter().any(|scope| key.scopes.grants(*scope))
        {
            return Err(ApiError::ScopeMissing(first.as_str()));
        }
        Ok(Self {
            key_id: shown.id,
            organization_id: key.organization_id,
            environment: shown.environment,
            scopes: key.scopes,
            secret_hash: shown.secret_hash.clone(),
            demand: PhantomData,
        })
    }
}
