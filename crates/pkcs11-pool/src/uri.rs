//! The RFC 7512 URI that names a key in a PKCS#11 token.
//!
//! It is read strictly: unknown attributes, doubled attributes and characters that RFC 7512 wants escaped are
//! errors, so that a slip never selects another key. A PIN inside the URI (`pin-value`) is refused, since
//! configurations are copied, printed and kept under version control.

use crate::text::{Printable, brief, nearest};

use std::fmt;
use std::path::PathBuf;

/// An RFC 7512 URI of a private key: what is given must match, what is not given may be anything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyUri {
    /// `module-path`: the PKCS#11 library.
    pub module_path: Option<PathBuf>,
    /// `token`: CK_TOKEN_INFO label
    pub token: Option<String>,
    /// `manufacturer`: CK_TOKEN_INFO manufacturerID
    pub manufacturer: Option<String>,
    /// `model`: CK_TOKEN_INFO model
    pub model: Option<String>,
    /// `serial`: CK_TOKEN_INFO serialNumber
    pub serial: Option<String>,
    /// `slot-id`: CK_SLOT_ID
    pub slot_id: Option<u64>,
    /// `slot-description`: CK_SLOT_INFO slotDescription
    pub slot_description: Option<String>,
    /// `slot-manufacturer`: CK_SLOT_INFO manufacturerID
    pub slot_manufacturer: Option<String>,
    /// `object`: CKA_LABEL
    pub object: Option<String>,
    /// `id`: CKA_ID
    pub id: Option<Vec<u8>>,
    /// `pin-source`: the file that holds the PIN.
    pub pin_source: Option<PathBuf>,
}

impl KeyUri {
    /// The attributes that are understood, as RFC 7512 §2.3 and §2.4 spell them.
    pub const ATTRIBUTES: [&str; 12] = [
        "id",
        "manufacturer",
        "model",
        "module-path",
        "object",
        "pin-source",
        "serial",
        "slot-description",
        "slot-id",
        "slot-manufacturer",
        "token",
        "type",
    ];

    /// Reads a URI (RFC 7512 §2.3).
    ///
    /// # Errors
    /// See [`KeyUriError`].
    pub fn parse(text: &str) -> Result<Self, KeyUriError> {
        let rest = match text.split_at_checked(7) {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("pkcs11:") => rest,
            _ => return Err(KeyUriError::Scheme),
        };
        let (path, query) = match rest.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (rest, None),
        };
        let mut uri = Self::default();
        let mut seen = Vec::new();
        for (part, in_query) in
            parts(path, ';', false).chain(query.into_iter().flat_map(|query| parts(query, '&', true)))
        {
            let Some((name, value)) = part.split_once('=') else {
                return Err(KeyUriError::NoValue { part: brief(part) });
            };
            if seen.contains(&name) {
                return Err(KeyUriError::Twice { attribute: brief(name) });
            }
            seen.push(name);
            uri.set(name, value, in_query)?;
        }
        Ok(uri)
    }

    fn set(&mut self, name: &str, value: &str, in_query: bool) -> Result<(), KeyUriError> {
        let known = match name {
            // before anything else, so that no other message can repeat it
            "pin-value" => return Err(KeyUriError::PinValue),
            "module-name" | "library-manufacturer" | "library-description" | "library-version" => {
                return Err(KeyUriError::NotSupported { attribute: brief(name) });
            }
            _ => Self::ATTRIBUTES.into_iter().find(|known| *known == name),
        };
        let Some(name) = known else {
            return Err(KeyUriError::Unknown { attribute: brief(name), nearest: nearest(name, KeyUri::ATTRIBUTES) });
        };
        let belongs_in_query = matches!(name, "module-path" | "pin-source");
        if belongs_in_query != in_query {
            return Err(KeyUriError::WrongPart { attribute: name, query: belongs_in_query });
        }
        let bytes = decode(name, value, in_query)?;
        if name == "id" {
            self.id = Some(bytes);
            return Ok(());
        }
        let text = String::from_utf8(bytes).map_err(|_| KeyUriError::NotUtf8 { attribute: name })?;
        match name {
            "manufacturer" => self.manufacturer = Some(text),
            "model" => self.model = Some(text),
            "module-path" => self.module_path = Some(PathBuf::from(text)),
            "object" => self.object = Some(text),
            "pin-source" => self.pin_source = Some(pin_file(&text)?),
            "serial" => self.serial = Some(text),
            "slot-description" => self.slot_description = Some(text),
            "slot-id" => self.slot_id = Some(slot_id(&text)?),
            "slot-manufacturer" => self.slot_manufacturer = Some(text),
            "token" => self.token = Some(text),
            // the only object class a signer can use
            _ if text == "private" => {}
            _ => return Err(KeyUriError::Type { found: brief(&text) }),
        }
        Ok(())
    }
}

