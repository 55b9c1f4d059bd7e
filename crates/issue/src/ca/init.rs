//! `reroot init`: the whole CA at once, or all of it but the root.

use std::path::{Path, PathBuf};

use time::{Date, Duration, Month, PrimitiveDateTime};

use crate::config::{Config, ConfigErrors, FILE_NAME, NewConfig, Sharing};
use crate::durable::Access;
use crate::ledger::Ledger;
use crate::signer::{Secret, SecretSource};
use crate::x509::oid::{self, ObjectIdentifier};
use crate::x509::{Certificate, KeyAlgorithm, Name, SerialNumber, Spki, Time, TimeError, Validity, pem};

use super::CaError;
use super::anchor::{ANCHOR_FILE_NAME, ANCHOR_PEM, anchor};
use super::certificate::{Role, Statement, key_identifier, name};
use super::key::CaKey;
use super::keys::{NewKey, TokenPlace};
use super::matter::MatterIds;
use super::place::Staging;
use super::request::{Request, RequestRole};

/// Random octets that [`init`] uses: for each of three keys a serial number, a salt and an initialisation vector.
pub const RANDOM_OCTETS: usize = 3 * 48;

/// What a new CA is to be.
#[derive(Debug)]
pub struct InitOptions<'a> {
    /// O in every name.
    pub organization: &'a str,
    /// Kind of all three keys: P-256 or P-384; in a token also P-521, Ed25519 and RSA, where the manifest signer's key
    /// is P-256 all the same (docs/spec/manifest-format.md).
    pub key: KeyAlgorithm,
    /// Make the keys in this token; `None` makes files.
    pub token: Option<TokenPlace<'a>>,
    /// Make a Matter PAA and PAI for this vendor: both names say so, and the key must be P-256.
    pub matter: Option<MatterIds<'a>>,
    /// The passphrase that encrypts the key files; `None` leaves them plain. For keys in a token, its PIN.
    pub secret: Option<&'a Secret>,
    /// What the configuration says about where the secret comes from. A file's path is written as it is here.
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
    /// Whether the keys are in plain files.
    pub plain: bool,
}

/// What was made for another root to certify.
#[derive(Debug)]
pub struct RequestReport {
    /// The CA's directory.
    pub directory: PathBuf,
    /// Every file made, relative to the directory, in the order of making.
    pub files: Vec<PathBuf>,
    /// The issuing CA's name as requested.
    pub issuing: Name,
    /// The manifest signer's name as requested.
    pub manifest: Name,
    /// Whether the keys are in plain files.
    pub plain: bool,
}

/// Makes a CA in `dir`, which may be new, empty, or hold unrelated files.
///
/// # Errors
/// Something that would be made exists, an option is not usable, or a step fails: then nothing is left in `dir`.
pub fn init(dir: &Path, options: &InitOptions<'_>) -> Result<InitReport, CaError> {
    let plan = Plan::new(options, false)?;
    let staging = Staging::prepare(dir, &ENTRIES)?;
    let keys = match plan.make_keys(&[ROOT, ISSUING, MANIFEST]) {
        Ok(keys) => keys,
        Err(reason) => return Err(staging.give_up(reason)),
    };
    let left = keys.iter().filter_map(NewKey::uri).map(ToString::to_string).collect();
    let made = plan.build(&staging, keys).map_err(|reason| staging.give_up(reason));
    let made = made.and_then(|report| staging.publish(FILE_NAME).map(|()| report));
    let report = made.map_err(|reason| reason.leaving(left))?;
    Ok(InitReport { directory: dir.to_owned(), ..report })
}

