//! A batch of a reel, or a plan for one.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::cert::IssuerIdentity;
use crate::cmp::{Client, Credentials, Http, Patience, Protection};
use crate::config::{self, CmpCredentials, Config};
use crate::crypto::VerificationEngine;
use crate::delivery::Form;
use crate::error::{Error, SetupError};
use crate::issue::Issuer;
use crate::ledger::{KnownNames, Ledger, OnReject, Pool};
use crate::manifest::Entry;
use crate::parallel;
use crate::pipeline::authority::AskAgain;
use crate::pipeline::{
    self, AirGapped, Authority, Cmp, ExternalFile, Issue, Job, JobBasis, KnownLedger, Local, OnMissing, OnSurplus,
    Outcome, Plan, Planned, Summary,
};
use crate::plan::{file, hand_over};
use crate::policy::{Params, Policy};
use crate::reel::Input;
use crate::signer::SecretResolver;
use crate::verify::ExpectedList;
use crate::x509::{Certificate, Sha256Digest, Spki};

use super::{ManifestSigner, Surroundings, check_reason};

/// What is chosen for a batch of a reel. Nothing of it says what a certificate holds: the policy does.
#[derive(Clone, Debug)]
pub struct Choices {
    /// What to read, in this order.
    pub inputs: Vec<Input>,
    /// Who makes the certificates.
    pub by: By,
    /// The policy.
    pub policy: Policy,
    /// The operator's parameters, as they were given.
    pub params: BTreeMap<String, String>,
    /// Where the batch directory or the plan goes.
    pub out: PathBuf,
    /// A file to list every rejected or ignored item in.
    pub findings: Option<PathBuf>,
    /// Encodings of the certificates to deliver.
    pub forms: Vec<Form>,
    /// What a rejected item does to the run.
    pub on_reject: OnReject,
    /// What an expected chip that is missing does to the run.
    pub on_missing: OnMissing,
    /// What becomes of a leaf that is not on the list.
    pub on_surplus: OnSurplus,
    /// The chips that must be there and no others, and the SHA-256 of the list's bytes.
    pub expected: Option<(ExpectedList, Sha256Digest)>,
    /// How many leaves must verify.
    pub expect_count: Option<u64>,
    /// The ledger head that the operator expects.
    pub expect_head: Option<Sha256Digest>,
    /// SHA-256 of a public value that was read before this run.
    pub beacon: Option<Sha256Digest>,
    /// Ledgers of earlier keys: chips with a certificate there are reported.
    pub known_ledgers: Vec<PathBuf>,
    /// Lists of the chips of other sites, for which nothing is issued here.
    pub known_names: Vec<PathBuf>,
    /// ST's bulk identifier, kept on the ledger.
    pub bulk_id: Option<String>,
    /// Write the bulk identifier into the statement too.
    pub publish_bulk_id: bool,
    /// Issue again what was issued before, for this reason.
    pub reissue: Option<String>,
    /// Why a jump of this machine's clock is right.
    pub accept_clock: Option<String>,
    /// Threads; all cores if it is not said.
    pub jobs: Option<usize>,
    /// Leaves a chunk; by who signs if it is not said.
    pub chunk: Option<u32>,
    /// Who checks signatures.
    pub engine: VerificationEngine,
    /// Where the files of the chunks go, if the workers of a pool sign the plan.
    pub pool: Option<PathBuf>,
    /// Stop before anything is recorded or signed.
    pub dry_run: bool,
}

impl Choices {
    /// Checks what needs no configuration, and returns the parameters. [`Reel::ready`] does it too.
    ///
    /// # Errors
    /// A choice cannot be recorded, or the policy wants other parameters.
    pub fn check(&self) -> Result<Params, Error> {
        check_reason(self.reissue.as_deref(), SetupError::Reissue)?;
        if self.bulk_id.as_deref().is_some_and(|id| Entry::check_bulk_id(id).is_err()) {
            return Err(SetupError::BulkId.into());
        }
        check_reason(self.accept_clock.as_deref(), SetupError::AcceptClock)?;
        if let By::Cmp(Some((_, reason))) = &self.by {
            check_reason(Some(reason), SetupError::AskAgain)?;
        }
        Ok(self.policy.params(&self.params)?)
    }
}

/// Who makes the certificates.
#[derive(Clone, Debug)]
pub enum By {
    /// A signing machine, to which a plan is carried.
    AirGapped,
    /// The CA that `[cmp]` in the configuration names; and for which chips it is asked again after a request was lost, for
    /// what reason.
    Cmp(Option<(AskAgain, String)>),
    /// An external CA, to which requests are carried.
    ExternalFile,
    /// The key that the configuration names.
    Local,
}

