//! Every form of file and of text that was tried, with what becomes of it: the table of `docs/guide/inputs.md`.

use std::fmt::Write as _;

use super::files::{bundle, gzip};
use super::zip_writer::{Entry, zip};
use super::*;
use crate::x509::tlv::{element, tag};

/// A form as it is in a folder: group, what it is, name and content.
struct Form {
    group: &'static str,
    what: &'static str,
    name: &'static str,
    content: Vec<u8>,
}

fn padded(mark: &[u8], at: usize) -> Vec<u8> {
    let mut content = vec![0; at];
    content.extend_from_slice(mark);
    content.extend((0..600_u32).map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()[3] | 1));
    content
}

fn content_info(id: &[u8], content: &[u8]) -> Vec<u8> {
    element(tag::SEQUENCE, &[&element(tag::OBJECT_IDENTIFIER, &[id]), &element(0xA0, &[content])])
}

const CMS: [u8; 8] = [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 7];
const SMIME: [u8; 10] = [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 9, 16, 1];

/// The same element with an indefinite length.
fn indefinite(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    [&[tag, 0x80], &parts.concat()[..], &[0, 0]].concat()
}

/// A SignedData in BER, as OpenSSL streams it, with this content.
pub(super) fn ber_bundle(content: &[u8]) -> Vec<u8> {
    let id = |last: u8| element(tag::OBJECT_IDENTIFIER, &[&CMS, &[last]]);
    let inner = if content.is_empty() {
        indefinite(tag::SEQUENCE, &[&id(1)])
    } else {
        let pieces = indefinite(0x24, &[&element(tag::OCTET_STRING, &[content])]);
        indefinite(tag::SEQUENCE, &[&id(1), &indefinite(0xA0, &[&pieces])])
    };
    let certificates = indefinite(0xA0, &[&leaf(0), &leaf(1)]);
    let signed = indefinite(tag::SEQUENCE, &[&[2, 1, 1, 0x31, 0], &inner, &certificates, &[0x31, 0]]);
    indefinite(tag::SEQUENCE, &[&id(2), &indefinite(0xA0, &[&signed])])
}

fn joined(der: &[u8], form: impl Fn(&u8) -> String, between: &str, in_line: usize) -> String {
    let line = |line: &[u8]| line.iter().map(&form).collect::<Vec<_>>().join(between);
    der.chunks(in_line).map(line).collect::<Vec<_>>().join(&format!("{}\n", between.trim_end()))
}

fn intel_hex(der: &[u8]) -> String {
    let mut text = String::new();
    for (n, line) in der.chunks(16).enumerate() {
        let mut bytes = vec![u8::try_from(line.len()).unwrap()];
        bytes.extend_from_slice(&u16::try_from(n * 16).unwrap().to_be_bytes());
        bytes.push(0);
        bytes.extend_from_slice(line);
        let sum = bytes.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte)).wrapping_neg();
        writeln!(text, ":{}{sum:02X}", hex::encode_upper(bytes)).unwrap();
    }
    text + ":00000001FF\n"
}

fn dump(der: &[u8], line: impl Fn(usize, &[u8]) -> String) -> String {
    der.chunks(16).enumerate().map(|(n, bytes)| line(n * 16, bytes) + "\n").collect()
}

fn printable(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| if matches!(byte, b' '..=b'~') { char::from(*byte) } else { '.' }).collect()
}

fn utf16(text: &str, unit: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(unit).collect()
}

