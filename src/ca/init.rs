//! `reroot init`: the whole CA at once.

use std::path::{Path, PathBuf};

use ::time::{Date, Duration, Month, PrimitiveDateTime};

use crate::config::{Config, FILE_NAME, NewConfig};
use crate::crypto::{PublicKey, is_full_width};
use crate::durable::Access;
use crate::ledger::Ledger;
use crate::signer::{self, FileSigner, GeneratedKey, KeyEncryption, Secret, SecretSource, Signer as _};
use crate::x509::oid::{self, ObjectIdentifier};
use crate::x509::{Certificate, KeyAlgorithm, Name, SerialNumber, SignatureAlgorithm, Time, TimeError, Validity, pem};

use super::CaError;
use super::anchor::{ANCHOR_FILE_NAME, ANCHOR_PEM, anchor};
use super::certificate::{Role, Statement, key_identifier, name, wrap};
use super::matter::MatterIds;
use super::place::Staging;

/// Random octets that [`init`] uses: for each of three keys a serial number, a salt and an initialisation vector.
pub const RANDOM_OCTETS: usize = 3 * 48;

/// What a new CA is to be.
#[derive(Debug)]
pub struct InitOptions<'a> {
    /// O in every name.
    pub organization: &'a str,
    /// Kind of all three keys: P-256 or P-384.
    pub key: KeyAlgorithm,
    /// Make a Matter PAA and PAI for this vendor: both names say so, and the key must be P-256.
    pub matter: Option<MatterIds<'a>>,
    /// The passphrase that encrypts the three key files; `None` leaves them plain.
    pub secret: Option<&'a Secret>,
    /// What the configuration says about where the passphrase comes from. A file's path is written as it is here.
    pub secret_source: Option<&'a SecretSource>,
    /// The policies to put into `policies/`: file name and text.
    pub policies: &'a [(&'a str, &'a str)],
    /// Begin of validity.
    pub now: Time,
    /// Validity.
    pub years: CaYears,
    /// Fresh random octets, never used for anything else.
    pub random: [u8; RANDOM_OCTETS],
}

/// Validity in calendar years from now, less one second, since the end is inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CaYears {
    /// Of the root.
    pub root: u16,
    /// Of the issuing CA, which object certificates should not outlive.
    pub issuing: u16,
    /// Of the manifest signer.
    pub manifest: u16,
}

impl CaYears {
    /// What `reroot init` takes unless told otherwise: object certificates of 20 years can be issued for 10 years.
    pub const USUAL: Self = Self { root: 30, issuing: 30, manifest: 10 };
}

/// What was made.
#[derive(Debug)]
pub struct InitReport {
    /// The CA's directory.
    pub directory: PathBuf,
    /// Every file made, relative to the directory, in the order of making.
    pub files: Vec<PathBuf>,
    /// The root's certificate.
    pub root: Certificate,
    /// The issuing CA's certificate.
    pub issuing: Certificate,
    /// The manifest signer's certificate.
    pub manifest: Certificate,
    /// The source anchor.
    pub anchor: Certificate,
    /// Whether the key files are encrypted.
    pub encrypted: bool,
}

/// Makes a CA in `dir`, which may be new, empty, or hold unrelated files.
///
/// # Errors
/// Something that would be made exists, an option is not usable, or a step fails: then nothing is left in `dir`.
pub fn init(dir: &Path, options: &InitOptions<'_>) -> Result<InitReport, CaError> {
    let plan = Plan::new(options)?;
    let staging = Staging::prepare(dir, &ENTRIES)?;
    let report = match plan.build(&staging) {
        Ok(certificates) => certificates,
        Err(reason) => return Err(staging.give_up(reason)),
    };
    staging.publish(FILE_NAME)?;
    Ok(InitReport { directory: dir.to_owned(), ..report })
}

/// Options that were found usable.
struct Plan<'a> {
    options: &'a InitOptions<'a>,
    signature: SignatureAlgorithm,
    serials: [SerialNumber; 3],
    validities: [Validity; 3],
    config: String,
    anchor: Certificate,
}

/// A key and the name it goes by.
struct Party {
    key: GeneratedKey,
    name: Name,
}