/// A batch of a reel, or a plan for one, for which everything but the ledger is open.
#[expect(missing_debug_implementations, reason = "holds signers")]
pub struct Reel {
    choices: Choices,
    params: Params,
    anchors: Vec<Certificate>,
    issuer: IssuerIdentity,
    known_ledgers: Vec<KnownLedger>,
    known_names: Vec<KnownNames>,
    manifest: ManifestSigner,
    party: Party,
}

/// Who makes the certificates, with what that needs.
enum Party {
    AirGapped,
    Cmp(Box<CmpCa>),
    ExternalFile,
    Local(Box<Issuer>),
}

/// A CA that is asked over CMP.
struct CmpCa {
    transport: Http,
    credentials: Credentials,
    patience: Patience,
    concurrency: usize,
    retries: u32,
    ask_again: Option<(AskAgain, String)>,
}

impl Reel {
    /// Checks the choices, reads the certificates that the configuration names, and opens the ledgers of earlier keys and the
    /// keys.
    ///
    /// # Errors
    /// A choice cannot be recorded, the policy wants other parameters, or a certificate, a ledger of
    /// an earlier key, or a key cannot be had.
    pub fn ready(config: &Config, choices: Choices, secrets: &dyn SecretResolver) -> Result<Self, Error> {
        let params = choices.check()?;
        match choices.by {
            By::AirGapped => super::check_exists(&choices.out, file::looks_like_one)?,
            By::ExternalFile => {
                super::check_exists(&choices.out, |out| file::looks_like_one(&out.join(hand_over::PLAN)))?;
            }
            By::Cmp(_) | By::Local => super::check_exists(&choices.out, super::looks_like_a_batch)?,
        }
        let anchors = config.anchors()?;
        let issuer = config.issuer_identity()?;
        let known_ledgers =
            choices.known_ledgers.iter().map(|path| KnownLedger::open(path)).collect::<Result<_, _>>()?;
        let known_names = choices.known_names.iter().map(|path| KnownNames::open(path, issuer.spki()));
        let known_names = known_names.collect::<Result<_, _>>()?;
        // the CA's key is asked for before the manifest signer's, and what shows us to another CA after it
        let manifest = || ManifestSigner::open(config, secrets);
        let (party, manifest) = match &choices.by {
            By::AirGapped => (Party::AirGapped, manifest()?),
            By::Cmp(ask_again) => {
                let manifest = manifest()?;
                (Party::Cmp(Box::new(CmpCa::new(config.cmp_ca(secrets)?, ask_again.clone()))), manifest)
            }
            By::ExternalFile => (Party::ExternalFile, manifest()?),
            By::Local => {
                let signer = config.open_issuer_signer(secrets)?;
                let issuer = Issuer::new(issuer.clone(), signer)?.with_engine(choices.engine);
                (Party::Local(Box::new(issuer)), manifest()?)
            }
        };
        Ok(Self { choices, params, anchors, issuer, known_ledgers, known_names, manifest, party })
    }

    /// The key whose ledger this run needs.
    pub fn issuer_key(&self) -> &Spki {
        self.issuer.spki()
    }

    /// Makes the batch.
    ///
    /// # Errors
    /// As [`pipeline::run`].
    pub fn issue(&self, ledger: &Ledger, around: &mut Surroundings<'_>) -> Result<Outcome<Summary>, Error> {
        let job = self.job(around, around.tool);
        self.party.with(&self.issuer, around, |authority, around| {
            let task = Issue { job: &job, stdin: &mut *around.stdin };
            pipeline::run(task, ledger, authority, around.progress, around.cancel)
        })
    }

    /// Makes a plan.
    ///
    /// # Errors
    /// As [`pipeline::run`].
    pub fn plan(&self, ledger: &Ledger, around: &mut Surroundings<'_>) -> Result<Outcome<Planned>, Error> {
        let job = self.job(around, around.tool);
        self.party.with(&self.issuer, around, |authority, around| {
            let task = Plan { job: &job, stdin: &mut *around.stdin };
            pipeline::run(task, ledger, authority, around.progress, around.cancel)
        })
    }

