//! A policy file, read and proved.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::cert::Difference;
use crate::crl::{CrlLoad, Shards};
use crate::lint::{self, LintFinding};
use crate::text::Printable;
use crate::toml::{self, Table};
use crate::verify::SourceRules;
use crate::x509::{SignatureAlgorithm, Time, oid};

use super::document::Wording;
use super::error::{self, Mistakes, PolicyErrors};
use super::field::device::Device;
use super::field::foreign::Foreign;
use super::field::head::Head;
use super::field::params::Param;
use super::field::revocation::{self, Revocation};
use super::field::serial::SerialSource;
use super::field::signature::Signature;
use super::field::subject::Subject;
use super::field::validity::{End, OutlivesIssuer, ValidityRule};
use super::field::{self, Context, Recipe};
use super::shape::{CharSet, Shape};
use super::value::Vocabulary;

/// A policy without a mistake: what it says holds for every UID and every parameter value.
#[derive(Clone, Debug)]
pub struct Policy {
    pub(super) file_name: String,
    pub(super) text: String,
    pub(super) head: Head,
    pub(super) source: SourceRules,
    pub(super) params: BTreeMap<String, Param>,
    pub(super) subject: Subject,
    pub(super) serial: SerialSource,
    serial_span: Range<usize>,
    keys_span: Range<usize>,
    pub(super) validity: ValidityRule,
    pub(super) signature: Signature,
    pub(super) extensions: Vec<Recipe>,
    pub(super) device: Device,
    revocation: Option<Revocation>,
    foreign: Foreign,
}

impl Policy {
    /// Largest policy file.
    pub const MAX_BYTES: usize = 256 * 1024;

    /// Reads a policy. `file_name` appears in error reports only.
    ///
    /// # Errors
    /// Every mistake in the file, with its place.
    pub fn parse(text: &str, file_name: &str) -> Result<Self, PolicyErrors> {
        let errors = Mistakes::default();
        let policy = read(text, file_name, &errors);
        errors.finish(file_name, text, policy)
    }

    /// The policy's name: part of the identity of its certificates.
    pub fn name(&self) -> &str {
        &self.head.name
    }

    /// The version of the policy language.
    pub fn version(&self) -> u32 {
        self.head.version
    }

    /// What the policy's certificates are for.
    pub fn description(&self) -> &str {
        &self.head.description
    }

    /// Whether neither r nor s of a signature may begin with a zero byte.
    pub fn full_width_signature(&self) -> bool {
        self.device.limits.full_width_signature
    }

    /// Whether certificates carry the leaf's own serial number (`serial = "source"`).
    pub fn copies_serial(&self) -> bool {
        self.serial == SerialSource::Source
    }

    /// Whether a certificate that another CA made may differ in this field.
    pub fn may_differ(&self, difference: &Difference) -> bool {
        self.foreign.may_differ.contains(difference)
    }

    /// Checks that an external CA can do what the policy asks for.
    ///
    /// # Errors
    /// The policy demands signatures of full width or the source's serial number, which only an own CA promises.
    pub fn check_foreign(&self) -> Result<(), PolicyErrors> {
        let errors = Mistakes::default();
        if self.device.limits.full_width_signature {
            errors.push_hint::<()>(
                error::FOREIGN,
                self.device.width_span.clone(),
                "`device.full_width_signature` is true, which an external CA does not promise",
                "Write full_width_signature = false, and target = \"none\" if need be; or issue with a CA of your own.",
            );
        }
        if self.copies_serial() {
            errors.push_hint::<()>(
                error::FOREIGN,
                self.serial_span.clone(),
                "`certificate.serial` is \"source\", but an external CA chooses its serial numbers itself",
                "Write serial = \"derived\", which is not looked at then.",
            );
        }
        let fits = errors.is_empty().then_some(());
        errors.finish(&self.file_name, &self.text, fits)
    }

    /// The algorithm of the issuer's signature.
    pub fn signature(&self) -> SignatureAlgorithm {
        self.signature.algorithm
    }

