//! Small pictures as inline SVG: their numbers are computed here and drawn by the templates. The same numbers are beside them
//! as text.

use std::collections::BTreeMap;

use reroot_core::x509::Time;

use super::words;

/// One bar of a picture; places and lengths are in its own units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Bar {
    pub(super) label: String,
    pub(super) text: String,
    /// Where it begins, of [`WIDTH`].
    pub(super) from: u64,
    /// How long it is, of [`WIDTH`].
    pub(super) length: u64,
    /// `good`, `wait`, `bad`, `off` or `busy`.
    pub(super) mood: &'static str,
}

/// Seconds of a day.
const DAY: i64 = 86_400;
/// Length of the longest bar.
pub(super) const WIDTH: u64 = 1000;

/// Bars that are compared with the longest of them.
pub(super) fn compared(values: &[(String, u64)], mood: &'static str) -> Vec<Bar> {
    let most = values.iter().map(|(_, value)| *value).max().unwrap_or(0).max(1);
    let bar = |(label, value): &(String, u64)| Bar {
        label: label.clone(),
        text: words::count(*value),
        from: 0,
        length: scaled(*value, most),
        mood,
    };
    values.iter().map(bar).collect()
}

/// Columns side by side; how high each is, is its `length`.
pub(super) fn columns(values: &[(String, u64)], mood: &'static str) -> Vec<Bar> {
    let step = WIDTH / (values.len() as u64).max(1);
    let mut bars = compared(values, mood);
    for (at, bar) in (0..).zip(&mut bars) {
        bar.from = at * step;
    }
    bars
}

/// How many instants are in each day, month or year from the first of them to now, whichever suits the span.
pub(super) fn over_time(instants: impl Iterator<Item = i64> + Clone, now: i64) -> Vec<(String, u64)> {
    let Some(first) = instants.clone().min() else { return vec![] };
    let (label, from) = match (now - first) / DAY {
        ..45 => ("2026-11-29".len(), first.min(now - 13 * DAY)),
        45..1100 => ("2026-11".len(), first),
        _ => ("2026".len(), first),
    };
    let name = |unix| Time::from_unix(unix).map_or_else(|_| String::new(), |time| time.to_string()[..label].to_owned());
    let mut counts = BTreeMap::new();
    let days = (0..).map(|day| from.max(0) + day * DAY).take_while(|day| *day < now);
    for unix in days.chain([now]) {
        counts.entry(name(unix)).or_insert(0);
    }
    for unix in instants {
        *counts.entry(name(unix.min(now))).or_insert(0) += 1;
    }
    counts.into_iter().collect()
}

/// Parts of a whole, one after the other. A part that is there is seen.
pub(super) fn parts(values: &[(&str, u64, &'static str)]) -> Vec<Bar> {
    let whole = values.iter().map(|(_, value, _)| value).sum::<u64>().max(1);
    let mut from = 0;
    let mut bars = Vec::new();
    for (label, value, mood) in values.iter().filter(|(_, value, _)| *value > 0) {
        let length = scaled(*value, whole).max(4).min(WIDTH.saturating_sub(from));
        bars.push(Bar { label: (*label).to_owned(), text: words::count(*value), from, length, mood });
        from += length;
    }
    bars
}

/// Spans of time, in seconds, on one axis.
pub(super) fn spans(values: &[(String, u64, u64, &'static str)]) -> Vec<Bar> {
    let first = values.iter().map(|(_, from, _, _)| *from).min().unwrap_or(0);
    let last = values.iter().map(|(_, _, to, _)| *to).max().unwrap_or(0);
    let whole = last.saturating_sub(first).max(1);
    let bar = |(label, from, to, mood): &(String, u64, u64, &'static str)| {
        let length = to.saturating_sub(*from);
        Bar {
            label: label.clone(),
            text: if length == 0 { "under a second".to_owned() } else { format!("{} s", words::count(length)) },
            from: scaled(from - first, whole).min(WIDTH - 4),
            length: scaled(length, whole).max(4),
            mood,
        }
    };
    values.iter().map(bar).collect()
}

/// How much of a span of time is over, of [`WIDTH`].
pub(super) fn elapsed(from: i64, to: i64, now: i64) -> u64 {
    let whole = u64::try_from(to.saturating_sub(from)).unwrap_or(0).max(1);
    scaled(u64::try_from(now.saturating_sub(from)).unwrap_or(0).min(whole), whole)
}

fn scaled(value: u64, whole: u64) -> u64 {
    let scaled = u128::from(value) * u128::from(WIDTH) / u128::from(whole);
    u64::try_from(scaled).unwrap_or(WIDTH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_fit_and_small_parts_are_seen() {
        let bars = parts(&[("issued", 9_999_999, "good"), ("rejected", 1, "bad"), ("ignored", 0, "off")]);
        assert_eq!(bars.len(), 2);
        assert!(bars.iter().all(|bar| bar.from + bar.length <= WIDTH), "{bars:?}");
        assert_eq!(
            compared(&[("a".into(), 5), ("b".into(), 10)], "bad").iter().map(|b| b.length).collect::<Vec<_>>(),
            [500, 1000]
        );
        assert_eq!(compared(&[], "bad"), vec![]);
        assert_eq!((elapsed(0, 100, 25), elapsed(0, 100, 200), elapsed(10, 100, 0)), (250, 1000, 0));
        let spans = spans(&[("x".into(), 100, 100, "busy"), ("y".into(), 100, 110, "busy")]);
        assert_eq!((spans[0].length, spans[1].length, spans[1].text.as_str()), (4, 1000, "10 s"));
    }

    #[test]
    fn instants_are_counted_by_day_month_or_year() {
        let now = 1_795_910_400; // 2026-11-29
        let named = |instants: &[i64]| over_time(instants.iter().copied(), now);
        assert_eq!(named(&[]), []);
        let days = named(&[now - 5, now - 5, now - 2 * DAY]);
        assert_eq!((days.len(), &days[0].0[..], days[13].1), (14, "2026-11-16", 0));
        assert_eq!((&days[11], &days[12]), (&("2026-11-27".to_owned(), 1), &("2026-11-28".to_owned(), 2)));
        let months = named(&[now - 300 * DAY, now + DAY]);
        assert_eq!((months.len(), &months[0], &months[9]), (10, &("2026-02".into(), 1), &("2026-11".into(), 1)));
        let years = named(&[now - 2000 * DAY]);
        assert_eq!((years.len(), &years[0].0[..]), (6, "2021"));
        let columns = columns(&years, "bad");
        assert!(columns.iter().all(|bar| bar.from < WIDTH && bar.length <= WIDTH), "{columns:?}");
    }
}
