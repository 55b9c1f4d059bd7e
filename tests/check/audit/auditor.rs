//! The auditor's own side: anchors and inputs.

use super::batch::batch;
use super::verdict::{refused, refused_only};
use crate::support::judges::put;
use crate::support::pki::{Recipe, TestPki, archive, der};
use crate::support::run::project;
use crate::support::workshop::Workshop;

#[test]
fn other_anchors_than_the_batchs_refuse_it() {
    let workshop = batch();
    let other = Workshop::new();
    let foreign_root = other.path("pki/ca/root.pem").display().to_string();
    let genuine = project("fixtures/st/stm-stsafe-a-prod-ca-01.pem").display().to_string();
    let verify = |anchors: [&str; 3]| {
        let [source, issuer, manifest] = anchors;
        let args = ["verify", "batch", "--format", "json", "--source-anchor", source, "--issuer-anchor", issuer];
        workshop.reroot(&args).args(["--manifest-anchor", manifest]).run()
    };
    let (source, root) = ("pki/anchors/test-root.pem", "pki/ca/root.pem");
    verify([source, root, root]).success();
    for (anchors, code) in [
        ([&genuine, root, root], "audit.source.rejected"),
        ([source, &foreign_root, root], "audit.issuer.chain"),
        ([source, root, &foreign_root], "manifest.signer.no-trust-anchor"),
        // the issuing CA must not vouch for the manifest: chips are under it too
        ([source, root, "pki/ca/issuing.pem"], "manifest.signer.no-trust-anchor"),
    ] {
        let finished = verify(anchors).expect(1);
        let found = super::batch::codes(&finished);
        assert!(found.contains(code), "{anchors:?}: {found:?}");
    }
    // the issuing CA itself as the issuer's anchor is enough
    verify([source, "pki/ca/issuing.pem", root]).success();
    // what is not an anchor is not a verdict on the batch
    for anchors in [[source, "pki/ca/manifest.pem", "pki/ca/manifest.pem"], ["pki/ca/manifest.pem", root, root]] {
        verify(anchors).expect(2);
    }
}

/// A root of the same name with another key, and one of the same key with another name.
#[test]
fn an_anchor_is_a_name_and_a_key() {
    let workshop = batch();
    let mut recipe = Recipe::shipped();
    recipe.seed.push_str(" other");
    put(&workshop.path("same-name.pem"), der::pem("CERTIFICATE", TestPki::new(recipe).root()));
    let mut recipe = Recipe::shipped();
    recipe.root.common_name.push_str(" TEST");
    put(&workshop.path("same-key.pem"), der::pem("CERTIFICATE", TestPki::new(recipe).root()));
    for name in ["same-name.pem", "same-key.pem"] {
        let args =
            ["verify", "batch", "--format", "json", "--source-anchor", name, "--issuer-anchor", "pki/ca/root.pem"];
        let finished = workshop.reroot(&args).run().expect(1);
        assert!(super::batch::codes(&finished).contains("audit.source.rejected"), "{name}: {}", finished.out());
    }
}

#[test]
fn another_input_than_the_batchs_is_refused() {
    let workshop = batch();
    workshop.reel("other.zip", 0..4);
    refused_only(&workshop, "batch", &["--input", "other.zip"], &["audit.account.input"]);
    refused_only(&workshop, "batch", &["--input", "reel.zip", "--input", "other.zip"], &["audit.account.input"]);
    // the same content under another name is the same input: names are for people
    workshop.write("renamed.zip", &std::fs::read(workshop.path("reel.zip")).unwrap());
    workshop.verify("batch", &["--input", "renamed.zip"]).success();
    workshop.verify("batch", &["--input", "nowhere.zip"]).expect(3);
    workshop.write("empty.zip", &archive::zip(&[]));
    refused_only(&workshop, "batch", &["--input", "empty.zip"], &["audit.account.input"]);
}

#[test]
fn what_is_no_batch_is_named() {
    let workshop = batch();
    for name in ["nowhere", "reel.zip"] {
        let finished = workshop.verify(name, &[]).expect(2);
        assert!(finished.err().contains(name), "{}", finished.err());
    }
    reroot::durable::create_directory(&workshop.path("empty"), reroot::durable::Access::Public).unwrap();
    refused(&workshop, "empty", &[], &["delivery.file.missing"]);
}
