//! The clock of a sandbox on the wire.

use crate::openapi::schema;
use firsthand_domain::Timestamp;
use firsthand_domain::test_clocks::TestClock;
use serde::Serialize;
use utoipa::ToSchema;

/// The sandbox's clock.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TestClock)]
pub(crate) struct TestClockView {
    #[schema(example = "test_clock")]
    object: &'static str,
    /// `advancing` while it is on its way.
    #[schema(value_type = schema::TestClockStatus)]
    pub status: &'static str,
    /// The sandbox's time. It stands still.
    #[schema(value_type = schema::Instant)]
    frozen_time: Timestamp,
    /// Where it is going; null once it is there.
    #[schema(value_type = Option<schema::Instant>)]
    advancing_to: Option<Timestamp>,
    #[schema(value_type = schema::Instant)]
    created_at: Timestamp,
    #[schema(example = false)]
    livemode: bool,
}

impl TestClockView {
    /// Makes the view; `None` if there is no clock.
    pub(crate) fn new(clock: &TestClock) -> Option<Self> {
        Some(Self {
            object: "test_clock",
            status: if clock.target.is_some() { "advancing" } else { "ready" },
            frozen_time: clock.now?,
            advancing_to: clock.target,
            created_at: clock.created_at?,
            livemode: false,
        })
    }
}
