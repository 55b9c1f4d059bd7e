//! The command of a job, as it is posted and as it is stored.

use std::collections::BTreeMap;

use reroot_core::crypto::sha256;
use reroot_core::delivery::{Form, Target};
use reroot_issue::pipeline::{OnMissing, OnReject, OnSurplus};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a job does.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Spec {
    /// Makes a round of revocation lists: plans it, has it signed, and publishes it.
    Crl(CrlJob),
    /// Takes the certificates of batches out in a different form.
    Export(Box<ExportJob>),
    /// Looks at what is in uploads.
    Inspect(InspectJob),
    /// Plans a batch, has it approved and signed, and seals it.
    Issue(Box<IssueJob>),
    /// Revokes certificates, or releases those that are on hold.
    Revoke(Box<RevokeJob>),
    /// Verifies a batch.
    Verify(VerifyJob),
}

/// Makes a round of revocation lists. It says everything that was revoked before it is planned.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CrlJob {
    /// Days for which the lists are valid; those of the settings if it is not said.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 400)]
    pub valid_days: Option<u32>,
    /// Filled in by the service: the round that was published last. Two jobs before the next one are the same job.
    #[serde(default)]
    pub after: Option<u64>,
}

/// Revokes certificates, or releases those that are on hold. Nothing is recorded while one of the names is in doubt, or more
/// certificates are named than one person revokes alone and no second person has approved. Releases are always approved.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RevokeJob {
    /// What is done.
    #[serde(default)]
    pub change: RevocationChange,
    /// Chips, by UID or ST number in any of their spellings: every certificate that they have.
    #[serde(default)]
    pub uids: Vec<String>,
    /// Serial numbers of certificates, in hexadecimal.
    #[serde(default)]
    pub serials: Vec<String>,
    /// Whole batches.
    #[serde(default)]
    pub batches: Vec<String>,
    /// Whole batches under policies of these names.
    #[serde(default)]
    pub policies: Vec<String>,
    /// Earlier certificates of the chips of this batch.
    #[serde(default)]
    pub superseded_by: Option<String>,
    /// Ids of uploads with chips, one a line.
    #[serde(default)]
    pub uid_lists: Vec<String>,
    /// Ids of uploads with the columns `uid`, `reason` and `time`.
    #[serde(default)]
    pub lists: Vec<String>,
    /// Ids of uploads that are reels: certificates that exist are revoked, the other chips are blocked.
    #[serde(default)]
    pub reels: Vec<String>,
    /// Why, by the name or number of RFC 5280; a list can say it for each chip.
    #[serde(default)]
    pub reason: Option<String>,
    /// Since when; now if it is not said.
    #[serde(default)]
    pub at: Option<String>,
    /// Go on without names that are in doubt.
    #[serde(default)]
    pub skip_unknown: bool,
    /// Count, and show what the lists would weigh; record nothing.
    #[serde(default)]
    pub dry_run: bool,
    /// Filled in by the service: the ledger's last revocation. The same request after a different one is a different job.
    #[serde(default)]
    pub after: Option<u64>,
}

/// What is done with certificates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RevocationChange {
    /// They are revoked, or put on hold.
    #[default]
    Revoke,
    /// They were on hold and are valid again.
    Release,
}

/// Plans a batch, has it approved and signed, and seals it. Nothing of it says what a certificate holds: the policy does.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IssueJob {
    /// Ids of uploads, in the order in which they are read.
    pub inputs: Vec<String>,
    /// SHA-256 of the policy.
    pub policy: String,
    /// The parameters that the policy declares.
    #[serde(default)]
    pub params: BTreeMap<String, String>,
    /// What a rejected item does to the run.
    #[serde(default)]
    pub on_reject: OnRejectItem,
    /// What a missing chip does to the run.
    #[serde(default)]
    pub on_missing: OnMissingChip,
    /// What becomes of a leaf that is not on the list.
    #[serde(default)]
    pub on_surplus: OnSurplusLeaf,
    /// Id of the upload with the list of expected chips.
    #[serde(default)]
    pub expect: Option<String>,
    /// How many leaves must verify.
    #[serde(default)]
    pub expect_count: Option<u64>,
    /// Encodings of the certificates beside the archive of the batch.
    #[serde(default)]
    pub forms: Vec<BatchForm>,
    /// ST's bulk identifier, kept on the ledger.
    #[serde(default)]
    pub bulk_id: Option<String>,
    /// Write the bulk identifier into the statement too.
    #[serde(default)]
    pub publish_bulk_id: bool,
    /// Issue again what was issued before, for this reason.
    #[serde(default)]
    pub reissue: Option<String>,
    /// Check everything, and record, plan and sign nothing.
    #[serde(default)]
    pub dry_run: bool,
}

