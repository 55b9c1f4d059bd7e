//! Forms of files that are recognised and not read: archives, compressed and encrypted files, databases, documents.
//!
//! Each reader is attack surface, and a form that is read by guessing loses certificates. So these forms are named and
//! refused, and the hint of their code says how to get at what is inside. What is plainly no delivery of certificates,
//! such as an image, is named too, and ignored.

use crate::origin::Code;

use super::codes;
use super::openpgp;
use super::pkcs7;

/// A form that is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Form {
    /// The code of its rejection.
    pub(super) code: Code,
    /// What it is, with an article.
    pub(super) name: &'static str,
}

/// The offset of a form's mark, the mark, and the form's name with an article.
type Mark = (usize, &'static [u8], &'static str);

/// The form of a content that is not text.
pub(super) fn of_binary(head: &[u8]) -> Option<Form> {
    let families = [
        (codes::CONTAINER_ARCHIVE, ARCHIVES),
        (codes::CONTAINER_COMPRESSED, COMPRESSED),
        (codes::CONTAINER_DATABASE, DATABASES),
        (codes::CONTAINER_DOCUMENT, DOCUMENTS),
        (codes::CONTAINER_ENCRYPTED, ENCRYPTED),
        (codes::CONTAINER_KEY_STORE, KEY_STORES),
        (codes::CONTAINER_MESSAGE, MESSAGES),
    ];
    for (code, marks) in families {
        if let Some(name) = marked(head, marks) {
            return Some(Form { code, name });
        }
    }
    if is_lzma(head) || is_zlib(head) {
        return Some(Form { code: codes::CONTAINER_COMPRESSED, name: "data compressed with zlib or LZMA" });
    }
    if is_disk_image(head) {
        return Some(Form { code: codes::CONTAINER_ARCHIVE, name: "a disk image" });
    }
    openpgp::message(head)
}

/// The form of a content that passes for text at its beginning, or might.
pub(super) fn of_text(head: &[u8]) -> Option<Form> {
    let form = |code, name| Some(Form { code, name });
    if let Some(name) = marked(head, TEXTUAL_ARCHIVES) {
        return form(codes::CONTAINER_ARCHIVE, name);
    }
    if let Some(name) = marked(head, TEXTUAL_ENCRYPTED) {
        return form(codes::CONTAINER_ENCRYPTED, name);
    }
    // A header of fixed length in digits, which no list of numbers has: the file's name follows at once.
    let digits =
        |length: usize, is_digit: fn(&u8) -> bool| head.get(6..length).is_some_and(|rest| rest.iter().all(is_digit));
    let cpio = match head.get(..6) {
        Some(b"070701" | b"070702") => digits(110, u8::is_ascii_hexdigit),
        Some(b"070707") => digits(76, |digit| matches!(digit, b'0'..=b'7')),
        _ => false,
    };
    if cpio { form(codes::CONTAINER_ARCHIVE, "a cpio archive") } else { None }
}

/// The form of a SEQUENCE that is neither a certificate nor a PKCS#7 bundle.
pub(super) fn of_sequence(bytes: &[u8]) -> Option<Form> {
    const PKCS7: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 7];
    const SMIME: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 9, 16, 1];
    if let Some(content_type) = pkcs7::content_type(bytes) {
        // RFC 5652 §4 to §9, RFC 5083 §2, RFC 3274 §1.1; 4 is PKCS#7's signedAndEnvelopedData (RFC 2315 §11)
        let (code, name) = match (content_type.strip_prefix(PKCS7), content_type.strip_prefix(SMIME)) {
            (Some([3 | 4]), _) => (codes::CONTAINER_ENCRYPTED, "an encrypted CMS message (EnvelopedData)"),
            (Some([6]), _) => (codes::CONTAINER_ENCRYPTED, "an encrypted CMS message (EncryptedData)"),
            (_, Some([23])) => (codes::CONTAINER_ENCRYPTED, "an encrypted CMS message (AuthEnvelopedData)"),
            (_, Some([9])) => (codes::CONTAINER_COMPRESSED, "a compressed CMS message (CompressedData)"),
            (Some([1]), _) => (codes::CONTAINER_SIGNED, "a CMS message (Data)"),
            (Some([5]), _) => (codes::CONTAINER_SIGNED, "a CMS message (DigestedData)"),
            (_, Some([2])) => (codes::CONTAINER_SIGNED, "a CMS message (AuthenticatedData)"),
            _ => return None,
        };
        return Some(Form { code, name });
    }
    // RFC 7292 §4: version 3, then a ContentInfo
    match pkcs7::after_header(bytes)? {
        [2, 1, 3, rest @ ..] if pkcs7::content_type(rest).is_some_and(|id| id.starts_with(PKCS7)) => {
            Some(Form { code: codes::CONTAINER_KEY_STORE, name: "a PKCS#12 key store" })
        }
        _ => None,
    }
}

