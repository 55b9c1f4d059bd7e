//! Certificates inside a content of unknown form. They are not cut out: where they end, whether they are all of them
//! and what belongs to them, only the form would tell. But a file that holds some is not passed over.

use super::fault::Fault;
use super::feed::Feed;

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Inside {
    /// A certificate in DER, this many bytes after the beginning.
    Der(u64),
    /// A PEM boundary of a certificate.
    Pem(u64),
}

/// Looks through a whole content for the first certificate.
pub(super) fn find(feed: &mut dyn Feed) -> Result<Option<Inside>, Fault> {
    let mut position = 0;
    loop {
        let bytes = feed.need(PIECE)?;
        let found = first_in(bytes);
        let last = bytes.len() < PIECE;
        if let Some((at, pem)) = found {
            let place = position + at as u64;
            return Ok(Some(if pem { Inside::Pem(place) } else { Inside::Der(place) }));
        }
        if last {
            return Ok(None);
        }
        let length = bytes.len() - OVERLAP;
        feed.skip(length);
        position += length as u64;
    }
}

fn first_in(bytes: &[u8]) -> Option<(usize, bool)> {
    let at = bytes.iter().enumerate().find(|(at, byte)| match byte {
        0x30 => is_certificate(&bytes[*at..]),
        b'-' => bytes[*at..].starts_with(BEGIN),
        _ => false,
    });
    at.map(|(at, byte)| (at, *byte == b'-'))
}

/// A SEQUENCE in a SEQUENCE that begins with `[0] { INTEGER`: the version of a certificate of version 3 (RFC 5280
/// §4.1.2.1), and nothing else that is in use.
pub(super) fn is_certificate(bytes: &[u8]) -> bool {
    fn inner(bytes: &[u8]) -> Option<&[u8]> {
        match bytes {
            [0x30, 0x81, 0x80..=0xFF, rest @ ..] | [0x30, 0x82, 1..=0xFF, _, rest @ ..] => Some(rest),
            _ => None,
        }
    }
    inner(bytes).and_then(inner).is_some_and(|version| version.starts_with(&[0xA0, 3, 2, 1]))
}

const BEGIN: &[u8] = b"-----BEGIN CERTIFICATE";
/// How much is looked at together.
const PIECE: usize = 64 << 10;
/// What is looked at again with the next piece: one less than the longest of what is looked for.
const OVERLAP: usize = BEGIN.len() - 1;
