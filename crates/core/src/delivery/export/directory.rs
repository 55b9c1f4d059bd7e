//! Plain files: `<UID>.der`, `<UID>.pem` or both.

use crate::delivery::directory::Form;
use crate::delivery::error::DeliveryError;

use super::files::Files;
use super::{Format, Object};

pub(super) struct Directory {
    files: Files,
    forms: Vec<Form>,
    chain: String,
}

impl Directory {
    pub(super) fn new(files: Files, forms: Vec<Form>, chain: &str) -> Self {
        Self { files, forms, chain: chain.to_owned() }
    }
}

impl Format for Directory {
    fn add(&mut self, object: &Object<'_>) -> Result<(), DeliveryError> {
        self.forms.iter().try_for_each(|form| {
            let content = form.encode(object.certificate.der(), &self.chain);
            self.files.add(&form.file_name(object.entry.uid()), &content)
        })
    }

    fn finish(self: Box<Self>) -> Result<(), DeliveryError> {
        self.files.finish()
    }
}
