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

/// As [`SHIPPED`], with this organization in the names of devices, and with the hash that an issuing key on a longer curve
/// demands (FIPS 186-5 §6.1.1). Those for other keys keep theirs: what else would have to change is for the policy's author to
/// decide.
pub fn shipped_for(issuer: KeyAlgorithm, organization: &str) -> Vec<(&'static str, String)> {
    const USUAL: &str = "signature = \"ecdsa-sha256\"";
    let usual = issuer.usual_signature();
    let line = format!("signature = \"{}\"", usual.name());
    let line = if issuer.issues() && usual.is_ecdsa() { &line } else { USUAL };
    // a brace that is not a placeholder's is written twice
    let organization = ::toml::Value::from(organization.replace('{', "{{").replace('}', "}}"));
    let own = |text: &str| {
        EXAMPLES.iter().fold(text.replace(USUAL, line), |text, example| {
            text.replace(&format!("O = \"{example}\""), &format!("O = {organization}"))
        })
    };
    SHIPPED.iter().map(|(name, text)| (*name, own(text))).collect()
}

/// What the shipped policies have as the organization.
const EXAMPLES: [&str; 2] = ["Example Devices", "Example Networks"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Policy;

    #[test]
    fn an_organization_is_written_into_every_policy_that_has_one() {
        for organization in ["Acme SA", "Acme \"{}\" \\ Söhne", "Ö"] {
            for ((name, text), (_, shipped)) in shipped_for(KeyAlgorithm::P384, organization).iter().zip(SHIPPED) {
                let policy = Policy::parse(text, name);
                assert!(policy.is_ok(), "{name}: {policy:?}");
                assert!(EXAMPLES.iter().all(|example| !text.contains(&format!("\"{example}\""))), "{name}");
                assert_eq!(shipped.contains("{ O = "), text.contains("{ O = "), "{name}");
            }
        }
    }
}
