//! API keys (spec section 9).

use crate::app::AppState;
use crate::command::{Call, to_json};
use crate::context::RequestContext;
use crate::error::{ApiError, FieldError};
use crate::extract::{Can, Id, JsonBody, Keyed, KeysManage, ListQuery, PageParams, PageQuery};
use crate::openapi::{KeyOptional, schema};
use crate::views::{ApiKeyView, ListView};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::{Extension, Json};
use bytes::Bytes;
use firsthand_adapters::secrets::{self, key_prefix};
use firsthand_domain::api_keys::{CreateApiKey, RevokeApiKey, RotateApiKey, Scope, Scopes};
use firsthand_domain::decision;
use firsthand_domain::ids::{ApiKeyId, LotId};
use firsthand_domain::{Book, Environment, State as StreamState, StreamId, Timestamp};
use firsthand_projections::{PageRequest, api_key_uses};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

/// The longest name in characters.
const LONGEST_NAME: usize = 100;

/// A new key.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[schema(as = CreateApiKey)]
pub(crate) struct CreateKeyRequest {
    #[schema(min_length = 1, max_length = 100, pattern = r"\S", example = "CI")]
    name: String,
    /// Default: those of the key that asks.
    #[schema(value_type = Option<Vec<schema::ScopeName>>, min_items = 1)]
    scopes: Option<Vec<String>>,
    /// Default: that of the key that asks.
    #[schema(value_type = Option<schema::Environment>)]
    environment: Option<Environment>,
    #[schema(value_type = Option<schema::Deadline>)]
    expires_at: Option<String>,
}

/// A request whose every field was checked.
struct Checked {
    name: String,
    scopes: Option<Scopes>,
    expires_at: Option<Timestamp>,
}

impl CreateKeyRequest {
    fn check(&self, now: Timestamp) -> Result<Checked, ApiError> {
        let mut wrong = Vec::new();
        let mut field = |field: String, message: &str| {
            wrong.push(FieldError { field, message: message.to_owned() });
        };
        let name = self.name.trim();
        if name.is_empty() || name.chars().count() > LONGEST_NAME {
            field("name".to_owned(), "must have 1 to 100 characters");
        }
        let scopes = self.scopes.as_ref().map(|names| {
            if names.is_empty() {
                field("scopes".to_owned(), "must name at least one scope");
            }
            let known = names.iter().enumerate().filter_map(|(index, name)| {
                let scope = Scope::from_name(name);
                if scope.is_none() {
                    field(format!("scopes[{index}]"), "is not a scope");
                }
                scope
            });
            known.collect::<Vec<_>>().into_iter().collect::<Scopes>()
        });
        let mut expires_at = None;
        if let Some(text) = &self.expires_at {
            match text.parse::<Timestamp>() {
                Ok(at) if at > now => expires_at = Some(at),
                _ => field("expires_at".to_owned(), "must be an ISO 8601 time in the future"),
            }
        }
        if wrong.is_empty() {
            Ok(Checked { name: name.to_owned(), scopes, expires_at })
        } else {
            Err(ApiError::Invalid(wrong))
        }
    }
}

