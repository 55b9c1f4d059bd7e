//! Operator-supplied values, checked against the policy that declares them.

use std::collections::BTreeMap;

use crate::text::{Printable, did_you_mean, quoted};

use super::error::{self, Mistakes, PolicyErrors};
use super::parse::Policy;

/// One value for each parameter of a policy, each matching its pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Params(BTreeMap<String, String>);

impl Params {
    /// The values by name.
    pub fn values(&self) -> &BTreeMap<String, String> {
        &self.0
    }
}

impl Policy {
    /// Checks what the operator gave against what the policy declares.
    ///
    /// # Errors
    /// A parameter is missing, unknown, or does not match its pattern.
    pub fn params(&self, given: &BTreeMap<String, String>) -> Result<Params, PolicyErrors> {
        let errors = Mistakes::default();
        for (name, param) in &self.params {
            let place = param.span.clone();
            match given.get(name) {
                None => {
                    let message = format!("parameter `{name}` was not given");
                    let hint = format!(
                        "Give it as {name}=VALUE, matching {}{}.",
                        Printable::new(&param.pattern_text),
                        param.meaning()
                    );
                    errors.push_hint::<()>(error::PARAM_MISSING, place, message, hint);
                }
                Some(value) if !param.pattern.matches(value) => {
                    let pattern = Printable::new(&param.pattern_text);
                    let message =
                        format!("parameter `{name}` is {}, which does not match {pattern} as a whole", quoted(value));
                    match param.meaning().as_str() {
                        "" => errors.push::<()>(error::PARAM_MISMATCH, place, message),
                        meaning => {
                            let hint = format!("It is{}.", meaning.trim_start_matches(':'));
                            errors.push_hint::<()>(error::PARAM_MISMATCH, place, message, hint)
                        }
                    };
                }
                Some(_) => {}
            }
        }
        for name in given.keys().filter(|name| !self.params.contains_key(*name)) {
            let message = format!("parameter {} was given, but the policy does not declare it", quoted(name));
            let known: Vec<&str> = self.params.keys().map(String::as_str).collect();
            let hint = did_you_mean(name, known.iter().copied()).unwrap_or_else(|| match known.as_slice() {
                [] => "The policy has no parameters.".to_owned(),
                _ => format!("The policy declares {}.", known.join(", ")),
            });
            errors.push_hint::<()>(error::PARAM_UNKNOWN, self.head.span.clone(), message, hint);
        }
        errors.finish(&self.file_name, &self.text, Some(Params(given.clone())))
    }

    /// Whether `params` were checked against this policy (and not another).
    pub(super) fn accepts(&self, params: &Params) -> bool {
        params.0.len() == self.params.len()
            && self
                .params
                .iter()
                .all(|(name, param)| params.0.get(name).is_some_and(|value| param.pattern.matches(value)))
    }
}