fn base64url(bytes: &[u8]) -> String {
    use ::base64::Engine as _;
    ::base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

fn archives(add: &mut dyn FnMut(&'static str, &'static str, Vec<u8>)) {
    let der = leaf(0);
    add("zip, stored or deflated, also zip64", "a.zip", zip(&[Entry::stored("a.der", &der)]));
    add("gzip, of one file or of a tar archive", "a.der.gz", gzip(&der));
    let encrypted = Entry::stored("a.der", &der).both(|header| header.flags |= 1);
    add("zip with an encrypted entry", "a.zip", zip(&[encrypted]));
    for (what, name, mark, at) in [
        ("7z", "a.7z", &b"7z\xBC\xAF\x27\x1C\0\x04"[..], 0),
        ("RAR 4", "a.rar", b"Rar!\x1A\x07\0", 0),
        ("RAR 5", "a.rar", b"Rar!\x1A\x07\x01\0", 0),
        ("CAB", "a.cab", b"MSCF\0\0\0\0", 0),
        ("ARJ", "a.arj", b"\x60\xEA", 0),
        ("LHA", "a.lzh", b"-lh5-", 2),
        ("ISO 9660", "a.iso", b"\x01CD001\x01", 0x8000),
        ("RPM", "a.rpm", b"\xED\xAB\xEE\xDB\x03", 0),
        ("cpio, binary", "a.cpio", b"\xC7\x71", 0),
        ("xar", "a.pkg", b"xar!\0\x1C", 0),
        ("zpaq", "a.zpaq", b"7kSt\xA0\x31\x83\xD3", 0),
        ("SquashFS", "a.img", b"hsqs", 0),
        ("disk image (FAT)", "a.img", &[&[0xEB, 0x3C, 0x90][..], &[0; 507], &[0x55, 0xAA]].concat(), 0),
        ("xz, also tar.xz", "a.tar.xz", b"\xFD7zXZ\0", 0),
        ("bzip2, also tar.bz2", "a.tar.bz2", b"BZh91AY&SY", 0),
        ("zstd, also tar.zst", "a.tar.zst", b"\x28\xB5\x2F\xFD", 0),
        ("lz4", "a.lz4", b"\x04\x22\x4D\x18", 0),
        ("lzip", "a.lz", b"LZIP\x01", 0),
        ("compress", "a.Z", b"\x1F\x9D\x90", 0),
        ("LZMA", "a.lzma", b"\x5D\0\0\x80\0\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\0", 0),
        ("lzop", "a.lzo", b"\x89LZO\0\r\n\x1A\n", 0),
        ("zlib", "a", b"\x78\x9C", 0),
    ] {
        add(what, name, padded(mark, at));
    }
    add(
        "ar, Debian package",
        "a.deb",
        b"!<arch>\ndebian-binary   1342943816  0     0     100644  4         `\n2.0\n".into(),
    );
    add("cpio, text header", "a.cpio", {
        let mut header = b"070701".to_vec();
        header.extend([b'0'; 104]);
        [&header[..], b"a.der\0", &der].concat()
    });
    add("damaged: an archive's name, and content that nothing recognises", "a.7z", padded(b"\x01\x02", 0));
}

fn encrypted(add: &mut dyn FnMut(&'static str, &'static str, Vec<u8>)) {
    let session_key = [&[0x85, 1, 0x0C, 3][..], &[7; 8], &[1], &[9; 400]].concat();
    add("OpenPGP, for a key", "a.gpg", session_key.clone());
    add("OpenPGP, with a passphrase", "a.gpg", [&[0x8C, 13, 4, 9, 3, 10][..], &[5; 60]].concat());
    add("OpenPGP, signed or compressed", "a.gpg", [&[0xA3, 1][..], &[0x9B; 60]].concat());
    add("OpenPGP in ASCII armour", "a.asc", pem("PGP MESSAGE", &session_key).into_bytes());
    add("age", "a.age", [b"age-encryption.org/v1\n-> X25519 abc\n", &[0x8F; 50][..]].concat());
    add("age in ASCII armour", "a.age", pem("AGE ENCRYPTED FILE", &[7; 60]).into_bytes());
    add("openssl enc", "a.enc", padded(b"Salted__", 0));
    let body = vec![0x55; 200];
    for (what, id, last) in [
        ("CMS EnvelopedData", &CMS[..], 3),
        ("CMS EncryptedData", &CMS[..], 6),
        ("CMS AuthEnvelopedData", &SMIME[..], 23),
        ("CMS CompressedData", &SMIME[..], 9),
    ] {
        add(what, "a.p7m", content_info(&[id, &[last]].concat(), &body));
    }
    let enveloped = content_info(&[&CMS[..], &[3]].concat(), &body);
    add("CMS EnvelopedData in PEM", "a.pem", pem("CMS", &enveloped).into_bytes());
    add("PKCS#12", "a.p12", element(tag::SEQUENCE, &[&[2, 1, 3], &content_info(&[&CMS[..], &[1]].concat(), &body)]));
    add("Java key store (JKS)", "a.jks", [&[0xFE, 0xED, 0xFE, 0xED, 0, 0, 0, 2][..], &der_noise()].concat());
    add("Windows certificate store (SST)", "a.sst", [b"\0\0\0\0CERT", &leaf(0)[..]].concat());
}

fn der_noise() -> Vec<u8> {
    (0..200_u8).map(|n| n.wrapping_mul(37) | 1).collect()
}

fn files(add: &mut dyn FnMut(&'static str, &'static str, Vec<u8>)) {
    let der = leaf(0);
    add("SQLite", "a.db", [b"SQLite format 3\0", &der[..]].concat());
    add("Access", "a.mdb", padded(b"Standard Jet DB\0", 4));
    add("Parquet", "a.parquet", padded(b"PAR1", 0));
    add("Excel, Word, PowerPoint before 2007, Outlook (OLE2)", "a.xls", padded(b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", 0));
    let sheet = format!("<sst><si><t>{}</t></si></sst>", base64(&der));
    let office =
        [Entry::stored("[Content_Types].xml", b"<Types/>"), Entry::stored("xl/sharedStrings.xml", sheet.as_bytes())];
    add("Excel, Word, PowerPoint (OOXML)", "a.xlsx", zip(&office));
    let open = [Entry::stored("mimetype", b"application/vnd"), Entry::stored("content.xml", sheet.as_bytes())];
    add("OpenDocument", "a.ods", zip(&open));
    add(
        "content of unknown form with a certificate inside",
        "dump.bin",
        [&[1, 2, 3, 4][..], &der, &[0xFF; 90]].concat(),
    );
    add("content of unknown form without one", "dump.bin", der_noise());
    add("image, PDF, program", "a.png", padded(b"\x89PNG\r\n\x1A\n", 0));
    add("`._` of macOS", "._a.der", padded(b"\0\x05\x16\x07\0\x02\0\0Mac OS X", 0));
    add("`._` with a certificate", "._a.der", der);
    add("`.DS_Store`", ".DS_Store", padded(b"\0\0\0\x01Bud1", 0));
    add("`Thumbs.db`", "Thumbs.db", padded(b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", 0));
    add("`desktop.ini`", "desktop.ini", b"[.ShellClassInfo]\r\nIconIndex=0\r\n".into());
}

fn certificates(add: &mut dyn FnMut(&'static str, &'static str, Vec<u8>)) {
    let der = leaf(0);
    let two = bundle(&element(0xA0, &[&leaf(0), &leaf(1)]));
    add("DER, one or several in a row", "a.der", der.clone());
    add("PEM", "a.pem", pem("CERTIFICATE", &der).into_bytes());
    add("PEM in a message signed in clear text", "a.asc", {
        let block = pem("CERTIFICATE", &der).replace("-----", "- -----").replace("- -----\n", "-----\n");
        format!("-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n{block}{}", pem("PGP SIGNATURE", &[1; 40]))
            .into_bytes()
    });
    add("PEM under another label", "a.pem", pem("DEVICE CERT", &der).into_bytes());
    add("PEM of keys, requests, CRLs", "a.txt", pem("PUBLIC KEY", &[7; 90]).into_bytes());
    add("PKCS#7 in DER", "a.p7b", two.clone());
    add("PKCS#7 in BER", "a.p7b", ber_bundle(b""));
    add("PKCS#7 under the label PKCS7 or CMS", "a.p7b", pem("PKCS7", &two).into_bytes());
    add("PKCS#7 under the label CERTIFICATE (Windows CA)", "a.p7b", pem("CERTIFICATE", &two).into_bytes());
    add("PKCS#7 in base64 without a label", "a.txt", base64(&two).into_bytes());
    add("PKCS#7 without certificates", "a.p7b", bundle(&[]));
    add("PKCS#7 with signed content (.p7m)", "a.p7m", ber_bundle(b"content"));
}

fn texts(add: &mut dyn FnMut(&'static str, &'static str, Vec<u8>)) {
    let der = leaf(0);
    let list = format!("{}\n{}\n", base64(&leaf(0)), base64(&leaf(1)));
    let mut text = |what, name, text: String| add(what, name, text.into_bytes());
    text("base64 or hexadecimal, one certificate a line", "a.txt", list.clone());
    text("CSV with a column of base64", "a.csv", format!("uid,certificate\n0209,\"{}\"\n", base64(&der)));
    text("CSV with a column of hexadecimal", "a.csv", format!("uid;certificate\n0209;{}\n", hex::encode(&der)));
    text("JSON or XML with base64 or hexadecimal", "a.json", format!("{{\"x5c\":[\"{}\"]}}", base64(&der)));
    let wrapped = pem("X", &leaf(0)).lines().filter(|line| !line.starts_with('-')).collect::<Vec<_>>().join("\n  ");
    text(
        "XML or YAML with base64 in several lines",
        "a.xml",
        format!("<X509Certificate>{wrapped}</X509Certificate>\n"),
    );
    let escaped = base64(&der).replace('/', "\\/").replace('+', "\\u002B");
    text("JSON with escapes in the base64", "a.json", format!("{{\"der\":\"{escaped}\"}}"));
    text("base64url", "a.txt", base64url(&der));
    text("`name=base64`, `name:hexadecimal`", "a.txt", format!("cert={}\n", base64(&der)));
    text("C array, hexadecimal", "a.h", {
        format!("const unsigned char cert[] = {{\n{}\n}};\n", joined(&der, |byte| format!("0x{byte:02x}"), ", ", 12))
    });
    text("array of decimal numbers", "a.json", format!("[{}]", joined(&der, u8::to_string, ",", 500)));
    text(
        "C string with escapes",
        "a.c",
        format!("char c[] = \"{}\";", joined(&der, |byte| format!("\\x{byte:02X}"), "", 500)),
    );
    text("hexadecimal with blanks", "a.txt", joined(&der, |byte| format!("{byte:02X}"), " ", 16));
    text("hexdump -C", "a.txt", {
        dump(&der, |at, bytes| {
            format!("{at:08x}  {}  |{}|", joined(bytes, |byte| format!("{byte:02x}"), " ", 16), printable(bytes))
        })
    });
    text("hexadecimal with hyphens (.NET)", "a.txt", joined(&der, |byte| format!("{byte:02X}"), "-", 500));
    text("xxd", "a.txt", {
        let words = |bytes: &[u8]| bytes.chunks(2).map(hex::encode).collect::<Vec<_>>().join(" ");
        dump(&der, |at, bytes| format!("{at:08x}: {}  {}", words(bytes), printable(bytes)))
    });
    text("Intel HEX", "a.hex", intel_hex(&der));
    text("Motorola S-record", "a.srec", dump(&der, |at, bytes| format!("S113{at:04X}{}AA", hex::encode_upper(bytes))));
    text("JWS: TrustFLEX and other vendors' manifests", "a.json", {
        let payload = base64url(format!("{{\"keys\":[{{\"x5c\":[\"{}\"]}}]}}", base64(&der)).as_bytes());
        format!("[{{\"payload\":\"{payload}\",\"protected\":\"eyJ0eXAiOiJKV1QifQ\",\"signature\":\"AAAA\"}}]")
    });
    text("base64 of a zip, gzip, 7z, xz... file", "a.txt", base64(&zip(&[Entry::stored("a.der", &der)])));
    text("base64 that does not begin a field", "a.txt", format!("cert~{}\n", base64(&der)));
    text("base64 of PEM", "a.txt", base64(pem("CERTIFICATE", &der).as_bytes()));
    text("mail with attachments", "a.eml", {
        let body = base64(&zip(&[Entry::stored("a.der", &der)]));
        let headers = "From: a@example.com\r\nMIME-Version: 1.0\r\nContent-Type: application/zip\r\n";
        format!("{headers}Content-Transfer-Encoding: base64\r\n\r\n{body}\r\n")
    });
    text("uuencode", "a.uu", "begin 644 a.zip\nM4$L#!!0````(`\n`\nend\n".into());
    text("text without a certificate", "readme.txt", "nothing here\n".into());
    add("UTF-16, with or without a byte order mark", "a.txt", utf16(&list, u16::to_le_bytes));
    add("UTF-16, big-endian, with a byte order mark", "a.txt", utf16(&format!("\u{FEFF}{list}"), u16::to_be_bytes));
    let utf32 = |text: &str| text.chars().flat_map(|character| u32::from(character).to_le_bytes()).collect();
    add("UTF-32", "a.txt", utf32(&format!("\u{FEFF}{list}")));
}

fn forms() -> Vec<Form> {
    type Make = fn(&mut dyn FnMut(&'static str, &'static str, Vec<u8>));
    let groups: [(&'static str, Make); 5] = [
        ("Certificates", certificates),
        ("Archives and compressed files", archives),
        ("Encrypted files and key stores", encrypted),
        ("Databases, documents, other files", files),
        ("Text", texts),
    ];
    let mut forms = Vec::new();
    for (group, make) in groups {
        make(&mut |what, name, content| forms.push(Form { group, what, name, content }));
    }
    forms
}

/// What becomes of a form, in a word: `read`, or disposition and code.
fn outcome(form: &Form) -> String {
    let lines = held(form.name, &form.content);
    if lines.iter().all(|line| line.contains(" candidate ") || line.contains("reel.pem.other-label") && lines.len() > 1)
    {
        return "read".into();
    }
    let [line] = &lines[..] else { panic!("{}: {lines:?}", form.what) };
    let (_, rest) = line.split_once(' ').unwrap();
    let (word, code) = rest.split_once(' ').unwrap();
    format!("{word}: `{code}`")
}

#[test]
#[expect(clippy::disallowed_methods, reason = "writes the table when told to")]
fn the_table_of_forms_is_true() {
    let mut table = String::new();
    let mut group = "";
    for form in forms() {
        if form.group != group {
            group = form.group;
            write!(table, "\n### {group}\n\n| form | outcome |\n|---|---|\n").unwrap();
        }
        writeln!(table, "| {} | {} |", form.what, outcome(&form)).unwrap();
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guide/inputs.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let (begin, end) = ("<!-- forms: begin -->\n", "\n<!-- forms: end -->");
    let (before, rest) = text.split_once(begin).unwrap();
    let (found, after) = rest.split_once(end).unwrap();
    if std::env::var_os("REROOT_BLESS").is_some() {
        std::fs::write(&path, [before, begin, &table, end, after].concat()).unwrap();
    } else {
        assert_eq!(found, table, "docs/guide/inputs.md is old: run this test with REROOT_BLESS=1");
    }
}

/// A form is recognised inside an archive as it is outside.
#[test]
fn a_form_is_told_inside_of_archives_too() {
    for form in forms() {
        let outside = held(form.name, &form.content);
        for (around, packed) in
            [("a.zip", zip(&[Entry::stored(form.name, &form.content)])), ("a.gz", gzip(&form.content))]
        {
            let inside = held(around, &packed);
            let words =
                |lines: &[String]| lines.iter().map(|line| line.split_once(' ').unwrap().1.to_owned()).collect();
            let (mut inside, mut outside): (Vec<String>, Vec<String>) = (words(&inside), words(&outside));
            inside.sort();
            outside.sort();
            // a gzip file's own name claims an archive
            let claims = around == "a.gz" && outside.iter().any(|line| line.starts_with("ignored"));
            assert!(inside == outside || claims, "{} in {around}: {inside:?}, {outside:?}", form.what);
        }
    }
}

/// What the first edition ignored as something unknown is what this is about.
#[test]
fn the_first_edition_is_what_it_was() {
    let limits = Limits { edition: Edition::First, ..Limits::default() };
    let old = |name: &str| {
        let form = forms().into_iter().find(|form| form.what == name).unwrap();
        held_with(form.name, &form.content, &limits)
    };
    for form in ["7z", "RAR 5", "xz, also tar.xz", "SQLite", "openssl enc", "OpenPGP, for a key", "Access"] {
        assert_eq!(old(form), ["@ ignored reel.file.not-a-certificate"], "{form}");
    }
    for form in
        ["Intel HEX", "xxd", "C array, hexadecimal", "JWS: TrustFLEX and other vendors' manifests", "base64 of PEM"]
    {
        assert_eq!(old(form), ["@ ignored reel.text.no-certificate"], "{form}");
    }
    assert_eq!(old("OpenPGP in ASCII armour"), ["@ ignored reel.pem.other-label"]);
    assert_eq!(old("`._` of macOS"), ["@ rejected reel.file.no-certificate"]);
    assert_eq!(old("PKCS#7 in BER"), ["@ rejected reel.pkcs7.invalid"]);
    assert!(old("PKCS#7 under the label CERTIFICATE (Windows CA)")[0].starts_with("@ candidate "));
}
