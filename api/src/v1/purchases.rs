//! Purchases of credits (spec sections 7 and 21).

use crate::app::AppState;
use crate::command::{Call, to_json};
use crate::context::RequestContext;
use crate::error::{ApiError, chain};
use crate::extract::{BillingRead, BillingWrite, Can, Id, JsonBody, Keyed, PageParams, PageQuery};
use crate::openapi::{KeyOptional, schema};
use crate::views::{CheckoutView, ListView, PurchaseView};
use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::response::Parts;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use bytes::Bytes;
use firsthand_adapters::payments::NewSession;
use firsthand_domain::ids::PurchaseId;
use firsthand_domain::purchases::{
    OpenPurchase, Pack, Purchase, PurchaseKind, PurchaseSessionCreated, RecordSession, pack,
};
use firsthand_domain::{Book, Cents, State as StreamState, StreamId, decision};
use firsthand_eventstore::{Answer, IdempotencyKey, Meta, Reply, Request};
use firsthand_projections::PageRequest;
use firsthand_projections::states;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use url::Url;
use utoipa::ToSchema;

/// The longest answer of ours that is only an id.
const ID_LENGTH: usize = 64;
/// Open purchases that are looked through for one to go on with.
const RECENT: i64 = 20;

/// What to buy, and where the buyer comes back to.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[schema(as = PurchaseCredits)]
pub(crate) struct PurchaseRequest {
    /// The price of a pack.
    #[schema(value_type = schema::Pack)]
    amount_cents: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    /// Where the buyer comes back to, paid.
    #[schema(value_type = Option<schema::EndpointUrl>)]
    success_url: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    /// Where the buyer comes back to, not paid.
    #[schema(value_type = Option<schema::EndpointUrl>)]
    cancel_url: Option<String>,
}

impl PurchaseRequest {
    fn check(&self) -> Result<Pack, ApiError> {
        for (field, url) in [("success_url", &self.success_url), ("cancel_url", &self.cancel_url)] {
            let Some(url) = url else { continue };
            let good = Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "https" | "http"));
            if !good || url.len() > 2_048 {
                return Err(ApiError::field(field, "must be an http or https URL"));
            }
        }
        pack(Cents::new(self.amount_cents)).ok_or_else(|| {
            ApiError::field("amount_cents", "must be one of 1000, 2500, 5000, 10000, 25000")
        })
    }
}

/// Reads a purchase of a book; another book's does not exist for this one.
async fn read(app: &AppState, book: Book, id: PurchaseId) -> Result<Purchase, ApiError> {
    let found = states::get(app.store(), book, StreamId::Purchase(id)).await?;
    match found.map(|found| found.state) {
        Some(StreamState::Purchase(purchase)) if purchase.exists() => Ok(*purchase),
        _ => Err(ApiError::NotFound("purchase")),
    }
}

/// Finds a checkout of that pack that can still be paid: a client that repeats its request without
/// a key goes on with it.
async fn open(
    app: &AppState,
    book: Book,
    pack: Pack,
) -> Result<Option<(PurchaseId, Box<Purchase>)>, ApiError> {
    let request = PageRequest { limit: RECENT, after: None };
    let found = states::list(app.store(), book, "purchase", &["open"], &request).await?;
    let now = app.now();
    Ok(found.items.into_iter().find_map(|item| match (item.stream, item.state) {
        (StreamId::Purchase(id), StreamState::Purchase(purchase)) => {
            let payable = purchase.session.as_ref().is_none_or(|session| session.expires_at > now);
            let wanted = purchase.kind == PurchaseKind::Checkout && purchase.amount == pack.amount;
            (payable && wanted).then_some((id, purchase))
        }
        _ => None,
    }))
}

