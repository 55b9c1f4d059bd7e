//! Dates and ends of the chain.

use super::ca::Foreign;

#[test]
fn a_ca_above_that_is_not_valid_is_refused_before_anything_is_recorded() {
    Foreign::with(&["policy=expired"]).refuses(&["Foreign policy", "is valid from", "audit.issuer.chain"]);
    Foreign::with(&["policy=future"]).refuses(&["Foreign policy", "is valid from", "audit.issuer.chain"]);
    Foreign::with(&["root=future"]).refuses(&["Foreign root", "is valid from"]);
    Foreign::with(&["root=expired"]).refuses(&["Foreign root", "policy.issuer.end"]);
    Foreign::with(&["issuing=expired"]).refuses(&["Foreign issuing", "is valid from"]);
}

#[test]
fn a_chain_without_an_end_is_refused() {
    let ca = Foreign::with(&[]);
    for chain in [r#"["policy.pem"]"#, "[]"] {
        ca.configure(chain);
        ca.refuses(&["no batch can be verified", "expected a chain up to a root that issued itself"]);
    }
    let said = ca.reroot(&["ca", "import", "issuing.pem", "--chain", "policy.pem"]).expect(2).err();
    assert!(said.contains("config.chain.incomplete"), "{said}");
}

#[test]
fn a_ca_above_that_ends_first_is_refused_unless_the_policy_allows_it() {
    for position in ["root", "policy"] {
        let ca = Foreign::with(&[&format!("{position}=short")]);
        for rule in ["error", "clamp"] {
            ca.policy(&[("outlives_issuer = \"error\"", &format!("outlives_issuer = \"{rule}\""))]);
            ca.refuses(&["policy.issuer.end", &format!("Foreign {position}"), "before the issuing CA below it"]);
            let chain = ["cat issuing.pem policy.pem root.pem > chain.pem"];
            crate::support::run::Run::tool("sh").arg("-c").args(chain).folder(&ca.path("")).run().success();
            let said = ca.reroot(&["policy", "check", "policy.toml", "--issuer", "chain.pem"]).expect(2).err();
            assert!(said.contains("policy.issuer.end"), "{said}");
        }
        ca.policy(&[("outlives_issuer = \"error\"", "outlives_issuer = \"allow\"")]);
        let said = ca.issue(&[]).success().out();
        assert!(said.contains("no certificate can be verified after that"), "{said}");
        ca.verify("batch", "root.pem", &[]).success();
    }
}

#[test]
fn a_root_that_is_no_anchor_is_refused() {
    // the policy CA below it is in order; verify would refuse the root for ever
    Foreign::with(&["root=name-constraints"]).refuses(&["Foreign root", "nameConstraints"]);
    Foreign::with(&["policy=version-1"]).refuses(&["Foreign policy", "version 1"]);
    Foreign::with(&["policy=sha1"]).refuses(&["Foreign policy", "SHA-1"]);
}
