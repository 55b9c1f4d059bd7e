//! How values are written for people.

/// A number in a template, which may have it by reference.
pub(super) trait Number {
    /// The number.
    fn number(self) -> u64;
}

impl Number for u64 {
    fn number(self) -> u64 {
        self
    }
}

impl Number for usize {
    fn number(self) -> u64 {
        self as u64
    }
}

impl<N: Number + Copy> Number for &N {
    fn number(self) -> u64 {
        (*self).number()
    }
}

/// A count with a comma between thousands.
pub(super) fn count(number: impl Number) -> String {
    let digits = number.number().to_string();
    let mut out = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A count with what is counted.
pub(super) fn counted(number: impl Number, one: &str, many: &str) -> String {
    let number = number.number();
    format!("{} {}", count(number), if number == 1 { one } else { many })
}

/// A length in bytes, in the unit that fits.
#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
pub(super) fn bytes(number: impl Number) -> String {
    let number = number.number();
    for (unit, size) in [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)] {
        if number >= size {
            return format!("{:.1} {unit}", number as f64 / size as f64);
        }
    }
    format!("{number} {}", if number == 1 { "byte" } else { "bytes" })
}

/// A time as people read it: `2026-11-29 05:32:32 UTC`.
pub(super) fn when(time: &str) -> String {
    match time.split_once('T').and_then(|(day, rest)| Some((day, rest.strip_suffix('Z')?))) {
        Some((day, rest)) => format!("{day} {rest} UTC"),
        None => time.to_owned(),
    }
}

/// The beginning of a digest, where the whole one is a click away.
pub(super) fn short(digest: &str) -> String {
    digest.chars().take(12).collect()
}

/// A state in words.
pub(super) fn state(word: &str) -> String {
    word.replace('-', " ")
}

/// What a state means for a person who looks: `good`, `wait`, `bad` or `busy`. The word says it too.
pub(super) fn mood(state: &str) -> &'static str {
    match state {
        "published" | "recorded" | "checked" | "active" | "received" | "sealed" | "works" | "loaded" | "done" => "good",
        "awaiting-approval" | "draft" | "expected" | "open" => "wait",
        "failed" | "refused" | "revoked" | "rejected" => "bad",
        "canceled" | "retired" | "ignored" => "off",
        _ => "busy",
    }
}

/// Seconds, rounded for people.
pub(super) fn seconds(value: f64) -> String {
    if value < 0.001 {
        "under 1 ms".to_owned()
    } else if value < 1.0 {
        format!("{:.0} ms", value * 1000.0)
    } else if value < 120.0 {
        format!("{value:.1} s")
    } else {
        format!("{:.1} min", value / 60.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_for_people() {
        assert_eq!(
            ["0", "999", "1,000", "1,234,567"],
            [0_u64, 999, 1000, 1_234_567].map(count).each_ref().map(String::as_str)
        );
        assert_eq!([1, 0, 2000].map(|n: u64| counted(n, "list", "lists")), ["1 list", "0 lists", "2,000 lists"]);
        assert_eq!((bytes(1_u64), bytes(1536_u64)), ("1 byte".to_owned(), "1.5 KiB".to_owned()));
        assert_eq!(when("2026-11-29T05:32:32Z"), "2026-11-29 05:32:32 UTC");
        assert_eq!(when("never"), "never");
        assert_eq!((seconds(0.012), seconds(3.25), seconds(180.0)), ("12 ms".into(), "3.2 s".into(), "3.0 min".into()));
    }
}
