//! Every shipped policy issues certificates for genuine parts, and the parsers of other projects accept them.

use std::path::Path;

use super::own_ca::{OwnCa, Spec, genuine};
use crate::support::judges::Exceptions;
use crate::support::run::project;

/// The text of a shipped policy, and the codes of pkilint that its header owns up to.
fn shipped(name: &str) -> (String, Vec<String>) {
    let text = std::fs::read_to_string(project("policies").join(format!("{name}.toml"))).expect("it is shipped");
    let header = text.lines().take_while(|line| line.starts_with('#'));
    let words = header.flat_map(|line| line.split(|c: char| !(c.is_ascii_alphanumeric() || c == '.' || c == '_')));
    let codes = words.filter(|word| word.starts_with("pkix.")).map(|word| word.trim_end_matches('.').to_owned());
    let codes: Vec<String> = codes.collect();
    assert_eq!(codes.is_empty(), !text.contains("\n# pkilint: "), "{name}: the header says whose codes these are");
    (text, codes)
}

fn judged(name: &str, spec: &Spec<'_>, set: &[&str]) {
    let ca = OwnCa::new(spec);
    let (policy, codes) = shipped(name);
    let leaves = genuine();
    let leaves: Vec<&Path> = leaves.iter().map(AsRef::as_ref).collect();
    ca.issue(&policy, &leaves, set).success();
    let exceptions = Exceptions { pkilint: codes, ..Exceptions::default() };
    assert_eq!(ca.judge(&exceptions).len(), leaves.len());
}

/// A test for each policy: its CA and its parameters.
macro_rules! policies {
    ($($test:ident $name:literal $spec:expr, $set:expr;)*) => {
        $(#[test] fn $test() { judged($name, &$spec, &$set); })*

        #[test]
        fn every_shipped_policy_is_judged() {
            let judged: std::collections::BTreeSet<&str> = [$($name),*].into();
            let listed: Vec<&str> = reroot::policy::SHIPPED.iter().map(|(file, _)| *file).collect();
            assert_eq!(listed, judged.iter().map(|name| format!("{name}.toml")).collect::<Vec<_>>());
        }
    };
}

/// A product attestation intermediate: the vendor id as an attribute of its own (Matter core specification §6.2.2).
const PAI: &str = "/CN=Own PAI/matterVendorId=FFF1";

policies! {
    aws_iot "aws-iot" Spec::default(), [];
    azure_dps "azure-dps" Spec::default(), [];
    idevid "idevid" Spec::default(), [];
    ieee2030_5 "ieee2030-5" Spec::default(), [];
    ldevid "ldevid" Spec::default(), ["--set", "site=LYON-2"];
    lwm2m "lwm2m" Spec::default(), [];
    matter_dac "matter-dac" Spec { subject: PAI, ..Spec::default() }, ["--set", "vid=FFF1", "--set", "pid=8000"];
    minimal "minimal" Spec::default(), [];
    opcua_device "opcua-device" Spec::default(), [];
    tls_client "tls-client" Spec::default(), [];
}

/// The only shipped policy that the CA of `reroot init` cannot issue: its name is no PAI's.
#[test]
fn a_matter_policy_is_refused_under_a_ca_that_is_no_pai() {
    let ca = OwnCa::new(&Spec::default());
    let leaves = genuine();
    let (policy, _) = shipped("matter-dac");
    let refused = ca.issue(&policy, &[&leaves[0]], &["--set", "vid=FFF1", "--set", "pid=8000"]).expect(2);
    assert!(refused.err().contains("matter-dac.vendor-product"), "{}", refused.err());
    assert!(!ca.path("batch").exists());
    // and under the PAI of another vendor
    let ca = OwnCa::new(&Spec { subject: PAI, ..Spec::default() });
    let refused = ca.issue(&policy, &[&leaves[0]], &["--set", "vid=FFF2", "--set", "pid=8000"]).expect(2);
    assert!(refused.err().contains("vendor id is not that of the"), "{}", refused.err());
}
