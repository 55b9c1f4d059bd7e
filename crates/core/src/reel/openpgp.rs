//! OpenPGP packets (RFC 9580), as far as the first one says what a file is.

use super::codes;
use super::unread::Form;

/// An OpenPGP message: encrypted, compressed, signed or bare content.
pub(super) fn message(head: &[u8]) -> Option<Form> {
    let packet = Packet::of(head)?;
    let encrypted = Some(Form { code: codes::CONTAINER_ENCRYPTED, name: "an encrypted OpenPGP message" });
    let other = Some(Form { code: codes::CONTAINER_SIGNED, name: "a signed or compressed OpenPGP message" });
    match (packet.tag, packet.body) {
        // RFC 9580 §5.1: a session key for a public key; version, key ID or fingerprint, algorithm
        (1, [3, ..]) if matches!(packet.length, Some(20..=2100)) && known_algorithm(packet.body.get(9)) => encrypted,
        (1, [6, ..]) if matches!(packet.length, Some(20..=2100)) => encrypted,
        // §5.3: a session key under a passphrase; version, cipher, then a specifier or an AEAD mode
        (3, [4, 1..=13, 0 | 1 | 3 | 4, ..] | [5 | 6, 1..=40, ..]) if matches!(packet.length, Some(4..=200)) => {
            encrypted
        }
        // §5.13
        (18, [1 | 2, ..]) | (20, [1, 1..=13, 1..=3, ..]) if packet.length.is_none_or(|length| length > 20) => encrypted,
        // §5.6: ZIP, ZLIB, BZip2
        (8, [1..=3, ..]) if packet.length.is_none() => other,
        // §5.4: a signature follows after the content
        (4, [3, 0..=2, 1..=14, ..]) if packet.length == Some(13) => other,
        // §5.9: binary, text or UTF-8
        (11, [b'b' | b't' | b'u', ..]) if packet.length.is_none_or(|length| length >= 6) => other,
        _ => None,
    }
}

/// A signature beside another file, or a public key: what often is in an archive and hides nothing.
pub(super) fn signature_or_key(head: &[u8]) -> Option<&'static str> {
    let packet = Packet::of(head)?;
    match (packet.tag, packet.body, packet.length?) {
        (2, [4..=6, 0..=2, 1..=28, ..] | [3, 5, ..], 20..=4000) => Some("an OpenPGP signature"),
        (6, [3..=6, ..], 20..=4000) => Some("an OpenPGP public key"),
        _ => None,
    }
}

fn known_algorithm(algorithm: Option<&u8>) -> bool {
    matches!(algorithm, Some(1..=3 | 16 | 18 | 20 | 25 | 26))
}

struct Packet<'h> {
    tag: u8,
    /// None where it is indeterminate or partial.
    length: Option<usize>,
    body: &'h [u8],
}

impl<'h> Packet<'h> {
    /// RFC 9580 §4.2.
    fn of(head: &'h [u8]) -> Option<Self> {
        let (first, rest) = head.split_first()?;
        let number = |bytes: &[u8]| bytes.iter().fold(0_usize, |number, byte| number << 8 | usize::from(*byte));
        let packet = |tag, bytes: usize, length| Some(Self { tag, length, body: rest.get(bytes..)? });
        match first {
            0x80..=0xBF => {
                let tag = first >> 2 & 15;
                match first & 3 {
                    3 => packet(tag, 0, None),
                    form => {
                        let bytes = 1 << form;
                        packet(tag, bytes, Some(number(rest.get(..bytes)?)))
                    }
                }
            }
            0xC0.. => {
                let tag = first & 63;
                match *rest.first()? {
                    short @ ..192 => packet(tag, 1, Some(short.into())),
                    long @ 192..224 => {
                        packet(tag, 2, Some(((usize::from(long) - 192) << 8) + usize::from(*rest.get(1)?) + 192))
                    }
                    255 => packet(tag, 5, Some(number(rest.get(1..5)?))),
                    _ => packet(tag, 1, None),
                }
            }
            _ => None,
        }
    }
}
