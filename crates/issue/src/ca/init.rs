//! `reroot init`: the whole CA at once, or all of it but the root.

use std::path::{Path, PathBuf};

use time::{Date, Duration, Month, PrimitiveDateTime};

use crate::config::{CaSection, Config, ConfigErrors, FILE_NAME, NewConfig, SecretPlace, Sharing};
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

/// Random bytes that [`init`] uses: for each of four keys a serial number, a salt and an initialisation vector.
pub const RANDOM_BYTES: usize = PARTIES * 48;

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
    /// The passphrases that encrypt the key files. For keys in a token, its PIN.
    pub secrets: NewSecrets<'a>,
    /// The policies to put into `policies/`: file name and text.
    pub policies: &'a [(&'a str, &'a str)],
    /// Begin of validity.
    pub now: Time,
    /// Validity.
    pub years: CaYears,
    /// Fresh random bytes, never used for anything else.
    pub random: [u8; RANDOM_BYTES],
}

/// What protects the new keys, each with its own passphrase; `None` leaves a key file plain.
#[derive(Clone, Copy, Debug, Default)]
pub struct NewSecrets<'a> {
    /// Of the root, or of the manifest signer's own anchor.
    pub root: Option<NewSecret<'a>>,
    /// Of the issuing CA.
    pub issuing: Option<NewSecret<'a>>,
    /// Of the manifest signer.
    pub manifest: Option<NewSecret<'a>>,
}

/// A passphrase or PIN, and what the configuration says about where it comes from.
#[derive(Clone, Copy, Debug)]
pub struct NewSecret<'a> {
    /// The secret.
    pub secret: &'a Secret,
    /// Its source; `None` is a prompt. The path of a file is written as it is here.
    pub source: Option<&'a SecretSource>,
}

impl<'a> NewSecrets<'a> {
    /// One secret for all keys.
    pub const fn one(secret: NewSecret<'a>) -> Self {
        Self { root: Some(secret), issuing: Some(secret), manifest: Some(secret) }
    }

    /// The secret of the party with this number.
    pub(super) const fn of(&self, party: usize) -> Option<NewSecret<'a>> {
        match party {
            ISSUING => self.issuing,
            MANIFEST => self.manifest,
            _ => self.root,
        }
    }
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
    /// Whether root and issuing CA are a Matter PAA and PAI.
    pub matter: bool,
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
    let plan = Plan::new(options)?;
    let config = plan.made(Some(&plan.place(ROOT)))?;
    let make = |staging: &Staging, keys| plan.build(staging, keys, &config);
    let report = plan.make_in(dir, &[ROOT, ISSUING, MANIFEST], make)?;
    Ok(InitReport { directory: dir.to_owned(), ..report })
}

/// Makes all of a CA in `dir` but the root: keys of the issuing CA and the manifest signer, a request for each, ledger
/// and configuration. [`import`](super::import()) takes what another root makes of the requests.
///
/// # Errors
/// As [`init`].
pub fn init_without_root(dir: &Path, options: &InitOptions<'_>) -> Result<RequestReport, CaError> {
    let plan = Plan::new(options)?;
    let config = plan.made(None)?;
    let make = |staging: &Staging, keys| plan.build_requests(staging, keys, &config);
    let report = plan.make_in(dir, &[ISSUING, MANIFEST], make)?;
    Ok(RequestReport { directory: dir.to_owned(), ..report })
}

/// Checks that a CA could be made in `dir`: before a passphrase is asked for. Making it checks this again.
///
/// # Errors
/// Something that would be made exists, or `dir` cannot become a directory.
pub fn check_directory(dir: &Path) -> Result<(), CaError> {
    Staging::check(dir, &ENTRIES)
}

/// Options that were found usable.
pub(super) struct Plan<'a> {
    pub(super) options: &'a InitOptions<'a>,
    serials: [SerialNumber; PARTIES],
    validities: [Validity; PARTIES],
    pub(super) anchor: Certificate,
}

/// A key and the name it goes by.
pub(super) struct Party {
    pub(super) key: NewKey,
    pub(super) name: Name,
}

impl<'a> Plan<'a> {
    pub(super) fn new(options: &'a InitOptions<'a>) -> Result<Self, CaError> {
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
        let CaYears { root, issuing, manifest } = options.years;
        let years = [
            ("root", root),
            ("issuing CA", issuing),
            ("manifest signer", manifest),
            ("manifest signer's anchor", root),
        ];
        let mut validities = Vec::with_capacity(PARTIES);
        for (what, years) in years {
            if !(1..=root).contains(&years) {
                return Err(CaError::Years { what, years, root });
            }
            validities.push(Validity::new(options.now, years_after(options.now, years)?)?);
        }
        let serials: [SerialNumber; PARTIES] = std::array::from_fn(|party| serial(&options.random[48 * party..][..16]));
        if serials.iter().enumerate().any(|(number, one)| serials[..number].contains(one)) {
            return Err(CaError::Random);
        }
        let validities = validities.try_into().expect("one for each party");
        Ok(Self { options, serials, validities, anchor })
    }

