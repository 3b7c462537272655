//! Jobs.

pub mod create;
pub mod end;
pub mod get;
pub mod list;
mod parse;
