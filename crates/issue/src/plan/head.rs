//! A plan's head: the batch row, the terms under which leaves were admitted, and what the rest of the file must be.
//!
//! JSON with a closed set of members in one order and one spelling: what is read and written again is the same bytes.
//! Everything that a tbsCertificate depends on is here or in the leaf; `docs/spec/plan-format.md` lists the members.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

use crate::cert::{Encoder, Seed};
use crate::ledger::{AuthorityKind, BatchRow, BatchState, BatchTerms, OnReject};
use crate::text::{Printable, brief};
use crate::verify::Relaxation;
use crate::x509::{Sha256Digest, Time};

use super::limits;
use crate::error::PlanError;

/// The head as it is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Head {
    pub(crate) format: String,
    pub(crate) mode: Mode,
    pub(crate) batch: String,
    pub(crate) issued_at: String,
    pub(crate) seed: String,
    /// Since version 2.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub(crate) beacon: Option<BeaconHead>,
    pub(crate) encoder: u32,
    pub(crate) chunk_size: u32,
    pub(crate) delivery: String,
    pub(crate) issuer: IssuerHead,
    pub(crate) anchors: Vec<String>,
    pub(crate) relaxations: Vec<String>,
    pub(crate) on_reject: String,
    pub(crate) reissue: Option<String>,
    pub(crate) bulk_id: Option<String>,
    pub(crate) expected: Option<ExpectedHead>,
    pub(crate) counts: CountsHead,
    pub(crate) policy_name: String,
    pub(crate) policy_sha256: String,
    pub(crate) policy: String,
    pub(crate) params: BTreeMap<String, String>,
    pub(crate) leaves_sha256: String,
    pub(crate) tbs_root: String,
    pub(crate) sections: Vec<SectionHead>,
}

/// For whom a plan is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Mode {
    /// A signing machine of the same house.
    AirGapped,
    /// An external CA.
    Foreign,
}

impl Mode {
    /// The mode of a plan for an authority of this kind: all but a signing machine are external.
    pub(crate) const fn of(authority: AuthorityKind) -> Self {
        match authority {
            AuthorityKind::AirGapped | AuthorityKind::Local => Self::AirGapped,
            AuthorityKind::Cmp | AuthorityKind::ExternalFile => Self::Foreign,
        }
    }

    /// The kind of authority that a plan of this mode is for.
    pub(crate) const fn authority(self) -> AuthorityKind {
        match self {
            Self::AirGapped => AuthorityKind::AirGapped,
            Self::Foreign => AuthorityKind::ExternalFile,
        }
    }

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::AirGapped => "a signing machine",
            Self::Foreign => "an external CA",
        }
    }
}

/// The issuing CA.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct IssuerHead {
    pub(crate) subject: String,
    pub(crate) sha256: String,
}

/// The list given with `--expect`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExpectedHead {
    sha256: String,
    count: u64,
    /// Lines of the section of missing chips; since version 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    missing: Option<u64>,
    /// Findings that are there because the list does not name a chip; since version 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    surplus: Option<u64>,
}

/// A digest or `null`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct BeaconHead(pub(crate) Option<String>);

/// A member that is there, regardless of its value: without it serde takes `null` for a member that is not.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// What became of the items.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CountsHead {
    pub(crate) items: u64,
    pub(crate) leaves: u64,
    pub(crate) rejected: u64,
    pub(crate) ignored: u64,
}

/// A part of the file behind the head.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SectionHead {
    pub(crate) name: String,
    pub(crate) bytes: u64,
    pub(crate) sha256: String,
}

/// How an expected list was met.
#[derive(Clone, Debug)]
pub(crate) struct Met {
    /// SHA-256 of the list's bytes.
    pub(crate) sha256: Sha256Digest,
    /// Chips on the list.
    pub(crate) count: u64,
    /// The content of `missing.jsonl`.
    pub(crate) missing: String,
    /// Findings that are there because the list does not name a chip.
    pub(crate) surplus: u64,
}