    /// What the configuration calls the place of a new key.
    pub(super) fn place(&self, party: usize) -> String {
        NewKey::place(self.options.token.as_ref(), &self.options.random, party)
    }

    /// What the configuration calls the place of a new key's secret.
    fn secret_place(&self, party: usize) -> SecretPlace<'a> {
        let Some(NewSecret { source, .. }) = self.options.secrets.of(party) else { return SecretPlace::None };
        source.filter(|source| **source != SecretSource::Prompt).map_or(SecretPlace::Prompt, SecretPlace::Named)
    }

    /// What the configuration says of an issuing CA that is made here. `root_key`: where its root's key is.
    fn made(&self, root_key: Option<&str>) -> Result<String, CaError> {
        let secret = self.secret_place(ISSUING);
        self.config(CaSection::Made { root_key, issuing_key: &self.place(ISSUING), secret })
    }

    /// The text of the new configuration.
    pub(super) fn config(&self, ca: CaSection<'_>) -> Result<String, CaError> {
        let options = self.options;
        let config = NewConfig {
            organization: options.organization,
            ca,
            in_token: options.token.is_some(),
            pin_in_uri: options.token.as_ref().is_some_and(|token| token.uri.pin_source.is_some()),
            manifest_key: &self.place(MANIFEST),
            manifest_secret: self.secret_place(MANIFEST),
            anchor: ANCHOR_FILE_NAME,
        };
        config.text().ok_or(CaError::SecretSource { what: "the path is not UTF-8" })
    }

    /// Makes the keys of these parties, and with them everything else in a directory that becomes `dir`.
    pub(super) fn make_in<T>(
        &self,
        dir: &Path,
        parties: &[usize],
        make: impl FnOnce(&Staging, Vec<NewKey>) -> Result<T, CaError>,
    ) -> Result<T, CaError> {
        let staging = Staging::prepare(dir, &ENTRIES)?;
        let keys = match self.make_keys(parties) {
            Ok(keys) => keys,
            Err(reason) => return Err(staging.give_up(reason)),
        };
        let left = keys.iter().filter_map(NewKey::uri).map(ToString::to_string).collect();
        let made = make(&staging, keys).map_err(|reason| staging.give_up(reason));
        let made = made.and_then(|report| staging.publish(FILE_NAME).map(|()| report));
        made.map_err(|reason| reason.leaving(left))
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
        Ok(NewKey::make(&wanted, self.options.token.as_ref(), &self.options.secrets, &self.options.random)?)
    }

    fn build(&self, staging: &Staging, keys: Vec<NewKey>, config: &str) -> Result<InitReport, CaError> {
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
        let signer = root.key.open(self.options.secrets.root)?;
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
            write_certificates(staging, &mut files, &format!("ca/{stem}.pem"), std::slice::from_ref(certificate))?;
        }
        let config = self.finish(staging, &mut files, config)?;
        let whole = || -> Result<(), ConfigErrors> {
            config.issuer_identity()?;
            config.manifest_certificate().map(drop)
        };
        whole().map_err(CaError::NewConfig)?;
        let [root, issuing, manifest] = certificates;
        let anchor = self.anchor.clone();
        Ok(InitReport {
            directory: PathBuf::new(),
            files,
            root,
            issuing,
            manifest,
            anchor,
            plain: self.plain(&[ROOT, ISSUING, MANIFEST]),
            matter: self.options.matter.is_some(),
        })
    }

    fn build_requests(&self, staging: &Staging, keys: Vec<NewKey>, config: &str) -> Result<RequestReport, CaError> {
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
            self.request(staging, &mut files, &ledger, (number, role), party)?;
        }
        drop(ledger);
        self.finish(staging, &mut files, config)?;
        let (issuing, manifest) = (issuing.name, manifest.name);
        Ok(RequestReport {
            directory: PathBuf::new(),
            files,
            issuing,
            manifest,
            plain: self.plain(&[ISSUING, MANIFEST]),
        })
    }

    /// Makes a request with the party's own key.
    pub(super) fn request(
        &self,
        staging: &Staging,
        files: &mut Vec<PathBuf>,
        ledger: &Ledger,
        (number, role): (usize, RequestRole),
        party: &Party,
    ) -> Result<(), CaError> {
        let signer = party.key.open(self.options.secrets.of(number))?;
        let request = Request { role, subject: &party.name, now: self.options.now };
        let der = super::request::request(&*signer, ledger, &request)?;
        let text = pem::write("CERTIFICATE REQUEST", &der);
        write(staging, files, &format!("ca/{}.csr.pem", STEMS[number]), Access::Trusted, text.as_bytes())
    }

    /// Key files and ledger: what must be there before anything is signed.
    fn begin(staging: &Staging, files: &mut Vec<PathBuf>, parties: &[(usize, &Party)]) -> Result<Ledger, CaError> {
        let (_, issuing) = parties.iter().find(|(number, _)| *number == ISSUING).expect("there is an issuing CA");
        Self::begin_for(staging, files, parties, issuing.key.spki())
    }

    /// As [`begin`](Self::begin), for an issuing key that is not among the new ones.
    pub(super) fn begin_for(
        staging: &Staging,
        files: &mut Vec<PathBuf>,
        parties: &[(usize, &Party)],
        issuing: &Spki,
    ) -> Result<Ledger, CaError> {
        staging.directory("ca")?;
        for (number, party) in parties {
            if let NewKey::File(key) = &party.key {
                let name = format!("ca/{}.key.pem", STEMS[*number]);
                write(staging, files, &name, Access::Private, key.pem.as_bytes())?;
            }
        }
        Ok(Ledger::create(&staging.path().join("ledger.db"), issuing)?)
    }

    /// Anchors, policies and configuration, which is then read back.
    pub(super) fn finish(&self, staging: &Staging, files: &mut Vec<PathBuf>, config: &str) -> Result<Config, CaError> {
        staging.directory("anchors")?;
        write(staging, files, &format!("anchors/{ANCHOR_FILE_NAME}"), Access::Trusted, ANCHOR_PEM.as_bytes())?;
        staging.directory("policies")?;
        for (name, text) in self.options.policies {
            write(staging, files, &format!("policies/{name}"), Access::Trusted, text.as_bytes())?;
        }
        write(staging, files, FILE_NAME, Access::Trusted, config.as_bytes())?;
        files.push(PathBuf::from("ledger.db"));
        let config =
            Config::load_with(&staging.path().join(FILE_NAME), Sharing::Allowed).map_err(CaError::NewConfig)?;
        config.anchors().map_err(CaError::NewConfig)?;
        Ok(config)
    }

    /// Whether a new key of these parties is in a plain file.
    pub(super) fn plain(&self, parties: &[usize]) -> bool {
        self.options.token.is_none() && parties.iter().any(|party| self.options.secrets.of(*party).is_none())
    }

    /// A name that no other CA has: its end is the begin of the key identifier.
    pub(super) fn party(&self, key: NewKey, title: &str, matter: Option<Vec<(ObjectIdentifier, &str)>>) -> Party {
        let common_name = common_name(title, key.spki());
        let common_name = (oid::COMMON_NAME, common_name.as_str());
        let name = match matter {
            None => name(&[(oid::ORGANIZATION_NAME, self.options.organization), common_name]),
            Some(ids) => name(&[&[common_name], &ids[..]].concat()),
        };
        Party { key, name }
    }

    /// Encodes, records, signs, verifies, records: in that order.
    pub(super) fn certify(
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
            own_key: None,
            issuer_key: (!self_signed).then_some(&issuer_key),
        };
        let der = key.sign(ledger, KINDS[number], &statement.encode(), self.options.now)?;
        Ok(Certificate::from_der(&der)?)
    }
}

