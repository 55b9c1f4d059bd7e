//! BER elements (X.690 §8) as far as PKCS#7 bundles need them: definite lengths, minimal or not, and indefinite ones.
//!
//! Only the frame of a bundle is read like this. The certificates inside leave as the bytes they are, and the strict
//! reader judges them.

use super::codes;
use super::fault::Fault;

/// One element.
#[derive(Clone, Copy, Debug)]
pub(super) struct Element<'a> {
    /// The identifier byte.
    pub(super) tag: u8,
    /// The content, without the end mark of an indefinite length.
    pub(super) content: &'a [u8],
    /// All of it.
    pub(super) raw: &'a [u8],
}

/// Elements one after the other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Elements<'a>(pub(super) &'a [u8]);

impl<'a> Elements<'a> {
    pub(super) fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// The next element, regardless of its tag; `what` names it in a reason.
    pub(super) fn element(&mut self, what: &str) -> Result<Element<'a>, Fault> {
        let header = Header::of(self.0).ok_or_else(|| invalid(format!("{what} has no complete header")))?;
        let (content, length) = if let Some(length) = header.length {
            let end = header.bytes.checked_add(length).filter(|end| *end <= self.0.len());
            let end = end.ok_or_else(|| invalid(format!("{what} is truncated")))?;
            (&self.0[header.bytes..end], end)
        } else {
            let content = content_before_end(&self.0[header.bytes..]);
            let content = content.ok_or_else(|| invalid(format!("{what} has no end")))?;
            (content, header.bytes + content.len() + END_MARK.len())
        };
        let raw = &self.0[..length];
        self.0 = &self.0[length..];
        Ok(Element { tag: raw[0], content, raw })
    }

    /// The next element, which must carry `tag`.
    pub(super) fn expect(&mut self, tag: u8, what: &str) -> Result<Element<'a>, Fault> {
        let element = self.element(what)?;
        if element.tag == tag {
            return Ok(element);
        }
        Err(invalid(format!("{what} has tag {:#04x}, expected {tag:#04x}", element.tag)))
    }

    /// The next element if it carries `tag`.
    pub(super) fn optional(&mut self, tag: u8, what: &str) -> Result<Option<Element<'a>>, Fault> {
        if self.0.first() == Some(&tag) { self.element(what).map(Some) } else { Ok(None) }
    }

    /// Nothing may be left.
    pub(super) fn finish(self, what: &str) -> Result<(), Fault> {
        if self.is_empty() { Ok(()) } else { Err(invalid(format!("{} bytes follow {what}", self.0.len()))) }
    }
}

const END_MARK: [u8; 2] = [0, 0];

struct Header {
    bytes: usize,
    /// None if it is indefinite.
    length: Option<usize>,
}

impl Header {
    fn of(bytes: &[u8]) -> Option<Self> {
        let tag = *bytes.first()?;
        let mut at = 1;
        if tag & 0x1F == 0x1F {
            // X.690 §8.1.2.4: the number goes on as long as the top bit is set
            at += bytes.get(1..)?.iter().take(5).position(|byte| byte & 0x80 == 0)? + 1;
        }
        let first = *bytes.get(at)?;
        at += 1;
        match first {
            0..=0x7F => Some(Self { bytes: at, length: Some(first.into()) }),
            0x80 if tag & 0x20 != 0 => Some(Self { bytes: at, length: None }),
            0x81..=0x88 => {
                let digits = bytes.get(at..at + usize::from(first & 0x7F))?;
                let length = digits
                    .iter()
                    .try_fold(0_usize, |length, digit| length.checked_mul(256)?.checked_add(usize::from(*digit)))?;
                Some(Self { bytes: at + digits.len(), length: Some(length) })
            }
            _ => None,
        }
    }
}

/// What comes before the end mark that ends an element whose content begins here. One pass, without recursion: nested
/// elements of indefinite length are only counted.
fn content_before_end(bytes: &[u8]) -> Option<&[u8]> {
    let mut at = 0_usize;
    let mut open = 1_u32;
    loop {
        let rest = bytes.get(at..)?;
        if rest.starts_with(&END_MARK) {
            open -= 1;
            if open == 0 {
                return Some(&bytes[..at]);
            }
            at += END_MARK.len();
            continue;
        }
        let header = Header::of(rest)?;
        at = at.checked_add(header.bytes)?;
        match header.length {
            Some(length) => at = at.checked_add(length)?,
            None => open = open.checked_add(1)?,
        }
    }
}

fn invalid(reason: String) -> Fault {
    Fault::content(codes::PKCS7_INVALID, reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indefinite_lengths_end_at_their_own_mark() {
        // SEQUENCE { OCTET STRING (constructed) { 01, 0000 }, NULL }, then a BOOLEAN
        let bytes = [0x30, 0x80, 0x24, 0x80, 4, 1, 1, 4, 2, 0, 0, 0, 0, 5, 0, 0, 0, 1, 1, 0xFF];
        let mut elements = Elements(&bytes);
        let sequence = elements.expect(0x30, "it").unwrap();
        assert_eq!((sequence.content, sequence.raw.len()), (&bytes[2..15], 17));
        let mut inner = Elements(sequence.content);
        assert_eq!(inner.element("it").unwrap().content, [4, 1, 1, 4, 2, 0, 0]);
        inner.expect(5, "it").unwrap();
        inner.finish("it").unwrap();
        assert!(elements.expect(2, "it").is_err());
        assert!(elements.is_empty());
    }

    #[test]
    fn lengths_need_not_be_minimal_and_must_be_there() {
        for (bytes, content) in
            [(&[4, 0x81, 1, 7][..], &[7][..]), (&[4, 0x84, 0, 0, 0, 1, 7], &[7]), (&[0x9F, 0x81, 1, 0], &[])]
        {
            assert_eq!(Elements(bytes).element("it").unwrap().content, content);
        }
        for bytes in [
            &[][..],
            &[4],
            &[4, 2, 1],
            &[4, 0x80, 0, 0],
            &[0x30, 0x80, 0],
            &[0x30, 0x80, 0x30, 0x80, 0, 0],
            &[4, 0x88, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF],
            &[4, 0x89, 0, 0, 0, 0, 0, 0, 0, 0, 1, 7],
            &[0x1F, 0x81, 0x81, 0x81, 0x81, 0x81, 0x81, 1, 0],
        ] {
            assert!(Elements(bytes).element("it").is_err(), "{bytes:?}");
        }
    }
}
