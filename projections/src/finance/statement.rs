//! Statements: what a book had, what moved, and what it had then.

use super::balances::BalanceAt;
use firsthand_domain::{Book, Cents};
use firsthand_eventstore::{Store, StoreError};

/// All movements of one type within a period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Movements {
    /// The type.
    pub transaction_type: String,
    /// How many.
    pub count: i64,
    /// Σ of their amounts.
    pub amount_cents: i64,
    /// Σ of their changes of what is available.
    pub available_delta_cents: i64,
    /// Σ of their changes of what is held.
    pub held_delta_cents: i64,
}

/// A period of a book.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Statement {
    /// What the book had before the period.
    pub opening: BalanceAt,
    /// What moved, by type.
    pub movements: Vec<Movements>,
    /// What the book had at the period's end.
    pub closing: BalanceAt,
}

/// Adds changes to an opening balance; `None` if that is no amount.
fn carried(opening: i64, changes: impl Iterator<Item = i64>) -> Option<i64> {
    let mut sum = Cents::new(opening);
    for change in changes {
        sum = sum.plus(Cents::new(change))?;
    }
    Some(sum.get())
}

impl Statement {
    /// Returns the statement if what it had and what moved give what it has; otherwise damage.
    fn proven(self, book: Book) -> Result<Self, StoreError> {
        let moved = &self.movements;
        let available = carried(
            self.opening.available_cents,
            moved.iter().map(|movements| movements.available_delta_cents),
        );
        let held = carried(
            self.opening.held_cents,
            moved.iter().map(|movements| movements.held_delta_cents),
        );
        let closing = (Some(self.closing.available_cents), Some(self.closing.held_cents));
        if (available, held) == closing {
            return Ok(self);
        }
        Err(StoreError::corrupt(format!(
            "{book}: a statement's movements lead to {available:?} available and {held:?} held, \
             its last one says {closing:?}"
        )))
    }
}

/// Reads a statement of the movements recorded from `start` and before `end`, in microseconds since
/// the epoch. One statement, so that a movement beside it is seen throughout or not at all.
pub async fn read(
    store: &Store,
    book: Book,
    start: i64,
    end: i64,
) -> Result<Statement, StoreError> {
    let rows = sqlx::query!(
        r#"select r.* from set_config('firsthand.book', $2, true) as tenant(book)
         cross join lateral (
         with opening as (
             select balance_after_cents, held_after_cents, created_at
             from credit_transactions
             where part = $1 and book = tenant.book and created_at < $3
             order by created_at desc, position desc
             limit 1),
           closing as (
             select balance_after_cents, held_after_cents, created_at
             from credit_transactions
             where part = $1 and book = tenant.book and created_at < $4
             order by created_at desc, position desc
             limit 1),
           moved as (
             select type, count(*) as count, sum(amount_cents)::bigint as amount,
                    sum(available_delta_cents)::bigint as available_delta,
                    sum(held_delta_cents)::bigint as held_delta
             from credit_transactions
             where part = $1 and book = tenant.book and created_at >= $3 and created_at < $4
             group by type)
           select c.balance_after_cents as closing_available, c.held_after_cents as closing_held,
                  c.created_at as closing_at,
                  o.balance_after_cents as "opening_available?",
                  o.held_after_cents as "opening_held?", o.created_at as "opening_at?",
                  m.type as "type?", m.count as "count?", m.amount as "amount?",
                  m.available_delta as "available_delta?", m.held_delta as "held_delta?"
           from closing c
           left join opening o on true
           left join moved m on true
           order by m.type
         offset 0) as r"#,
        store.part_of_book(book),
        book.to_string(),
        start,
        end
    )
    .fetch_all(store.tenants())
    .await?;
    let mut statement = Statement::default();
    for row in rows {
        statement.opening = BalanceAt {
            available_cents: row.opening_available.unwrap_or(0),
            held_cents: row.opening_held.unwrap_or(0),
            moved_at: row.opening_at,
        };
        statement.closing = BalanceAt {
            available_cents: row.closing_available,
            held_cents: row.closing_held,
            moved_at: Some(row.closing_at),
        };
        let Some(transaction_type) = row.r#type else { continue };
        statement.movements.push(Movements {
            transaction_type,
            count: row.count.unwrap_or(0),
            amount_cents: row.amount.unwrap_or(0),
            available_delta_cents: row.available_delta.unwrap_or(0),
            held_delta_cents: row.held_delta.unwrap_or(0),
        });
    }
    statement.proven(book)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statement(opening: i64, delta: i64, closing: i64) -> Statement {
        let balance = |cents| BalanceAt { available_cents: cents, held_cents: 0, moved_at: None };
        Statement {
            opening: balance(opening),
            movements: vec![Movements {
                transaction_type: "hold".to_owned(),
                count: 1,
                amount_cents: delta,
                available_delta_cents: delta,
                held_delta_cents: 0,
            }],
            closing: balance(closing),
        }
    }

    #[test]
    fn a_statement_that_adds_up_is_shown() {
        assert!(statement(250, -75, 175).proven(Book::default()).is_ok());
    }

    #[test]
    fn one_cent_off_is_damage() {
        let refused = statement(250, -75, 176).proven(Book::default());
        let Err(StoreError::Corrupt { what }) = refused else { panic!("{refused:?} is shown") };
        assert!(what.contains("Some(175) available") && what.contains("Some(176)"), "{what}");
    }

    #[test]
    fn an_amount_beyond_all_bounds_is_damage() {
        assert!(statement(i64::MAX, 1, i64::MIN).proven(Book::default()).is_err());
    }
}
