//! Checks that a chip is in a batch, by a proof and the trust anchors and nothing else.
//!
//! ```text
//! check_proof SOURCE-ROOT.pem ISSUER-ROOT.pem MANIFEST-ROOT.pem PROOF CHIP
//! ```
#![expect(clippy::print_stdout, reason = "an example program prints its answer")]

use std::error::Error;

use reroot_core::{Certificate, Checker, ChipName, Claim, certificates};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [source, issuer, manifest, proof, chip] = &arguments[..] else {
        return Err("expected five arguments: three files of anchors, a proof, and the chip's UID".into());
    };
    let anchors = |path: &str| -> Result<Vec<Certificate>, Box<dyn Error>> { Ok(certificates(&std::fs::read(path)?)?) };
    let chip: ChipName = chip.parse()?;

    // The anchors are the caller's: neither a proof nor a batch may bring its own.
    let checker = Checker::new(&anchors(source)?, &anchors(issuer)?, &anchors(manifest)?)?;
    let (_, proved) = checker.check_bytes(&std::fs::read(proof)?)?;

    // A valid proof may be about another chip, or prove that the chip is absent.
    proved.must_be_about(&chip)?;
    proved.must_show(Claim::Presence)?;

    let presence = proved.presence.ok_or("the proof shows presence")?;
    println!("chip {} is in batch {}", proved.uid, proved.statement.batch);
    println!(
        "its certificate: serial number {}, subject {}",
        presence.certificate.serial(),
        presence.certificate.subject()
    );
    Ok(())
}
