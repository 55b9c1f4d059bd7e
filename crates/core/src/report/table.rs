//! The one way in which names and values are shown to people, one line each.

use std::fmt::Write as _;

use crate::text::Printable;

/// Lines of a name and a value, the values below each other.
#[derive(Clone, Debug)]
pub struct Table {
    text: String,
    width: usize,
}

impl Table {
    /// No lines yet; names are at most so wide, with a space behind them.
    pub const fn new(width: usize) -> Self {
        Self { text: String::new(), width }
    }

    /// Adds a line. The value can be anything: it is made printable. A name too long for its column has its own line.
    pub fn line(&mut self, name: &str, value: impl AsRef<str>) {
        self.lines(name, std::slice::from_ref(&value));
    }

    /// Adds a value of several lines, below each other.
    pub fn lines(&mut self, name: &str, value: &[impl AsRef<str>]) {
        let (mut name, width) = (name, self.width);
        if name.len() >= width {
            let _ = writeln!(self.text, "{name}");
            name = "";
        }
        for line in value {
            let _ = writeln!(self.text, "{name:<width$}{}", Printable::new(line.as_ref()));
            name = "";
        }
    }

    /// Adds lines.
    pub fn extend<'a>(&mut self, facts: impl IntoIterator<Item = (&'a str, String)>) {
        facts.into_iter().for_each(|(name, value)| self.line(name, value));
    }

    /// Adds text that is not a name and value, as it is: it ends in a line feed and is printable.
    pub fn text(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// Returns the lines.
    pub fn finish(self) -> String {
        self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_below_each_other_and_printable() {
        let mut table = Table::new(6);
        table.line("chip", "01");
        table.lines("a name too long", &["one", "two\u{1b}"]);
        table.text("done\n");
        assert_eq!(table.finish(), "chip  01\na name too long\n      one\n      two\\u{1b}\ndone\n");
    }
}