/// Makes all of a CA in `dir` but the root: keys of the issuing CA and the manifest signer, a request for each, ledger
/// and configuration. [`import`](super::import()) takes what another root makes of the requests.
///
/// # Errors
/// As [`init`].
pub fn init_without_root(dir: &Path, options: &InitOptions<'_>) -> Result<RequestReport, CaError> {
    let plan = Plan::new(options, true)?;
    let staging = Staging::prepare(dir, &ENTRIES)?;
    let keys = match plan.make_keys(&[ISSUING, MANIFEST]) {
        Ok(keys) => keys,
        Err(reason) => return Err(staging.give_up(reason)),
    };
    let left = keys.iter().filter_map(NewKey::uri).map(ToString::to_string).collect();
    let made = plan.build_requests(&staging, keys).map_err(|reason| staging.give_up(reason));
    let made = made.and_then(|report| staging.publish(FILE_NAME).map(|()| report));
    let report = made.map_err(|reason| reason.leaving(left))?;
    Ok(RequestReport { directory: dir.to_owned(), ..report })
}

/// Options that were found usable.
struct Plan<'a> {
    options: &'a InitOptions<'a>,
    serials: [SerialNumber; 3],
    validities: [Validity; 3],
    config: String,
    anchor: Certificate,
}

/// A key and the name it goes by.
struct Party {
    key: NewKey,
    name: Name,
}

impl<'a> Plan<'a> {
    fn new(options: &'a InitOptions<'a>, without_root: bool) -> Result<Self, CaError> {
        let anchor = anchor().ok_or(CaError::Anchor)?;
        check_organization(options.organization)?;
        if let Some(ids) = &options.matter {
            ids.check()?;
            if options.key != KeyAlgorithm::P256 {
                return Err(CaError::MatterKey { key: options.key });
            }
        }
        match (options.key, &options.token) {
            (KeyAlgorithm::P256 | KeyAlgorithm::P384, _) => {}
            (KeyAlgorithm::P521 | KeyAlgorithm::Ed25519 | KeyAlgorithm::Rsa { .. }, Some(_)) => {}
            (key, _) => return Err(CaError::KeyAlgorithm { key }),
        }
        if let Some(token) = &options.token {
            token.check()?;
        }
        for (number, (name, _)) in options.policies.iter().enumerate() {
            let twice = options.policies[..number].iter().any(|(other, _)| other == name);
            if twice || !is_plain_name(name) {
                return Err(CaError::PolicyName { name: (*name).to_owned() });
            }
        }
        if options.secret.is_none() && options.secret_source.is_some() {
            return Err(CaError::SecretSource { what: "no passphrase was given" });
        }
        let key = |number| NewKey::place(options.token.as_ref(), &options.random, number);
        let config = NewConfig {
            organization: options.organization,
            in_token: options.token.is_some(),
            root_key: (!without_root).then(|| key(ROOT)).as_deref(),
            issuing_key: &key(ISSUING),
            manifest_key: &key(MANIFEST),
            secret_given: options.secret.is_some(),
            pin_in_uri: options.token.as_ref().is_some_and(|token| token.uri.pin_source.is_some()),
            secret: options.secret_source,
            anchor: ANCHOR_FILE_NAME,
        }
        .text();
        let config = config.ok_or(CaError::SecretSource { what: "the path is not UTF-8" })?;
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
        Ok(Self { options, serials, validities, config, anchor })
    }

    /// The keys of these parties.
    fn make_keys(&self, parties: &[usize]) -> Result<Vec<NewKey>, CaError> {
        let kind = |number| match self.options.key {
            KeyAlgorithm::P256 | KeyAlgorithm::P384 => self.options.key,
            // no other kind seals a manifest
            _ if number == MANIFEST => KeyAlgorithm::P256,
            key => key,
        };
        let wanted: Vec<_> = parties.iter().map(|number| (*number, kind(*number))).collect();
        Ok(NewKey::make(&wanted, self.options.token.as_ref(), self.options.secret, &self.options.random)?)
    }

