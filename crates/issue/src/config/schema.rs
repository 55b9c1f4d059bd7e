//! `reroot.toml` as a closed schema: an unknown key is an error with its place and what was probably meant.

use std::ops::{Range, RangeInclusive};
use std::path::{Path, PathBuf};

use toml::Spanned;

use crate::ledger::is_url;
use crate::signer::pkcs11::Settings;
use crate::signer::{BatchSigning, KeyLocation, KeyUri, SecretSource};
use crate::text::{Printable, did_you_mean};
use crate::toml::{Mistakes, Table, Value, Wording, parse};

use super::cmp::{self, CmpSection};
use super::error;
use super::hsm;
use super::signer::{self, SignerSection};
use super::signing::{self, SigningSection};
use super::trust;

/// The file's content, read but not followed: no other file was opened.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) issuer: Identity,
    pub(super) chain: Vec<Spanned<PathBuf>>,
    pub(super) manifest: Identity,
    /// The manifest signer's anchor, where it is not the end of the issuer's chain.
    pub(super) manifest_anchor: Option<Spanned<PathBuf>>,
    pub(super) anchors: Vec<Spanned<PathBuf>>,
    pub(super) ledger: Spanned<PathBuf>,
    /// Where the ledger's head is noted after each run, if anywhere.
    pub(super) head_file: Option<Spanned<PathBuf>>,
    /// How tokens are treated, if a key is in one.
    pub(super) hsm: Settings,
    /// What a signing machine takes; the others have none.
    pub(super) signing: Option<SigningSection>,
    /// Where a signing service listens; the other machines have none.
    pub(super) signer: Option<SignerSection>,
    /// A CA that speaks CMP, if there is one.
    pub(super) cmp: Option<CmpSection>,
    /// The group whose members may do what the user may.
    pub(super) access: Option<Spanned<String>>,
}

/// A certificate and its key.
#[derive(Debug)]
pub(super) struct Identity {
    /// `issuer` or `manifest`
    pub(super) section: &'static str,
    /// Where the section begins.
    pub(super) header: Range<usize>,
    pub(super) certificate: Spanned<PathBuf>,
    pub(super) key: Option<Key>,
    /// When a P-256 key in a file signs in batches.
    pub(super) batches: BatchSigning,
}

/// A private key's place and what opens it.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) place: Spanned<KeyPlace>,
    pub(super) secret: Option<Spanned<SecretSource>>,
}

/// Where a private key is.
#[derive(Debug)]
pub(super) enum KeyPlace {
    /// A PKCS#8 file.
    File(PathBuf),
    /// One token, or several that hold the same key; never none.
    Tokens(Vec<KeyUri>),
}

/// The URL of a ledger on a server. What it says is checked when the ledger is opened.
fn server(value: &Value<'_>) -> Option<Spanned<PathBuf>> {
    let url = PathBuf::from(value.string()?);
    if !is_url(&url) {
        return value.error(error::VALUE, "`url` does not begin with `postgres://`".to_owned());
    }
    Some(Spanned::new(value.span.clone(), url))
}

