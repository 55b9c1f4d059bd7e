//! Archives of any number of leaves, written in bounded memory.
//!
//! A zip64 writer of its own: the `zip` crate keeps every entry in memory until the end. Here the central directory
//! waits in a file without a name.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, Write};

use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};

/// How an entry is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// As it is.
    Stored,
    /// Deflate (RFC 1951).
    Deflated,
}

/// An entry ready to be written.
#[derive(Clone, Debug)]
pub struct Entry {
    name: String,
    method: Method,
    crc: u32,
    size: u32,
    data: Vec<u8>,
}

impl Entry {
    /// Encodes one file.
    pub fn new(name: String, method: Method, content: Vec<u8>) -> Self {
        let mut crc = Crc::new();
        crc.update(&content);
        let size = u32::try_from(content.len()).expect("entries are small");
        let data = match method {
            Method::Stored => content,
            Method::Deflated => {
                let mut encoder = DeflateEncoder::new(Vec::with_capacity(content.len()), Compression::fast());
                encoder.write_all(&content).and_then(|()| encoder.finish()).expect("a Vec takes everything")
            }
        };
        Self { name, method, crc: crc.sum(), size, data }
    }

    /// What local header and central directory say alike, from "version needed" to the name's length.
    fn common(&self) -> [u8; 24] {
        let mut header = [0; 24];
        header[0] = 20;
        // bit 11: the name is UTF-8
        header[3] = 8;
        header[4] = if self.method == Method::Deflated { 8 } else { 0 };
        // 1 January 1980
        header[8] = 0x21;
        header[10..14].copy_from_slice(&self.crc.to_le_bytes());
        header[14..18].copy_from_slice(&u32::try_from(self.data.len()).expect("entries are small").to_le_bytes());
        header[18..22].copy_from_slice(&self.size.to_le_bytes());
        header[22..24].copy_from_slice(&u16::try_from(self.name.len()).expect("names are short").to_le_bytes());
        header
    }
}

/// Writes a zip file from front to back.
pub struct ZipWriter<W: Write> {
    out: W,
    offset: u64,
    directory: BufWriter<File>,
    directory_size: u64,
    entries: u64,
}

impl<W: Write> ZipWriter<W> {
    /// Writes to `out`, from its first byte.
    pub fn new(out: W) -> io::Result<Self> {
        let directory = BufWriter::new(tempfile::tempfile()?);
        Ok(Self { out, offset: 0, directory, directory_size: 0, entries: 0 })
    }

    /// Appends an entry.
    pub fn add(&mut self, entry: &Entry) -> io::Result<()> {
        let common = entry.common();
        self.out.write_all(b"PK\x03\x04")?;
        self.out.write_all(&common)?;
        self.out.write_all(&[0, 0])?;
        self.out.write_all(entry.name.as_bytes())?;
        self.out.write_all(&entry.data)?;

        let (offset, extra) = match u32::try_from(self.offset) {
            Ok(offset) if offset != u32::MAX => (offset, Vec::new()),
            // zip64 extended information: only the offset is too large for its field
            _ => (u32::MAX, [&[1, 0, 8, 0][..], &self.offset.to_le_bytes()].concat()),
        };
        let mut record = Vec::with_capacity(64 + entry.name.len());
        record.extend(b"PK\x01\x02");
        // made by: version 4.5
        record.extend([45, 0]);
        record.extend(common);
        record.extend([u8::try_from(extra.len()).expect("12 bytes"), 0]);
        // no comment, disk 0, no attributes
        record.extend([0; 10]);
        record.extend(offset.to_le_bytes());
        record.extend(entry.name.as_bytes());
        record.extend(extra);
        self.directory.write_all(&record)?;

        self.offset += 30 + entry.name.len() as u64 + entry.data.len() as u64;
        self.directory_size += record.len() as u64;
        self.entries += 1;
        Ok(())
    }

    /// Writes the central directory and the end records, with their zip64 forms where a number is too large.
    pub fn finish(mut self) -> io::Result<W> {
        let mut directory = self.directory.into_inner().map_err(io::IntoInnerError::into_error)?;
        directory.rewind()?;
        let copied = io::copy(&mut BufReader::new(directory).take(self.directory_size), &mut self.out)?;
        assert_eq!(copied, self.directory_size, "the directory file is as long as what was written to it");
        let end = self.offset + self.directory_size;
        let entries = u16::try_from(self.entries).ok().filter(|entries| *entries != u16::MAX);
        let size = u32::try_from(self.directory_size).ok().filter(|size| *size != u32::MAX);
        let offset = u32::try_from(self.offset).ok().filter(|offset| *offset != u32::MAX);
        if entries.is_none() || size.is_none() || offset.is_none() {
            self.out.write_all(b"PK\x06\x06")?;
            self.out.write_all(&44_u64.to_le_bytes())?;
            self.out.write_all(&[45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0])?;
            for number in [self.entries, self.entries, self.directory_size, self.offset] {
                self.out.write_all(&number.to_le_bytes())?;
            }
            self.out.write_all(b"PK\x06\x07\0\0\0\0")?;
            self.out.write_all(&end.to_le_bytes())?;
            self.out.write_all(&[1, 0, 0, 0])?;
        }
        self.out.write_all(b"PK\x05\x06\0\0\0\0")?;
        for _ in 0..2 {
            self.out.write_all(&entries.unwrap_or(u16::MAX).to_le_bytes())?;
        }
        self.out.write_all(&size.unwrap_or(u32::MAX).to_le_bytes())?;
        self.out.write_all(&offset.unwrap_or(u32::MAX).to_le_bytes())?;
        self.out.write_all(&[0, 0])?;
        self.out.flush()?;
        Ok(self.out)
    }
}

/// A zip file of these files, in memory.
pub fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Vec::new()).expect("a temporary file can be made");
    for (name, content) in files {
        let entry = Entry::new((*name).to_owned(), Method::Deflated, content.to_vec());
        writer.add(&entry).expect("a Vec takes everything");
    }
    writer.finish().expect("a Vec takes everything")
}
