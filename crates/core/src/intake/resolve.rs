//! The rules that need all leaves at once.

use crate::error::Error;
use crate::verify::{self, Expectation, ExpectedList, MissingChip};

use super::{LaidAside, Pass1, Row, row};

impl Pass1 {
    /// Applies conflicts among the leaves and the expected list. Leaves the rows in UID order, each UID once; returns the
    /// expected chips that are missing.
    ///
    /// # Errors
    /// The findings cannot be put aside.
    pub fn resolve(&mut self, expected: Option<&ExpectedList>) -> Result<Vec<MissingChip>, Error> {
        self.take_out_conflicts()?;
        let Some(expected) = expected else { return Ok(vec![]) };
        let expectation = compare(expected, &self.rows);
        let mut stay = vec![true; self.rows.len()];
        for at in expectation.unexpected {
            let row = &self.rows[at];
            let LaidAside { number, item, .. } = row.load(&self.spool)?;
            self.findings.push(number, verify::unexpected(item, &row.key))?;
            stay[at] = false;
        }
        row::keep(&mut self.rows, stay);
        Ok(expectation.missing)
    }

    /// Leaves the rows in UID order, each UID once.
    ///
    /// # Errors
    /// The findings cannot be put aside.
    pub fn take_out_conflicts(&mut self) -> Result<(), Error> {
        self.take_out_conflicts_in_order(|number| number)
    }

    /// As [`take_out_conflicts`](Self::take_out_conflicts), where the items, by their positions, have another order.
    pub(crate) fn take_out_conflicts_in_order(&mut self, order: impl Fn(u64) -> u64) -> Result<(), Error> {
        let (verifier, mut spool) = (&self.verifier, self.spool.reader());
        let conflicts = verify::conflicts(
            &mut self.rows,
            |row| row.namespace(verifier),
            |row| Ok::<_, Error>(order(row.number(&mut spool)?)),
        )?;
        if conflicts.is_empty() {
            return Ok(());
        }
        let mut stay = vec![true; self.rows.len()];
        for conflict in &conflicts {
            let row = &self.rows[conflict.at];
            let other = self.rows[conflict.verdict.other()].load(&self.spool)?.item;
            let LaidAside { number, item, .. } = row.load(&self.spool)?;
            self.findings.push(number, conflict.finding(&row.key, item, &other))?;
            stay[conflict.at] = false;
        }
        row::keep(&mut self.rows, stay);
        Ok(())
    }
}

/// What a list says of rows in UID order.
pub struct Listed {
    /// Chips of the list that are not among the rows.
    pub missing: Vec<MissingChip>,
    /// Positions of rows that are not on the list, ascending.
    pub unexpected: Vec<usize>,
}

/// Compares rows in UID order with the list.
pub fn compare(expected: &ExpectedList, rows: &[Row]) -> Listed {
    let Expectation { missing, unexpected } = expected.compare(rows.iter().map(|row| &row.key.uid));
    Listed { missing: missing.into_iter().map(|(line, chip)| MissingChip { chip, line }).collect(), unexpected }
}