/// Reads the text; paths become relative to `base`.
pub(super) fn read(text: &str, base: &Path, errors: &Mistakes) -> Option<Document> {
    let document = parse(text, error::SYNTAX, errors)?;
    let file = Section { table: Table::top(&document, &Words, errors), base };
    let issuer = file.required("issuer", |section| {
        let identity = section.identity("issuer");
        let batches = section.batches();
        let chain = section.optional_paths("chain");
        Some((Identity { batches: batches?, ..identity? }, chain?))
    });
    let manifest = file.required("manifest", |section| {
        let identity = section.identity("manifest");
        Some((identity?, section.optional_path("anchor")?))
    });
    let anchors = file.required("source", |section| {
        let anchors = section.paths("anchors")?;
        if anchors.is_empty() {
            let hint = "Without a trust anchor no leaf can be verified; the configuration of a new CA names ST's.";
            let place = section.table.place("anchors");
            return errors.push_hint(error::VALUE, place, "`anchors` is empty, expected at least one file", hint);
        }
        Some(anchors)
    });
    let ledger = file.required("ledger", |section| {
        let place = match (section.table.has("path"), section.table.optional("url")) {
            (true, Some(_)) => {
                let place = section.table.place("url");
                errors.push(error::VALUE, place, "[ledger] has both `path` and `url`, expected one of them")
            }
            (false, Some(value)) => server(&value),
            (_, None) => section.path("path"),
        };
        let head_file = section.optional_path("head_file");
        Some((place?, head_file?))
    });
    let hsm = file.optional("hsm", Settings::default(), |section| Some(hsm::settings(section)));
    let signing = file.optional("signing", None, |section| signing::read(section).map(Some));
    let signer = file.optional("signer", None, |section| signer::read(section).map(Some));
    let cmp = file.optional("cmp", None, |section| cmp::read(section).map(Some));
    let access = file.optional("access", None, |section| trust::access(section).map(Some));
    file.table.finish();
    let ((issuer, chain), (ledger, head_file)) = (issuer?, ledger?);
    let ((manifest, manifest_anchor), anchors) = (manifest?, anchors?);
    let (hsm, signing, signer, cmp, access) = (hsm?, signing?, signer?, cmp?, access?);
    Some(Document {
        issuer,
        chain,
        manifest,
        manifest_anchor,
        anchors,
        ledger,
        head_file,
        hsm,
        signing,
        signer,
        cmp,
        access,
    })
}

/// A mistake was noted; there is nothing to add.
pub(super) struct Noted;

/// One table of the file.
pub(super) struct Section<'a> {
    pub(super) table: Table<'a>,
    base: &'a Path,
}

