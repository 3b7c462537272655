//! A black box around the `firsthand` binary.
//!
//! Nothing here links to the product. [`Server`] runs the binary, [`Buyer`] and [`Worker`] talk to it
//! over HTTP as its users do, [`Receiver`] is what its webhooks are sent to, [`media`] makes the files that
//! workers send, and [`Reply`] checks the shape of what comes back. A test that needs the product's internals
//! does not belong on this library.
//!
//! A helper that is given an answer it did not ask for panics with the request, the status and the body:
//! these are tests, and that is their report.

pub mod binary;
pub mod buyer;
pub mod clock;
pub mod http;
pub mod job;
pub mod media;
pub mod purchase;
pub mod receiver;
pub mod server;
pub mod shape;
pub mod signature;
pub mod sse;
pub mod unique;
pub mod wait;
pub mod worker;

pub use buyer::{Balance, Buyer};
pub use http::{Api, Call, Reply};
pub use media::Media;
pub use receiver::{Answer, Received, Receiver};
pub use server::{DataDir, Options, Server};
pub use sse::EventStream;
pub use wait::{Wait, eventually, eventually_within, together};
pub use worker::Worker;
