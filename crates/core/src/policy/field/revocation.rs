//! `[revocation]`: over how many CRLs the certificates are spread, and what a CRL may weigh. Nothing of it enters a
//! certificate but the number of its CRL, where `{crl_shard}` is written.

use std::ops::Range;

use crate::crl::{self, CrlLoad, Shards};
use crate::policy::error::{self, Mistakes};
use crate::policy::text::{Part, Text};
use crate::policy::value::{Filter, Variable};
use crate::toml::Table;
use crate::x509::oid;

use super::serial::SerialSource;
use super::{Field, Recipe};

pub(super) const SHARDS: Field = Field {
    path: "revocation.shards",
    meaning: "Number of CRLs over which revoked certificates are spread. `{crl_shard}` is the number of a chip's CRL: 1 + \
              (the first 8 bytes of SHA-256(\"reroot-crl-shard/1\" 00 || UID) modulo `shards`), with leading zeros. It \
              never changes for a chip; another number needs a new policy.",
    form: "integer from 1 to 4096",
    clause: "RFC 5280 §4.2.1.13, §5.2.5",
    criticality: None,
    checks: &[
        "every URL of `extensions.crl_distribution_points` has `{crl_shard}`",
        "an issuing key has shards in all of its policies or in none (`issue`, `plan` and `sign` compare with its newest batch)",
    ],
    example: EXAMPLE,
};

pub(super) const EXPECTED_CERTIFICATES: Field = Field {
    path: "revocation.expected_certificates",
    meaning: "Certificates that the issuing key will have issued under this policy at most.",
    form: "integer from 1",
    clause: "this page",
    criticality: None,
    checks: &["as `worst_revoked_percent`"],
    example: EXAMPLE,
};

pub(super) const WORST_REVOKED_PERCENT: Field = Field {
    path: "revocation.worst_revoked_percent",
    meaning: "Percentage of them that is revoked in the worst case: a whole product line, a stolen delivery.",
    form: "integer from 1 to 100",
    clause: "this page",
    criticality: None,
    checks: &["the largest CRL of this case is not larger than `max_crl_bytes`"],
    example: EXAMPLE,
};

pub(super) const MAX_CRL_BYTES: Field = Field {
    path: "revocation.max_crl_bytes",
    meaning: "Largest CRL of a distribution point, in bytes; without the line 1048576, which is what some clients take.",
    form: "integer from 1024",
    clause: "this page",
    criticality: None,
    checks: &["as `worst_revoked_percent`"],
    example: "[extensions]\ncrl_distribution_points = { critical = false, urls = [\"http://pki.example.com/{crl_shard}.crl\"] }\n\n\
              [revocation]\nshards = 64\nexpected_certificates = 10000000\nworst_revoked_percent = 10\nmax_crl_bytes = 1048576",
};

const EXAMPLE: &str = "[extensions]\ncrl_distribution_points = { critical = false, urls = [\"http://pki.example.com/{crl_shard}.crl\"] }\n\n\
                       [revocation]\nshards = 64\nexpected_certificates = 10000000\nworst_revoked_percent = 10";

/// What the policy says of its CRLs.
#[derive(Clone, Debug)]
pub(in crate::policy) struct Revocation {
    pub(in crate::policy) shards: Shards,
    expected_certificates: u32,
    worst_revoked_percent: u32,
    pub(in crate::policy) max_crl_bytes: u32,
    span: Range<usize>,
}

/// Reads the section, if the policy has it and it has no mistake.
pub(in crate::policy) fn read(top: &Table<'_>) -> Option<Revocation> {
    let table = top.optional("revocation")?.table()?;
    let shards = table.required("shards");
    let span = shards.as_ref().map_or(table.span.clone(), |value| value.span.clone());
    let shards = shards.and_then(|value| value.number_in(1..=u32::from(Shards::MAX)));
    let expected = table.required("expected_certificates").and_then(|value| value.number_in(1..=u32::MAX));
    let percent = table.required("worst_revoked_percent").and_then(|value| value.number_in(1..=100));
    let max = match table.optional("max_crl_bytes") {
        None => Some(DEFAULT_MAX_CRL_BYTES),
        Some(value) => value.number_in(1024..=u32::MAX),
    };
    table.finish();
    Some(Revocation {
        shards: u16::try_from(shards?).ok().and_then(|count| Shards::new(count).ok())?,
        expected_certificates: expected?,
        worst_revoked_percent: percent?,
        max_crl_bytes: max?,
        span,
    })
}