impl<'a> Section<'a> {
    /// Reads a section that must be there.
    fn required<T>(&self, name: &'static str, read: impl FnOnce(&Section<'a>) -> Option<T>) -> Option<T> {
        self.inner(&self.table.required(name)?, read)
    }

    /// Reads a section that need not be there; without it the value is the usual one.
    fn optional<T>(&self, name: &'static str, usual: T, read: impl FnOnce(&Section<'a>) -> Option<T>) -> Option<T> {
        self.table.optional(name).map_or(Some(usual), |value| self.inner(&value, read))
    }

    fn inner<T>(&self, value: &Value<'a>, read: impl FnOnce(&Section<'a>) -> Option<T>) -> Option<T> {
        let section = Section { table: value.fields("a section")?, base: self.base };
        let read = read(&section);
        section.table.finish();
        read
    }

    /// A certificate and its key, which does not sign in batches.
    pub(super) fn identity(&self, section: &'static str) -> Option<Identity> {
        let certificate = self.path("certificate");
        let key = self.key().ok()?;
        let header = self.table.header.clone();
        Some(Identity { section, header, certificate: certificate?, key, batches: BatchSigning::Never })
    }

    /// `batch_signer`: without it the processor decides.
    fn batches(&self) -> Option<BatchSigning> {
        let Some(value) = self.table.optional("batch_signer") else { return Some(BatchSigning::WithLanes) };
        Some(if value.boolean()? { BatchSigning::Always } else { BatchSigning::Never })
    }

    fn key(&self) -> Result<Option<Key>, Noted> {
        let (text, secret) = (self.table.optional("key"), self.secret());
        let Some(text) = text else {
            if self.table.has("secret") {
                let message = format!("[{}] has a `secret` and no `key`", self.table.path);
                self.table.errors.push::<()>(error::MISSING, &self.table.header, message);
                return Err(Noted);
            }
            return Ok(None);
        };
        let place = self.key_place(&text);
        let secret = secret?;
        let place = place.ok_or(Noted)?;
        if let (KeyPlace::Tokens(uris), Some(secret)) = (place.get_ref(), &secret)
            && uris.iter().any(|uri| uri.pin_source.is_some())
        {
            let message = "`secret` and the key's pin-source both say where the PIN is, expected one of them";
            self.table.errors.push::<()>(error::SECRET_SOURCE, secret.span(), message);
            return Err(Noted);
        }
        Ok(Some(Key { place, secret }))
    }

    /// A path, a URI, or a list of the URIs of tokens that hold the same key.
    fn key_place(&self, value: &Value<'a>) -> Option<Spanned<KeyPlace>> {
        if !value.is_array() {
            let place = match self.location(value, "a string or an array of URIs")? {
                KeyLocation::File(path) => KeyPlace::File(path),
                KeyLocation::Pkcs11(uri) => KeyPlace::Tokens(vec![*uri]),
            };
            return Some(Spanned::new(value.span.clone(), place));
        }
        let items = value.array()?;
        if items.is_empty() {
            return value.error(error::VALUE, "`key` is an empty array, expected at least one URI");
        }
        let before = value.errors.count();
        let mut uris: Vec<KeyUri> = Vec::with_capacity(items.len());
        for item in items {
            match self.location(&item, "a URI") {
                Some(KeyLocation::Pkcs11(uri)) if uris.contains(&uri) => {
                    item.error::<()>(error::VALUE, "`key` names this token's key twice");
                }
                Some(KeyLocation::Pkcs11(uri)) => uris.push(*uri),
                Some(KeyLocation::File(_)) => {
                    let message = "`key` is an array with a path in it, expected URIs of PKCS#11 tokens alone";
                    item.error::<()>(error::VALUE, message);
                }
                None => {}
            }
        }
        (value.errors.count() == before).then(|| Spanned::new(value.span.clone(), KeyPlace::Tokens(uris)))
    }

    fn location(&self, value: &Value<'_>, expected: &str) -> Option<KeyLocation> {
        let reason = match KeyLocation::parse(value.text(expected)?, self.base) {
            Ok(location) => return Some(location),
            Err(reason) => reason,
        };
        // a PIN's place is the section's, so that no excerpt of the file shows it
        let (code, span) = if reason.holds_secret() {
            (error::SECRET_IN_FILE, &self.table.header)
        } else {
            (error::VALUE, &value.span)
        };
        let message = format!("`key`: {reason}");
        match reason.hint() {
            Some(hint) => value.errors.push_hint(code, span, message, hint),
            None => value.errors.push(code, span, message),
        }
    }

    pub(super) fn secret(&self) -> Result<Option<Spanned<SecretSource>>, Noted> {
        let Some(value) = self.table.optional("secret") else { return Ok(None) };
        let refuse = |code, span: &Range<usize>, what: &str| {
            let message = format!("`secret` in [{}] {what}, expected {SECRET_FORM}", self.table.path);
            value.errors.push_hint::<()>(code, span, message, SECRET_HINT);
            Err(Noted)
        };
        // what may be the secret itself is neither repeated nor shown: its place is the section's
        let header = &self.table.header;
        let Some(table) = value.as_table() else {
            return refuse(error::SECRET_IN_FILE, header, "is not a table");
        };
        let entries = table.entries();
        let [(key, inner)] = &entries[..] else {
            return refuse(error::SECRET_SOURCE, &value.span, "does not have exactly one source");
        };
        let source = match (*key, inner.as_str()) {
            ("env", Some(name)) if is_variable_name(name) => SecretSource::Env(name.to_owned()),
            ("env", _) => {
                return refuse(error::SECRET_IN_FILE, header, "has an `env` that is not the name of a variable");
            }
            ("file", Some(path)) if !path.is_empty() => SecretSource::File(self.base.join(path)),
            ("credential", Some(name)) if is_credential_name(name) => SecretSource::Credential(name.to_owned()),
            ("credential", _) => {
                return refuse(error::SECRET_IN_FILE, header, "has a `credential` that is not the name of one");
            }
            ("file", _) => return refuse(error::SECRET_SOURCE, &value.span, "has a `file` that is not a path"),
            (other, _) => {
                let what = format!("has the unknown source `{}`", Printable::new(other).brief());
                return refuse(error::SECRET_IN_FILE, header, &what);
            }
        };
        Ok(Some(Spanned::new(value.span.clone(), source)))
    }

    pub(super) fn path(&self, name: &'static str) -> Option<Spanned<PathBuf>> {
        self.as_path(&self.table.required(name)?)
    }

    /// The path under a key that need not be there.
    #[expect(clippy::option_option, reason = "a mistake was noted, or the key is absent")]
    fn optional_path(&self, name: &'static str) -> Option<Option<Spanned<PathBuf>>> {
        self.table.optional(name).map_or(Some(None), |value| self.as_path(&value).map(Some))
    }

    pub(super) fn paths(&self, name: &'static str) -> Option<Vec<Spanned<PathBuf>>> {
        self.as_paths(&self.table.required(name)?)
    }

    pub(super) fn optional_paths(&self, name: &'static str) -> Option<Vec<Spanned<PathBuf>>> {
        self.table.optional(name).map_or(Some(vec![]), |value| self.as_paths(&value))
    }

    fn as_paths(&self, value: &Value<'a>) -> Option<Vec<Spanned<PathBuf>>> {
        // every broken path is noted before the first one ends the reading
        let paths: Vec<_> = value.members("an array of paths")?.iter().map(|item| self.as_path(item)).collect();
        paths.into_iter().collect()
    }

    pub(super) fn as_path(&self, value: &Value<'_>) -> Option<Spanned<PathBuf>> {
        match value.string()? {
            "" => value.error(error::VALUE, format!("`{}` is empty, expected a path", name(value))),
            text => Some(Spanned::new(value.span.clone(), self.base.join(text))),
        }
    }
}

