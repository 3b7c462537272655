//! Adapters: everything that touches the world outside the log and is not HTTP of ours: object
//! storage, secrets, the clock, identifiers, media, scorers.

pub mod clock;
pub mod generate;
pub mod ids;
pub mod media;
pub mod outbound;
pub mod payments;
pub mod scorer;
pub mod secrets;
pub mod signature;
pub mod storage;
pub mod strip;
