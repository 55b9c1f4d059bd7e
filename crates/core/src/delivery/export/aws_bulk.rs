//! AWS IoT bulk registration (`aws iot start-thing-registration-task`).
//!
//! A directory of three files:
//!
//! ```text
//! things.jsonl                 one JSON object a line, its keys the template's parameters: the input file in S3
//! provisioning-template.json   --template-body: a thing named after the common name, its certificate, active
//! jitp-template.json           for just-in-time provisioning instead: parameters from the subject only
//! ```
//!
//! The issuing CA must be registered with the account and region: `reroot ca proof` makes what that asks for. For
//! accounts without the CA (multi-account registration) there is [`aws_thingpress`](super::aws_thingpress).

use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::{Value, json};

use crate::delivery::error::DeliveryError;
use crate::delivery::output::Output;
use crate::delivery::pem::certificate_to_pem;
use crate::x509::Certificate;

use super::files::Files;
use super::names::Names;
use super::{Format, Object, Target};

pub(super) struct AwsBulk {
    names: Names,
    issuer: String,
    lines: Output,
    folder: PathBuf,
    files: Files,
}

/// The parameters of one thing. The template declares exactly these.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Parameters<'a> {
    thing_name: &'a str,
    serial_number: &'a str,
    certificate_pem: &'a str,
    #[serde(rename = "CACertificatePem")]
    ca_certificate_pem: &'a str,
}

impl AwsBulk {
    pub(super) fn create(
        folder: &Path,
        mut files: Files,
        issuer: &Certificate,
        policy: Option<&str>,
    ) -> Result<Self, DeliveryError> {
        for (name, template) in [(JITP_TEMPLATE, jitp_template(policy)), (TEMPLATE, template(policy))] {
            let text = serde_json::to_string_pretty(&template).expect("values made here serialise") + "\n";
            files.add(name, text.as_bytes())?;
        }
        let (names, issuer) = (Names::things(Target::AwsBulk), certificate_to_pem(issuer.der()));
        Ok(Self { names, issuer, lines: Output::create(folder, THINGS)?, folder: folder.to_owned(), files })
    }
}

impl Format for AwsBulk {
    fn add(&mut self, object: &Object<'_>) -> Result<(), DeliveryError> {
        let parameters = Parameters {
            thing_name: &self.names.of(object)?,
            serial_number: &object.entry.uid().to_string(),
            certificate_pem: &certificate_to_pem(object.certificate.der()),
            // needed where several registered CAs have one name; said always, so that every line has every parameter
            ca_certificate_pem: &self.issuer,
        };
        let mut line = serde_json::to_string(&parameters).expect("strings serialise");
        line.push('\n');
        self.lines.append(line.as_bytes())
    }

    fn finish(mut self: Box<Self>) -> Result<(), DeliveryError> {
        self.lines.finish()?;
        self.files.add_written(&self.folder, THINGS)?;
        self.files.finish()
    }
}

/// Whether AWS IoT takes this as a policy's name (AWS IoT API reference, CreatePolicy: `[\w+=,.@-]+`, 1 to 128).
pub(super) fn is_policy_name(name: &str) -> bool {
    (1..=128).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte))
}

fn template(policy: Option<&str>) -> Value {
    let parameter = json!({ "Type": "String" });
    let certificate = json!({
        "Type": "AWS::IoT::Certificate",
        "Properties": {
            "CACertificatePem": { "Ref": "CACertificatePem" },
            "CertificatePem": { "Ref": "CertificatePem" },
            "Status": "ACTIVE",
        },
    });
    let thing = json!({
        "Type": "AWS::IoT::Thing",
        "Properties": {
            "ThingName": { "Ref": "ThingName" },
            "AttributePayload": { "serialNumber": { "Ref": "SerialNumber" } },
        },
    });
    json!({
        "Parameters": {
            "ThingName": parameter,
            "SerialNumber": parameter,
            "CertificatePem": parameter,
            "CACertificatePem": parameter,
        },
        "Resources": resources(&thing, &certificate, policy),
    })
}

/// Just-in-time provisioning knows only what the subject says, and fails on a parameter that the subject lacks
/// (AWS IoT developer guide, just-in-time provisioning). Every exported certificate has one common name.
fn jitp_template(policy: Option<&str>) -> Value {
    let parameter = json!({ "Type": "String" });
    let certificate = json!({
        "Type": "AWS::IoT::Certificate",
        "Properties": { "CertificateId": { "Ref": JITP_ID }, "Status": "ACTIVE" },
    });
    let thing = json!({
        "Type": "AWS::IoT::Thing",
        "Properties": { "ThingName": { "Ref": JITP_COMMON_NAME } },
    });
    json!({
        "Parameters": { JITP_COMMON_NAME: parameter, JITP_ID: parameter },
        "Resources": resources(&thing, &certificate, policy),
    })
}

fn resources(thing: &Value, certificate: &Value, policy: Option<&str>) -> Value {
    let mut resources = json!({ "thing": thing, "certificate": certificate });
    if let Some(name) = policy {
        resources["policy"] = json!({ "Type": "AWS::IoT::Policy", "Properties": { "PolicyName": name } });
    }
    resources
}

const THINGS: &str = "things.jsonl";
const TEMPLATE: &str = "provisioning-template.json";
const JITP_TEMPLATE: &str = "jitp-template.json";
const JITP_COMMON_NAME: &str = "AWS::IoT::Certificate::CommonName";
const JITP_ID: &str = "AWS::IoT::Certificate::Id";
