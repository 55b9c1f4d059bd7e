//! `version`, `name`, `description`, `profiles`: what a policy says of itself.

use std::ops::Range;

use crate::cert::{Profile, Profiles};
use crate::policy::error;
use crate::toml::Table;

use super::Field;

pub(super) const VERSION: Field = Field {
    path: "version",
    meaning: "Version of the policy language. What a policy of one version makes of a leaf never changes.",
    form: "the integer 1",
    clause: "this page",
    criticality: None,
    checks: &["is 1"],
    example: "version = 1",
};

pub(super) const NAME: Field = Field {
    path: "name",
    meaning: "Part of a certificate's identity: one chip gets one certificate for each issuer and policy *name*. \
              Changing the name makes every chip's certificate a new one.",
    form: "string",
    clause: "this page",
    criticality: None,
    checks: &["1 to 64 lower-case letters, digits and hyphens, beginning and ending with a letter or digit"],
    example: "name = \"aws-iot\"",
};

pub(super) const DESCRIPTION: Field = Field {
    path: "description",
    meaning: "What the certificates are for, in one line. Not in the certificate.",
    form: "string",
    clause: "this page",
    criticality: None,
    checks: &["not empty, one line"],
    example: "description = \"AWS IoT Core client certificates\"",
};

pub(super) const PROFILES: Field = Field {
    path: "profiles",
    meaning: "Rule sets beyond RFC 5280 that every certificate must pass before it is signed. Nothing of it enters the \
              certificate; without the line only the rules of RFC 5280 (and of `device.target`) are checked.",
    form: "array of `aws-iot`, `azure-dps`, `devid`, `ieee2030-5`, `matter-dac`",
    clause: "the consumer's own documents, named at each rule",
    criticality: None,
    checks: &["known names, each once", "a sample certificate for the issuer passes"],
    example: "profiles = [\"aws-iot\"]",
};

/// The top of the file.
#[derive(Clone, Debug)]
pub(in crate::policy) struct Head {
    pub(in crate::policy) version: u32,
    pub(in crate::policy) name: String,
    pub(in crate::policy) description: String,
    pub(in crate::policy) profiles: Profiles,
    /// Place of `name`: where mistakes are reported that no line makes.
    pub(in crate::policy) span: Range<usize>,
}

pub(in crate::policy) fn read(top: &Table<'_>) -> Option<Head> {
    let version = top.required("version").and_then(|value| match value.number()? {
        1 => Some(1),
        found => value.error_hint(
            error::VALUE,
            format!("`version` is {found}, expected 1"),
            "This program knows version 1 of the policy language.",
        ),
    });
    let name = top.required("name").and_then(|value| {
        let text = value.string()?;
        let ends = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
        let good = (1..=64).contains(&text.len())
            && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
            && ends(text.as_bytes().first())
            && ends(text.as_bytes().last());
        if good {
            return Some((text.to_owned(), value.span.clone()));
        }
        value.error(error::FORM, "`name` is not 1 to 64 lower-case letters, digits and inner hyphens")
    });
    let description = top.required("description").and_then(|value| match value.string()?.trim() {
        "" => value.error(error::EMPTY, "`description` is empty, expected a line on what the certificates are for"),
        text if text.chars().any(char::is_control) => {
            value.error(error::FORM, "`description` has control characters, expected one line of text")
        }
        text => Some(text.to_owned()),
    });
    let profiles = match top.optional("profiles") {
        None => Some(Profiles::NONE),
        Some(value) => value.array().and_then(|members| {
            let choices = Profile::ALL.map(|profile| (profile.as_str(), profile));
            let mut profiles = Some(Profiles::NONE);
            for member in members {
                profiles = match (profiles, member.choice(&choices)) {
                    (Some(set), Some(profile)) if set.has(profile) => {
                        member.error(error::DUPLICATE, format!("`profiles` lists \"{}\" twice", profile.as_str()))
                    }
                    (Some(set), Some(profile)) => Some(set.with(profile)),
                    _ => None,
                };
            }
            profiles
        }),
    };
    let (name, span) = name?;
    Some(Head { version: version?, name, description: description?, profiles: profiles?, span })
}
