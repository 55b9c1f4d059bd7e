//! Every code of a finding that this stage makes.

codes! {
    pub const;

    ARCHIVE_EMPTY = "reel.archive.empty", "ignored: the archive, directory or bundle holds nothing"
        => UNLESS_EXPECTED;
    CONTAINER_ARCHIVE = "reel.container.archive", "rejected: an archive or disk image in a format that is not read (7z, RAR, CAB, ISO 9660, ar, cpio, RPM...); the reason names it"
        => "Unpack it with its own program (7z x, unrar x, cabextract, bsdtar -xf), then give the folder or a zip of it.";
    CONTAINER_COMPRESSED = "reel.container.compressed", "rejected: data compressed in a format that is not read (xz, bzip2, zstd, lz4, lzip, compress, LZMA...); the reason names it"
        => "Decompress it with its own program (xz -d, bzip2 -d, zstd -d, lz4 -d, 7z x), and give what comes out.";
    CONTAINER_DATABASE = "reel.container.database", "rejected: a database file (SQLite, Access, Parquet...); the reason names it"
        => "Export the certificates from it: DER in hexadecimal or base64, one a line.";
    CONTAINER_DOCUMENT = "reel.container.document", "rejected: an office document, also a spreadsheet (Excel, Word, OpenDocument...); the reason names it"
        => "Save the sheet as CSV in UTF-8, or take the certificates out of the document as files, and give those.";
    CONTAINER_ENCRYPTED = "reel.container.encrypted", "rejected: encrypted data (OpenPGP, CMS EnvelopedData, age, openssl enc...); the reason names it"
        => "Decrypt it (gpg --decrypt, openssl cms -decrypt, age -d, or the supplier's program), and give what comes out.";
    CONTAINER_KEY_STORE = "reel.container.key-store", "rejected: a key store (PKCS#12, JKS, a Windows certificate store...); the reason names it"
        => "Export the certificates alone: openssl pkcs12 -in FILE -nokeys -out NEW.pem, or keytool -exportcert.";
    CONTAINER_MESSAGE = "reel.container.message", "rejected: a mail message with encoded parts"
        => "Save the attachments as files, and give those.";
    CONTAINER_SIGNED = "reel.container.signed", "rejected: signed content (CMS SignedData that carries its content, a signed OpenPGP message), which is not taken out of its envelope"
        => "Take the content out (openssl cms -verify -inform DER -in FILE -CAfile CA -out NEW, gpg --decrypt), and give it.";
    DIRECTORY_LINK = "reel.directory.link", "rejected: a symbolic link in a directory; links are not followed"
        => LINK_TARGET;
    DIRECTORY_SPECIAL_FILE = "reel.directory.special-file", "rejected: a pipe, socket or device in a directory"
        => NOT_A_FILE;
    FILE_CERTIFICATE_INSIDE = "reel.file.certificate-inside", "rejected: a certificate lies inside a content of unknown form"
        => "Take the certificates out with the program that made the file, and give those.";
    FILE_COMPANION = "reel.file.companion", "ignored: a file that macOS, Windows or a file manager keeps beside others (._ files, .DS_Store, Thumbs.db, desktop.ini...)"
        => UNLESS_EXPECTED;
    FILE_EMPTY = "reel.file.empty", "the file has no bytes: rejected under a certificate's suffix, otherwise ignored"
        => "Fetch the file again; if it belongs there as it is, give it another suffix.";
    FILE_NO_CERTIFICATE = "reel.file.no-certificate", "rejected: a certificate's suffix, and no certificate in it"
        => "Fetch the file again; if it belongs there as it is, give it another suffix.";
    FILE_NOT_A_CERTIFICATE = "reel.file.not-a-certificate", "ignored: the content is neither a certificate nor an archive"
        => UNLESS_EXPECTED;
    FILE_NOT_AN_ARCHIVE = "reel.file.not-an-archive", "rejected: an archive's suffix, and content that is no archive"
        => DAMAGED;
    GZIP_CORRUPT = "reel.gzip.corrupt", "rejected: the gzip data is damaged, truncated or followed by something else (RFC 1952)"
        => DAMAGED;
    LIMIT_ARCHIVE_DEPTH = "reel.limit.archive-depth", "rejected: an archive inside more archives than the limit allows"
        => "Unpack the outer archives or directories, and name the inner ones as inputs.";
    LIMIT_BUNDLE_BYTES = "reel.limit.bundle-bytes", "rejected: a PKCS#7 bundle above the limit"
        => SPLIT;
    LIMIT_COMPRESSION_RATIO = "reel.limit.compression-ratio", "rejected: data that expands more than the limit allows"
        => "Certificates do not compress so well: look at what the data is before unpacking it.";
    LIMIT_DIRECTORY_DEPTH = "reel.limit.directory-depth", "rejected: directories nested deeper than the limit"
        => "Unpack the outer archives or directories, and name the inner ones as inputs.";
    LIMIT_ITEM_BYTES = "reel.limit.item-bytes", "rejected: one certificate candidate above the limit"
        => "No certificate is so long: look at what the data is.";
    LIMIT_ITEMS = "reel.limit.items", "rejected: more items than the limit; reading stopped there"
        => SPLIT;
    LIMIT_LINE_BYTES = "reel.limit.line-bytes", "rejected: a line of text above the limit; the rest of the file was not read"
        => "No certificate is so long: look at what the data is.";
    LIMIT_TOTAL_BYTES = "reel.limit.total-bytes", "rejected: more bytes than the limit; reading stopped there"
        => SPLIT;
    PEM_BASE64 = "reel.pem.base64", "rejected: a PEM block whose content is not base64 (RFC 7468 §3, RFC 4648 §4)"
        => UNCHANGED;
    PEM_CERTIFICATE_LABEL = "reel.pem.certificate-label", "rejected: a PEM block that holds a certificate or a PKCS#7 bundle under another label"
        => "Write the label CERTIFICATE, or PKCS7 for a bundle, if it is meant.";
    PEM_LABEL_MISMATCH = "reel.pem.label-mismatch", "rejected: a PEM block that ends under another label than it began (RFC 7468 §3)"
        => UNCHANGED;
    PEM_OTHER_LABEL = "reel.pem.other-label", "ignored: a PEM block that is no certificate by its label"
        => UNLESS_EXPECTED;
    PEM_TRUSTED_CERTIFICATE = "reel.pem.trusted-certificate", "rejected: OpenSSL's TRUSTED CERTIFICATE, a certificate with additions of its own"
        => "Write it as a certificate alone: openssl x509 -in FILE -out NEW.";
    PEM_UNTERMINATED = "reel.pem.unterminated", "rejected: a PEM block without an end"
        => UNCHANGED;
    PKCS7_INVALID = "reel.pkcs7.invalid", "rejected: a PKCS#7 bundle that is not one SignedData in DER or BER (RFC 5652 §5.1)"
        => "Write it again in DER: openssl pkcs7 -inform DER -in FILE -outform DER -out NEW.";
    PKCS7_OTHER_CERTIFICATE = "reel.pkcs7.other-certificate", "ignored: a member of a PKCS#7 bundle that is no X.509 certificate (RFC 5652 §10.2.2)"
        => UNLESS_EXPECTED;
    TAR_ABSOLUTE_NAME = "reel.tar.absolute-name", "rejected: a tar entry with an absolute name"
        => OUTSIDE_NAME;
    TAR_DIRECTORY = "reel.tar.directory", "ignored: a directory entry"
        => UNLESS_EXPECTED;
    TAR_DIRECTORY_CONTENT = "reel.tar.directory-content", "rejected: a tar entry with a directory's name and a file's content"
        => TWO_READINGS;
    TAR_DUPLICATE_NAME = "reel.tar.duplicate-name", "rejected: a tar entry with the name of an earlier one"
        => "Ask for an archive in which every certificate has a name of its own.";
    TAR_HEADER = "reel.tar.header", "rejected: a tar header that cannot be read; the rest of the archive was not read"
        => DAMAGED;
    TAR_LINK = "reel.tar.link", "rejected: a hard or symbolic link in a tar archive"
        => LINK_TARGET;
    TAR_PATH_TRAVERSAL = "reel.tar.path-traversal", "rejected: a tar entry whose name has a .. component"
        => OUTSIDE_NAME;
    TAR_SPECIAL_FILE = "reel.tar.special-file", "rejected: a pipe or device in a tar archive"
        => NOT_A_FILE;
    TAR_TRAILING_DATA = "reel.tar.trailing-data", "rejected: something follows the end of the tar archive"
        => DAMAGED;
    TAR_TRUNCATED = "reel.tar.truncated", "rejected: the tar archive ends before its end mark"
        => DAMAGED;
    TAR_UNSUPPORTED_ENTRY = "reel.tar.unsupported-entry", "rejected: a tar entry of a kind that is not read, such as a sparse file"
        => "Pack it again as plain files, stored or deflated.";
    TEXT_BASE64 = "reel.text.base64", "rejected: a field that begins as a certificate in base64 and is not base64"
        => UNCHANGED;
    TEXT_ENCODED = "reel.text.encoded", "rejected: a file or certificate in an encoding that is not read (base64 of an archive or of PEM, JWS, uuencode...); the reason names it"
        => "Decode it with its own program (base64 -d, uudecode, the supplier's), and give what comes out.";
    TEXT_ENCODING = "reel.text.encoding", "rejected: text in a character encoding that is not read (UTF-32)"
        => "Write the text again in UTF-8: iconv -f UTF-32 -t UTF-8.";
    TEXT_HEXADECIMAL = "reel.text.hexadecimal", "rejected: a field that begins as a certificate in hexadecimal and is not hexadecimal"
        => UNCHANGED;
    TEXT_NO_CERTIFICATE = "reel.text.no-certificate", "ignored: text without a certificate"
        => UNLESS_EXPECTED;
    TEXT_NOT_A_CERTIFICATE = "reel.text.not-a-certificate", "rejected: a field in a column of certificates that is none"
        => UNCHANGED;
    TEXT_NUMBERS = "reel.text.numbers", "rejected: a certificate written as a list of numbers (C array, hex dump, Intel HEX, S-record)"
        => "Write the certificate as DER (xxd -r -p, objcopy -I ihex -O binary), PEM, or hexadecimal without blanks, one a line.";
    ZIP_ABSOLUTE_NAME = "reel.zip.absolute-name", "rejected: a zip entry with an absolute name"
        => OUTSIDE_NAME;
    ZIP_AMBIGUOUS_END = "reel.zip.ambiguous-end", "rejected: a zip archive with two end records that could both be meant"
        => TWO_READINGS;
    ZIP_CENTRAL_DIRECTORY = "reel.zip.central-directory", "rejected: a zip archive whose central directory cannot be read"
        => DAMAGED;
    ZIP_CHECKSUM = "reel.zip.checksum", "rejected: a zip entry whose content does not have the recorded CRC-32"
        => DAMAGED;
    ZIP_DATA = "reel.zip.data", "rejected: a zip entry whose compressed data is damaged or has another size than recorded"
        => DAMAGED;
    ZIP_DIRECTORY = "reel.zip.directory", "ignored: a directory entry"
        => UNLESS_EXPECTED;
    ZIP_DUPLICATE_NAME = "reel.zip.duplicate-name", "rejected: zip entries with the same name; none of them is read"
        => "Ask for an archive in which every certificate has a name of its own.";
    ZIP_ENCRYPTED = "reel.zip.encrypted", "rejected: an encrypted zip entry"
        => "Decrypt it with the program that the supplier names, and give what comes out.";
    ZIP_END_RECORD = "reel.zip.end-record", "rejected: a zip archive whose end record is missing or contradicts itself"
        => DAMAGED;
    ZIP_LINK = "reel.zip.link", "rejected: a symbolic link in a zip archive"
        => LINK_TARGET;
    ZIP_LOCAL_HEADER = "reel.zip.local-header", "rejected: a zip entry whose local header or data descriptor disagrees with the central directory"
        => TWO_READINGS;
    ZIP_METHOD = "reel.zip.method", "rejected: a zip entry compressed by another method than deflate"
        => "Pack it again as plain files, stored or deflated.";
    ZIP_OVERLAP = "reel.zip.overlap", "rejected: a zip archive whose entries overlap"
        => TWO_READINGS;
    ZIP_PATH_TRAVERSAL = "reel.zip.path-traversal", "rejected: a zip entry whose name has a .. component"
        => OUTSIDE_NAME;
    ZIP_PREFIX = "reel.zip.prefix", "ignored: bytes before a zip archive's first entry, as in self-extracting archives"
        => "Nothing is to be done for a self-extracting archive; otherwise fetch the archive again.";
    ZIP_SEVERAL_DISKS = "reel.zip.several-disks", "rejected: one part of a zip archive that was split"
        => "Join the parts first: zip -s 0 PART --out WHOLE.";
    ZIP_SPECIAL_FILE = "reel.zip.special-file", "rejected: a pipe, socket or device in a zip archive"
        => NOT_A_FILE;
    ZIP_TRAILING_DATA = "reel.zip.trailing-data", "rejected: something follows the end of the zip archive"
        => DAMAGED;
    ZIP_TWO_ARCHIVES = "reel.zip.two-archives", "rejected: what stands before the zip archive begins as another one"
        => TWO_READINGS;
}

const DAMAGED: &str = "It is damaged: fetch it again and compare its length and digest.";
const LINK_TARGET: &str = "Name what the link points to as an input of its own.";
const NOT_A_FILE: &str = "Take it out: no certificate lies in it.";
const OUTSIDE_NAME: &str = "An honest archive has no such names: ask who made it, and unpack it nowhere.";
const SPLIT: &str = "Split the input, if all of it is meant.";
const TWO_READINGS: &str =
    "Two programs could read two things here: do not use this archive, fetch it again, and ask who made it.";
const UNCHANGED: &str = "Fetch the file again, and do not pass it through an editor or a spreadsheet.";
const UNLESS_EXPECTED: &str = "Nothing needs to be done, unless a certificate was expected there.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_sorted() {
        assert!(CODES.is_sorted_by(|(a, _), (b, _)| a.as_str() < b.as_str()), "{CODES:?}");
        assert!(CODES.iter().all(|(code, _)| code.as_str().starts_with("reel.")));
    }
}