/// Looks at what is in uploads.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InspectJob {
    /// Ids of uploads, in the order in which they are read.
    pub inputs: Vec<String>,
    /// Verify each leaf too.
    #[serde(default)]
    pub verify: bool,
    /// SHA-256 of the policy whose rules of intake count.
    #[serde(default)]
    pub policy: Option<String>,
}

/// Verifies a batch.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VerifyJob {
    /// The batch.
    pub batch: String,
    /// Ids of the uploads that it was made of, for the account of their items.
    #[serde(default)]
    pub inputs: Vec<String>,
}

/// Takes the certificates of batches out in a different form, as one file. A form with several files becomes one tar
/// archive. A batch has its line pack without a job.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ExportJob {
    /// The batches: one or more, of one issuing CA.
    pub batches: Vec<String>,
    /// The form.
    pub to: ExportTo,
    /// Id of the upload with the chips that are wanted, one a line; all of them if it is not said.
    #[serde(default)]
    pub only: Option<String>,
    /// Encodings, where the form wants one.
    #[serde(default)]
    pub forms: Vec<BatchForm>,
    /// Whether each PEM file goes on with the CA certificates above it, without the root.
    #[serde(default)]
    pub with_chain: bool,
    /// The policy of the cloud that devices get.
    #[serde(default)]
    pub aws_policy: Option<String>,
    /// The data zone of the chip, for `stsafe-zone`.
    #[serde(default)]
    pub zone: Option<ChipZone>,
}

/// A data zone of the chip.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChipZone {
    /// How many bytes it has.
    #[schema(minimum = 1)]
    pub bytes: u32,
    /// Whether the issuing CA's certificate comes first.
    #[serde(default)]
    pub chain: bool,
}

macro_rules! choices {
    ($($(#[$about:meta])* $name:ident => $library:ident { $($(#[$what:meta])* $choice:ident),* $(,)? })*) => {$(
        $(#[$about])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
        #[serde(rename_all = "kebab-case")]
        pub enum $name {
            $($(#[$what])* $choice),*
        }

        impl $name {
            /// The library's word for it.
            pub const fn into_library(self) -> $library {
                match self {
                    $(Self::$choice => $library::$choice),*
                }
            }
        }
    )*};
}

choices! {
    /// What a rejected item does to the run.
    OnRejectItem => OnReject {
        /// It is left out.
        Skip,
        /// It stops the run.
        #[default]
        Stop,
    }
    /// What a missing chip does to the run.
    OnMissingChip => OnMissing {
        /// It is noted.
        Note,
        /// It stops the run.
        #[default]
        Stop,
    }
    /// What becomes of a leaf that is not on the list.
    OnSurplusLeaf => OnSurplus {
        /// It is ignored.
        Ignore,
        /// It is rejected.
        #[default]
        Reject,
    }
    /// An encoding of certificates.
    BatchForm => Form {
        /// DER.
        #[default]
        Der,
        /// PEM.
        Pem,
    }
    /// The form of an export.
    ExportTo => Target {
        /// The files for AWS IoT bulk registration, in a tar archive.
        AwsBulk,
        /// A file for AWS Thingpress: one certificate a line.
        AwsThingpress,
        /// A file of request bodies for the Azure Device Provisioning Service.
        AzureDps,
        /// A table of all chips.
        #[default]
        Csv,
        /// The exact bytes for a data zone of each chip, in a tar archive.
        StsafeZone,
        /// A zip archive of certificates.
        Zip,
    }
}

/// A command with what its parts were when it was posted.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StoredSpec {
    /// The command.
    pub spec: Spec,
    /// SHA-256 of each upload that it names.
    pub digests: BTreeMap<String, String>,
}

impl ExportTo {
    /// The end of the file's name.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::AwsBulk | Self::StsafeZone => "tar",
            Self::AwsThingpress => "txt",
            Self::AzureDps => "jsonl",
            Self::Csv => "csv",
            Self::Zip => "zip",
        }
    }
}

impl Spec {
    /// The word for the kind.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Crl(_) => "crl",
            Self::Export(_) => "export",
            Self::Inspect(_) => "inspect",
            Self::Issue(_) => "issue",
            Self::Revoke(_) => "revoke",
            Self::Verify(_) => "verify",
        }
    }

    /// The uploads that it reads, each once.
    pub fn uploads(&self) -> Vec<String> {
        let mut uploads = match self {
            Self::Crl(_) => vec![],
            Self::Export(job) => job.only.iter().cloned().collect(),
            Self::Inspect(job) => job.inputs.clone(),
            Self::Issue(job) => job.inputs.iter().chain(&job.expect).cloned().collect(),
            Self::Revoke(job) => job.uid_lists.iter().chain(&job.lists).chain(&job.reels).cloned().collect(),
            Self::Verify(job) => job.inputs.clone(),
        };
        uploads.sort();
        uploads.dedup();
        uploads
    }

    /// Whether it writes to the ledger: such jobs run one after the other.
    pub const fn writes(&self) -> bool {
        matches!(self, Self::Crl(_) | Self::Issue(_) | Self::Revoke(_))
    }

    /// The policy that it names.
    pub fn policy(&self) -> Option<&str> {
        match self {
            Self::Crl(_) | Self::Export(_) | Self::Revoke(_) | Self::Verify(_) => None,
            Self::Inspect(job) => job.policy.as_deref(),
            Self::Issue(job) => Some(&job.policy),
        }
    }

    /// The same command with uploads named by their content.
    fn by_content(mut self, digests: &BTreeMap<String, String>) -> Self {
        let named = |id: &mut String| {
            if let Some(digest) = digests.get(id) {
                id.clone_from(digest);
            }
        };
        match &mut self {
            Self::Crl(_) => {}
            Self::Export(job) => job.only.iter_mut().for_each(named),
            Self::Inspect(job) => job.inputs.iter_mut().for_each(named),
            Self::Issue(job) => job.inputs.iter_mut().chain(&mut job.expect).for_each(named),
            Self::Revoke(job) => {
                job.uid_lists.iter_mut().chain(&mut job.lists).chain(&mut job.reels).for_each(named);
            }
            Self::Verify(job) => job.inputs.iter_mut().for_each(named),
        }
        self
    }
}

