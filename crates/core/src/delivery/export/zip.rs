//! One archive of `<UID>.der`, `<UID>.pem` or both, stored.

use std::path::{Path, PathBuf};

use crate::delivery::directory::Form;
use crate::delivery::error::DeliveryError;
use crate::delivery::output::{Output, at};
use crate::delivery::zip::{Stamp, ZipWriter};
use crate::x509::Time;

use super::{FILE, Format, Object};

pub(super) struct Zip {
    path: PathBuf,
    forms: Vec<Form>,
    chain: String,
    archive: ZipWriter<Output>,
}

impl Zip {
    pub(super) fn create(
        folder: &Path,
        forms: Vec<Form>,
        (chain, issued_at): (&str, Time),
    ) -> Result<Self, DeliveryError> {
        let archive = ZipWriter::new(Output::create(folder, FILE)?, Stamp::new(issued_at)).with_scratch(folder);
        Ok(Self { path: folder.join(FILE), forms, chain: chain.to_owned(), archive })
    }
}

impl Format for Zip {
    fn add(&mut self, object: &Object<'_>) -> Result<(), DeliveryError> {
        for form in &self.forms {
            let (name, content) =
                (form.file_name(object.entry.uid()), form.encode(object.certificate.der(), &self.chain));
            self.archive.add(&name, &content).map_err(|source| at(&self.path, source))?;
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<(), DeliveryError> {
        let Self { path, archive, .. } = *self;
        archive.finish().map_err(|source| at(&path, source))?.finish().map(drop)
    }
}
