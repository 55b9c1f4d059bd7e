//! How a batch is made and delivered, as its row keeps it.

use std::fmt;
use std::str::FromStr;

use super::codec::{Malformed, Reader, Writer};

/// How a batch is made and delivered. A published batch has one form, so that it can come out again byte for byte; and
/// one authority: a batch that was planned for a signing machine is not signed by the run itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Which kind of authority signs.
    pub authority: AuthorityKind,
    /// Whether certificates are delivered in DER.
    pub der: bool,
    /// Whether certificates are delivered in PEM.
    pub pem: bool,
    /// Whether ST's bulk identifier is in the statement.
    pub publish_bulk_id: bool,
}

/// The kinds of authority that can sign a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthorityKind {
    /// The run itself, with the issuing key at hand.
    Local,
    /// A machine without a network, to which a plan is carried.
    AirGapped,
    /// An external CA that speaks CMP.
    Cmp,
    /// An external CA, to which wishes are handed over.
    ExternalFile,
}

impl AuthorityKind {
    const ALL: [Self; 4] = [Self::Local, Self::AirGapped, Self::Cmp, Self::ExternalFile];

    const fn number(self) -> u8 {
        match self {
            Self::Local => 0,
            Self::AirGapped => 1,
            Self::ExternalFile => 2,
            Self::Cmp => 3,
        }
    }

    /// Returns whether a CA makes the certificates whose key is not ours.
    pub const fn is_external(self) -> bool {
        matches!(self, Self::Cmp | Self::ExternalFile)
    }

    /// The word in lists of batches.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AirGapped => "air-gapped",
            Self::Cmp => "cmp",
            Self::ExternalFile => "external-file",
            Self::Local => "local",
        }
    }

    /// Returns what an authority of this kind is, for messages.
    pub const fn describe(self) -> &'static str {
        match self {
            Self::AirGapped => "a signing machine without a network",
            Self::Cmp => "an external CA that answers over CMP",
            Self::ExternalFile => "an external CA by file",
            Self::Local => "the key at hand",
        }
    }

    const fn prefix(self) -> &'static str {
        match self {
            Self::AirGapped => "plan ",
            Self::Cmp => "--issuer cmp ",
            Self::ExternalFile => "plan --foreign ",
            Self::Local => "",
        }
    }
}

impl Delivery {
    const DER: u8 = 1;
    const PEM: u8 = 2;

    /// Three bytes: the authority, the encodings (1 for DER, 2 for PEM, added), and 1 if the bulk identifier is
    /// published.
    pub(super) fn write(self, writer: &mut Writer) {
        writer.u8(self.authority.number());
        writer.u8(u8::from(self.der) * Self::DER + u8::from(self.pem) * Self::PEM);
        writer.u8(u8::from(self.publish_bulk_id));
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let [authority, encodings, publish] = [reader.u8()?, reader.u8()?, reader.u8()?];
        let authority = AuthorityKind::ALL.into_iter().find(|known| known.number() == authority).ok_or(Malformed)?;
        if !(Self::DER..=Self::DER + Self::PEM).contains(&encodings) || publish > 1 {
            return Err(Malformed);
        }
        let (der, pem) = (encodings & Self::DER != 0, encodings & Self::PEM != 0);
        Ok(Self { authority, der, pem, publish_bulk_id: publish == 1 })
    }
}

/// The text in plan files and in the rows of encoder 1, which is that of the options of the first releases.
impl fmt::Display for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let forms = [(self.der, "der"), (self.pem, "pem")];
        let forms: Vec<&str> = forms.into_iter().filter(|(wanted, _)| *wanted).map(|(_, form)| form).collect();
        let publish = if self.publish_bulk_id { " --publish-bulk-id" } else { "" };
        write!(f, "{}--form {}{publish}", self.authority.prefix(), forms.join(","))
    }
}

/// Text that says of no delivery what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeliveryUnknown;

/// Reads the one spelling of each value.
impl FromStr for Delivery {
    type Err = DeliveryUnknown;

    fn from_str(text: &str) -> Result<Self, DeliveryUnknown> {
        let encodings = [(true, false), (false, true), (true, true)];
        let all =
            AuthorityKind::ALL.into_iter().flat_map(|authority| encodings.map(|(der, pem)| (authority, der, pem)));
        all.flat_map(|(authority, der, pem)| {
            [true, false].map(|publish_bulk_id| Self { authority, der, pem, publish_bulk_id })
        })
        .find(|delivery| delivery.to_string() == text)
        .ok_or(DeliveryUnknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_delivery_has_one_spelling_and_one_encoding() {
        let mut seen = std::collections::BTreeSet::new();
        for authority in AuthorityKind::ALL {
            for (der, pem) in [(true, false), (false, true), (true, true)] {
                for publish_bulk_id in [true, false] {
                    let delivery = Delivery { authority, der, pem, publish_bulk_id };
                    assert_eq!(delivery.to_string().parse(), Ok(delivery));
                    let mut writer = Writer::default();
                    delivery.write(&mut writer);
                    let bytes = writer.finish();
                    assert_eq!(Delivery::read(&mut Reader::new(&bytes)).unwrap(), delivery);
                    assert!(seen.insert(bytes), "{delivery}");
                }
            }
        }
        // as the first releases wrote them
        let plain = Delivery { authority: AuthorityKind::Local, der: true, pem: false, publish_bulk_id: false };
        assert_eq!(plain.to_string(), "--form der");
        assert_eq!(Delivery { authority: AuthorityKind::Cmp, ..plain }.to_string(), "--issuer cmp --form der");
        assert_eq!(
            Delivery { authority: AuthorityKind::AirGapped, pem: true, ..plain }.to_string(),
            "plan --form der,pem"
        );
        let published = Delivery { authority: AuthorityKind::ExternalFile, publish_bulk_id: true, ..plain };
        assert_eq!(published.to_string(), "plan --foreign --form der --publish-bulk-id");
        for other in ["", "der", "--form ", "--form pem,der", "--form der,der", "plan  --form der", "--form der "] {
            assert_eq!(other.parse::<Delivery>(), Err(DeliveryUnknown), "{other}");
        }
        for bytes in [[4, 1, 0], [0, 0, 0], [0, 4, 0], [0, 1, 2]] {
            assert!(Delivery::read(&mut Reader::new(&bytes)).is_err(), "{bytes:?}");
        }
    }
}