/// `POST /v1/api_keys`: the secret is in this answer and never again.
#[utoipa::path(
    post,
    path = "/v1/api_keys",
    operation_id = "create_api_key",
    tag = "api_keys",
    summary = "Create a key",
    description = "The secret is in this answer and never again. A key may not grant scopes that it lacks; a test key can only create test keys.",
    params(KeyOptional),
    request_body = CreateKeyRequest,
    responses((status = 200, description = "The key and its secret", body = ApiKeyView)),
    security(("buyer_key" = ["keys:manage"])),
    extensions(("x-error-codes" = json!(["scope_not_held"]))),
)]
pub(crate) async fn create(
    State(app): State<AppState>,
    Extension(context): Extension<Arc<RequestContext>>,
    buyer: Can<KeysManage>,
    keyed: Keyed,
    JsonBody(request): JsonBody<CreateKeyRequest>,
) -> Result<Response, ApiError> {
    let checked = request.check(app.now())?;
    // A test key stays in the sandbox: it can't make a live key.
    let environment = request.environment.unwrap_or(buyer.environment);
    if buyer.environment == Environment::Test && environment == Environment::Live {
        return Err(ApiError::field("environment", "a test key can only create test keys"));
    }
    let slot = buyer.organization_id.slot();
    let key_id = ApiKeyId::in_slot(app.mint(), slot);
    let secret = secrets::mint(key_prefix(environment), key_id.ulid());
    let command = CreateApiKey {
        key_id,
        organization_id: buyer.organization_id,
        environment,
        name: checked.name,
        scopes: checked.scopes.unwrap_or(buyer.scopes),
        granted_by: buyer.scopes,
        secret_hash: app.secrets.digest_hex("api-key", &secret),
        last4: secrets::last4(&secret),
        expires_at: checked.expires_at,
        sandbox_lot: LotId::in_slot(app.mint(), slot),
    };
    let call = Call {
        command,
        stream: StreamId::ApiKey(key_id),
        actor: buyer.actor(),
        key: keyed.key(&buyer.book().to_string(), &request),
    };
    call.answer_secret(&app, &context, StatusCode::OK, move |view| {
        let key = decision::api_key(view, key_id)?;
        Ok(to_json(&ApiKeyView::new(key_id, key, Some(secret.clone()))))
    })
    .await
}

/// A live key sees the keys of both environments, a test key those of the sandbox.
fn visible(buyer: &Can<KeysManage>) -> Vec<Book> {
    let book = |environment| Book::Organization(buyer.organization_id, environment);
    match buyer.environment {
        Environment::Live => vec![book(Environment::Live), book(Environment::Test)],
        Environment::Test => vec![book(Environment::Test)],
    }
}

/// `GET /v1/api_keys`
#[utoipa::path(
    get,
    path = "/v1/api_keys",
    operation_id = "list_api_keys",
    tag = "api_keys",
    summary = "List keys",
    description = "Newest first, without secrets. A live key sees the keys of both environments, a test key those of the sandbox.",
    params(PageParams),
    responses((status = 200, description = "A page of keys", body = ListView<ApiKeyView>)),
    security(("buyer_key" = ["keys:manage"])),
)]
pub(crate) async fn list(
    State(app): State<AppState>,
    buyer: Can<KeysManage>,
    PageQuery(_, paging): PageQuery,
) -> Result<Json<ListView<ApiKeyView>>, ApiError> {
    let request = paging.by_id::<ApiKeyId>()?;
    let page = api_key_uses::list(app.store(), &visible(&buyer), &request).await?;
    let page = page.map(|found| {
        let used = app.latest_use(found.id, found.used_at.map(Timestamp::from_micros));
        ApiKeyView::new(found.id, &found.key, None).used(used)
    });
    Ok(Json(paging.list(page, |last| last.id.to_string())))
}

/// `GET /v1/api_keys/{id}`
#[utoipa::path(
    get,
    path = "/v1/api_keys/{id}",
    operation_id = "get_api_key",
    tag = "api_keys",
    summary = "Show a key",
    description = "Without its secret.",
    params(("id" = schema::ApiKeyId, Path, description = "The key")),
    responses((status = 200, description = "The key", body = ApiKeyView)),
    security(("buyer_key" = ["keys:manage"])),
)]
pub(crate) async fn get(
    State(app): State<AppState>,
    buyer: Can<KeysManage>,
    Id(id): Id<ApiKeyId>,
) -> Result<Json<ApiKeyView>, ApiError> {
    must_see(&app, &buyer, id).await?;
    let state = app.ledger.current(StreamId::ApiKey(id)).await?;
    let StreamState::ApiKey(key) = &*state else { return Err(ApiError::NotFound("api key")) };
    let used = app.last_use(key.book(), id).await?;
    Ok(Json(ApiKeyView::new(id, key, None).used(used)))
}

/// Refuses a key that this buyer does not see.
async fn must_see(app: &AppState, buyer: &Can<KeysManage>, id: ApiKeyId) -> Result<(), ApiError> {
    let state = app.ledger.current(StreamId::ApiKey(id)).await?;
    match &*state {
        StreamState::ApiKey(key) if key.exists() && visible(buyer).contains(&key.book()) => Ok(()),
        _ => Err(ApiError::NotFound("api key")),
    }
}

