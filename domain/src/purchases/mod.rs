//! Purchases of credits: a checkout by a person, or the automatic top-up. What the payment provider
//! says becomes a command; each purchase is booked once, however often that is said.

mod complete;
mod end;
mod events;
mod expire_lot;
mod open;
mod packs;
mod reverse;
mod state;
mod top_up;

pub use complete::{CompletePurchase, Paid};
pub use end::{EndPurchase, SWITCHED_OFF};
pub use events::{
    PurchaseEnded, PurchaseEvent, PurchaseKind, PurchaseOpened, PurchasePaid, PurchaseReversed,
    PurchaseSessionCreated,
};
pub use expire_lot::ExpireLot;
pub use open::{OpenPurchase, RecordSession};
pub use packs::{PACKS, Pack, pack};
pub use reverse::ReversePurchase;
pub use state::{Purchase, PurchaseStatus, Session};
pub(crate) use top_up::{Fall, watch};
