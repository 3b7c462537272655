//! Values that nobody else uses: not another test, not another run against the same data.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

static NEXT: AtomicU64 = AtomicU64::new(0);
static BASE: OnceLock<u64> = OnceLock::new();

/// A number used once in this process, from a random start.
pub fn number() -> u64 {
    let base = BASE.get_or_init(|| u64::from(rand::random::<u32>()) << 20);
    base + NEXT.fetch_add(1, Ordering::Relaxed)
}

/// An idempotency key.
pub fn key() -> String {
    format!("{:016x}-{:x}", rand::random::<u64>(), number())
}

/// An e-mail address of this kind of person.
pub fn email(who: &str) -> String {
    format!("{who}-{:x}@example.test", number())
}

/// A telephone number in E.164 form.
pub fn phone() -> String {
    format!("+4477{:08}", number() % 100_000_000)
}