impl StoredSpec {
    /// The key of the terms: the same work, by the content of its inputs, has the same key.
    pub fn key(&self) -> String {
        let terms = self.spec.clone().by_content(&self.digests);
        let text = serde_json::to_vec(&terms).expect("a command has text for keys");
        sha256(&text).to_string()[..32].to_owned()
    }

    /// Reads the text that is stored; `None` if this program has not written it.
    pub fn of_text(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// The text that is stored.
    pub fn to_text(&self) -> String {
        serde_json::to_string(self).expect("a command has text for keys")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(text: &str, digests: &[(&str, &str)]) -> StoredSpec {
        let digests = digests.iter().map(|(id, digest)| ((*id).to_owned(), (*digest).to_owned())).collect();
        StoredSpec { spec: serde_json::from_str(text).unwrap(), digests }
    }

    #[test]
    fn the_same_content_under_two_ids_is_the_same_job() {
        let one = stored(r#"{"kind":"issue","inputs":["a"],"policy":"p"}"#, &[("a", "digest")]);
        let two = stored(r#"{"policy":"p","kind":"issue","inputs":["b"],"params":{}}"#, &[("b", "digest")]);
        assert_eq!(one.key(), two.key());
        for other in [
            stored(r#"{"kind":"issue","inputs":["a"],"policy":"p"}"#, &[("a", "different")]),
            stored(r#"{"kind":"issue","inputs":["a"],"policy":"q"}"#, &[("a", "digest")]),
            stored(r#"{"kind":"issue","inputs":["a"],"policy":"p","dry_run":true}"#, &[("a", "digest")]),
            stored(r#"{"kind":"issue","inputs":["a"],"policy":"p","params":{"lot":"A"}}"#, &[("a", "digest")]),
        ] {
            assert_ne!(one.key(), other.key(), "{other:?}");
        }
        assert_eq!(stored(&serde_json::to_string(&one.spec).unwrap(), &[("a", "digest")]).key(), one.key());
    }

    #[test]
    fn a_member_that_does_not_exist_is_refused() {
        for bad in [
            r#"{"kind":"issue","inputs":["a"],"policy":"p","colour":1}"#,
            r#"{"kind":"sign","inputs":[]}"#,
            r#"{"kind":"issue","policy":"p"}"#,
            r#"{"inputs":["a"],"policy":"p"}"#,
            r#"{"kind":"verify","batch":"b","x":1}"#,
        ] {
            assert!(serde_json::from_str::<Spec>(bad).is_err(), "{bad}");
        }
    }
}