/// The URI again, in the order of RFC 7512's list, everything beyond its plain characters escaped. It holds no secret.
impl fmt::Display for KeyUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let slot_id = self.slot_id.map(|id| id.to_string());
        let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.to_string_lossy().into_owned());
        let module_path = path(&self.module_path);
        let pin_source = path(&self.pin_source).map(|path| format!("file:{path}"));
        let texts = |text: &Option<String>| text.as_ref().map(|text| text.clone().into_bytes());
        let attributes = [
            ("token", texts(&self.token)),
            ("manufacturer", texts(&self.manufacturer)),
            ("model", texts(&self.model)),
            ("serial", texts(&self.serial)),
            ("slot-id", texts(&slot_id)),
            ("slot-description", texts(&self.slot_description)),
            ("slot-manufacturer", texts(&self.slot_manufacturer)),
            ("object", texts(&self.object)),
            ("id", self.id.clone()),
        ];
        let queries = [("module-path", texts(&module_path)), ("pin-source", texts(&pin_source))];
        f.write_str("pkcs11:")?;
        write_attributes(f, "", ";", &attributes)?;
        write_attributes(f, "?", "&", &queries)
    }
}

fn write_attributes(
    f: &mut fmt::Formatter<'_>,
    first: &str,
    next: &str,
    attributes: &[(&str, Option<Vec<u8>>)],
) -> fmt::Result {
    let mut separator = first;
    for (name, value) in attributes {
        let Some(value) = value else { continue };
        write!(f, "{separator}{name}=")?;
        separator = next;
        for byte in value {
            match byte {
                // RFC 7512 §2.3: "the whole value of the "id" attribute SHOULD be percent-encoded"
                _ if *name == "id" => write!(f, "%{byte:02X}")?,
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                    write!(f, "{}", char::from(*byte))?;
                }
                // plain in a query, and paths are read more often than written
                b'/' | b':' if first == "?" => write!(f, "{}", char::from(*byte))?,
                _ => write!(f, "%{byte:02X}")?,
            }
        }
    }
    Ok(())
}

fn parts(text: &str, separator: char, query: bool) -> impl Iterator<Item = (&str, bool)> {
    text.split(separator).filter(move |_| !text.is_empty()).map(move |part| (part, query))
}

/// Percent-decodes a value; other characters must be those that RFC 7512 §2.3 leaves plain.
fn decode(attribute: &'static str, value: &str, query: bool) -> Result<Vec<u8>, KeyUriError> {
    let mut bytes = Vec::with_capacity(value.len());
    let mut characters = value.chars();
    while let Some(character) = characters.next() {
        match character {
            '%' => {
                let mut digit = || characters.next().and_then(|digit| digit.to_digit(16));
                match (digit(), digit()) {
                    (Some(high), Some(low)) => bytes.extend(u8::try_from(high * 16 + low)),
                    _ => return Err(KeyUriError::Escape { attribute }),
                }
            }
            'a'..='z' | 'A'..='Z' | '0'..='9' => bytes.extend(u8::try_from(character)),
            '-' | '.' | '_' | '~' | ':' | '[' | ']' | '@' | '!' | '$' | '\'' | '(' | ')' | '*' | '+' | ',' | '=' => {
                bytes.extend(u8::try_from(character));
            }
            '&' if !query => bytes.push(b'&'),
            '/' | '?' | '|' if query => bytes.extend(u8::try_from(character)),
            _ => return Err(KeyUriError::Character { attribute, found: character }),
        }
    }
    if bytes.is_empty() { Err(KeyUriError::EmptyValue { attribute }) } else { Ok(bytes) }
}

