//! A batch in the form that an external system imports: cloud registration, a table, plain files.
//!
//! Guarantees: objects come in strictly increasing order of UIDs and go out in it, so that the same batch is the same
//! bytes every time; an export appears complete and on disk, under a name that was free, or not at all; memory does not
//! grow with the batch but for what is needed to see a name twice (a digest a chip).
//!
//! That the certificates are those of a sealed batch is [`crate::export`]'s to prove.

mod aws_bulk;
mod aws_thingpress;
mod azure_dps;
mod csv;
mod directory;
mod files;
mod names;
mod stsafe_zone;
mod zip;

pub use stsafe_zone::Zone;

use std::path::Path;

use crate::durable;
use crate::durable::output::Shape;
use crate::manifest::Entry;
use crate::x509::{Certificate, Time};

use super::directory::{Form, PARTIAL, check_place, partial_path};
use super::error::DeliveryError;
use super::staged::Staged;
use files::Files;

/// Who takes the certificates in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// A directory for AWS IoT bulk registration: one line of parameters a thing, and the templates.
    AwsBulk,
    /// A file for AWS Thingpress: one certificate a line.
    AwsThingpress,
    /// A file of request bodies for the Azure Device Provisioning Service: individual enrolments, ten a line.
    AzureDps,
    /// A table: by which names clouds and networks know the certificate of each chip.
    Csv,
    /// A directory of `<UID>.der` or `<UID>.pem`.
    Directory,
    /// A directory of `<UID>.bin`: the exact bytes for a data zone of the chip.
    StsafeZone,
    /// One archive of `<UID>.der` or `<UID>.pem`.
    Zip,
}

impl Target {
    /// Every target, in the order of the documentation.
    pub const ALL: [Self; 7] =
        [Self::AwsBulk, Self::AwsThingpress, Self::AzureDps, Self::Csv, Self::Directory, Self::StsafeZone, Self::Zip];

    /// The name on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AwsBulk => "aws-bulk",
            Self::AwsThingpress => "aws-thingpress",
            Self::AzureDps => "azure-dps",
            Self::Csv => "csv",
            Self::Directory => "directory",
            Self::StsafeZone => "stsafe-zone",
            Self::Zip => "zip",
        }
    }

    /// Whether the export is a directory, if no archive is asked for; otherwise it is one file.
    pub const fn is_directory(self) -> bool {
        matches!(self, Self::AwsBulk | Self::Directory | Self::StsafeZone)
    }

    /// What it is while it is written.
    const fn shape(self, archive: bool) -> Shape {
        if self.is_directory() && !archive {
            Shape::directory(PARTIAL, LONGEST_NAME)
        } else {
            Shape::file(PARTIAL, FILE.len())
        }
    }
}

/// What an export needs to know besides the objects.
#[derive(Clone, Copy, Debug)]
pub struct ExportOptions<'a> {
    /// Who takes it in.
    pub target: Target,
    /// The batch's name.
    pub batch: &'a str,
    /// The batch's instant, which the entries of an archive carry.
    pub issued_at: Time,
    /// The issuing CA's certificate.
    pub issuer: &'a Certificate,
    /// Encodings of plain files: at least one.
    pub forms: &'a [Form],
    /// PEM text that follows each certificate in PEM: the CA certificates above it, or nothing.
    pub chain: &'a str,
    /// The AWS IoT policy that the bulk template attaches, if any.
    pub aws_policy: Option<&'a str>,
    /// The zone that the bytes must fit, for that target alone.
    pub zone: Option<Zone>,
    /// Whether a directory becomes one tar archive.
    pub archive: bool,
}

/// One certificate on its way out, and the line of the manifest that names it.
#[derive(Clone, Copy, Debug)]
pub struct Object<'a> {
    /// The line.
    pub entry: &'a Entry,
    /// The certificate with the digest that the line states.
    pub certificate: &'a Certificate,
}

