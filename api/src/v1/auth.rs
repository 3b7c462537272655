//! Sign-up and phone verification (spec sections 3, 17 row 4, 21).

use crate::app::{AppState, PhoneSender};
use crate::command::{Call, to_json};
use crate::context::RequestContext;
use crate::error::{ApiError, FieldError};
use crate::extract::{Anybody, Can, JsonBody, Keyed};
use crate::openapi::{KeyOptional, schema};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::{Extension, Json};
use firsthand_adapters::secrets::{self, key_prefix};
use firsthand_domain::api_keys::{CreateApiKey, Scopes};
use firsthand_domain::credits::FREE_GRANT;
use firsthand_domain::decision;
use firsthand_domain::ids::{ApiKeyId, LotId, OrganizationId};
use firsthand_domain::organizations::{SignUp, VerifyPhone};
use firsthand_domain::time::Span;
use firsthand_domain::{Book, Cents, Environment, State as StreamState, StreamId, Timestamp};
use firsthand_eventstore::claims;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

/// The longest name and e-mail address in characters (RFC 5321 for the latter).
const LONGEST_NAME: usize = 200;
const LONGEST_EMAIL: usize = 254;
/// How long a verification code works, and how often one may be tried.
const CODE_LIFE: Span = Span::minutes(10);
const CODE_ATTEMPTS: i32 = 5;
/// The code where no message is sent (spec section 21).
const FIXED_CODE: &str = "000000";

/// Who signs up.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[schema(as = SignUp)]
pub(crate) struct SignUpRequest {
    #[schema(min_length = 1, max_length = 200, pattern = r"\S", example = "Ada Lovelace")]
    name: String,
    #[schema(value_type = schema::Email)]
    email: String,
}

fn looks_like_email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    !local.is_empty()
        && domain.contains('.')
        && domain.split('.').all(|label| !label.is_empty())
        && text.chars().count() <= LONGEST_EMAIL
        && !text.chars().any(|c| c.is_whitespace() || c.is_control())
}

impl SignUpRequest {
    fn check(&self) -> Result<(), ApiError> {
        let mut wrong = Vec::new();
        let mut field = |field: &str, message: &str| {
            wrong.push(FieldError { field: field.to_owned(), message: message.to_owned() });
        };
        let name = self.name.trim();
        if name.is_empty() || name.chars().count() > LONGEST_NAME {
            field("name", "must have 1 to 200 characters");
        }
        if !looks_like_email(self.email.trim()) {
            field("email", "must be an e-mail address");
        }
        if wrong.is_empty() { Ok(()) } else { Err(ApiError::Invalid(wrong)) }
    }
}

/// A new organization and its key.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SignedUp)]
pub(crate) struct SignedUpView {
    #[schema(example = "signup")]
    object: &'static str,
    #[schema(value_type = schema::OrganizationId)]
    organization_id: OrganizationId,
    /// Shown only here.
    #[schema(example = "fh_live_01KAPW3T4QMB2V8ZD5YX7N9F00_x7Qd")]
    api_key: String,
    #[schema(value_type = schema::ApiKeyId)]
    api_key_id: ApiKeyId,
    /// What the verification of a phone number will grant.
    #[schema(value_type = schema::Cents)]
    credits_cents: Cents,
    phone_verification_required: bool,
}

/// A code is on its way.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PhoneCodeSent)]
pub(crate) struct CodeSentView {
    #[schema(example = "phone_verification")]
    object: &'static str,
    #[schema(example = "sent")]
    status: &'static str,
    /// When the code stops working.
    #[schema(value_type = schema::Instant)]
    expires_at: Timestamp,
}

/// A phone number was verified.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PhoneVerified)]
pub(crate) struct PhoneVerifiedView {
    #[schema(example = "phone_verification")]
    object: &'static str,
    #[schema(example = "verified")]
    status: &'static str,
    #[schema(value_type = schema::OrganizationId)]
    organization_id: OrganizationId,
    /// What was granted.
    #[schema(value_type = schema::Cents)]
    credits_cents: Cents,
    /// The balance now.
    #[schema(value_type = schema::Cents)]
    available_cents: Cents,
}

