//! What goes wrong when, from the environment.

use std::collections::HashMap;
use std::time::Duration;

/// `FAULTY_PKCS11`: rules separated by `;`, each `FUNCTION:CALLS:ACTION`.
///
/// FUNCTION is a PKCS#11 name, `C_Sign.length` for a `C_Sign` that asks for the length only, or `*` for every watched
/// call, in the order they come. CALLS counts from 1: `7`, `7-9`, `7-` or `*`. ACTION is one of `fail=CKR` (the real
/// module is not called), `lost=CKR` (it is, and its answer is lost), `wrong` (a bit of the signature is flipped),
/// `hang`, `die`, `delay=MILLISECONDS`.
pub struct Rules(Vec<Rule>);

struct Rule {
    function: String,
    first: u64,
    last: u64,
    action: Action,
}

/// What to do to a call.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Action {
    Pass,
    Fail(u64),
    Lost(u64),
    Wrong,
    Hang,
    Die,
    Delay(Duration),
}

/// Calls seen so far.
#[derive(Default)]
pub struct Counters {
    all: u64,
    by_function: HashMap<&'static str, u64>,
}

impl Rules {
    /// Panics on a rule that is not one: a test that injects nothing proves nothing.
    pub fn parse(text: &str) -> Self {
        Self(text.split(';').filter(|rule| !rule.is_empty()).map(Rule::parse).collect())
    }

    /// Counts a call and says what to do: how long to wait first, and then what.
    pub fn next(&self, counters: &mut Counters, function: &'static str, concerned: bool) -> (Duration, Action) {
        if !concerned {
            return (Duration::ZERO, Action::Pass);
        }
        counters.all += 1;
        let own = counters.by_function.entry(function).or_default();
        *own += 1;
        let (mut delay, mut action) = (Duration::ZERO, Action::Pass);
        for rule in &self.0 {
            let count = match rule.function.as_str() {
                "*" => counters.all,
                name if name == function => *own,
                _ => continue,
            };
            if (rule.first..=rule.last).contains(&count) {
                match rule.action {
                    Action::Delay(time) => delay += time,
                    other if action == Action::Pass => action = other,
                    _ => {}
                }
            }
        }
        (delay, action)
    }
}

impl Rule {
    fn parse(text: &str) -> Self {
        let bad = || -> ! { panic!("FAULTY_PKCS11: `{text}` is not FUNCTION:CALLS:ACTION") };
        let parts: Vec<&str> = text.splitn(3, ':').collect();
        let [function, calls, action] = parts[..] else { bad() };
        let number = |text: &str| text.parse().unwrap_or_else(|_| bad());
        let (first, last) = match calls.split_once('-') {
            _ if calls == "*" => (1, u64::MAX),
            None => (number(calls), number(calls)),
            Some((first, "")) => (number(first), u64::MAX),
            Some((first, last)) => (number(first), number(last)),
        };
        let action = match action.split_once('=') {
            None => match action {
                "wrong" => Action::Wrong,
                "hang" => Action::Hang,
                "die" => Action::Die,
                _ => bad(),
            },
            Some(("delay", time)) => {
                Action::Delay(Duration::from_secs_f64(time.parse::<f64>().unwrap_or_else(|_| bad()) / 1000.0))
            }
            Some((name, code)) => {
                let code = code.strip_prefix("0x").unwrap_or_else(|| bad());
                let code = u64::from_str_radix(code, 16).unwrap_or_else(|_| bad());
                match name {
                    "fail" => Action::Fail(code),
                    "lost" => Action::Lost(code),
                    _ => bad(),
                }
            }
        };
        Self { function: function.to_owned(), first, last, action }
    }
}
