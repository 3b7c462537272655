//! Extractors: permission, bodies, parameters and keys as typed arguments. Forgetting to authorize
//! is a type error.

mod can;
mod cursor;
mod if_match;
mod instant;
mod json;
mod keyed;
mod page;
mod path;
mod prefer;
mod present;
mod service;

pub(crate) use can::{
    Anybody, AuditOrJobsRead, AuditRead, BillingRead, BillingWrite, Can, Demand, JobsRead,
    JobsWrite, KeysManage, WebhooksRead, WebhooksWrite,
};
pub(crate) use if_match::IfMatch;
pub(crate) use instant::{
    after_instant_or_day, before_instant_or_day, instant, instant_or_day, past,
    up_to_instant_or_day,
};
pub(crate) use json::JsonBody;
pub(crate) use keyed::Keyed;
pub(crate) use page::{ListQuery, PageParams, PageQuery, Paging, bad_cursor, limit};
pub(crate) use path::{Id, Ids};
pub(crate) use prefer::Wait;
pub(crate) use present::present;
pub(crate) use service::{Operator, ServiceToken, WorkerAuth};