/// `POST /v1/api_keys/{id}/rotate`: same key, new secret; the old one works for 24 hours.
#[utoipa::path(
    post,
    path = "/v1/api_keys/{id}/rotate",
    operation_id = "rotate_api_key",
    tag = "api_keys",
    summary = "Rotate a key",
    description = "Same key, new secret, which is in this answer and never again. The old secret works for 24 hours more.",
    params(KeyOptional, ("id" = schema::ApiKeyId, Path, description = "The key")),
    responses((status = 200, description = "The key and its new secret", body = ApiKeyView)),
    security(("buyer_key" = ["keys:manage"])),
    extensions(("x-error-codes" = json!(["scope_not_held", "key_revoked"]))),
)]
pub(crate) async fn rotate(
    State(app): State<AppState>,
    Extension(context): Extension<Arc<RequestContext>>,
    buyer: Can<KeysManage>,
    keyed: Keyed,
    Id(key_id): Id<ApiKeyId>,
) -> Result<Response, ApiError> {
    must_see(&app, &buyer, key_id).await?;
    let state = app.ledger.current(StreamId::ApiKey(key_id)).await?;
    let environment = match &*state {
        StreamState::ApiKey(key) => key.environment,
        _ => buyer.environment,
    };
    let book = Book::Organization(buyer.organization_id, environment);
    let used = app.last_use(book, key_id).await?;
    let secret = secrets::mint(key_prefix(environment), key_id.ulid());
    let command = RotateApiKey {
        organization_id: buyer.organization_id,
        key_id,
        granted_by: buyer.scopes,
        secret_hash: app.secrets.digest_hex("api-key", &secret),
        last4: secrets::last4(&secret),
    };
    let call = Call {
        command,
        stream: StreamId::ApiKey(key_id),
        actor: buyer.actor(),
        key: keyed.key(&buyer.book().to_string(), &()),
    };
    call.answer_secret(&app, &context, StatusCode::OK, move |view| {
        let key = decision::api_key(view, key_id)?;
        Ok(to_json(&ApiKeyView::new(key_id, key, Some(secret.clone())).used(used)))
    })
    .await
}

/// Whether to revoke the last managing key all the same.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct RevokeQuery {
    #[param(required = false)]
    force: Option<bool>,
}

/// `POST /v1/api_keys/{id}/revoke` and `DELETE /v1/api_keys/{id}`: at once, for good, repeatable.
#[utoipa::path(
    post,
    path = "/v1/api_keys/{id}/revoke",
    operation_id = "revoke_api_key",
    tag = "api_keys",
    summary = "Revoke a key",
    description = "At once and for good. Repeating it succeeds.",
    params(KeyOptional, ("id" = schema::ApiKeyId, Path, description = "The key"), RevokeQuery),
    responses((status = 204, description = "The key is revoked")),
    security(("buyer_key" = ["keys:manage"])),
    extensions(("x-error-codes" = json!(["last_managing_key"]))),
)]
pub(crate) async fn revoke(
    State(app): State<AppState>,
    Extension(context): Extension<Arc<RequestContext>>,
    buyer: Can<KeysManage>,
    keyed: Keyed,
    Id(key_id): Id<ApiKeyId>,
    ListQuery(query): ListQuery<RevokeQuery>,
) -> Result<Response, ApiError> {
    must_see(&app, &buyer, key_id).await?;
    let force = query.force.unwrap_or(false);
    // Only keys of the same environment can take over.
    let request = PageRequest { limit: 1_000, after: None };
    let others = api_key_uses::list(app.store(), &[buyer.book()], &request).await?;
    let command = RevokeApiKey {
        organization_id: buyer.organization_id,
        key_id,
        others: others.items.iter().map(|other| other.id).collect(),
        force,
    };
    let call = Call {
        command,
        stream: StreamId::ApiKey(key_id),
        actor: buyer.actor(),
        key: keyed.key(&buyer.book().to_string(), &force),
    };
    call.answer(&app, &context, StatusCode::NO_CONTENT, |_view| Ok(Bytes::new())).await
}