/// Asks the provider for a page where a purchase can be paid, and returns the checkout: with that page, or
/// with the one that another request asked for meanwhile.
async fn session(
    app: &AppState,
    context: &RequestContext,
    (book, id): (Book, PurchaseId),
    (pack, request): (Pack, &PurchaseRequest),
) -> Result<Bytes, ApiError> {
    let Book::Organization(_, environment) = book else {
        return Err(ApiError::NotFound("purchase"));
    };
    let account = app.payments.of(environment).ok_or(ApiError::PaymentsUnavailable)?;
    let credits = app.ledger.current(book.stream()).await?;
    let customer = match &*credits {
        StreamState::Credits(credits) => credits.card.as_ref().map(|card| card.customer.clone()),
        _ => None,
    };
    let back = format!("{}/v1/billing/purchases/{id}", app.public_url);
    let created = account
        .create_session(&NewSession {
            purchase_id: id.to_string(),
            amount: pack.amount.get(),
            product: format!("{} FirstHandAPI credits", pack.amount.get() + pack.bonus.get()),
            customer,
            success_url: request.success_url.clone().unwrap_or_else(|| back.clone()),
            cancel_url: request.cancel_url.clone().unwrap_or(back),
        })
        .await
        .map_err(|error| ApiError::PaymentsFailed(error.to_string()))?;
    let session = PurchaseSessionCreated {
        session_id: created.id,
        url: created.url,
        expires_at: created.expires_at,
    };
    let command = Request {
        command: Box::new(RecordSession { purchase_id: id, session }),
        render: Box::new(move |view, _outcome| {
            let shown = decision::purchase(view, id).ok().and_then(|found| checkout(id, found));
            Answer { body: shown.unwrap_or_default(), ..Answer::done() }
        }),
        meta: Meta {
            actor: "system:checkout".to_owned(),
            request_id: context.id.to_string(),
            key: None,
        },
    };
    match app.ledger.execute(StreamId::Purchase(id), command).await? {
        Reply::Decided { outcome: Err(rejection), .. } => Err(rejection.into()),
        Reply::Decided { answer, .. } if !answer.body.is_empty() => Ok(answer.body),
        Reply::Decided { .. } | Reply::Replayed { .. } => {
            Err(ApiError::Internal(format!("{id} has no session")))
        }
    }
}

/// Renders where a purchase can be paid, if it has a page.
fn checkout(id: PurchaseId, purchase: &Purchase) -> Option<Bytes> {
    let session = purchase.session.as_ref()?;
    Some(to_json(&CheckoutView::new(id, purchase, session)))
}

/// A purchase that a request goes on with.
struct Begun {
    id: PurchaseId,
    /// As it is, unless this request has opened it.
    known: Option<Box<Purchase>>,
    /// Status and headers of the answer.
    parts: Parts,
}

/// Opens a purchase, or finds the one that a repeat goes on with. `Err` holds an answer that is
/// final: a refusal.
async fn begin(
    app: &AppState,
    context: &RequestContext,
    buyer: &Can<BillingWrite>,
    pack: Pack,
    key: Option<IdempotencyKey>,
) -> Result<Result<Begun, Response>, ApiError> {
    let book = buyer.book();
    // A repeat that comes before its first has ended must find what that one opens.
    let _one_at_a_time = app.process.opening_purchase.lock().await;
    if key.is_none()
        && let Some((id, purchase)) = open(app, book, pack).await?
    {
        let (mut parts, _empty) = StatusCode::OK.into_response().into_parts();
        parts.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        return Ok(Ok(Begun { id, known: Some(purchase), parts }));
    }
    let purchase_id = PurchaseId::in_slot(app.mint(), buyer.organization_id.slot());
    let call = Call {
        command: OpenPurchase { book, purchase_id, pack },
        stream: StreamId::Purchase(purchase_id),
        actor: buyer.actor(),
        key,
    };
    let answer =
        call.answer(app, context, StatusCode::OK, move |_view| Ok(to_json(&purchase_id))).await?;
    if answer.status() != StatusCode::OK {
        return Ok(Err(answer));
    }
    let (parts, named) = answer.into_parts();
    let internal = |error: &dyn std::error::Error| ApiError::Internal(chain(error));
    let named = to_bytes(named, ID_LENGTH).await.map_err(|error| internal(&error))?;
    let id: PurchaseId = serde_json::from_slice(&named).map_err(|error| internal(&error))?;
    let known = if id == purchase_id { None } else { Some(Box::new(read(app, book, id).await?)) };
    Ok(Ok(Begun { id, known, parts }))
}