    fn build(&self, staging: &Staging, keys: Vec<NewKey>) -> Result<InitReport, CaError> {
        let mut files = Vec::new();
        let [root, issuing, manifest] = <[NewKey; 3]>::try_from(keys).expect("three were asked for");
        let [root, issuing] = match &self.options.matter {
            None => [self.party(root, "Object Root CA", None), self.party(issuing, "Object Issuing CA", None)],
            Some(ids) => [
                self.party(root, "Matter PAA", Some(ids.authority())),
                self.party(issuing, "Matter PAI", Some(ids.intermediate())),
            ],
        };
        let parties = [root, issuing, self.party(manifest, "Manifest Signer", None)];
        let ledger =
            Self::begin(staging, &mut files, &[(ROOT, &parties[0]), (ISSUING, &parties[1]), (MANIFEST, &parties[2])])?;
        let [root, issuing, manifest] = &parties;
        let signer = root.key.open(self.options.secret)?;
        let key = CaKey::new(&*signer, signer.public_key())?.full_width();
        let certify = |subject, role, number: usize| self.certify(&ledger, &key, root, subject, role, number);
        let certificates = [
            certify(root, Role::Authority { path_len: 1 }, ROOT)?,
            certify(issuing, Role::Authority { path_len: 0 }, ISSUING)?,
            certify(manifest, Role::ManifestSigner, MANIFEST)?,
        ];
        ledger.conclude()?;
        drop((ledger, signer));
        for (certificate, stem) in certificates.iter().zip(STEMS) {
            let text = pem::write("CERTIFICATE", certificate.der());
            write(staging, &mut files, &format!("ca/{stem}.pem"), Access::Trusted, text.as_bytes())?;
        }
        let config = self.finish(staging, &mut files)?;
        let whole = || -> Result<(), ConfigErrors> {
            config.issuer_identity()?;
            config.manifest_certificate().map(drop)
        };
        whole().map_err(CaError::NewConfig)?;
        let [root, issuing, manifest] = certificates;
        let anchor = self.anchor.clone();
        Ok(InitReport { directory: PathBuf::new(), files, root, issuing, manifest, anchor, plain: self.plain() })
    }

    fn build_requests(&self, staging: &Staging, keys: Vec<NewKey>) -> Result<RequestReport, CaError> {
        let mut files = Vec::new();
        let [issuing, manifest] = <[NewKey; 2]>::try_from(keys).expect("two were asked for");
        let issuing = match &self.options.matter {
            None => self.party(issuing, "Object Issuing CA", None),
            Some(ids) => self.party(issuing, "Matter PAI", Some(ids.intermediate())),
        };
        let manifest = self.party(manifest, "Manifest Signer", None);
        let ledger = Self::begin(staging, &mut files, &[(ISSUING, &issuing), (MANIFEST, &manifest)])?;
        for (number, role, party) in
            [(ISSUING, RequestRole::Issuing, &issuing), (MANIFEST, RequestRole::Manifest, &manifest)]
        {
            let signer = party.key.open(self.options.secret)?;
            let request = Request { role, subject: &party.name, now: self.options.now };
            let der = super::request::request(&*signer, &ledger, &request)?;
            let text = pem::write("CERTIFICATE REQUEST", &der);
            write(staging, &mut files, &format!("ca/{}.csr.pem", STEMS[number]), Access::Trusted, text.as_bytes())?;
        }
        drop(ledger);
        self.finish(staging, &mut files)?;
        let (issuing, manifest) = (issuing.name, manifest.name);
        Ok(RequestReport { directory: PathBuf::new(), files, issuing, manifest, plain: self.plain() })
    }

    /// Key files and ledger: what must be there before anything is signed.
    fn begin(staging: &Staging, files: &mut Vec<PathBuf>, parties: &[(usize, &Party)]) -> Result<Ledger, CaError> {
        staging.directory("ca")?;
        for (number, party) in parties {
            if let NewKey::File(key) = &party.key {
                let name = format!("ca/{}.key.pem", STEMS[*number]);
                write(staging, files, &name, Access::Private, key.pem.as_bytes())?;
            }
        }
        let (_, issuing) = parties.iter().find(|(number, _)| *number == ISSUING).expect("there is an issuing CA");
        Ok(Ledger::create(&staging.path().join("ledger.db"), issuing.key.spki())?)
    }