/// RFC 7512 §2.4: a `file:` URI or a path; a command (`|...`) is never run.
fn pin_file(text: &str) -> Result<PathBuf, KeyUriError> {
    let path = match text.strip_prefix("file:") {
        Some(rest) => match rest.strip_prefix("//") {
            // file://host/path: only the local host, written or omitted
            Some(rest) => rest.strip_prefix("localhost").unwrap_or(rest),
            None => rest,
        },
        None if text.starts_with('/') => text,
        None => "",
    };
    let remote = text.starts_with("file://") && !path.starts_with('/');
    if path.is_empty() || remote { Err(KeyUriError::PinSource { found: brief(text) }) } else { Ok(PathBuf::from(path)) }
}

fn slot_id(text: &str) -> Result<u64, KeyUriError> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits).ok_or_else(|| KeyUriError::SlotId { found: brief(text) })
}

/// Why text is not the URI of a private key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyUriError {
    /// A character that must be escaped.
    #[error("attribute `{attribute}` has the character `{}`, which a PKCS#11 URI writes as %XX (RFC 7512 §2.3)", Printable::new(&found.to_string()))]
    Character {
        /// The attribute.
        attribute: &'static str,
        /// The character found.
        found: char,
    },
    /// No text at all.
    #[error("key is empty, expected a path or a `pkcs11:` URI")]
    Empty,
    /// An attribute without content.
    #[error("attribute `{attribute}` of the PKCS#11 URI is empty")]
    EmptyValue {
        /// The attribute.
        attribute: &'static str,
    },
    /// `%` without two hexadecimal digits.
    #[error("attribute `{attribute}` of the PKCS#11 URI has a `%` without two hexadecimal digits (RFC 3986 §2.1)")]
    Escape {
        /// The attribute.
        attribute: &'static str,
    },
    /// No `=`.
    #[error("`{part}` in the PKCS#11 URI is not of the form attribute=value (RFC 7512 §2.3)")]
    NoValue {
        /// The part found.
        part: String,
    },
    /// Standard, but not read here.
    #[error("attribute `{attribute}` is not supported in PKCS#11 URIs")]
    NotSupported {
        /// The attribute.
        attribute: String,
    },
    /// Text that is not UTF-8.
    #[error("attribute `{attribute}` of the PKCS#11 URI is not UTF-8 (RFC 7512 §2.3)")]
    NotUtf8 {
        /// The attribute.
        attribute: &'static str,
    },
    /// A PIN source other than a file.
    #[error("pin-source `{found}` is not a local file, expected file:PATH (RFC 7512 §2.4)")]
    PinSource {
        /// The value found.
        found: String,
    },
    /// A PIN in the URI.
    #[error(
        "pin-value puts the PIN into the configuration, where everybody who reads, prints or copies it has the key"
    )]
    PinValue,
    /// Another scheme.
    #[error("not a PKCS#11 URI, expected `pkcs11:` (RFC 7512 §2.1)")]
    Scheme,
    /// Not a number.
    #[error("slot-id `{found}` is not a decimal number (RFC 7512 §2.3)")]
    SlotId {
        /// The value found.
        found: String,
    },
    /// The same attribute again.
    #[error("attribute `{attribute}` appears twice in the PKCS#11 URI (RFC 7512 §2.3)")]
    Twice {
        /// The attribute.
        attribute: String,
    },
    /// Another object class.
    #[error("type is `{found}`, expected `private` or no type: only a private key signs")]
    Type {
        /// The value found.
        found: String,
    },
    /// An attribute that RFC 7512 does not have.
    #[error("attribute `{attribute}` is unknown in a PKCS#11 URI (RFC 7512 §2.3, §2.4)")]
    Unknown {
        /// The attribute found.
        attribute: String,
        /// One spelled nearly like it.
        nearest: Option<&'static str>,
    },
    /// A path attribute after `?`, or a query attribute before.
    #[error("attribute `{attribute}` is on the wrong side of the `?` in the PKCS#11 URI (RFC 7512 §2.3)")]
    WrongPart {
        /// The attribute.
        attribute: &'static str,
        /// Whether it belongs after the `?`.
        query: bool,
    },
}