/// One form of export. Objects come once each and in order.
trait Format {
    /// Takes one object.
    fn add(&mut self, object: &Object<'_>) -> Result<(), DeliveryError>;

    /// Completes everything; it is on disk on return.
    fn finish(self: Box<Self>) -> Result<(), DeliveryError>;
}

/// Writes an export beside its final name, `<out>.partial-<batch>`, and publishes it.
pub struct ExportWriter {
    staged: Staged,
    shape: Shape,
    format: Box<dyn Format>,
}

impl ExportWriter {
    /// Begins an export. What an interrupted run left of the same one is removed first.
    ///
    /// # Errors
    /// `out` exists (this is looked at first), cannot be made, or an option is not usable.
    pub fn create(out: &Path, options: &ExportOptions<'_>) -> Result<Self, DeliveryError> {
        let shape = options.target.shape(options.archive);
        check_place(out, shape)?;
        let forms = Form::sorted(options.forms)?;
        if let Some(found) = options.aws_policy.filter(|name| !aws_bulk::is_policy_name(name)) {
            return Err(DeliveryError::AwsPolicyName { found: found.to_owned() });
        }
        let staged = Staged::create(out, partial_path(out, options.batch)?)?;
        match format(options, forms, staged.folder()) {
            Ok(format) => Ok(Self { staged, shape, format }),
            Err(error) => {
                staged.remove()?;
                Err(error)
            }
        }
    }

    /// Takes one object.
    ///
    /// # Errors
    /// The certificate is not one that the target takes, or writing fails.
    pub fn add(&mut self, object: &Object<'_>) -> Result<(), DeliveryError> {
        self.format.add(object)
    }

    /// Completes the export and gives it its name: everything is on disk before, the name is on disk after.
    ///
    /// # Errors
    /// The name was taken in the meantime, or the file system fails. Then nothing is left.
    pub fn publish(self) -> Result<(), DeliveryError> {
        let Self { staged, shape, format } = self;
        let published = format.finish().and_then(|()| {
            if shape.is_directory() {
                return staged.publish();
            }
            durable::output::sync_directory(staged.folder())?;
            staged.publish_file(FILE)
        });
        let removed = staged.remove();
        published.and(removed)
    }

    /// Gives the export up and removes what was written of it.
    ///
    /// # Errors
    /// Removing fails.
    pub fn abandon(self) -> Result<(), DeliveryError> {
        drop(self.format);
        self.staged.remove()
    }
}

fn format(options: &ExportOptions<'_>, forms: Vec<Form>, partial: &Path) -> Result<Box<dyn Format>, DeliveryError> {
    let files = || Files::create(partial, options.archive, options.issued_at);
    Ok(match options.target {
        Target::AwsBulk => boxed(aws_bulk::AwsBulk::create(partial, files()?, options.issuer, options.aws_policy)?),
        Target::AwsThingpress => boxed(aws_thingpress::AwsThingpress::create(partial)?),
        Target::AzureDps => boxed(azure_dps::AzureDps::create(partial)?),
        Target::Csv => boxed(csv::Csv::create(partial)?),
        Target::Directory => boxed(directory::Directory::new(files()?, forms, options.chain)),
        Target::StsafeZone => {
            let zone = options.zone.ok_or(DeliveryError::NoZone)?;
            boxed(stsafe_zone::StsafeZone::new(files()?, zone, options.issuer))
        }
        Target::Zip => boxed(zip::Zip::create(partial, forms, (options.chain, options.issued_at))?),
    })
}

fn boxed<F: Format + 'static>(format: F) -> Box<dyn Format> {
    Box::new(format)
}

/// Bytes of the longest name in a directory: those of the longest UID and `.der`, `.pem` or `.bin`, or a template's.
const LONGEST_NAME: usize = 44;

/// The name of an export's one file until it has its own.
const FILE: &str = "export";

#[cfg(test)]
mod tests;
