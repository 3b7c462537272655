//! Appeals: a worker says why a strike is wrong, and the operator lifts it or upholds it.

mod decide;
mod events;
mod open;
mod state;

pub use decide::DecideAppeal;
pub use events::{AppealDecided, AppealEvent, AppealOpened, Outcome};
pub use open::OpenAppeal;
pub use state::{Appeal, AppealStatus};
