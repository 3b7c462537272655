//! Fields of a merge: absent, null and a value mean three things.

use serde::{Deserialize, Deserializer};

/// Tells a field that is null from one that is absent.
#[expect(clippy::option_option, reason = "absent, null and a value mean three things in a merge")]
pub(crate) fn present<'de, T, D>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    Option::deserialize(deserializer).map(Some)
}
