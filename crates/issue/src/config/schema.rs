//! `reroot.toml` as a closed schema: an unknown key is an error with its place and what was probably meant.

use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::signer::pkcs11::Settings;
use crate::signer::{KeyLocation, KeyUri, SecretSource};
use crate::text::{Printable, did_you_mean};

use super::cmp::{self, CmpSection};
use super::error::{self, Errors};
use super::hsm;
use super::signing::{self, SigningSection};
use super::trust;

/// The file's content, read but not followed: no other file was opened.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) issuer: Identity,
    pub(super) chain: Vec<Spanned<PathBuf>>,
    pub(super) manifest: Identity,
    pub(super) anchors: Vec<Spanned<PathBuf>>,
    pub(super) ledger: Spanned<PathBuf>,
    /// Where the ledger's head is noted after each run, if anywhere.
    pub(super) head_file: Option<Spanned<PathBuf>>,
    /// How tokens are treated, if a key lies in one.
    pub(super) hsm: Settings,
    /// What a signing machine takes; the others have none.
    pub(super) signing: Option<SigningSection>,
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
    /// Whether a P-256 key in a file signs in batches.
    pub(super) batch_signer: bool,
}

/// A private key's place and what opens it.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) place: Spanned<KeyPlace>,
    pub(super) secret: Option<Spanned<SecretSource>>,
}

/// Where a private key lies.
#[derive(Debug)]
pub(super) enum KeyPlace {
    /// A PKCS#8 file.
    File(PathBuf),
    /// One token, or several that hold the same key; never none.
    Tokens(Vec<KeyUri>),
}

/// Reads the text; paths become relative to `base`.
pub(super) fn read(text: &str, base: &Path, errors: &Errors) -> Option<Document> {
    let (table, mistakes) = DeTable::parse_recoverable(text);
    for mistake in &mistakes {
        let span = mistake.span().unwrap_or(0..0);
        errors.push::<()>(error::SYNTAX, &span, Printable::new(mistake.message()).at_most(200).to_string());
    }
    if !mistakes.is_empty() {
        return None;
    }
    let file = Section { name: "", table: table.get_ref(), header: 0..0, base, errors };
    file.closed(&["issuer", "manifest", "source", "ledger", "hsm", "signing", "cmp", "access"]);
    let issuer = file.section("issuer");
    let manifest = file.section("manifest");
    let source = file.section("source");
    let ledger = file.section("ledger");
    let chain = issuer.as_ref().and_then(|issuer| {
        issuer.closed(&["batch_signer", "certificate", "chain", "key", "secret"]);
        if issuer.table.contains_key("chain") { issuer.paths("chain") } else { Some(vec![]) }
    });
    let issuer = issuer.and_then(|section| section.identity("issuer"));
    let manifest = manifest.and_then(|section| {
        section.closed(&["certificate", "key", "secret"]);
        section.identity("manifest")
    });
    let anchors = source.and_then(|source| {
        source.closed(&["anchors"]);
        let anchors = source.paths("anchors")?;
        if anchors.is_empty() {
            let span = source.required("anchors")?.span();
            let hint = "Without a trust anchor no leaf can be verified; the configuration of a new CA names ST's.";
            return errors.push_hint(error::VALUE, &span, "`anchors` is empty, expected at least one file", hint);
        }
        Some(anchors)
    });
    let ledger = ledger.and_then(|ledger| {
        ledger.closed(&["path", "head_file"]);
        let head_file = if ledger.table.contains_key("head_file") { Some(ledger.path("head_file")) } else { None };
        let path = ledger.path("path")?;
        match head_file {
            Some(noted) => Some((path, Some(noted?))),
            None => Some((path, None)),
        }
    });
    let hsm = if file.table.contains_key("hsm") {
        file.section("hsm").and_then(|section| hsm::settings(&section))
    } else {
        Some(Settings::default())
    };
    let signing = if file.table.contains_key("signing") {
        file.section("signing").and_then(|section| signing::read(&section)).map(Some)
    } else {
        Some(None)
    };
    let cmp = if file.table.contains_key("cmp") {
        file.section("cmp").and_then(|section| cmp::read(&section)).map(Some)
    } else {
        Some(None)
    };
    let access = if file.table.contains_key("access") {
        file.section("access").and_then(|section| trust::access(&section)).map(Some)
    } else {
        Some(None)
    };
    let (issuer, manifest) = (issuer?, manifest?);
    let (hsm, signing, cmp, access) = (hsm?, signing?, cmp?, access?);
    let (ledger, head_file) = ledger?;
    Some(Document { issuer, chain: chain?, manifest, anchors: anchors?, ledger, head_file, hsm, signing, cmp, access })
}

/// A mistake was noted; there is nothing to add.
pub(super) struct Noted;

/// One table of the file.
pub(super) struct Section<'a> {
    pub(super) name: &'static str,
    pub(super) table: &'a DeTable<'a>,
    header: Range<usize>,
    base: &'a Path,
    pub(super) errors: &'a Errors,
}

