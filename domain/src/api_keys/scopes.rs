//! Scopes: what a key may do (spec section 9).

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

macro_rules! scopes {
    ($($(#[$meta:meta])* $variant:ident = $name:literal, $bit:literal;)*) => {
        /// One permission.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Scope { $($(#[$meta])* $variant),* }

        impl Scope {
            /// Every scope.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// Returns the public name.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }

            /// Reads a public name.
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)* _ => None }
            }

            fn bit(self) -> u16 {
                match self { $(Self::$variant => $bit),* }
            }
        }
    };
}

scopes! {
    /// Read jobs, submissions and files.
    JobsRead = "jobs:read", 1;
    /// Create, cancel and rate jobs.
    JobsWrite = "jobs:write", 2;
    /// Read webhook endpoints and events.
    WebhooksRead = "webhooks:read", 4;
    /// Change webhook endpoints.
    WebhooksWrite = "webhooks:write", 8;
    /// Create, rotate and revoke keys.
    KeysManage = "keys:manage", 16;
    /// Read the audit trail.
    AuditRead = "audit:read", 32;
    /// Read balances and transactions.
    UsageRead = "usage:read", 64;
    /// Buy credits and change money settings.
    BillingWrite = "billing:write", 128;
    /// Another name of `usage:read` (spec section 17 row 19).
    BillingRead = "billing:read", 256;
}

/// A set of scopes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Scopes(u16);

impl Scopes {
    /// Every scope that a dashboard key holds.
    pub fn all() -> Self {
        Scope::ALL.iter().copied().filter(|scope| *scope != Scope::BillingRead).collect()
    }

    /// Says whether the set grants a scope; either of `usage:read` and `billing:read` reads billing.
    pub fn grants(self, scope: Scope) -> bool {
        let wanted = match scope {
            Scope::UsageRead | Scope::BillingRead => {
                Scope::UsageRead.bit() | Scope::BillingRead.bit()
            }
            Scope::JobsRead
            | Scope::JobsWrite
            | Scope::WebhooksRead
            | Scope::WebhooksWrite
            | Scope::KeysManage
            | Scope::AuditRead
            | Scope::BillingWrite => scope.bit(),
        };
        self.0 & wanted != 0
    }

    /// Returns the scopes in their documented order.
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.iter().copied().filter(move |scope| self.0 & scope.bit() != 0)
    }

    /// Says whether the set is empty.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().fold(0, |bits, scope| bits | scope.bit()))
    }
}

impl Serialize for Scopes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter().map(Scope::as_str))
    }
}

impl<'de> Deserialize<'de> for Scopes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::<String>::deserialize(deserializer)?
            .iter()
            .map(|name| {
                Scope::from_name(name)
                    .ok_or_else(|| de::Error::custom(format!("unknown scope {name}")))
            })
            .collect()
    }
}
