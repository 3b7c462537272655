//! Extractors: permission, bodies, parameters and keys as typed arguments. Forgetting to authorize
//! is a type error.

mod can;
mod json;
mod keyed;
mod page;
mod path;
mod prefer;
mod service;

pub use can::{
    Anybody, AuditOrJobsRead, AuditRead, BillingRead, Can, JobsRead, JobsWrite, KeysManage,
};
pub use json::JsonBody;
pub use keyed::Keyed;
pub use page::{ListQuery, Paging, bad_cursor};
pub use path::Id;
pub use prefer::Wait;
pub use service::{Operator, ServiceToken, WorkerAuth};
