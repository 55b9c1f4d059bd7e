//! The policies that come with the program.

use crate::x509::KeyAlgorithm;

macro_rules! shipped {
    ($($name:literal),* $(,)?) => {
        /// File name and text of every shipped policy. Each opens with who may use it for what.
        pub const SHIPPED: &[(&str, &str)] =
            &[$(($name, include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../policies/", $name)))),*];
    };
}

shipped! {
    "aws-iot.toml",
    "azure-dps.toml",
    "idevid.toml",
    "ieee2030-5.toml",
    "ldevid.toml",
    "lwm2m.toml",
    "matter-dac.toml",
    "minimal.toml",
    "opcua-device.toml",
    "tls-client.toml",
}

/// As [`SHIPPED`], with the hash that an issuing key on a longer curve demands (FIPS 186-5 §6.1.1). Those for other keys
/// stay as they are: what else would have to change is for the policy's author to decide.
pub fn shipped_for(issuer: KeyAlgorithm) -> Vec<(&'static str, String)> {
    const USUAL: &str = "signature = \"ecdsa-sha256\"";
    let usual = issuer.usual_signature();
    let line = format!("signature = \"{}\"", usual.name());
    let line = if issuer.issues() && usual.is_ecdsa() { &line } else { USUAL };
    SHIPPED.iter().map(|(name, text)| (*name, text.replace(USUAL, line))).collect()
}