/// Writes certificates into one file below.
pub(super) fn write_certificates(
    staging: &Staging,
    files: &mut Vec<PathBuf>,
    name: &str,
    certificates: &[Certificate],
) -> Result<(), CaError> {
    let text: String = certificates.iter().map(|one| pem::write("CERTIFICATE", one.der()).to_string()).collect();
    write(staging, files, name, Access::Trusted, text.as_bytes())
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

/// Returns a positive INTEGER of 16 bytes for any random bytes (as for object certificates:
/// docs/adr/0018-derived-serial-numbers.md).
pub(super) fn serial(random: &[u8]) -> SerialNumber {
    let mut content = random.to_vec();
    content[0] = (content[0] & 0x3F) | 0x40;
    SerialNumber::from_content(&content).expect("the first byte is 0x40 to 0x7F")
}

/// The same calendar date and time `years` on (29 February becomes 28 February), less one second.
pub(super) fn years_after(begin: Time, years: u16) -> Result<Time, TimeError> {
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
pub(super) const ROOT: usize = 0;
pub(super) const ISSUING: usize = 1;
pub(super) const MANIFEST: usize = 2;
pub(super) const MANIFEST_ANCHOR: usize = 3;
const PARTIES: usize = 4;
/// File names below `ca/`, and ends of labels in a token, in the order of the parties.
pub(super) const STEMS: [&str; PARTIES] = ["root", "issuing", "manifest", "manifest-anchor"];
/// What the ledger calls them.
const KINDS: [&str; PARTIES] = ["root", "issuing-ca", "manifest-signer", "manifest-anchor"];