    /// What the CRLs of this policy weigh in the worst case, if the policy spreads its certificates over several.
    pub fn crl_load(&self) -> Option<CrlLoad> {
        let largest = revocation::largest_serial(self.serial, self.source.family);
        let point = self.extensions.iter().find(|recipe| recipe.oid == oid::CRL_DISTRIBUTION_POINTS);
        let urls = point.map_or(0, |recipe| recipe.value.max_bytes());
        self.revocation.as_ref().map(|revocation| revocation.load(largest, urls))
    }

    /// How many CRLs the certificates are spread over, if the policy says so.
    pub fn shards(&self) -> Option<Shards> {
        self.revocation.as_ref().map(|revocation| revocation.shards)
    }

    /// The most bytes of one CRL, if the policy spreads its certificates over several.
    pub fn max_crl_bytes(&self) -> Option<u64> {
        self.revocation.as_ref().map(|revocation| u64::from(revocation.max_crl_bytes))
    }

    /// Whether no certificate of this policy ever leaves a CRL, because none ever ends.
    pub fn never_ends(&self) -> bool {
        self.validity.end == End::At(Time::NEVER) && self.validity.outlives == OutlivesIssuer::Allow
    }

    /// Which leaves the policy accepts.
    pub fn source(&self) -> &SourceRules {
        &self.source
    }

    /// The file as read, byte for byte: what the statement's digest covers.
    pub fn bytes(&self) -> &[u8] {
        self.text.as_bytes()
    }

    /// The name the file was given when it was read.
    pub fn file_name(&self) -> &str {
        &self.file_name
    }

    /// Where each field of a certificate, its source and its size are decided: the path in the policy and the place of
    /// its value in the text. Extensions come in the order in which certificates carry them.
    pub fn places(&self) -> Vec<(String, Range<usize>)> {
        let fixed = [
            ("source.keys", &self.keys_span),
            ("certificate.subject", &self.subject.span),
            ("certificate.serial", &self.serial_span),
            ("certificate.not_before", &self.validity.begin_span),
            ("certificate.not_after", &self.validity.end_span),
            ("certificate.signature", &self.signature.span),
            ("device.target", &self.device.target_span),
        ];
        let fixed = fixed.into_iter().map(|(path, span)| (path.to_owned(), span.clone()));
        let size = self.device.limits.max_certificate_bytes;
        let size = size.map(|_| ("device.max_certificate_bytes".to_owned(), self.device.size_span.clone()));
        fixed
            .chain(size)
            .chain(self.extensions.iter().map(|recipe| (recipe.path.clone(), recipe.span.clone())))
            .collect()
    }

    /// The place that decides what a lint has found fault with: one of [`places`](Self::places), or the policy's name.
    pub fn place_of(&self, finding: &LintFinding) -> Range<usize> {
        if finding.code.as_str().starts_with("stselib.") {
            return self.device.target_span.clone();
        }
        if finding.code.as_str() == "device.size" {
            return self.device.size_span.clone();
        }
        let path = finding.path.as_str();
        let extension = self.extensions.iter().find(|recipe| path == lint::extension_path(recipe.oid));
        if let Some(recipe) = extension {
            return recipe.span.clone();
        }
        match path {
            "serialNumber" => self.serial_span.clone(),
            "subject" => self.subject.span.clone(),
            "subjectPublicKeyInfo" => self.keys_span.clone(),
            "validity" => self.validity.end_span.clone(),
            "signature" => self.signature.span.clone(),
            _ => self.head.span.clone(),
        }
    }

    /// The declared parameters with their patterns, in alphabetical order.
    pub fn declared_params(&self) -> impl Iterator<Item = (&str, &str)> {
        self.params.iter().map(|(name, param)| (name.as_str(), param.pattern_text.as_str()))
    }
}

