//! A tbsCertList read back from its bytes, borrowed and as loosely as its structure allows: what is wrong inside a
//! field is for a rule to say. Entries are read again by each rule that is about them, so a list of a million costs no
//! memory.

use der::asn1::ObjectIdentifier;

use crate::lint::tbs::{TbsExtension, extension_list};
use crate::x509::tlv::{DerError, Element, Reader, tag};

/// The fields of a tbsCertList (RFC 5280 §5.1).
#[derive(Debug)]
pub(super) struct List<'a> {
    /// Content of the version's INTEGER; empty if the field is absent.
    pub(super) version: &'a [u8],
    /// The AlgorithmIdentifier with its header.
    pub(super) signature: &'a [u8],
    /// The Name with its header.
    pub(super) issuer: &'a [u8],
    pub(super) this_update: Element<'a>,
    pub(super) next_update: Option<Element<'a>>,
    /// Content of revokedCertificates, if the field is present.
    pub(super) revoked: Option<&'a [u8]>,
    pub(super) extensions: Vec<TbsExtension<'a>>,
}

/// One entry.
#[derive(Debug)]
pub(super) struct Entry<'a> {
    /// Counted from 1.
    pub(super) number: usize,
    /// Content of userCertificate.
    pub(super) serial: &'a [u8],
    pub(super) date: Element<'a>,
    /// Content of crlEntryExtensions, if the field is present.
    pub(super) extensions: Option<&'a [u8]>,
}

impl<'a> List<'a> {
    /// Reads the structure, that of every entry included.
    pub(super) fn read(der: &'a [u8]) -> Result<Self, DerError> {
        let mut reader = Reader::new(der);
        let outer = reader.expect(tag::SEQUENCE, "tbsCertList")?;
        reader.finish("tbsCertList")?;
        let mut fields = Reader::new(outer.content);
        let version = fields.optional(tag::INTEGER, "version")?.map_or(&[][..], |element| element.content);
        let signature = fields.expect(tag::SEQUENCE, "signature")?.raw;
        let issuer = fields.expect(tag::SEQUENCE, "issuer")?.raw;
        let this_update = fields.element("thisUpdate")?;
        let next_update = match fields.next_tag() {
            Some(tag::UTC_TIME | tag::GENERALIZED_TIME) => Some(fields.element("nextUpdate")?),
            _ => None,
        };
        let revoked = fields.optional(tag::SEQUENCE, "revokedCertificates")?.map(|element| element.content);
        let extensions = fields.optional(0xA0, "crlExtensions")?;
        fields.finish("crlExtensions")?;
        let extensions = match extensions {
            None => vec![],
            Some(field) => {
                let mut reader = Reader::new(field.content);
                let sequence = reader.expect(tag::SEQUENCE, "crlExtensions")?;
                reader.finish("crlExtensions")?;
                extension_list(sequence.content)?
            }
        };
        let list = Self { version, signature, issuer, this_update, next_update, revoked, extensions };
        let mut reader = Reader::new(list.revoked.unwrap_or_default());
        while !reader.is_empty() {
            Entry::read(&mut reader, 0)?;
        }
        Ok(list)
    }

    /// The first extension of a type.
    pub(super) fn extension(&self, oid: ObjectIdentifier) -> Option<&TbsExtension<'a>> {
        self.extensions.iter().find(|extension| extension.oid == oid.as_bytes())
    }

    /// The entries in order.
    pub(super) fn entries(&self) -> impl Iterator<Item = Entry<'a>> {
        let mut reader = Reader::new(self.revoked.unwrap_or_default());
        (1..).map_while(move |number| {
            let more = !reader.is_empty();
            more.then(|| Entry::read(&mut reader, number).expect("the entry was read when the list was"))
        })
    }
}

impl<'a> Entry<'a> {
    fn read(reader: &mut Reader<'a>, number: usize) -> Result<Self, DerError> {
        let element = reader.expect(tag::SEQUENCE, "revoked certificate")?;
        let mut fields = Reader::new(element.content);
        let serial = fields.expect(tag::INTEGER, "userCertificate")?.content;
        let date = fields.element("revocationDate")?;
        let extensions = fields.optional(tag::SEQUENCE, "crlEntryExtensions")?.map(|element| element.content);
        fields.finish("revoked certificate")?;
        Ok(Self { number, serial, date, extensions })
    }

    /// Its extensions, if they can be read; none if the field is absent.
    pub(super) fn extension_list(&self) -> Option<Vec<TbsExtension<'a>>> {
        self.extensions.map_or(Some(vec![]), |content| extension_list(content).ok())
    }

    /// The path of the entry in findings.
    pub(super) fn path(&self) -> String {
        format!("revokedCertificates.{}", self.number)
    }
}