/// What a content is that is plainly no delivery of certificates.
pub(super) fn plain(head: &[u8]) -> Option<&'static str> {
    marked(head, PLAIN).or_else(|| openpgp::signature_or_key(head))
}

fn marked(head: &[u8], marks: &[Mark]) -> Option<&'static str> {
    let holds = |(at, mark, _): &&Mark| head.get(*at..).is_some_and(|here| here.starts_with(mark));
    marks.iter().find(holds).map(|(_, _, name)| *name)
}

/// An Apple double file holds what another file's system cannot (RFC 1740 appendix B); a single one holds the file too.
pub(super) const APPLE_DOUBLE: &[u8] = &[0, 5, 0x16, 7];
/// Settings of a Finder window.
pub(super) const DS_STORE: &[u8] = b"\0\0\0\x01Bud1";
/// Microsoft's compound file.
pub(super) const COMPOUND_FILE: &[u8] = &[0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1];

const ARCHIVES: &[Mark] = &[
    (0, b"7z\xBC\xAF\x27\x1C", "a 7z archive"),
    (0, b"Rar!\x1A\x07", "a RAR archive"),
    (0, b"MSCF\0\0\0\0", "a cabinet archive (CAB)"),
    (0, b"ISc(", "an InstallShield cabinet"),
    (0, b"\x60\xEA", "an ARJ archive"),
    (2, b"-lh", "an LHA archive"),
    (2, b"-lz", "an LHA archive"),
    (7, b"**ACE**", "an ACE archive"),
    (0, b"\xED\xAB\xEE\xDB", "an RPM package"),
    (0, b"\xC7\x71", "a cpio archive"),
    (0, b"\x71\xC7", "a cpio archive"),
    (0, b"xar!\0", "a xar archive"),
    (0, b"7kSt", "a zpaq archive"),
    (0, b"zPQ\x01", "a zpaq archive"),
    (0, b"zPQ\x02", "a zpaq archive"),
    (0, b"\x37\x6B\x53\x74\xA0\x31\x83\xD3\x8C\xB2\x28\xB0\xD3\x7A\x50\x51", "a zpaq archive"),
    (0, b"StuffIt", "a StuffIt archive"),
    (0, b"SIT!", "a StuffIt archive"),
    (0, b"hsqs", "a SquashFS image"),
    (0, b"sqsh", "a SquashFS image"),
    (0, b"\x45\x3D\xCD\x28", "a cramfs image"),
    (0, b"MSWIM\0\0\0", "a Windows image (WIM)"),
    (0, b"vhdxfile", "a disk image (VHDX)"),
    (0, b"conectix", "a disk image (VHD)"),
    (0, b"KDMV", "a disk image (VMDK)"),
    (0, b"QFI\xFB", "a disk image (QCOW)"),
    (0x8001, b"CD001", "an ISO 9660 image"),
    (0x8001, b"BEA01", "a UDF image"),
    (0, b"\x78\x01\x73\x0D\x62\x62\x60", "a disk image (DMG)"),
    (0, b"\0\x05\x16\0", "an AppleSingle file"),
    (0, b"PAR2\0PKT", "a PAR2 file"),
];

