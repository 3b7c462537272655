//! What buyers, workers and operators can rely on, one file a resource, one test a sentence.
//!
//! Everything is asked of the binary over HTTP. The tests share one server and run at the same time, each
//! with organizations and workers of its own.

mod api_keys;
mod audit_events;
mod billing;
mod common;
mod files;
mod health;
mod idempotency;
mod jobs_cancel;
mod jobs_create;
mod jobs_create_fields;
mod jobs_create_wire;
mod jobs_get;
mod jobs_list;
mod jobs_rate;
mod long_poll;
mod me;
mod money;
mod money_races;
mod pagination;
mod phone;
mod postgres_es;
mod purchase_common;
mod purchases;
mod quotes;
mod rate_limits;
mod requests;
mod scopes;
mod scoring;
mod settings;
mod signup;
mod submissions;
mod tenancy;
mod top_ups;
mod webhook_access;
mod webhook_attempts;
mod webhook_audit;
mod webhook_common;
mod webhook_delivery;
mod webhook_disabling;
mod webhook_endpoints;
mod webhook_events;
mod webhook_isolation;
mod webhook_pace;
mod webhook_pull;
mod webhook_refusals;
mod webhook_replays;
mod webhook_retries;
mod webhook_signatures;
mod webhook_stream;
mod wire;
mod worker_slots;
mod worker_tokens;
mod worker_uploads;
