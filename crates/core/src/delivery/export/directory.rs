//! Plain files: `<UID>.der`, `<UID>.pem` or both.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::delivery::directory::Form;
use crate::delivery::error::DeliveryError;
use crate::delivery::output::at;
use crate::durable::{self, Access};

use super::{Format, Object};

pub(super) struct Directory {
    folder: PathBuf,
    forms: Vec<Form>,
    chain: String,
}

impl Directory {
    pub(super) fn new(folder: &Path, forms: Vec<Form>, chain: &str) -> Self {
        Self { folder: folder.to_owned(), forms, chain: chain.to_owned() }
    }
}

impl Format for Directory {
    fn add(&mut self, object: &Object<'_>) -> Result<(), DeliveryError> {
        for form in &self.forms {
            let path = self.folder.join(form.file_name(object.entry.uid()));
            let mut file = durable::create_new(&path, Access::Public)?;
            file.write_all(&form.encode(object.certificate.der(), &self.chain)).map_err(|source| at(&path, source))?;
        }
        Ok(())
    }

    /// One flush for all files: a flush a file would take minutes.
    fn finish(self: Box<Self>) -> Result<(), DeliveryError> {
        Ok(durable::output::sync_filesystem(&self.folder)?)
    }
}