const COMPRESSED: &[Mark] = &[
    (0, b"\xFD7zXZ\0", "xz-compressed data"),
    (0, b"BZh11AY&SY", "bzip2-compressed data"),
    (0, b"BZh21AY&SY", "bzip2-compressed data"),
    (0, b"BZh31AY&SY", "bzip2-compressed data"),
    (0, b"BZh41AY&SY", "bzip2-compressed data"),
    (0, b"BZh51AY&SY", "bzip2-compressed data"),
    (0, b"BZh61AY&SY", "bzip2-compressed data"),
    (0, b"BZh71AY&SY", "bzip2-compressed data"),
    (0, b"BZh81AY&SY", "bzip2-compressed data"),
    (0, b"BZh91AY&SY", "bzip2-compressed data"),
    (4, b"\x17\x72\x45\x38\x50\x90", "bzip2-compressed data"),
    (0, b"\x28\xB5\x2F\xFD", "zstd-compressed data"),
    (1, b"\x2A\x4D\x18", "zstd- or lz4-compressed data"),
    (0, b"\x37\xA4\x30\xEC", "a zstd dictionary"),
    (0, b"\x04\x22\x4D\x18", "lz4-compressed data"),
    (0, b"\x02\x21\x4C\x18", "lz4-compressed data"),
    (0, b"LZIP\x01", "lzip-compressed data"),
    (0, b"LZIP\0", "lzip-compressed data"),
    (0, b"\x89LZO\0\r\n\x1A\n", "lzop-compressed data"),
    (0, b"LRZI\0", "lrzip-compressed data"),
    (0, b"RZIP\x02", "rzip-compressed data"),
    (0, b"\x1F\x9D", "data compressed with compress (.Z)"),
    (0, b"\x1F\xA0", "data compressed with compress (LZH)"),
    (0, b"\x1F\x1E", "data compressed with pack (.z)"),
    (0, b"bvx2", "LZFSE-compressed data"),
    (0, b"pbzx\0", "a pbzx file"),
    (0, b"\xFF\x06\0\0sNaPpY", "Snappy-compressed data"),
    (0, b"\xCE\xB2\xCF\x81", "brotli-compressed data"),
    (0, b"SZDD\x88\xF0\x27\x33", "data compressed with COMPRESS.EXE"),
    (0, b"KWAJ\x88\xF0\x27\xD1", "data compressed with COMPRESS.EXE"),
];

const DATABASES: &[Mark] = &[
    (0, b"SQLite format 3\0", "an SQLite database"),
    (4, b"Standard Jet DB\0", "an Access database"),
    (4, b"Standard ACE DB\0", "an Access database"),
    (12, b"\x62\x31\x05\x00", "a Berkeley DB database"),
    (12, b"\x61\x15\x06\x00", "a Berkeley DB database"),
    (12, b"\x00\x05\x31\x62", "a Berkeley DB database"),
    (12, b"\x00\x06\x15\x61", "a Berkeley DB database"),
    (0, b"\0\x06\x15\x61", "a Berkeley DB database"),
    (0, b"\x13\x57\x9A\xCE", "a GDBM database"),
    (0, b"\xCE\x9A\x57\x13", "a GDBM database"),
    (16, b"\xDE\xC0\xEF\xBE", "an LMDB database"),
    (0, b"PGDMP", "a PostgreSQL dump"),
    (0, b"PAR1", "a Parquet table"),
    (0, b"Obj\x01", "an Avro table"),
    (0, b"ARROW1\0\0", "an Arrow table"),
    (0, b"\x89HDF\r\n\x1A\n", "an HDF5 file"),
    (0, b"\x01\xCA\0\0\0", "an SQL Server file"),
    (0, b"TAPE\0\0", "an SQL Server backup"),
    (0, b"\xFE\xFE\x07\x01", "a MyISAM table"),
];

const DOCUMENTS: &[Mark] = &[
    (0, COMPOUND_FILE, "an Office document, mail or package (OLE2)"),
    (0, b"\x09\x08\x10\0\0\x06\x05\0", "an Excel workbook"),
];

const ENCRYPTED: &[Mark] = &[
    (0, b"Salted__", "data encrypted with openssl enc"),
    (0, b"LUKS\xBA\xBE", "an encrypted volume (LUKS)"),
    (3, b"-FVE-FS-", "an encrypted volume (BitLocker)"),
    (0, b"encrcdsa", "an encrypted disk image"),
    (0, b"AES\x02", "an AES Crypt file"),
    (0, b"AES\x03", "an AES Crypt file"),
    (0, b"scrypt\0", "a file encrypted with scrypt"),
    (0, b"gocryptf", "a gocryptfs file"),
];