/// What holds between the section and the certificates: each CRL is about its own certificates, and none is too large.
pub(in crate::policy) fn check(
    revocation: Option<&Revocation>,
    extensions: &[Recipe],
    largest_serial: usize,
    errors: &Mistakes,
) {
    let Some(revocation) = revocation else { return };
    // of a number that is cut, several CRLs would have one URL
    let names_list = |text: &&Text| {
        text.parts().iter().any(|part| match part {
            Part::Value(Variable::CrlShard(_), filters) => {
                !filters.iter().any(|one| matches!(one, Filter::Slice { .. }))
            }
            _ => false,
        })
    };
    let recipe = extensions.iter().find(|recipe| recipe.oid == oid::CRL_DISTRIBUTION_POINTS);
    let Some(recipe) = recipe else {
        return report(
            errors,
            revocation.span.clone(),
            "`revocation.shards` is given, but there is no `extensions.crl_distribution_points`",
            "Write crl_distribution_points with {crl_shard} in its URLs, or drop [revocation].",
        );
    };
    if !recipe.value.texts().iter().all(names_list) {
        // a relying party takes any CRL that has one URL in common with the certificate
        return report(
            errors,
            recipe.span.clone(),
            "a URL of `extensions.crl_distribution_points` lacks {crl_shard}, or cuts it: a CRL would match certificates that \
             are on another (RFC 5280 §6.3.3 (b)(2))",
            "Write {crl_shard} in every URL, or drop [revocation].",
        );
    }
    let load = revocation.load(largest_serial, recipe.value.max_bytes());
    if load.shard_bytes > u64::from(revocation.max_crl_bytes) {
        let message = format!(
            "a CRL can have {} entries and {} bytes, more than `revocation.max_crl_bytes` = {}",
            load.shard_entries, load.shard_bytes, revocation.max_crl_bytes
        );
        let hint = "Write more shards, or raise the limit to what every relying party takes.";
        errors.push_hint::<()>(error::CRL_SIZE, revocation.span.clone(), message, hint);
    }
}

fn report(errors: &Mistakes, span: Range<usize>, message: &str, hint: &str) {
    errors.push_hint::<()>(error::CONTRADICTION, span, message, hint);
}

impl Revocation {
    /// What the CRLs weigh in the worst case.
    pub(in crate::policy) fn load(&self, largest_serial: usize, url_bytes: usize) -> CrlLoad {
        let revoked = u64::from(self.expected_certificates) * u64::from(self.worst_revoked_percent) / 100;
        crl::load(revoked, self.shards, largest_serial, url_bytes)
    }
}

/// The most bytes of a serial number of the policy's certificates.
pub(in crate::policy) fn largest_serial(serial: SerialSource, family: crate::verify::Family) -> usize {
    match serial {
        SerialSource::Derived => 16,
        SerialSource::Source => family.uid_bytes().1,
    }
}

/// 1 MiB
const DEFAULT_MAX_CRL_BYTES: u32 = 1 << 20;

#[cfg(test)]
mod tests {
    use crate::crl::Shards;
    use crate::policy::testing::{fails, parse, passes, value};

    const CDP: &str = "extensions.crl_distribution_points";
    const ONE: &str = "{ critical = false, urls = [\"http://pki.example.com/{crl_shard}.crl\"] }";

    fn with<'a>(shards: &'a str, expected: &'a str, percent: &'a str) -> Vec<(&'a str, &'a str)> {
        vec![
            (CDP, ONE),
            ("revocation.shards", shards),
            ("revocation.expected_certificates", expected),
            ("revocation.worst_revoked_percent", percent),
        ]
    }

    #[test]
    fn the_number_of_the_list_is_in_the_url() {
        let der = hex::decode(value(&with("64", "10000000", "10"))).unwrap();
        let shards = Shards::new(64).unwrap();
        let url = format!("com/{}.crl", shards.text(shards.of(&hex::decode("0209B0846159E439520139").unwrap())));
        assert!(String::from_utf8_lossy(&der).contains(&url), "{url}");
        passes(&with("1", "10000", "10"));
    }

    #[test]
    fn a_list_that_would_be_too_large_is_refused() {
        fails(&with("1", "10000000", "10"), "more than `revocation.max_crl_bytes` = 1048576");
        fails(&with("64", "50000000", "10"), "policy.revocation.crl-size");
        let mut larger = with("64", "50000000", "10");
        larger.push(("revocation.max_crl_bytes", "8388608"));
        passes(&larger);
        fails(&with("0", "1", "1"), "expected 1 to 4096");
        fails(&with("4097", "1", "1"), "expected 1 to 4096");
        fails(&with("64", "1", "101"), "expected 1 to 100");
    }

    #[test]
    fn every_url_names_the_list() {
        let urls = "{ critical = false, urls = [\"http://a.example/{crl_shard}.crl\", \"http://a.example/full.crl\"] }";
        let mut two = with("64", "10000000", "1");
        two[0] = (CDP, urls);
        fails(&two, "lacks {crl_shard}");
        two[0] = (CDP, "{ critical = false, urls = [\"http://a.example/{crl_shard|slice(0,1)}.crl\"] }");
        fails(&two, "or cuts it");
        two.remove(0);
        fails(&two, "there is no `extensions.crl_distribution_points`");
        fails(&[(CDP, ONE)], "needs `[revocation]`");
    }

    #[test]
    fn the_worst_case_is_that_of_the_table() {
        let policy = parse(&with("64", "10000000", "10")).unwrap();
        let load = policy.crl_load().unwrap();
        assert_eq!((load.shards, load.shard_entries, load.full_entries), (64, 16_063, 1_000_000));
        assert!((787_000..789_000).contains(&load.shard_bytes), "{}", load.shard_bytes);
        assert!((49_000_000..49_010_000).contains(&load.full_bytes), "{}", load.full_bytes);
    }
}
