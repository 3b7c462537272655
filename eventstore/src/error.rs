//! What storage can do to a request.

/// A failure of the database or of what it holds.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database refused or could not be reached.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
    /// The append connection failed.
    #[error("the append connection failed")]
    Append(#[from] tokio_postgres::Error),
    /// A migration failed.
    #[error("a migration failed")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// The server would lose what it has acknowledged.
    #[error("the server is not durable: {settings} is off")]
    NotDurable {
        /// What is off.
        settings: String,
    },
    /// Something stored can't be read back.
    #[error("stored data can't be read: {what}")]
    Corrupt {
        /// What could not be read.
        what: String,
    },
}

impl StoreError {
    /// Says that something stored can't be read back.
    pub fn corrupt(what: impl std::fmt::Display) -> Self {
        Self::Corrupt { what: what.to_string() }
    }
}

/// Why a command has no answer. A refusal by a rule is an answer, not one of these.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExecuteError {
    /// The queue is full: try again after a second. Nothing has changed.
    #[error("the service is overloaded")]
    Overloaded,
    /// The batch could not be committed after several attempts. Nothing has changed.
    #[error("the log could not be written")]
    Unavailable,
    /// The idempotency key was used for another request before.
    #[error("the idempotency key was used for another request")]
    KeyReused,
}