    /// Makes a plan and hands its chunks out to the workers of the pool.
    ///
    /// # Errors
    /// As [`pipeline::run`]; or the server refuses. The same command again does the rest.
    pub fn plan_for(
        &self,
        pool: &mut Pool,
        ledger: &Ledger,
        around: &mut Surroundings<'_>,
    ) -> Result<Outcome<Planned>, Error> {
        let outcome = self.plan(ledger, around)?;
        if let Outcome::AlreadyDone(planned) | Outcome::Done(planned) = &outcome {
            let batch = planned.summary.batch.parse().expect("a batch has the name that it was given");
            pool.hand_out(&batch, &planned.chunks)?;
        }
        Ok(outcome)
    }

    /// What went wrong at the tokens without stopping the work.
    pub fn notes(&self) -> Vec<String> {
        let issuer = match &self.party {
            Party::Local(issuer) => issuer.notes(),
            _ => vec![],
        };
        issuer.into_iter().chain(self.manifest.signer.notes()).collect()
    }

    fn job<'a>(&'a self, around: &Surroundings<'_>, tool: &'a str) -> Job<'a> {
        let choices = &self.choices;
        let basis = JobBasis {
            inputs: &choices.inputs,
            policy: &choices.policy,
            params: self.params.clone(),
            issuer: &self.issuer,
            manifest_certificate: &self.manifest.certificate,
            manifest_signer: &*self.manifest.signer,
            anchors: &self.anchors,
            out: &choices.out,
            now: around.now,
            seed: around.seed(),
            batch_id: around.batch_id(),
        };
        Job::builder(basis)
            .expected(choices.expected.as_ref().map(|(list, digest)| (list, *digest)))
            .findings(choices.findings.as_deref())
            .forms(choices.forms.clone())
            .on_reject(choices.on_reject)
            .on_missing(choices.on_missing)
            .on_surplus(choices.on_surplus)
            .expect_count(choices.expect_count)
            .reissue(choices.reissue.clone())
            .bulk_id(choices.bulk_id.clone())
            .publish_bulk_id(choices.publish_bulk_id)
            .accept_clock(choices.accept_clock.clone())
            .beacon(choices.beacon)
            .known_ledgers(&self.known_ledgers)
            .known_names(&self.known_names)
            .expect_head(choices.expect_head)
            .jobs(choices.jobs.unwrap_or_else(parallel::cores))
            .engine(choices.engine)
            .pool(choices.pool.as_deref())
            .dry_run(choices.dry_run)
            .tool(tool)
            .chunk_size(choices.chunk.or(self.party.chunk()))
            .build()
    }
}

impl Party {
    /// Leaves a chunk, where the usual number does not do.
    const fn chunk(&self) -> Option<u32> {
        match self {
            Self::Cmp(_) => Some(CMP_CHUNK),
            Self::AirGapped | Self::ExternalFile | Self::Local(_) => None,
        }
    }

    /// Runs with the authority.
    fn with<'s, T>(
        &self,
        issuer: &IssuerIdentity,
        around: &mut Surroundings<'s>,
        run: impl FnOnce(&dyn Authority, &mut Surroundings<'s>) -> T,
    ) -> T {
        match self {
            Self::AirGapped => run(&AirGapped::to_ask(), around),
            Self::Cmp(ca) => {
                let client = Client {
                    issuer,
                    credentials: &ca.credentials,
                    transport: &ca.transport,
                    patience: ca.patience,
                    random: around.random,
                    pause: around.pause,
                };
                let CmpCa { concurrency, retries, .. } = **ca;
                run(&Cmp { client: &client, concurrency, retries, ask_again: ca.ask_again.clone() }, around)
            }
            Self::ExternalFile => run(&ExternalFile::to_ask(), around),
            Self::Local(issuer) => run(&Local { issuer }, around),
        }
    }
}

impl CmpCa {
    fn new(ca: config::Cmp, ask_again: Option<(AskAgain, String)>) -> Self {
        let protection = match ca.shown {
            CmpCredentials::Certificate(certificate, chain, signer) => {
                Protection::Signature { certificate, chain, signer }
            }
            CmpCredentials::Secret(reference, secret) => {
                Protection::Secret { reference: reference.into_bytes(), secret }
            }
        };
        Self {
            transport: Http::new(&ca.url, &ca.tls_anchors, ca.timeout),
            credentials: Credentials { protection, servers: ca.servers },
            patience: Patience { polls: ca.polls, longest_pause: ca.longest_pause },
            concurrency: ca.concurrency,
            retries: ca.retries,
            ask_again,
        }
    }
}

/// Requests a chunk. It is smaller than a chunk that is signed here, because each request is a message, and a whole chunk
/// may be asked for before the first certificate is written.
const CMP_CHUNK: u32 = 256;