/// What the caller adds to a batch row.
pub(crate) struct Rest {
    pub(crate) mode: Mode,
    pub(crate) issuer: String,
    pub(crate) expected: Option<Met>,
    pub(crate) counts: CountsHead,
    pub(crate) policy: String,
    pub(crate) tbs_root: Sha256Digest,
    pub(crate) sections: Vec<SectionHead>,
}

impl Head {
    /// The head of a batch.
    pub(crate) fn of(row: &BatchRow, rest: Rest) -> Self {
        let terms = &row.terms;
        let second = terms.encoder >= Encoder::Two;
        Self {
            format: format(terms.encoder).to_owned(),
            mode: rest.mode,
            batch: row.id.to_string(),
            issued_at: row.issued_at.to_string(),
            seed: hex::encode(row.seed.as_bytes()),
            beacon: second.then(|| BeaconHead(row.beacon.map(|beacon| beacon.to_string()))),
            encoder: terms.encoder.number(),
            chunk_size: row.chunk_size,
            delivery: row.delivery.to_string(),
            issuer: IssuerHead { subject: rest.issuer, sha256: terms.issuer_sha256.to_string() },
            anchors: terms.anchors.iter().map(ToString::to_string).collect(),
            relaxations: terms.relaxations.iter().map(ToString::to_string).collect(),
            on_reject: terms.on_reject.as_str().to_owned(),
            reissue: terms.reissue.clone(),
            bulk_id: terms.bulk_id.clone(),
            expected: rest.expected.map(|met| ExpectedHead {
                sha256: met.sha256.to_string(),
                count: met.count,
                missing: second.then(|| met.missing.lines().count() as u64),
                surplus: second.then_some(met.surplus),
            }),
            counts: rest.counts,
            policy_name: terms.policy_name.clone(),
            policy_sha256: terms.policy_sha256.to_string(),
            policy: rest.policy,
            params: terms.params.clone(),
            leaves_sha256: terms.leaves_sha256.to_string(),
            tbs_root: rest.tbs_root.to_string(),
            sections: rest.sections,
        }
    }

    /// The bytes that the planner signs.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a head has text for keys")
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote, and nothing that is spelled otherwise.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, PlanError> {
        let malformed = |what: String| PlanError::Malformed { what };
        let begins =
            |encoder: &Encoder| bytes.starts_with(format!("{{\"format\":\"{}\",", format(*encoder)).as_bytes());
        let Some(encoder) = Encoder::ALL.into_iter().find(begins) else {
            let begin = Printable::bytes(bytes).brief();
            return Err(malformed(format!(
                "its head begins with `{begin}`, expected the format `reroot-plan/1` or `reroot-plan/2`"
            )));
        };
        let head: Self = serde_json::from_slice(bytes)
            .map_err(|error| malformed(format!("its head is not a plan's ({})", brief(&error.to_string()))))?;
        if head.encoder != encoder.number() {
            return Err(PlanError::Encoder { found: head.encoder, expected: encoder.number() });
        }
        let second = encoder >= Encoder::Two;
        let met =
            head.expected.as_ref().is_none_or(|met| (met.missing.is_some(), met.surplus.is_some()) == (second, second));
        if head.beacon.is_some() != second || !met {
            return Err(malformed(format!("its head does not have the members of `{}`", head.format)));
        }
        if head.to_bytes() != bytes {
            return Err(malformed("its head is not in the one spelling of its content".to_owned()));
        }
        limits::check(&head)?;
        Ok(head)
    }

