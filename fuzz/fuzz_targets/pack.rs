//! A line pack with bytes changed at the places that the input names: SQLite may make anything of it, but reading ends,
//! and every line it gives is within its limits.
#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use reroot::delivery::{PackReader, PackWriter};
use reroot::durable::{self, Access};
use reroot::manifest::{Entry, Proof, ProofChip, ProofLine, ProofVersion};
use reroot::origin::Uid;
use reroot::x509::Sha256Digest;

struct Pack {
    folder: PathBuf,
    good: Vec<u8>,
    uids: Vec<Uid>,
}

static PACK: LazyLock<Pack> = LazyLock::new(|| {
    let folder = std::env::temp_dir().join(format!("reroot-fuzz-pack-{}", std::process::id()));
    durable::create_directory(&folder, Access::Public).expect("a new folder");
    let uids: Vec<Uid> = (1..6_u8).map(|n| format!("0209A021E021C4E1D{n:03X}39").parse().expect("a UID")).collect();
    let mut writer = PackWriter::create(&folder.join("good"), "01968d2e-7b00-7cc3-98c4-dc0c0c07398f").expect("a pack");
    for (index, uid) in (0..).zip(&uids) {
        let path = vec![Sha256Digest::new([7; 32]); 3];
        let line = ProofLine { index, path, line: format!("{{\"uid\":\"{uid}\"}}") };
        let der = vec![0x30; 400];
        let chip =
            ProofChip { source: der.clone(), source_chain: vec![], certificate: der.clone(), chain: vec![der.clone()] };
        let proof = Proof {
            version: ProofVersion::Two,
            uid: uid.clone(),
            chip: Some(chip),
            lines: vec![line],
            policy: Some(vec![3]),
            statement: vec![1],
            seal: vec![2],
            seals: vec![],
        };
        writer.add(&proof).expect("a row");
    }
    writer.publish().expect("a pack");
    let good = std::fs::read(folder.join("good")).expect("it was written");
    Pack { folder, good, uids }
});

fuzz_target!(|bytes: &[u8]| {
    let mut bad = PACK.good.clone();
    let places = u32::try_from(bad.len()).expect("a small file");
    for change in bytes.chunks_exact(4) {
        let place = u32::from_be_bytes([0, change[0], change[1], change[2]]) % places;
        bad[place as usize] = change[3];
    }
    let path = PACK.folder.join("bad");
    std::fs::write(&path, &bad).expect("written");
    let Ok(reader) = PackReader::open(&path) else { return };
    for uid in &PACK.uids {
        if let Ok(Some(position)) = reader.position(uid)
            && let Ok(proof) = reader.presence(uid, position)
        {
            assert!(proof.lines.iter().all(|line| line.path.len() <= 64 && line.line.len() <= Entry::MAX_LINE));
        }
        if let Ok(positions) = reader.neighbours(uid, uid) {
            let _ = reader.absence(uid, &positions);
        }
        let _ = reader.with_unique_number(&uid.as_bytes()[2..9]);
    }
});