/// `POST /v1/auth/signup`
#[utoipa::path(
    post,
    path = "/v1/auth/signup",
    operation_id = "sign_up",
    tag = "auth",
    summary = "Sign up",
    description = "Makes an organization and its first live key, which is shown only here. The free credits come with the verification of a phone number.",
    params(KeyOptional),
    request_body = SignUpRequest,
    responses((status = 200, description = "The organization and its key", body = SignedUpView)),
    security(()),
    extensions(("x-error-codes" = json!(["already_exists"]))),
)]
pub(crate) async fn sign_up(
    State(app): State<AppState>,
    Extension(context): Extension<Arc<RequestContext>>,
    keyed: Keyed,
    JsonBody(request): JsonBody<SignUpRequest>,
) -> Result<Response, ApiError> {
    request.check()?;
    let email = request.email.trim().to_lowercase();
    let digest = app.secrets.digest("email", &email);
    let minted = OrganizationId::new(app.mint());
    // The claim comes first: who signs up twice is led to the same organization, where the second
    // attempt is refused, or repeats the first if a crash cut it short.
    let part = app.store().part_of(StreamId::Organization(minted));
    let name = minted.to_string();
    let sealed = app.secrets.seal(&format!("email:{name}"), email.as_bytes());
    let claimed = claims::claim(app.store(), &digest, (part, &name), &[("email", sealed)]).await?;
    let organization_id: OrganizationId =
        claimed.parse().map_err(|error| ApiError::Internal(format!("claim: {error}")))?;
    let key_id = ApiKeyId::in_slot(app.mint(), organization_id.slot());
    let secret = secrets::mint(key_prefix(Environment::Live), key_id.ulid());
    let key = CreateApiKey {
        key_id,
        organization_id,
        environment: Environment::Live,
        name: "Default".to_owned(),
        scopes: Scopes::all(),
        granted_by: Scopes::all(),
        secret_hash: app.secrets.digest_hex("api-key", &secret),
        last4: secrets::last4(&secret),
        expires_at: None,
        sandbox_lot: LotId::in_slot(app.mint(), organization_id.slot()),
    };
    let idempotency = keyed.key(&format!("signup:{organization_id}"), &request);
    let call = Call {
        command: SignUp { organization_id, name: request.name.trim().to_owned(), key },
        stream: StreamId::Organization(organization_id),
        actor: organization_id.to_string(),
        key: idempotency,
    };
    call.answer_secret(&app, &context, StatusCode::OK, move |_view| {
        Ok(to_json(&SignedUpView {
            object: "signup",
            organization_id,
            api_key: secret.clone(),
            api_key_id: key_id,
            credits_cents: FREE_GRANT,
            phone_verification_required: true,
        }))
    })
    .await
}

/// What is kept of a number and its code.
fn phone_code(app: &AppState, number: &str, code: &str) -> claims::PhoneCode {
    claims::PhoneCode {
        phone_digest: app.secrets.digest("phone", number).to_vec(),
        code_digest: app.secrets.digest("phone-code", code).to_vec(),
    }
}

/// A phone number to verify.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = SendPhoneCode)]
pub(crate) struct PhoneRequest {
    #[schema(value_type = schema::PhoneNumber)]
    phone_number: String,
}

/// Reads an E.164 number; blanks and dashes are allowed between its digits.
fn phone_number(text: &str) -> Result<String, ApiError> {
    let number: String =
        text.chars().filter(|c| !matches!(c, ' ' | '-' | '(' | ')' | '.')).collect();
    let digits = number.strip_prefix('+').unwrap_or_default();
    let valid = (7..=15).contains(&digits.len())
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && !digits.starts_with('0');
    if valid {
        Ok(number)
    } else {
        Err(ApiError::field("phone_number", "must be an E.164 number such as +15550100"))
    }
}

/// Refuses a test key: what follows concerns the live book.
fn must_be_live(buyer: &Can<Anybody>) -> Result<(), ApiError> {
    match buyer.environment {
        Environment::Live => Ok(()),
        Environment::Test => Err(ApiError::LiveKeyNeeded),
    }
}

