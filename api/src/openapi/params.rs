//! Parameters that many operations share.

use utoipa::IntoParams;

/// Header of operations that demand an idempotency key.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "stands for a parameter")]
pub(crate) struct KeyRequired {
    /// Names this request: repeating it with the same key and body gives the first answer again.
    #[param(rename = "Idempotency-Key", required = true, min_length = 1, max_length = 255)]
    key: String,
}

/// Header of the operation that demands an idempotency key unless it only answers with a quote.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "stands for a parameter")]
pub(crate) struct KeyUnlessDry {
    /// Names this request: repeating it with the same key and body gives the first answer again.
    /// Required unless `dry_run` is true: without it, the answer is a 400,
    /// `idempotency_key_missing`. A dry run does not use it.
    #[param(rename = "Idempotency-Key", required = false, min_length = 1, max_length = 255)]
    key: String,
}

/// Header of operations that take an idempotency key.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "stands for a parameter")]
pub(crate) struct KeyOptional {
    /// Names this request: repeating it with the same key and body gives the first answer again.
    #[param(rename = "Idempotency-Key", required = false, min_length = 1, max_length = 255)]
    key: String,
}

/// Header of the operation that can wait.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "stands for a parameter")]
pub(crate) struct Prefer {
    /// `wait=N`: wait up to N seconds, at most 60, for the status to change (RFC 7240). A
    /// preference that can't be read is ignored.
    #[param(rename = "Prefer", required = false, example = "wait=30")]
    prefer: String,
}

/// Header of the operation that can be resumed.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "stands for a parameter")]
pub(crate) struct LastEventId {
    /// The id of the last event that was seen: the stream goes on after it.
    #[param(rename = "Last-Event-ID", required = false, value_type = super::schema::EventId)]
    id: String,
}

/// Header of a change that is made only if nobody else has changed the resource.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "stands for a parameter")]
pub(crate) struct IfMatchParam {
    /// The `ETag` of the resource as it was read; 412 if it has changed since.
    #[param(rename = "If-Match", required = false, example = "*")]
    tags: String,
}

/// Header of events of the payment provider.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "stands for a parameter")]
pub(crate) struct StripeSignature {
    /// `t=<unix>,v1=<hex>`: HMAC-SHA256 of `<t>.<body>`.
    #[param(rename = "Stripe-Signature", required = true)]
    signature: String,
}
