//! How a batch is made and delivered, as its row keeps it.

use std::fmt;
use std::str::FromStr;

use super::codec::{Malformed, Reader, Writer};

/// How a batch is made and delivered. A published batch has one form, so that it can come out again byte for byte; and
/// one way: what was begun by `plan` is not finished by `issue`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Who signs.
    pub way: Way,
    /// Whether certificates are delivered in DER.
    pub der: bool,
    /// Whether certificates are delivered in PEM.
    pub pem: bool,
    /// Whether ST's bulk identifier is in the statement.
    pub publish_bulk_id: bool,
}

/// Who signs a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// The run itself, with the issuing key at hand.
    Local,
    /// A machine without a network, to which a plan is carried.
    AirGapped,
    /// An external CA that speaks CMP.
    Cmp,
    /// An external CA, to which wishes are handed over.
    Foreign,
}

impl Way {
    const ALL: [Self; 4] = [Self::Local, Self::AirGapped, Self::Cmp, Self::Foreign];

    const fn number(self) -> u8 {
        match self {
            Self::Local => 0,
            Self::AirGapped => 1,
            Self::Foreign => 2,
            Self::Cmp => 3,
        }
    }

    const fn prefix(self) -> &'static str {
        match self {
            Self::AirGapped => "plan ",
            Self::Cmp => "--issuer cmp ",
            Self::Foreign => "plan --foreign ",
            Self::Local => "",
        }
    }
}

impl Delivery {
    const DER: u8 = 1;
    const PEM: u8 = 2;

    /// Three bytes: the way, the encodings (1 for DER, 2 for PEM, added), and 1 if the bulk identifier is published.
    pub(super) fn write(self, writer: &mut Writer) {
        writer.u8(self.way.number());
        writer.u8(u8::from(self.der) * Self::DER + u8::from(self.pem) * Self::PEM);
        writer.u8(u8::from(self.publish_bulk_id));
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let [way, encodings, publish] = [reader.u8()?, reader.u8()?, reader.u8()?];
        let way = Way::ALL.into_iter().find(|known| known.number() == way).ok_or(Malformed)?;
        if !(Self::DER..=Self::DER + Self::PEM).contains(&encodings) || publish > 1 {
            return Err(Malformed);
        }
        let (der, pem) = (encodings & Self::DER != 0, encodings & Self::PEM != 0);
        Ok(Self { way, der, pem, publish_bulk_id: publish == 1 })
    }
}

/// As the options are typed: so a plan says it, and so the rows of encoder 1 do.
impl fmt::Display for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let forms = [(self.der, "der"), (self.pem, "pem")];
        let forms: Vec<&str> = forms.into_iter().filter(|(wanted, _)| *wanted).map(|(_, form)| form).collect();
        let publish = if self.publish_bulk_id { " --publish-bulk-id" } else { "" };
        write!(f, "{}--form {}{publish}", self.way.prefix(), forms.join(","))
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
        let ways = Way::ALL.into_iter().flat_map(|way| encodings.map(|(der, pem)| (way, der, pem)));
        ways.flat_map(|(way, der, pem)| [true, false].map(|publish_bulk_id| Self { way, der, pem, publish_bulk_id }))
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
        for way in Way::ALL {
            for (der, pem) in [(true, false), (false, true), (true, true)] {
                for publish_bulk_id in [true, false] {
                    let delivery = Delivery { way, der, pem, publish_bulk_id };
                    assert_eq!(delivery.to_string().parse(), Ok(delivery));
                    let mut writer = Writer::default();
                    delivery.write(&mut writer);
                    let octets = writer.finish();
                    assert_eq!(Delivery::read(&mut Reader::new(&octets)).unwrap(), delivery);
                    assert!(seen.insert(octets), "{delivery}");
                }
            }
        }
        // as the first releases wrote them
        let plain = Delivery { way: Way::Local, der: true, pem: false, publish_bulk_id: false };
        assert_eq!(plain.to_string(), "--form der");
        assert_eq!(Delivery { way: Way::Cmp, ..plain }.to_string(), "--issuer cmp --form der");
        assert_eq!(Delivery { way: Way::AirGapped, pem: true, ..plain }.to_string(), "plan --form der,pem");
        let published = Delivery { way: Way::Foreign, publish_bulk_id: true, ..plain };
        assert_eq!(published.to_string(), "plan --foreign --form der --publish-bulk-id");
        for other in ["", "der", "--form ", "--form pem,der", "--form der,der", "plan  --form der", "--form der "] {
            assert_eq!(other.parse::<Delivery>(), Err(DeliveryUnknown), "{other}");
        }
        for octets in [[4, 1, 0], [0, 0, 0], [0, 4, 0], [0, 1, 2]] {
            assert!(Delivery::read(&mut Reader::new(&octets)).is_err(), "{octets:?}");
        }
    }
}