/// `POST /v1/auth/phone`
#[utoipa::path(
    post,
    path = "/v1/auth/phone",
    operation_id = "send_phone_code",
    tag = "auth",
    summary = "Send a verification code",
    description = "Sends a code to a phone number. It works for ten minutes and five attempts. In `dev` and `demo` nothing is sent and the code is `000000`.",
    request_body = PhoneRequest,
    responses((status = 202, description = "The code is on its way", body = CodeSentView)),
    security(("buyer_key" = [])),
    extensions(("x-error-codes" = json!(["live_key_needed"]))),
)]
pub(crate) async fn send_phone_code(
    State(app): State<AppState>,
    buyer: Can<Anybody>,
    JsonBody(request): JsonBody<PhoneRequest>,
) -> Result<(StatusCode, Json<CodeSentView>), ApiError> {
    must_be_live(&buyer)?;
    let number = phone_number(&request.phone_number)?;
    match app.limits.phone_sender {
        PhoneSender::Fixed => (),
        PhoneSender::Unavailable => return Err(ApiError::Unavailable),
    }
    let expires_at = app.now().after(CODE_LIFE);
    let code = phone_code(&app, &number, FIXED_CODE);
    let organization = buyer.organization_id.to_string();
    let part = app.store().part_of(StreamId::Organization(buyer.organization_id));
    let until = expires_at.micros();
    claims::store_phone_code(app.store(), part, &organization, &code, until).await?;
    let body = CodeSentView { object: "phone_verification", status: "sent", expires_at };
    Ok((StatusCode::ACCEPTED, Json(body)))
}

/// A phone number and the code that was sent to it.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[schema(as = VerifyPhone)]
pub(crate) struct VerifyPhoneRequest {
    #[schema(value_type = schema::PhoneNumber)]
    phone_number: String,
    #[schema(example = "000000")]
    code: String,
}

/// `POST /v1/auth/phone/verify`
#[utoipa::path(
    post,
    path = "/v1/auth/phone/verify",
    operation_id = "verify_phone",
    tag = "auth",
    summary = "Verify a phone number",
    description = "Grants the free credits: once for an organization, and once for a phone number.",
    params(KeyOptional),
    request_body = VerifyPhoneRequest,
    responses((status = 200, description = "The number is verified and the credits are granted", body = PhoneVerifiedView)),
    security(("buyer_key" = [])),
    extensions(("x-error-codes" = json!(["wrong_code", "taken", "phone_already_verified", "live_key_needed"]))),
)]
pub(crate) async fn verify_phone(
    State(app): State<AppState>,
    Extension(context): Extension<Arc<RequestContext>>,
    buyer: Can<Anybody>,
    keyed: Keyed,
    JsonBody(request): JsonBody<VerifyPhoneRequest>,
) -> Result<Response, ApiError> {
    must_be_live(&buyer)?;
    let number = phone_number(&request.phone_number)?;
    let organization_id = buyer.organization_id;
    let stream = StreamId::Organization(organization_id);
    let live = Book::Organization(organization_id, Environment::Live);
    let verified = matches!(
        &*app.ledger.current(stream).await?,
        StreamState::Organization(found) if found.phone_verified_at.is_some()
    );
    let idempotency = keyed.key(&organization_id.to_string(), &request);
    if !verified {
        claim(&app, organization_id, &phone_code(&app, &number, &request.code)).await?;
    }
    let lot_id = LotId::in_slot(app.mint(), organization_id.slot());
    let call = Call {
        command: VerifyPhone::new(organization_id, lot_id),
        stream,
        actor: buyer.actor(),
        key: idempotency,
    };
    call.answer(&app, &context, StatusCode::OK, move |view| {
        let account = decision::credits(view, live)?;
        Ok(to_json(&PhoneVerifiedView {
            object: "phone_verification",
            status: "verified",
            organization_id,
            credits_cents: FREE_GRANT,
            available_cents: account.available,
        }))
    })
    .await
}

/// Claims the number that a code was sent to, if that is the code.
async fn claim(
    app: &AppState,
    organization: OrganizationId,
    tried: &claims::PhoneCode,
) -> Result<(), ApiError> {
    let part = app.store().part_of(StreamId::Organization(organization));
    let name = organization.to_string();
    let now = app.now().micros();
    let holder = claims::claim_phone(app.store(), (part, &name), tried, CODE_ATTEMPTS, now).await?;
    if holder.ok_or(ApiError::WrongCode)? == name {
        Ok(())
    } else {
        Err(ApiError::Taken("phone number"))
    }
}