const KEY_STORES: &[Mark] = &[
    (0, b"\xFE\xED\xFE\xED\0\0\0", "a Java key store (JKS)"),
    (0, b"\xCE\xCE\xCE\xCE\0\0\0", "a Java key store (JCEKS)"),
    (0, b"\0\0\0\x01\0\0\0\x14", "a Bouncy Castle key store (BKS)"),
    (0, b"\0\0\0\x02\0\0\0\x14", "a Bouncy Castle key store (BKS)"),
    (0, b"kych", "a macOS keychain"),
    (0, b"\0\0\0\0CERT", "a Windows certificate store (SST)"),
];

const MESSAGES: &[Mark] = &[(0, b"\x78\x9F\x3E\x22", "a TNEF message (winmail.dat)")];

const TEXTUAL_ARCHIVES: &[Mark] = &[
    (0, b"!<arch>\n", "an ar archive or Debian package"),
    (0, b"!<thin>\n", "an ar archive"),
    (0, b"#!/bin/sh\n# This is a shell archive", "a shell archive"),
];

const TEXTUAL_ENCRYPTED: &[Mark] = &[
    (0, b"age-encryption.org/", "a file encrypted with age"),
    (0, b"$ANSIBLE_VAULT;", "an Ansible vault"),
    (0, b"U2FsdGVkX1", "data encrypted with openssl enc, in base64"),
];

/// An image, program or the like inside an archive takes nothing away from it.
const PLAIN: &[Mark] = &[
    (0, APPLE_DOUBLE, "an AppleDouble file"),
    (0, DS_STORE, "settings of a Finder window"),
    (0, b"%PDF-", "a PDF document"),
    (0, b"\x89PNG\r\n\x1A\n", "an image (PNG)"),
    (0, b"\xFF\xD8\xFF", "an image (JPEG)"),
    (0, b"GIF87a", "an image (GIF)"),
    (0, b"GIF89a", "an image (GIF)"),
    (0, b"II\x2A\0", "an image (TIFF)"),
    (0, b"MM\0\x2A", "an image (TIFF)"),
    (8, b"WEBP", "an image (WebP)"),
    (0, b"\0\0\x01\0", "an icon"),
    (0, b"icns", "an icon"),
    (4, b"ftyp", "a film"),
    (0, b"\x7FELF", "a program (ELF)"),
    (0, b"MZ", "a program (Windows)"),
    (0, b"\xCF\xFA\xED\xFE", "a program (macOS)"),
    (0, b"\xCE\xFA\xED\xFE", "a program (macOS)"),
    (0, b"\xCA\xFE\xBA\xBE", "a program (Java or macOS)"),
    (0, b"\0asm", "a program (WebAssembly)"),
    (0, b"\0\x01\0\0\0", "a font"),
    (0, b"OTTO", "a font"),
    (0, b"wOFF", "a font"),
    (0, b"wOF2", "a font"),
    (0, b"L\0\0\0\x01\x14\x02\0", "a shortcut (Windows)"),
];

/// LZMA without a container: properties, a dictionary of a power of two, the size or all ones (LZMA specification).
fn is_lzma(head: &[u8]) -> bool {
    let Some(header) = head.first_chunk::<14>() else { return false };
    let dictionary = u32::from_le_bytes([header[1], header[2], header[3], header[4]]);
    let size = u64::from_le_bytes(header[5..13].try_into().expect("eight bytes"));
    let likely = dictionary.is_power_of_two() || dictionary.count_ones() == 2;
    header[0] == 0x5D && likely && dictionary >= 1 << 12 && (size == u64::MAX || size < 1 << 40) && header[13] == 0
}

/// RFC 1950 §2.2: deflate with a window of 32 KiB, no dictionary, and a check of both bytes.
fn is_zlib(head: &[u8]) -> bool {
    matches!(head, [0x78, 0x01 | 0x5E | 0x9C | 0xDA, ..])
}

/// A boot sector with a jump or a partition table, or an ext file system.
fn is_disk_image(head: &[u8]) -> bool {
    let boot = head.get(510..512) == Some(&[0x55, 0xAA]);
    let jumps = matches!(head, [0xEB, _, 0x90, ..] | [0xE9, ..]);
    let no_code = head.get(..446).is_some_and(|code| code.iter().all(|byte| *byte == 0));
    let extended = head.get(0x438..0x43A) == Some(&[0x53, 0xEF]) && head[..0x400].iter().all(|byte| *byte == 0);
    boot && (jumps || no_code) || extended
}
