//! Signatures of version 1, which come back in either form: a vault of an earlier release recorded what its signer
//! returned, and an attacker who carries the file can exchange a signature for its twin.

use reroot::crypto::{low_s, sha256};
use reroot::x509::KeyAlgorithm;

use crate::past::unpacked::Past;
use crate::plan::signed::{SignatureFile, twin};

/// A plan that an earlier vault has signed, and what its signature file has.
fn signed() -> (Past, SignatureFile) {
    let past = Past::unpack("sign-published");
    let file = SignatureFile::read(&past.workshop.path("reel.signatures"));
    (past, file)
}

/// Whether each signature is in one of the batch's certificates, as it is.
fn published(past: &Past, file: &SignatureFile) -> bool {
    let batch: Vec<u8> = past.workshop.files("batch").into_iter().flat_map(|(_, content)| content).collect();
    file.entries.iter().all(|(_, signature)| batch.windows(signature.len()).any(|window| window == signature))
}

fn exchanged(honest: &SignatureFile) -> SignatureFile {
    let mut file = honest.clone();
    file.entries.iter_mut().for_each(|(_, signature)| *signature = twin(signature));
    file.recount();
    file
}

#[test]
fn twins_that_were_exchanged_on_the_way_are_exchanged_back() {
    let (past, honest) = signed();
    exchanged(&honest).write(&past.workshop.path("reel.signatures"));
    let finished = past.again().success();
    let said = finished.err() + &finished.out();
    assert!(said.contains("signatures came in the other of the two forms"), "{said}");
    // the lower s is published, even where the earlier program kept the higher one
    let mut low = honest.clone();
    low.entries.iter_mut().for_each(|(_, signature)| *signature = low_s(KeyAlgorithm::P256, signature.clone()));
    assert!(published(&past, &low));
    past.check();
}

#[test]
fn what_an_earlier_release_recorded_stays_as_it_is() {
    let (past, honest) = signed();
    let earlier = exchanged(&honest);
    earlier.write(&past.workshop.path("reel.signatures"));
    let digest = sha256(&earlier.bytes()).to_string();
    // the file is proved, so the batch agrees with the ledger of the vault that wrote it
    past.finish(&["--expect-signatures", &digest]).success();
    assert!(published(&past, &earlier) && !published(&past, &honest));
    past.workshop.verify("batch", &["--input", "reel.zip"]).success();
    // recorded on this ledger too: with either file, the same batch comes out
    let batch = past.workshop.files("batch");
    for file in [&earlier, &honest] {
        file.write(&past.workshop.path("reel.signatures"));
        past.workshop.delete("batch");
        past.finish(&[]).success();
        assert!(past.workshop.files("batch") == batch);
    }
}

#[test]
fn a_signature_file_of_version_2_answers_no_plan_of_version_1() {
    let (past, honest) = signed();
    let second = [b"reroot-signatures/2\n", &honest.bytes()[20..]].concat();
    crate::support::judges::put(&past.workshop.path("reel.signatures"), second);
    let refused = past.again().expect(3);
    assert!(refused.err().contains("it does not begin with `reroot-signatures/1`"), "{}", refused.err());
}