impl KeyUriError {
    /// Whether the refused text holds a PIN, so that no excerpt of it may be shown.
    pub fn holds_secret(&self) -> bool {
        matches!(self, Self::PinValue)
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Character { found: ' ', .. } => Some("Write a blank as %20.".to_owned()),
            Self::NotSupported { .. } => Some("Name the library by module-path=/PATH/TO/LIBRARY.so.".to_owned()),
            Self::PinSource { .. } | Self::PinValue => Some(
                "Put the PIN into a file and write pin-source=file:PATH, or write `secret = { env = \"NAME\" }` below \
                 the key."
                    .to_owned(),
            ),
            Self::Scheme => {
                Some("Write it as pkcs11:token=NAME;object=NAME?module-path=/PATH/TO/LIBRARY.so.".to_owned())
            }
            Self::Unknown { nearest: Some(nearest), .. } => Some(format!("Did you mean `{nearest}`?")),
            Self::Unknown { nearest: None, .. } => {
                Some(format!("Known attributes: {}.", KeyUri::ATTRIBUTES.join(", ")))
            }
            Self::WrongPart { query: true, .. } => {
                Some("module-path and pin-source come after the `?`, separated by `&`.".to_owned())
            }
            Self::WrongPart { query: false, .. } => Some("It comes before the `?`, separated by `;`.".to_owned()),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn refused(text: &str) -> String {
        KeyUri::parse(text).unwrap_err().to_string()
    }

    #[test]
    fn the_attributes_of_rfc_7512_are_read() {
        // the third example of RFC 7512 §3, with the private key's type
        let uri = KeyUri::parse(
            "pkcs11:object=my-sign-key;type=private;slot-id=327;id=%69%95%3E%5C%F4%BD%EC%91\
             ?pin-source=file:/etc/token_pin",
        )
        .unwrap();
        assert_eq!(uri.object.as_deref(), Some("my-sign-key"));
        assert_eq!(uri.slot_id, Some(327));
        assert_eq!(uri.id.as_deref(), Some(&[0x69, 0x95, 0x3E, 0x5C, 0xF4, 0xBD, 0xEC, 0x91][..]));
        assert_eq!(uri.pin_source.as_deref(), Some(Path::new("/etc/token_pin")));
        let uri = KeyUri::parse(
            "PKCS11:token=The%20Software%20PKCS%2311%20Softtoken;manufacturer=Snake%20Oil,%20Inc.;model=1.0;\
             serial=4a&b?module-path=/usr/lib/libhsm.so.1",
        )
        .unwrap();
        assert_eq!(uri.token.as_deref(), Some("The Software PKCS#11 Softtoken"));
        assert_eq!(uri.manufacturer.as_deref(), Some("Snake Oil, Inc."));
        assert_eq!(uri.serial.as_deref(), Some("4a&b"));
        assert_eq!(uri.module_path.as_deref(), Some(Path::new("/usr/lib/libhsm.so.1")));
        assert_eq!(KeyUri::parse("pkcs11:"), Ok(KeyUri::default()));
    }

    #[test]
    fn a_uri_prints_in_one_form_that_reads_back() {
        let text =
            "pkcs11:token=A%20B;slot-id=7;object=%C3%A9%3B;id=%00%FF?module-path=/usr/lib/x.so&pin-source=file:/p%20q";
        let uri = KeyUri::parse(text).unwrap();
        assert_eq!(uri.to_string(), text);
        assert_eq!(KeyUri::parse("pkcs11:?pin-source=file:///p"), KeyUri::parse("pkcs11:?pin-source=/p"));
        assert_eq!(KeyUri::parse("pkcs11:?pin-source=file://localhost/p"), KeyUri::parse("pkcs11:?pin-source=/p"));
    }

    #[test]
    fn slips_are_refused_by_name() {
        let unknown = KeyUri::parse("pkcs11:tokn=a").unwrap_err();
        assert_eq!(unknown.hint().as_deref(), Some("Did you mean `token`?"));
        assert!(KeyUri::parse("pkcs11:x-vendor=a").unwrap_err().hint().unwrap().starts_with("Known attributes: id,"));
        assert_eq!(
            KeyUri::parse("pkcs11:token=a?module-name=x"),
            Err(KeyUriError::NotSupported { attribute: "module-name".to_owned() })
        );
        assert_eq!(
            refused("pkcs11:token=a;token=b"),
            "attribute `token` appears twice in the PKCS#11 URI (RFC 7512 §2.3)"
        );
        assert_eq!(
            refused("pkcs11:token=My Token"),
            "attribute `token` has the character ` `, which a PKCS#11 URI writes as %XX (RFC 7512 §2.3)"
        );
        for (text, error) in [
            ("pkcs11:token=a;", KeyUriError::NoValue { part: String::new() }),
            ("pkcs11:token", KeyUriError::NoValue { part: "token".to_owned() }),
            ("pkcs11:token=", KeyUriError::EmptyValue { attribute: "token" }),
            ("pkcs11:token=%4", KeyUriError::Escape { attribute: "token" }),
            ("pkcs11:token=%4g", KeyUriError::Escape { attribute: "token" }),
            ("pkcs11:token=%+1", KeyUriError::Escape { attribute: "token" }),
            ("pkcs11:token=%FF", KeyUriError::NotUtf8 { attribute: "token" }),
            ("pkcs11:token=a/b", KeyUriError::Character { attribute: "token", found: '/' }),
            ("pkcs11:slot-id=+1", KeyUriError::SlotId { found: "+1".to_owned() }),
            ("pkcs11:slot-id=0x1", KeyUriError::SlotId { found: "0x1".to_owned() }),
            ("pkcs11:type=cert", KeyUriError::Type { found: "cert".to_owned() }),
            ("pkcs11:pin-source=file:/p", KeyUriError::WrongPart { attribute: "pin-source", query: true }),
            ("pkcs11:?token=a", KeyUriError::WrongPart { attribute: "token", query: false }),
            ("pkcs11:?pin-source=|/bin/pin", KeyUriError::PinSource { found: "|/bin/pin".to_owned() }),
            ("pkcs11:?pin-source=file://host/p", KeyUriError::PinSource { found: "file://host/p".to_owned() }),
            ("pkcs11:?pin-source=https://host/p", KeyUriError::PinSource { found: "https://host/p".to_owned() }),
            ("pkcs1", KeyUriError::Scheme),
        ] {
            assert_eq!(KeyUri::parse(text), Err(error), "{text}");
        }
    }

    #[test]
    fn a_pin_in_the_uri_is_refused_without_repeating_it() {
        for text in ["pkcs11:token=a?pin-value=1234", "pkcs11:token=a;pin-value=1234"] {
            let error = KeyUri::parse(text).unwrap_err();
            assert_eq!(error, KeyUriError::PinValue);
            assert!(!format!("{error}{error:?}{:?}", error.hint()).contains("1234"));
        }
    }
}