impl<'a> Plan<'a> {
    fn new(options: &'a InitOptions<'a>) -> Result<Self, CaError> {
        let anchor = anchor().ok_or(CaError::Anchor)?;
        check_organization(options.organization)?;
        if let Some(ids) = &options.matter {
            ids.check()?;
            if options.key != KeyAlgorithm::P256 {
                return Err(CaError::MatterKey { key: options.key });
            }
        }
        let signature = match options.key {
            KeyAlgorithm::P256 => SignatureAlgorithm::EcdsaSha256,
            KeyAlgorithm::P384 => SignatureAlgorithm::EcdsaSha384,
            key => return Err(CaError::KeyAlgorithm { key }),
        };
        for (number, (name, _)) in options.policies.iter().enumerate() {
            let twice = options.policies[..number].iter().any(|(other, _)| other == name);
            if twice || !is_plain_name(name) {
                return Err(CaError::PolicyName { name: (*name).to_owned() });
            }
        }
        if options.secret.is_none() && options.secret_source.is_some() {
            return Err(CaError::SecretSource { what: "no passphrase was given" });
        }
        let config = NewConfig {
            organization: options.organization,
            encrypted: options.secret.is_some(),
            secret: options.secret_source,
            anchor: ANCHOR_FILE_NAME,
        };
        let config = config.text().ok_or(CaError::SecretSource { what: "the path is not UTF-8" })?;
        let mut validities = Vec::with_capacity(3);
        let CaYears { root, issuing, manifest } = options.years;
        for (what, years) in [("root", root), ("issuing CA", issuing), ("manifest signer", manifest)] {
            if !(1..=root).contains(&years) {
                return Err(CaError::Years { what, years, root });
            }
            validities.push(Validity::new(options.now, years_after(options.now, years)?)?);
        }
        let serials = [0, 1, 2].map(|party| serial(&options.random[48 * party..][..16]));
        let [one, two, three] = &serials;
        if one == two || two == three || one == three {
            return Err(CaError::Random);
        }
        let validities = validities.try_into().expect("one for each of three");
        Ok(Self { options, signature, serials, validities, config, anchor })
    }

    fn build(&self, staging: &Staging) -> Result<InitReport, CaError> {
        let mut files = Vec::new();
        let mut write = |name: &str, access, content: &[u8]| {
            files.push(PathBuf::from(name));
            staging.write(name, access, content)
        };
        let [root, issuing] = match &self.options.matter {
            None => [self.party(0, "Object Root CA", None)?, self.party(1, "Object Issuing CA", None)?],
            Some(ids) => [
                self.party(0, "Matter PAA", Some(ids.authority()))?,
                self.party(1, "Matter PAI", Some(ids.intermediate()))?,
            ],
        };
        let parties = [root, issuing, self.party(2, "Manifest Signer", None)?];
        staging.directory("ca")?;
        for (party, stem) in parties.iter().zip(STEMS) {
            write(&format!("ca/{stem}.key.pem"), Access::Private, party.key.pem.as_bytes())?;
        }
        let [root, issuing, manifest] = &parties;
        let ledger = Ledger::create(&staging.path().join("ledger.db"), &issuing.key.spki)?;
        // opened from the very text that was written: a file that would not open is found before anything is signed
        let signer = FileSigner::open(root.key.pem.as_bytes(), self.options.secret)?;
        let certify = |subject, role, number: usize| self.certify(&ledger, &signer, root, subject, role, number);
        let certificates = [
            certify(root, Role::Authority { path_len: 1 }, 0)?,
            certify(issuing, Role::Authority { path_len: 0 }, 1)?,
            certify(manifest, Role::ManifestSigner, 2)?,
        ];
        drop(ledger);
        for (certificate, stem) in certificates.iter().zip(STEMS) {
            let text = pem::write("CERTIFICATE", certificate.der());
            write(&format!("ca/{stem}.pem"), Access::Public, text.as_bytes())?;
        }
        staging.directory("anchors")?;
        write(&format!("anchors/{ANCHOR_FILE_NAME}"), Access::Public, ANCHOR_PEM.as_bytes())?;
        staging.directory("policies")?;
        for (name, text) in self.options.policies {
            write(&format!("policies/{name}"), Access::Public, text.as_bytes())?;
        }
        write(FILE_NAME, Access::Public, self.config.as_bytes())?;
        files.push(PathBuf::from("ledger.db"));

        let config = Config::load(&staging.path().join(FILE_NAME))?;
        config.issuer_identity()?;
        config.manifest_certificate()?;
        config.anchors()?;
        let [root, issuing, manifest] = certificates;
        let encrypted = self.options.secret.is_some();
        let anchor = self.anchor.clone();
        Ok(InitReport { directory: PathBuf::new(), files, root, issuing, manifest, anchor, encrypted })
    }