fn read(text: &str, file_name: &str, errors: &Mistakes) -> Option<Policy> {
    if text.len() > Policy::MAX_BYTES {
        let message = format!("the policy has {} bytes, at most {} are read", text.len(), Policy::MAX_BYTES);
        return errors.push(error::SYNTAX, 0..0, message);
    }
    let document = toml::parse(text, error::SYNTAX, errors)?;
    let top = Table::top(&document, &Wording, errors);
    let head = field::head::read(&top);
    let (family, source, keys_span) = field::source::read(&top);
    let params = field::params::read(&top);
    // a parameter that could not be read is still a known name; this shape fits nearly everywhere
    let unread = Shape::text(CharSet::DIGITS, 1, 1);
    let shapes =
        params.iter().map(|(name, param)| (name.clone(), param.as_ref().map_or(unread, |param| param.pattern.shape())));
    let revocation = revocation::read(&top);
    // a section with a mistake still makes {crl_shard} known
    let unread = || if top.has("revocation") { Shards::new(1).ok() } else { None };
    let shards = revocation.as_ref().map(|revocation| revocation.shards).or_else(unread);
    let vocabulary = Vocabulary { family, shards, params: shapes.collect() };
    let certificate = top.required("certificate").and_then(|value| value.table());
    let (mut subject, mut serial, mut validity, mut signature) = (None, None, None, None);
    let mut serial_span = 0..0;
    if let Some(table) = certificate {
        subject = field::subject::read(&table, &vocabulary);
        serial = field::serial::read(&table, family);
        serial_span = table.place("serial");
        validity = field::validity::read(&table);
        signature = field::signature::read(&table);
        table.finish();
    }
    let context = Context { vocabulary: &vocabulary, source: source.as_ref(), subject: subject.as_ref() };
    let extensions = match top.optional("extensions") {
        None => Some(vec![]),
        Some(value) => value.table().and_then(|table| {
            let extensions = field::read_extensions(&table, &context);
            table.finish();
            extensions
        }),
    };
    let device = field::device::read(&top, signature.as_ref());
    let foreign = field::foreign::read(&top);
    top.finish();

    let (subject, extensions) = (subject?, extensions?);
    check_empty_subject(&subject, &extensions, errors);
    let params: BTreeMap<String, Param> =
        params.into_iter().map(|(name, param)| Some((name, param?))).collect::<Option<_>>()?;
    check_unused(&params, &subject, &extensions, errors);
    let (source, serial) = (source?, serial?);
    revocation::check(revocation.as_ref(), &extensions, revocation::largest_serial(serial, source.family), errors);
    Some(Policy {
        file_name: file_name.to_owned(),
        text: text.to_owned(),
        head: head?,
        source,
        params,
        subject,
        serial,
        serial_span,
        keys_span,
        validity: validity?,
        signature: signature?,
        extensions,
        device: device?,
        revocation,
        foreign: foreign?,
    })
}

/// RFC 5280 §4.1.2.6: an empty subject needs a critical subjectAltName, or the certificate names no subject.
fn check_empty_subject(subject: &Subject, extensions: &[Recipe], errors: &Mistakes) {
    let san = extensions.iter().any(|recipe| recipe.oid == crate::x509::oid::SUBJECT_ALT_NAME);
    if subject.types.is_empty() && !san {
        errors.push_hint::<()>(
            error::CONTRADICTION,
            subject.span.clone(),
            "`certificate.subject` is empty and there is no `extensions.subject_alt_name`: the certificate would name no subject \
             (RFC 5280 §4.1.2.6)",
            "Name the device in the subject, or add a critical subject_alt_name.",
        );
    }
}

fn check_unused(params: &BTreeMap<String, Param>, subject: &Subject, extensions: &[Recipe], errors: &Mistakes) {
    let nodes = std::iter::once(&subject.node).chain(extensions.iter().map(|recipe| &recipe.value));
    let texts: Vec<_> = nodes.flat_map(super::node::Node::texts).collect();
    for (name, param) in params {
        if !texts.iter().any(|text| text.params().any(|used| used == name)) {
            let message = format!("parameter `{}` is declared but used nowhere", Printable::new(name));
            errors.push_hint::<()>(
                error::PARAM_UNUSED,
                param.span.clone(),
                message,
                format!("Use {{{name}}} or drop the table."),
            );
        }
    }
}
