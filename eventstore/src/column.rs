//! A column of texts or bytes on its way to the database, in one buffer.
//!
//! A batch holds some dozen such values for each command; kept apart they would cost an allocation
//! each, which is more than it takes to decide the command.

use bytes::{BufMut, BytesMut};
use std::error::Error;
use std::fmt::Display;
use std::io::Write;
use tokio_postgres::types::{IsNull, Kind, ToSql, Type, to_sql_checked};

/// The values of a `text[]` or `bytea[]` parameter.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    bytes: Vec<u8>,
    /// Where each value ends; a null value ends where it begins and is named in `nulls`.
    ends: Vec<usize>,
    nulls: Vec<usize>,
}

impl Default for Column {
    /// Makes an empty column with room for a small batch: a column that grows from nothing is copied
    /// as often as it doubles, which was a tenth of what the service did for a request.
    fn default() -> Self {
        Self { bytes: Vec::with_capacity(8_192), ends: Vec::with_capacity(128), nulls: Vec::new() }
    }
}

impl Column {
    /// Returns the number of values.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Adds a value.
    pub(crate) fn push(&mut self, value: impl AsRef<[u8]>) {
        self.bytes.extend_from_slice(value.as_ref());
        self.ends.push(self.bytes.len());
    }

    /// Adds the text of a value.
    pub(crate) fn push_text(&mut self, value: impl Display) {
        // Writing to a vector can't fail.
        drop(write!(self.bytes, "{value}"));
        self.ends.push(self.bytes.len());
    }

    /// Adds a value or null.
    pub(crate) fn push_option(&mut self, value: Option<impl Display>) {
        if let Some(value) = value {
            self.push_text(value);
        } else {
            self.nulls.push(self.ends.len());
            self.ends.push(self.bytes.len());
        }
    }

    /// Adds what `write` writes; if that fails, nothing is added.
    pub(crate) fn push_with<E>(
        &mut self,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        let before = self.bytes.len();
        match write(&mut self.bytes) {
            Ok(()) => self.ends.push(self.bytes.len()),
            Err(error) => {
                self.bytes.truncate(before);
                return Err(error);
            }
        }
        Ok(())
    }

    /// Drops all values but the first `len`, none of the dropped being null.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.ends.truncate(len);
        self.bytes.truncate(self.ends.last().copied().unwrap_or(0));
    }

    /// Returns a value; empty if it is null or there is none.
    pub(crate) fn get(&self, index: usize) -> &[u8] {
        let begin = index.checked_sub(1).and_then(|before| self.ends.get(before)).copied();
        let end = self.ends.get(index).copied().unwrap_or(0);
        self.bytes.get(begin.unwrap_or(0)..end).unwrap_or_default()
    }

    /// Returns the last value.
    pub(crate) fn last(&self) -> Option<&[u8]> {
        self.len().checked_sub(1).map(|last| self.get(last))
    }
}

impl ToSql for Column {
    /// Writes the binary form of an array of one dimension.
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        let Kind::Array(element) = ty.kind() else { return Err("not an array".into()) };
        out.reserve(self.bytes.len() + 4 * self.len() + 20);
        out.put_i32(1);
        out.put_i32(i32::from(!self.nulls.is_empty()));
        out.put_u32(element.oid());
        out.put_i32(i32::try_from(self.len())?);
        out.put_i32(1);
        let mut nulls = self.nulls.iter().peekable();
        for index in 0..self.len() {
            if nulls.next_if(|null| **null == index).is_some() {
                out.put_i32(-1);
                continue;
            }
            let value = self.get(index);
            out.put_i32(i32::try_from(value.len())?);
            out.put_slice(value);
        }
        Ok(IsNull::No)
    }

    fn accepts(ty: &Type) -> bool {
        *ty == Type::TEXT_ARRAY || *ty == Type::BYTEA_ARRAY
    }

    to_sql_checked!();
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio_postgres::types::FromSql;

    #[test]
    fn the_database_would_read_what_was_pushed() {
        let mut column = Column::default();
        column.push("one");
        column.push_option(None::<&str>);
        column.push_option(Some(22));
        column.push("");
        column.push_with(|bytes| bytes.write_all(b"last")).unwrap();
        let mut out = BytesMut::new();
        column.to_sql_checked(&Type::TEXT_ARRAY, &mut out).unwrap();
        let read = Vec::<Option<String>>::from_sql(&Type::TEXT_ARRAY, &out).unwrap();
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(read, [text("one"), None, text("22"), text(""), text("last")]);
        assert_eq!(column.last(), Some(&b"last"[..]));
    }

    #[test]
    fn what_fails_leaves_nothing_behind() {
        let mut column = Column::default();
        column.push("one");
        let failed = column.push_with(|bytes| {
            bytes.extend_from_slice(b"half");
            Err("no")
        });
        assert_eq!(failed, Err("no"));
        column.push("two");
        assert_eq!((column.len(), column.get(0), column.get(1)), (2, &b"one"[..], &b"two"[..]));
        column.truncate(1);
        column.push("three");
        assert_eq!((column.len(), column.get(1)), (2, &b"three"[..]));
    }

    #[test]
    fn an_empty_column_is_an_empty_array() {
        let mut out = BytesMut::new();
        Column::default().to_sql_checked(&Type::BYTEA_ARRAY, &mut out).unwrap();
        assert!(Vec::<Vec<u8>>::from_sql(&Type::BYTEA_ARRAY, &out).unwrap().is_empty());
    }
}