    /// A new key, and a name that no other CA has: its end is the begin of the key identifier.
    fn party(
        &self,
        number: usize,
        title: &str,
        matter: Option<Vec<(ObjectIdentifier, &str)>>,
    ) -> Result<Party, CaError> {
        let random = &self.options.random[48 * number + 16..][..32];
        let encryption = self.options.secret.map(|secret| KeyEncryption {
            secret,
            salt: random[..16].try_into().expect("16 octets"),
            iv: random[16..].try_into().expect("16 octets"),
        });
        let key = signer::generate(self.options.key, encryption.as_ref())?;
        let mark = hex::encode_upper(&key_identifier(&key.spki).as_bytes()[..4]);
        let common_name = format!("{title} {mark}");
        let common_name = (oid::COMMON_NAME, common_name.as_str());
        let name = match matter {
            None => name(&[(oid::ORGANIZATION_NAME, self.options.organization), common_name]),
            Some(ids) => name(&[&[common_name], &ids[..]].concat()),
        };
        Ok(Party { key, name })
    }

    /// Encodes, records, signs, verifies, records: in that order.
    fn certify(
        &self,
        ledger: &Ledger,
        signer: &FileSigner,
        issuer: &Party,
        subject: &Party,
        role: Role,
        number: usize,
    ) -> Result<Certificate, CaError> {
        let self_signed = issuer.key.spki == subject.key.spki;
        let issuer_key = key_identifier(&issuer.key.spki);
        let statement = Statement {
            role,
            serial: &self.serials[number],
            signature: self.signature,
            issuer: &issuer.name,
            validity: self.validities[number],
            subject: &subject.name,
            spki: &subject.key.spki,
            issuer_key: (!self_signed).then_some(&issuer_key),
        };
        let tbs = statement.encode();
        let record = ledger.record_ca(KINDS[number], &tbs, self.options.now)?;
        let signature = sign_full_width(signer, self.signature, &tbs)?;
        let der = wrap(&tbs, self.signature, &signature);
        ledger.record_ca_signed(record, &der)?;
        Ok(Certificate::from_der(&der)?)
    }
}

/// Signs until neither r nor s begins with a zero octet, which ST's host library needs of every certificate it loads:
/// one signature in 128 is discarded. Each is one over the same recorded octets, and verified.
fn sign_full_width(signer: &FileSigner, algorithm: SignatureAlgorithm, tbs: &[u8]) -> Result<Vec<u8>, CaError> {
    const TRIES: u32 = 16;
    let public = PublicKey::from_spki(signer.public_key())?;
    for _ in 0..TRIES {
        let mut signatures = Vec::with_capacity(1);
        signer.sign_batch(algorithm, &[tbs], &mut signatures)?;
        for signature in signatures {
            public.verify(algorithm, tbs, &signature)?;
            if is_full_width(public.algorithm(), &signature) {
                return Ok(signature);
            }
        }
    }
    Err(CaError::FullWidth { tries: TRIES })
}

fn check_organization(text: &str) -> Result<(), CaError> {
    let what = if text.trim().is_empty() {
        "is empty"
    } else if text.chars().count() > 64 {
        "is longer than 64 characters"
    } else if text.chars().any(char::is_control) {
        "has control characters"
    } else if text.trim() != text {
        "begins or ends with a blank"
    } else {
        return Ok(());
    };
    Err(CaError::Organization { what })
}

fn is_plain_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let stem = name.strip_suffix(".toml").unwrap_or("");
    !stem.is_empty() && !stem.starts_with('.') && stem.bytes().all(plain)
}

/// A positive INTEGER of 16 octets, whatever the random octets (as design §8 has it for object certificates).
pub(super) fn serial(random: &[u8]) -> SerialNumber {
    let mut content = random.to_vec();
    content[0] = (content[0] & 0x3F) | 0x40;
    SerialNumber::from_content(&content).expect("the first octet is 0x40 to 0x7F")
}

/// The same calendar date and time `years` on (29 February becomes 28 February), less one second.
fn years_after(begin: Time, years: u16) -> Result<Time, TimeError> {
    let civil = begin.civil();
    let year = civil.year() + i32::from(years);
    let date = civil.date();
    let date = match Date::from_calendar_date(year, date.month(), date.day()) {
        Ok(date) => date,
        Err(_) if date.month() == Month::February => {
            Date::from_calendar_date(year, Month::February, 28).map_err(|_| TimeError::OutOfRange)?
        }
        Err(_) => return Err(TimeError::OutOfRange),
    };
    let end = PrimitiveDateTime::new(date, civil.time()).checked_sub(Duration::SECOND);
    Time::from_civil(end.ok_or(TimeError::OutOfRange)?)
}

/// Everything that must not be there; SQLite's companions would be taken for the new ledger's.
const ENTRIES: [&str; 7] = ["ca", "anchors", "policies", FILE_NAME, "ledger.db", "ledger.db-wal", "ledger.db-shm"];
/// File names below `ca/`, in the order of the parties.
const STEMS: [&str; 3] = ["root", "issuing", "manifest"];
/// What the ledger calls them.
const KINDS: [&str; 3] = ["root", "issuing-ca", "manifest-signer"];
