//! A zip writer that writes the values that a test gives it, right or wrong.

use std::io::Write;

/// One header, as it will be there: local or in the central directory.
#[derive(Clone)]
pub(super) struct Header {
    pub(super) flags: u16,
    pub(super) method: u16,
    pub(super) crc: u32,
    pub(super) compressed: u32,
    pub(super) size: u32,
    pub(super) name: Vec<u8>,
    pub(super) extra: Vec<u8>,
    /// External attributes; Unix mode in the upper half.
    pub(super) attributes: u32,
    /// Where the header says that the local header is, if that is not the true place.
    pub(super) offset: Option<u32>,
}

/// An entry: its two headers, its packed data and what follows the data.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) local: Header,
    pub(super) central: Header,
    pub(super) data: Vec<u8>,
    pub(super) descriptor: Vec<u8>,
}

impl Entry {
    pub(super) fn stored(name: impl AsRef<[u8]>, content: &[u8]) -> Self {
        Self::new(name.as_ref(), content, 0, content.to_vec())
    }

    pub(super) fn deflated(name: impl AsRef<[u8]>, content: &[u8]) -> Self {
        Self::new(name.as_ref(), content, 8, deflate(content))
    }

    fn new(name: &[u8], content: &[u8], method: u16, data: Vec<u8>) -> Self {
        let mut crc = flate2::Crc::new();
        crc.update(content);
        let header = Header {
            flags: 0,
            method,
            crc: crc.sum(),
            compressed: data.len().try_into().unwrap(),
            size: content.len().try_into().unwrap(),
            name: name.to_vec(),
            extra: Vec::new(),
            attributes: 0,
            offset: None,
        };
        Self { local: header.clone(), central: header, data, descriptor: Vec::new() }
    }

    /// Changes both headers.
    pub(super) fn both(mut self, change: impl Fn(&mut Header)) -> Self {
        change(&mut self.local);
        change(&mut self.central);
        self
    }

    pub(super) fn local(mut self, change: impl Fn(&mut Header)) -> Self {
        change(&mut self.local);
        self
    }

    pub(super) fn central(mut self, change: impl Fn(&mut Header)) -> Self {
        change(&mut self.central);
        self
    }

    /// Checksum and sizes behind the data, as programs do that write to a pipe.
    pub(super) fn described(mut self, signature: bool, long: bool) -> Self {
        let Header { crc, compressed, size, .. } = self.central;
        self.descriptor = if signature { b"PK\x07\x08".to_vec() } else { Vec::new() };
        self.descriptor.extend(crc.to_le_bytes());
        for length in [compressed, size] {
            let bytes = u64::from(length).to_le_bytes();
            self.descriptor.extend(&bytes[..if long { 8 } else { 4 }]);
        }
        self.both(|header| header.flags |= 1 << 3)
            .local(|header| (header.crc, header.compressed, header.size) = (0, 0, 0))
    }
}

pub(super) fn deflate(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

/// The end record's fields.
#[derive(Clone)]
pub(super) struct End {
    pub(super) disk: u16,
    pub(super) entries: u16,
    pub(super) size: u32,
    pub(super) offset: u32,
    pub(super) comment: Vec<u8>,
    /// Entries, size, offset of a zip64 end record, and where its locator says that it is.
    pub(super) long: Option<(u64, u64, u64, u64)>,
}

/// The archive, with its end record changed by `change`.
pub(super) fn zip_with(entries: &[Entry], change: impl FnOnce(&mut End)) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for entry in entries {
        let offset = u32::try_from(out.len()).unwrap();
        let Header { flags, method, crc, compressed, size, name, extra, .. } = &entry.local;
        out.extend(b"PK\x03\x04\x14\x00");
        fields(&mut out, &[*flags, *method, 0, 0x21], &[*crc, *compressed, *size], &[length(name), length(extra)]);
        out.extend([&name[..], extra, &entry.data, &entry.descriptor].concat());
        let Header { flags, method, crc, compressed, size, name, extra, attributes, offset: told } = &entry.central;
        directory.extend(b"PK\x01\x02\x14\x03\x14\x00");
        let lengths = [length(name), length(extra), 0, 0, 0];
        fields(&mut directory, &[*flags, *method, 0, 0x21], &[*crc, *compressed, *size], &lengths);
        fields(&mut directory, &[], &[*attributes, told.unwrap_or(offset)], &[]);
        directory.extend([&name[..], extra].concat());
    }
    let mut end = End {
        disk: 0,
        entries: entries.len().try_into().unwrap_or(u16::MAX),
        size: directory.len().try_into().unwrap(),
        offset: out.len().try_into().unwrap(),
        comment: Vec::new(),
        long: None,
    };
    change(&mut end);
    out.extend(&directory);
    if let Some((entries, size, offset, position)) = end.long {
        out.extend(b"PK\x06\x06");
        out.extend(44_u64.to_le_bytes());
        fields(&mut out, &[45, 45], &[0, 0], &[]);
        for value in [entries, entries, size, offset] {
            out.extend(value.to_le_bytes());
        }
        out.extend(b"PK\x06\x07");
        fields(&mut out, &[], &[0], &[]);
        out.extend(position.to_le_bytes());
        fields(&mut out, &[], &[1], &[]);
    }
    out.extend(b"PK\x05\x06");
    fields(&mut out, &[end.disk, 0, end.entries, end.entries], &[end.size, end.offset], &[length(&end.comment)]);
    out.extend(&end.comment);
    out
}

pub(super) fn zip(entries: &[Entry]) -> Vec<u8> {
    zip_with(entries, |_| ())
}

fn length(bytes: &[u8]) -> u16 {
    bytes.len().try_into().unwrap()
}

fn fields(out: &mut Vec<u8>, before: &[u16], middle: &[u32], after: &[u16]) {
    out.extend(before.iter().flat_map(|field| field.to_le_bytes()));
    out.extend(middle.iter().flat_map(|field| field.to_le_bytes()));
    out.extend(after.iter().flat_map(|field| field.to_le_bytes()));
}