/// `POST /v1/billing/credits/purchase`: opens a checkout. The credits come with the payment.
#[utoipa::path(
    post,
    path = "/v1/billing/credits/purchase",
    operation_id = "purchase_credits",
    tag = "billing",
    summary = "Buy credits",
    description = "Opens a checkout at `checkout_url`; the credits come with the payment. A repeat without a key goes on with the checkout of the same pack that is still open.",
    params(KeyOptional),
    request_body = PurchaseRequest,
    responses((status = 200, description = "Where to pay", body = CheckoutView)),
    security(("buyer_key" = ["billing:write"])),
    extensions(("x-error-codes" = json!(["payments_unavailable", "payments_failed"]))),
)]
pub(crate) async fn purchase(
    State(app): State<AppState>,
    Extension(context): Extension<Arc<RequestContext>>,
    buyer: Can<BillingWrite>,
    keyed: Keyed,
    JsonBody(request): JsonBody<PurchaseRequest>,
) -> Result<Response, ApiError> {
    let pack = request.check()?;
    app.payments.of(buyer.environment).ok_or(ApiError::PaymentsUnavailable)?;
    let book = buyer.book();
    let key = keyed.key(&book.to_string(), &request);
    let Begun { id, known, parts } = match begin(&app, &context, &buyer, pack, key).await? {
        Ok(begun) => begun,
        Err(answer) => return Ok(answer),
    };
    let body = match known.and_then(|purchase| checkout(id, &purchase)) {
        Some(body) => body,
        None => session(&app, &context, (book, id), (pack, &request)).await?,
    };
    Ok(Response::from_parts(parts, Body::from(body)))
}

/// `GET /v1/billing/purchases/{id}`
#[utoipa::path(
    get,
    path = "/v1/billing/purchases/{id}",
    operation_id = "get_purchase",
    tag = "billing",
    summary = "Show a purchase",
    description = "And where it stands.",
    params(("id" = schema::PurchaseId, Path, description = "The purchase")),
    responses((status = 200, description = "The purchase", body = PurchaseView)),
    security(("buyer_key" = ["usage:read"])),
)]
pub(crate) async fn get(
    State(app): State<AppState>,
    buyer: Can<BillingRead>,
    Id(id): Id<PurchaseId>,
) -> Result<Json<PurchaseView>, ApiError> {
    let purchase = read(&app, buyer.book(), id).await?;
    Ok(Json(PurchaseView::new(id, &purchase)))
}

/// Query parameters.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct PurchasesQuery {
    #[param(value_type = schema::PurchaseStatus, required = false)]
    status: Option<String>,
}

/// `GET /v1/billing/purchases`: newest first.
#[utoipa::path(
    get,
    path = "/v1/billing/purchases",
    operation_id = "list_purchases",
    tag = "billing",
    summary = "List purchases",
    description = "Newest first.",
    params(PurchasesQuery, PageParams),
    responses((status = 200, description = "A page of purchases", body = ListView<PurchaseView>)),
    security(("buyer_key" = ["usage:read"])),
)]
pub(crate) async fn list(
    State(app): State<AppState>,
    buyer: Can<BillingRead>,
    PageQuery(query, paging): PageQuery<PurchasesQuery>,
) -> Result<Json<ListView<PurchaseView>>, ApiError> {
    let statuses: Vec<_> = query.status.as_deref().into_iter().collect();
    if statuses.iter().any(|status| !matches!(*status, "open" | "paid" | "failed")) {
        return Err(ApiError::field("status", "must be open, paid or failed"));
    }
    let request = paging.by_id::<PurchaseId>()?;
    let page = states::list(app.store(), buyer.book(), "purchase", &statuses, &request).await?;
    let page = page.map(|item| match (item.stream, item.state) {
        (StreamId::Purchase(id), StreamState::Purchase(purchase)) => {
            PurchaseView::new(id, &purchase)
        }
        _ => PurchaseView::new(PurchaseId::default(), &Purchase::default()),
    });
    Ok(Json(paging.list(page, |last| last.id.to_string())))
}