    /// Anchors, policies and configuration, which is then read back.
    fn finish(&self, staging: &Staging, files: &mut Vec<PathBuf>) -> Result<Config, CaError> {
        staging.directory("anchors")?;
        write(staging, files, &format!("anchors/{ANCHOR_FILE_NAME}"), Access::Trusted, ANCHOR_PEM.as_bytes())?;
        staging.directory("policies")?;
        for (name, text) in self.options.policies {
            write(staging, files, &format!("policies/{name}"), Access::Trusted, text.as_bytes())?;
        }
        write(staging, files, FILE_NAME, Access::Trusted, self.config.as_bytes())?;
        files.push(PathBuf::from("ledger.db"));
        let config =
            Config::load_with(&staging.path().join(FILE_NAME), Sharing::Allowed).map_err(CaError::NewConfig)?;
        config.anchors().map_err(CaError::NewConfig)?;
        Ok(config)
    }

    fn plain(&self) -> bool {
        self.options.token.is_none() && self.options.secret.is_none()
    }

    /// A name that no other CA has: its end is the begin of the key identifier.
    fn party(&self, key: NewKey, title: &str, matter: Option<Vec<(ObjectIdentifier, &str)>>) -> Party {
        let common_name = common_name(title, key.spki());
        let common_name = (oid::COMMON_NAME, common_name.as_str());
        let name = match matter {
            None => name(&[(oid::ORGANIZATION_NAME, self.options.organization), common_name]),
            Some(ids) => name(&[&[common_name], &ids[..]].concat()),
        };
        Party { key, name }
    }

    /// Encodes, records, signs, verifies, records: in that order.
    fn certify(
        &self,
        ledger: &Ledger,
        key: &CaKey<'_>,
        issuer: &Party,
        subject: &Party,
        role: Role,
        number: usize,
    ) -> Result<Certificate, CaError> {
        let self_signed = issuer.key.spki() == subject.key.spki();
        let issuer_key = key_identifier(issuer.key.spki());
        let statement = Statement {
            role,
            serial: &self.serials[number],
            signature: key.algorithm(),
            issuer: &issuer.name,
            validity: self.validities[number],
            subject: &subject.name,
            spki: subject.key.spki(),
            issuer_key: (!self_signed).then_some(&issuer_key),
        };
        let der = key.sign(ledger, KINDS[number], &statement.encode(), self.options.now)?;
        Ok(Certificate::from_der(&der)?)
    }
}

fn write(
    staging: &Staging,
    files: &mut Vec<PathBuf>,
    name: &str,
    access: Access,
    content: &[u8],
) -> Result<(), CaError> {
    files.push(PathBuf::from(name));
    staging.write(name, access, content)
}

/// A common name that ends with the begin of the key's identifier.
pub(super) fn common_name(title: &str, spki: &Spki) -> String {
    format!("{title} {}", hex::encode_upper(&key_identifier(spki).as_bytes()[..4]))
}

pub(super) fn check_organization(text: &str) -> Result<(), CaError> {
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

/// A positive INTEGER of 16 octets, whatever the random octets (as for object certificates: docs/adr/0018-derived-serial-numbers.md).
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
/// Numbers of the parties.
const ROOT: usize = 0;
const ISSUING: usize = 1;
const MANIFEST: usize = 2;
/// File names below `ca/`, and ends of labels in a token, in the order of the parties.
pub(super) const STEMS: [&str; 3] = ["root", "issuing", "manifest"];
/// What the ledger calls them.
const KINDS: [&str; 3] = ["root", "issuing-ca", "manifest-signer"];
