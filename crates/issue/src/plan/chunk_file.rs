//! The file of one chunk, for the workers of a pool: which chunk it is of, the intermediates, and the leaves as a plan has
//! them. Its name is its SHA-256, which the pool hands out with the chunk.
//!
//! Nothing in it is trusted: the ledger knows UID and digests of every leaf of the chunk, and the machine that signs verifies
//! each leaf under its own anchors.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use crate::durable::output;
use crate::error::{Error, PlanError};
use crate::input;
use crate::origin::ItemName;
use crate::reel::SourceLeaf;
use crate::x509::{Certificate, Sha256Digest};

use super::file::{LeafWriter, differs, read_certificates, read_leaves, write_new};

const FORMAT: &str = "reroot-chunk/1";

/// Largest file that is read: a chunk of 4,096 leaves has 3 MiB.
pub(crate) const MAX_BYTES: u64 = 256 << 20;

/// The content of the file.
pub(crate) struct ChunkLeaves {
    pub(crate) intermediates: Vec<Certificate>,
    pub(crate) leaves: Vec<SourceLeaf>,
}

/// Returns the content of the file for a chunk. `intermediates` is the section of a plan.
pub(crate) fn write<'a>(
    batch: &str,
    chunk: u64,
    intermediates: &[u8],
    leaves: impl Iterator<Item = (&'a ItemName, Vec<u8>)>,
) -> Vec<u8> {
    let mut out = format!("{FORMAT}\n{batch}\n{chunk}\n").into_bytes();
    let length = u32::try_from(intermediates.len()).expect("intermediates are below 4 GiB");
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(intermediates);
    let mut writer = LeafWriter::new(out);
    for (item, der) in leaves {
        writer.add(item, &der).expect("memory takes it");
    }
    writer.finish().0
}

/// Returns the place of the file with this digest.
pub(crate) fn place(folder: &Path, digest: &Sha256Digest) -> PathBuf {
    folder.join(name(digest))
}

/// Returns the name of the file with this digest.
pub(crate) fn name(digest: &Sha256Digest) -> String {
    format!("{digest}.leaves")
}

/// Makes a file durable under its name. One that is there is of an earlier run: it must be the same.
pub(crate) fn save(folder: &Path, digest: &Sha256Digest, content: &[u8]) -> Result<(), Error> {
    let place = place(folder, digest);
    if output::is_free(&place) {
        return write_new(&place, output::publish, |file| file.write_all(content));
    }
    let mut found = Vec::new();
    let read = input::open(&place).and_then(|file| file.take(MAX_BYTES).read_to_end(&mut found));
    read.map_err(|source| PlanError::Read { path: place.clone(), source })?;
    if found == content { Ok(()) } else { Err(Error::OutputExists { path: place }) }
}

/// Reads the content of the file of this chunk.
pub(crate) fn read(content: &[u8], batch: &str, chunk: u64) -> Result<ChunkLeaves, String> {
    let broken = || "its file ends too early".to_owned();
    let malformed = |error| match error {
        PlanError::Malformed { what } => format!("its file is malformed: {what}"),
        other => other.to_string(),
    };
    let mut rest = content;
    for expected in [FORMAT, batch, &chunk.to_string()] {
        let end = rest.iter().position(|byte| *byte == b'\n').ok_or_else(broken)?;
        let (line, behind) = (&rest[..end], &rest[end + 1..]);
        if differs(&line, &expected.as_bytes()) {
            return Err(format!("its file is not of chunk {chunk} of batch {batch}"));
        }
        rest = behind;
    }
    let (length, rest) = rest.split_first_chunk::<4>().ok_or_else(broken)?;
    let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| broken())?;
    let (intermediates, leaves) = rest.split_at_checked(length).ok_or_else(broken)?;
    let intermediates = read_certificates(intermediates).map_err(malformed)?;
    Ok(ChunkLeaves { intermediates, leaves: read_leaves(leaves).map_err(malformed)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    const BATCH: &str = "01890000-0000-7000-8000-000000000001";

    fn content() -> Vec<u8> {
        let names = ["a/1.der", "a/2.der"].map(|name| ItemName::input(name.as_bytes()));
        write(BATCH, 7, &[], names.iter().zip([vec![1, 2], vec![3]]))
    }

    #[test]
    fn what_is_written_is_read() {
        let found = read(&content(), BATCH, 7).unwrap();
        assert!(found.intermediates.is_empty());
        let leaves: Vec<_> = found.leaves.iter().map(|leaf| (leaf.item.as_str(), leaf.der.as_slice())).collect();
        assert_eq!(leaves, [("a/1.der", [1, 2].as_slice()), ("a/2.der", &[3])]);
    }

    #[test]
    fn the_bytes_are_those_of_the_format() {
        let head = format!("reroot-chunk/1\n{BATCH}\n7\n\0\0\0\0");
        let leaves = b"\0\0\x07a/1.der\0\x02\x01\x02\x02\0\x052.der\0\x01\x03";
        assert_eq!(content(), [head.as_bytes(), leaves].concat());
    }

    #[test]
    fn a_file_of_a_different_chunk_or_batch_is_refused() {
        for (batch, chunk) in [(BATCH, 8), ("01890000-0000-7000-8000-000000000002", 7)] {
            let error = read(&content(), batch, chunk).err().unwrap();
            assert!(error.contains(&format!("not of chunk {chunk} of batch {batch}")), "{error}");
        }
    }

    #[test]
    fn a_file_that_was_cut_is_refused_or_has_fewer_leaves() {
        let whole = content();
        for end in 0..whole.len() {
            if let Ok(found) = read(&whole[..end], BATCH, 7) {
                assert!(found.leaves.len() < 2, "{end}");
            }
        }
    }

    #[test]
    fn a_file_that_is_there_is_kept_and_a_different_one_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let digest = crate::crypto::sha256(b"chunk");
        save(folder.path(), &digest, b"chunk").unwrap();
        save(folder.path(), &digest, b"chunk").unwrap();
        assert_eq!(std::fs::read(place(folder.path(), &digest)).unwrap(), b"chunk");
        let error = save(folder.path(), &digest, b"different").unwrap_err();
        assert!(matches!(error, Error::OutputExists { .. }), "{error}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
