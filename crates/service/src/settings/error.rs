//! What is wrong with settings.

use std::fmt;
use std::ops::Deref;

use reroot_core::toml::FileErrors;

codes! {
    pub(super) const;

    FILE_UNREADABLE = "service.file.unreadable", "The file cannot be read.";
    LISTEN_OPEN = "service.listen.open", "The service would be reached from other machines without TLS.";
    MISSING = "service.schema.missing", "A required key is absent.";
    SYNTAX = "service.schema.syntax", "The file is not TOML.";
    TYPE = "service.schema.type", "A value has a different type than expected.";
    UNKNOWN = "service.schema.unknown", "A section or key that does not exist.";
    VALUE = "service.schema.value", "A value has the right type and says nothing usable.";
}

/// All mistakes of one file, in the order of their places.
#[derive(Debug)]
pub struct SettingsErrors(pub(super) FileErrors);

impl Deref for SettingsErrors {
    type Target = FileErrors;

    fn deref(&self) -> &FileErrors {
        &self.0
    }
}

impl fmt::Display for SettingsErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for SettingsErrors {}
