//! The fields of a form.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use super::desk::{part, shown};

/// Fields in the order in which they were sent. The gate has checked that they are of this session.
#[derive(Clone, Debug, Default)]
pub(super) struct Fields(Vec<(String, String)>);

impl Fields {
    /// Reads `application/x-www-form-urlencoded` (URL Standard §5.1).
    pub(super) fn read(bytes: &[u8]) -> Result<Self, String> {
        let mut fields = Vec::new();
        for pair in bytes.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
            let at = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
            let (name, value) = pair.split_at(at);
            fields.push((decode(name)?, decode(value.get(1..).unwrap_or_default())?));
            if fields.len() > MOST {
                return Err(format!("the form has more than {MOST} fields"));
            }
        }
        Ok(Self(fields))
    }

    /// These fields.
    pub(super) const fn of(fields: Vec<(String, String)>) -> Self {
        Self(fields)
    }

    /// The first field with a name, without blanks around it; empty if there is none.
    pub(super) fn one(&self, name: &str) -> &str {
        self.raw(name).trim()
    }

    /// The same as it was sent.
    pub(super) fn raw(&self, name: &str) -> &str {
        self.0.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// The first field with a name, unless it is empty.
    pub(super) fn some(&self, name: &str) -> Option<String> {
        Some(self.one(name)).filter(|value| !value.is_empty()).map(str::to_owned)
    }

    /// The place of a page in a list, as the end of a query to the API; empty on the first page.
    pub(super) fn cursor(&self) -> String {
        self.some("cursor").map(|cursor| format!("&cursor={}", part(&cursor))).unwrap_or_default()
    }

    /// Every field with a name.
    pub(super) fn all(&self, name: &str) -> Vec<String> {
        self.0.iter().filter(|(known, _)| known == name).map(|(_, value)| value.clone()).collect()
    }

    /// The same fields for a page that shows them again: printable, as a browser would send the lines that it shows.
    pub(super) fn printable(self) -> Self {
        Self(self.0.into_iter().map(|(name, value)| (name, shown(&value.replace("\r\n", "\n")))).collect())
    }

    /// Fields whose names begin with this, without it.
    pub(super) fn beginning(&self, prefix: &str) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().filter_map(move |(name, value)| Some((name.strip_prefix(prefix)?, value.as_str())))
    }
}

impl<S: Sync> FromRequestParts<S> for Fields {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or_default())
    }
}

/// The query of a page, in the same form.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked(pub(super) Fields);

impl<S: Sync> FromRequestParts<S> for Asked {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(Fields::read(parts.uri.query().unwrap_or_default().as_bytes()).unwrap_or_default()))
    }
}

fn decode(text: &[u8]) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        let escaped = (*byte == b'%').then(|| text.get(at + 1..at + 3)).flatten();
        if let Some(decoded) = escaped.and_then(|two| hex::decode(two).ok()) {
            bytes.extend(decoded);
            at += 3;
        } else {
            bytes.push(if *byte == b'+' { b' ' } else { *byte });
            at += 1;
        }
    }
    String::from_utf8(bytes).map_err(|_| "the form is not UTF-8".to_owned())
}

/// Most fields of a form.
const MOST: usize = 2000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_decoded_and_a_field_can_be_there_twice() {
        let fields = Fields::read(b"a=1&b=x+y%26%C3%A9&a=2&c&param.lot=A%0D%0AB&=&%zz=%4").unwrap();
        assert_eq!((fields.one("a"), fields.one("b"), fields.one("c"), fields.one("d")), ("1", "x y&\u{e9}", "", ""));
        assert_eq!(fields.all("a"), ["1", "2"]);
        assert_eq!(fields.beginning("param.").collect::<Vec<_>>(), [("lot", "A\r\nB")]);
        assert_eq!(fields.one("%zz"), "%4");
        let again = Fields::read("a=x%0D%0Ay\u{202e}".as_bytes()).unwrap().printable();
        assert_eq!(again.raw("a"), "x\ny\\u{202e}");
        assert!(Fields::read(b"a=%FF").is_err());
        assert!(Fields::read("a=1&".repeat(MOST + 1).as_bytes()).is_err());
    }
}