impl<'a> Section<'a> {
    pub(super) fn closed(&self, known: &[&'static str]) {
        for (key, _) in self.table {
            let name = key.get_ref().as_ref();
            if known.contains(&name) {
                continue;
            }
            if ["pin", "passphrase", "password", "pin-value"].contains(&name) {
                // the place is the section's, so that no excerpt of the file shows the secret
                self.errors.push_hint::<()>(
                    error::SECRET_IN_FILE,
                    &self.header,
                    format!("`{name}` {} would put a secret into the configuration", self.place()),
                    SECRET_HINT,
                );
                continue;
            }
            let what = if self.name.is_empty() { "section" } else { "key" };
            let hint = did_you_mean(name, known.iter().copied())
                .unwrap_or_else(|| format!("Known here: {}.", known.join(", ")));
            let message = format!("unknown {what} `{}` {}", Printable::new(name).at_most(200), self.place());
            self.errors.push_hint::<()>(error::UNKNOWN, &key.span(), message, hint);
        }
    }

    fn place(&self) -> String {
        if self.name.is_empty() { "at the top of the file".to_owned() } else { format!("in [{}]", self.name) }
    }

    fn section(&self, name: &'static str) -> Option<Section<'a>> {
        let Some((key, value)) = self.table.get_key_value(name) else {
            return self.errors.push(error::MISSING, &self.header, format!("there is no section [{name}]"));
        };
        match value.get_ref() {
            DeValue::Table(table) => Some(Section { name, table, header: key.span(), ..*self }),
            other => self.wrong_type(name, value, other, "a section"),
        }
    }

    pub(super) fn identity(&self, section: &'static str) -> Option<Identity> {
        let certificate = self.path("certificate");
        let key = self.key().ok()?;
        let batch_signer = self.boolean("batch_signer")?;
        Some(Identity { section, header: self.header.clone(), certificate: certificate?, key, batch_signer })
    }

    /// A key that is `true` or `false`; `false` where it is absent.
    fn boolean(&self, name: &str) -> Option<bool> {
        let Some(value) = self.table.get(name) else { return Some(false) };
        match value.get_ref() {
            DeValue::Boolean(value) => Some(*value),
            other => self.wrong_type(name, value, other, "true or false"),
        }
    }

    fn key(&self) -> Result<Option<Key>, Noted> {
        let secret = self.secret();
        let Some(text) = self.table.get("key") else {
            if self.table.contains_key("secret") {
                let message = format!("[{}] has a `secret` and no `key`", self.name);
                self.errors.push::<()>(error::MISSING, &self.header, message);
                return Err(Noted);
            }
            return Ok(None);
        };
        let place = self.key_place(text);
        let secret = secret?;
        let place = place.ok_or(Noted)?;
        if let (KeyPlace::Tokens(uris), Some(secret)) = (place.get_ref(), &secret)
            && uris.iter().any(|uri| uri.pin_source.is_some())
        {
            let message = "`secret` and the key's pin-source both say where the PIN is, expected one of them";
            self.errors.push::<()>(error::SECRET_SOURCE, &secret.span(), message);
            return Err(Noted);
        }
        Ok(Some(Key { place, secret }))
    }

    /// A path, a URI, or a list of the URIs of tokens that hold the same key.
    fn key_place(&self, value: &Spanned<DeValue<'a>>) -> Option<Spanned<KeyPlace>> {
        let span = value.span();
        let DeValue::Array(items) = value.get_ref() else {
            return Some(Spanned::new(
                span,
                match self.location(value, "a string or an array of URIs")? {
                    KeyLocation::File(path) => KeyPlace::File(path),
                    KeyLocation::Pkcs11(uri) => KeyPlace::Tokens(vec![*uri]),
                },
            ));
        };
        if items.is_empty() {
            return self.errors.push(error::VALUE, &span, "`key` is an empty array, expected at least one URI");
        }
        let before = self.errors.count();
        let mut uris: Vec<KeyUri> = Vec::with_capacity(items.len());
        for item in items {
            match self.location(item, "a URI") {
                Some(KeyLocation::Pkcs11(uri)) if uris.contains(&uri) => {
                    self.errors.push::<()>(error::VALUE, &item.span(), "`key` names this token's key twice");
                }
                Some(KeyLocation::Pkcs11(uri)) => uris.push(*uri),
                Some(KeyLocation::File(_)) => {
                    let message = "`key` is an array with a path in it, expected URIs of PKCS#11 tokens alone";
                    self.errors.push::<()>(error::VALUE, &item.span(), message);
                }
                None => {}
            }
        }
        (self.errors.count() == before).then(|| Spanned::new(span, KeyPlace::Tokens(uris)))
    }

    fn location(&self, text: &Spanned<DeValue<'a>>, expected: &str) -> Option<KeyLocation> {
        let DeValue::String(string) = text.get_ref() else {
            return self.wrong_type("key", text, text.get_ref(), expected);
        };
        let reason = match KeyLocation::parse(string, self.base) {
            Ok(location) => return Some(location),
            Err(reason) => reason,
        };
        // a PIN's place is the section's, so that no excerpt of the file shows it
        let (code, span) = if reason.holds_secret() {
            (error::SECRET_IN_FILE, self.header.clone())
        } else {
            (error::VALUE, text.span())
        };
        let message = format!("`key`: {reason}");
        match reason.hint() {
            Some(hint) => self.errors.push_hint(code, &span, message, hint),
            None => self.errors.push(code, &span, message),
        }
    }

    pub(super) fn secret(&self) -> Result<Option<Spanned<SecretSource>>, Noted> {
        let Some(value) = self.table.get("secret") else { return Ok(None) };
        let refuse = |code, span: &Range<usize>, what: &str| {
            let message = format!("`secret` in [{}] {what}, expected {SECRET_FORM}", self.name);
            self.errors.push_hint::<()>(code, span, message, SECRET_HINT);
            Err(Noted)
        };
        // what may be the secret itself is neither repeated nor shown: its place is the section's
        let DeValue::Table(table) = value.get_ref() else {
            return refuse(error::SECRET_IN_FILE, &self.header, "is not a table");
        };
        let mut entries = table.iter();
        let (Some((key, inner)), None) = (entries.next(), entries.next()) else {
            return refuse(error::SECRET_SOURCE, &value.span(), "does not have exactly one source");
        };
        let source = match (key.get_ref().as_ref(), inner.get_ref()) {
            ("env", DeValue::String(name)) if is_variable_name(name) => SecretSource::Env(name.clone().into_owned()),
            ("env", _) => {
                return refuse(error::SECRET_IN_FILE, &self.header, "has an `env` that is no variable's name");
            }
            ("file", DeValue::String(path)) if !path.is_empty() => SecretSource::File(self.base.join(path.as_ref())),
            ("file", _) => return refuse(error::SECRET_SOURCE, &value.span(), "has a `file` that is no path"),
            (other, _) => {
                let what = format!("has the unknown source `{}`", Printable::new(other).at_most(200));
                return refuse(error::SECRET_IN_FILE, &self.header, &what);
            }
        };
        Ok(Some(Spanned::new(value.span(), source)))
    }

    fn path(&self, name: &'static str) -> Option<Spanned<PathBuf>> {
        let value = self.required(name)?;
        self.as_path(name, value)
    }

    pub(super) fn paths(&self, name: &'static str) -> Option<Vec<Spanned<PathBuf>>> {
        let value = self.required(name)?;
        let DeValue::Array(items) = value.get_ref() else {
            return self.wrong_type(name, value, value.get_ref(), "an array of paths");
        };
        // every broken path is noted before the first one ends the reading
        let paths: Vec<_> = items.iter().map(|item| self.as_path(name, item)).collect();
        paths.into_iter().collect()
    }

    fn as_path(&self, name: &'static str, value: &Spanned<DeValue<'a>>) -> Option<Spanned<PathBuf>> {
        let text = self.string(name, value)?;
        if text.is_empty() {
            return self.errors.push(error::VALUE, &value.span(), format!("`{name}` is empty, expected a path"));
        }
        Some(Spanned::new(value.span(), self.base.join(text)))
    }

    pub(super) fn string<'b>(&self, name: &'static str, value: &'b Spanned<DeValue<'a>>) -> Option<&'b str> {
        match value.get_ref() {
            DeValue::String(text) => Some(text),
            other => self.wrong_type(name, value, other, "a string"),
        }
    }

    pub(super) fn required(&self, name: &'static str) -> Option<&'a Spanned<DeValue<'a>>> {
        let value = self.table.get(name);
        if value.is_none() {
            let message = format!("[{}] has no `{name}`", self.name);
            return self.errors.push(error::MISSING, &self.header, message);
        }
        value
    }

    pub(super) fn wrong_type<T>(
        &self,
        name: &str,
        at: &Spanned<DeValue<'a>>,
        found: &DeValue<'a>,
        expected: &str,
    ) -> Option<T> {
        let message = format!("`{name}` is {}, expected {expected}", type_name(found));
        self.errors.push(error::TYPE, &at.span(), message)
    }
}

fn type_name(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a float",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    }
}

/// POSIX environment variable names: letters, digits and underscores, no digit first.
fn is_variable_name(text: &str) -> bool {
    !text.starts_with(|first: char| first.is_ascii_digit())
        && !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

const SECRET_FORM: &str = "{ env = \"NAME\" } or { file = \"PATH\" }";
const SECRET_HINT: &str = "A configuration is read, copied and kept under version control: it names where a secret is, \
                           `secret = { env = \"NAME\" }` or `secret = { file = \"PATH\" }`, never the secret.";