    /// The batch row, as the planner's ledger has it.
    pub(crate) fn row(&self) -> Result<BatchRow, PlanError> {
        let malformed =
            |member: &'static str| move || PlanError::Malformed { what: format!("its `{member}` is not one") };
        let digest = |member, text: &str| text.parse::<Sha256Digest>().map_err(|_| malformed(member)());
        let seed = digest("seed", &self.seed)?;
        let beacon = self.beacon.as_ref().and_then(|beacon| beacon.0.as_deref());
        let beacon = beacon.map(|text| digest("beacon", text)).transpose()?;
        let anchors = self.anchors.iter().map(|text| digest("anchors", text)).collect::<Result<_, _>>()?;
        let expected = self.expected.as_ref().map(|expected| digest("expected", &expected.sha256)).transpose()?;
        let relaxations = self.relaxations.iter().map(|name| Relaxation::from_name(name));
        let relaxations = relaxations.collect::<Option<_>>().ok_or_else(malformed("relaxations"))?;
        Ok(BatchRow {
            id: self.batch.parse().map_err(|_| malformed("batch")())?,
            terms: BatchTerms {
                issuer_sha256: digest("issuer", &self.issuer.sha256)?,
                policy_name: self.policy_name.clone(),
                policy_sha256: digest("policy_sha256", &self.policy_sha256)?,
                policy: self.policy.clone().into_bytes(),
                params: self.params.clone(),
                anchors,
                relaxations,
                on_reject: OnReject::from_name(&self.on_reject).ok_or_else(malformed("on_reject"))?,
                encoder: self.encoder()?,
                inputs_sha256: digest("sections", self.section(super::file::INPUTS)?.sha256.as_str())?,
                leaves_sha256: digest("leaves_sha256", &self.leaves_sha256)?,
                leaf_count: self.counts.leaves,
                reissue: self.reissue.clone(),
                bulk_id: self.bulk_id.clone(),
                expected_sha256: expected,
            },
            seed: Seed(*seed.as_bytes()),
            beacon,
            issued_at: Time::from_rfc3339(&self.issued_at).map_err(|_| malformed("issued_at")())?,
            chunk_size: self.chunk_size,
            delivery: self.delivery.parse().map_err(|_| malformed("delivery")())?,
            state: BatchState::Open,
        })
    }

    /// The rules by which the plan's tbsCertificates were made.
    pub(crate) fn encoder(&self) -> Result<Encoder, PlanError> {
        let expected = Encoder::NEW.number();
        Encoder::from_number(self.encoder).ok_or(PlanError::Encoder { found: self.encoder, expected })
    }

    /// How many chips of the list are missing, and how many findings are there because it does not name a chip.
    pub(crate) fn unmet(&self) -> (u64, u64) {
        let unmet = self.expected.as_ref().and_then(|met| met.missing.zip(met.surplus));
        unmet.unwrap_or_default()
    }

    /// The list that was to be met; `missing` is the plan's section of that name.
    pub(crate) fn expected(&self, missing: &str) -> Result<Option<Met>, PlanError> {
        let read = |expected: &ExpectedHead| {
            let sha256 = expected.sha256.parse();
            let sha256 = sha256.map_err(|_| PlanError::Malformed { what: "its `expected` is not one".to_owned() })?;
            Ok(Met { sha256, count: expected.count, missing: missing.to_owned(), surplus: self.unmet().1 })
        };
        self.expected.as_ref().map(read).transpose()
    }

    pub(crate) fn tbs_root(&self) -> Result<Sha256Digest, PlanError> {
        self.tbs_root.parse().map_err(|_| PlanError::Malformed { what: "its `tbs_root` is not one".to_owned() })
    }

    pub(crate) fn section(&self, name: &str) -> Result<&SectionHead, PlanError> {
        let found = self.sections.iter().find(|section| section.name == name);
        found.ok_or_else(|| PlanError::Malformed { what: format!("it has no section `{name}`") })
    }
}

/// The format of a plan of this encoder. Also the beginning of what the planner signs: no statement begins like this.
pub(crate) const fn format(encoder: Encoder) -> &'static str {
    match encoder {
        Encoder::One => "reroot-plan/1",
        Encoder::Two => "reroot-plan/2",
    }
}