/// How a configuration's mistakes are worded: values by their key, tables as sections. The place of what may be a
/// secret is the section's, so that no excerpt of the file shows it.
#[derive(Debug)]
struct Words;

impl Wording for Words {
    fn missing(&self, table: &Table<'_>, key: &str) {
        let message = match &table.path[..] {
            "" => format!("there is no section [{key}]"),
            section => format!("[{section}] has no `{key}`"),
        };
        table.errors.push::<()>(error::MISSING, &table.header, message);
    }

    fn out_of_range(&self, value: &Value<'_>, _: &str, allowed: &RangeInclusive<u64>) {
        let message = format!("`{}` is not a number from {} to {}", name(value), allowed.start(), allowed.end());
        value.error::<()>(error::VALUE, message);
    }

    fn unknown(&self, table: &Table<'_>, key: &str, place: Range<usize>) {
        let (what, inside) = match &table.path[..] {
            "" => ("section", "at the top of the file".to_owned()),
            section => ("key", format!("in [{section}]")),
        };
        if ["pin", "passphrase", "password", "pin-value"].contains(&key) {
            let message = format!("`{key}` {inside} would put a secret into the configuration");
            table.errors.push_hint::<()>(error::SECRET_IN_FILE, &table.header, message, SECRET_HINT);
            return;
        }
        let known = table.asked();
        let hint =
            did_you_mean(key, known.iter().copied()).unwrap_or_else(|| format!("Known here: {}.", known.join(", ")));
        let message = format!("unknown {what} `{}` {inside}", Printable::new(key).brief());
        table.errors.push_hint::<()>(error::UNKNOWN, place, message, hint);
    }

    fn wrong_type(&self, value: &Value<'_>, found: &str, expected: &str) {
        value.error::<()>(error::TYPE, format!("`{}` is {found}, expected {expected}", name(value)));
    }
}

/// The key of a value, or of the array that it is in.
pub(super) fn name<'v>(value: &'v Value<'_>) -> &'v str {
    let key = value.path.rsplit('.').next().unwrap_or_default();
    key.split('[').next().unwrap_or_default()
}

/// POSIX environment variable names: letters, digits and underscores, no digit first.
fn is_variable_name(text: &str) -> bool {
    !text.starts_with(|first: char| first.is_ascii_digit())
        && !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Names of credentials (systemd.exec(5)): file names of letters, digits, and `-`, `_`, `.`.
fn is_credential_name(text: &str) -> bool {
    (1..=255).contains(&text.len())
        && !text.starts_with('.')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

const SECRET_FORM: &str = "{ env = \"NAME\" }, { file = \"PATH\" } or { credential = \"NAME\" }";
const SECRET_HINT: &str = "A configuration is read, copied and kept under version control: it names where a secret is, \
                           `secret = { env = \"NAME\" }` or `secret = { file = \"PATH\" }`, never the secret.";
