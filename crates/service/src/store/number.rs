//! Numbers as SQLite has them: 64 bits with a sign. What is kept here is never that large.

use rusqlite::Row;

/// A number to be written.
pub fn integer(number: impl TryInto<i64>) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}

/// A number that was read: of a column that has no negative ones.
///
/// # Errors
/// The column has something else.
pub fn natural(row: &Row<'_>, at: usize) -> rusqlite::Result<u64> {
    let number: i64 = row.get(at)?;
    u64::try_from(number).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(at, number))
}
