use std::fs;

use crate::crypto::{sha1, sha256};
use crate::durable::Access;

use super::*;

const BATCH: &str = "01968d2e-7b00-7cc3-98c4-dc0c0c07398f";

/// Genuine leaves, by their common names: two that are fit for names of things, one with a blank.
fn certificates() -> [Certificate; 3] {
    let read = |name: &str| {
        let path = format!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/st/leaf-{}.der"), name);
        Certificate::from_der(&fs::read(path).unwrap()).unwrap()
    };
    ["020930C56159E439520139", "0209B0846159E439520139", "0209F0204021CC225B0139"].map(read)
}

fn entry(certificate: &Certificate, item: &str) -> Entry {
    let uid = hex::encode_upper(certificate.serial().content());
    let (sha256, sha1) = (sha256(certificate.der()), sha1(certificate.der()));
    let line = format!(
        "{{\"uid\":\"{uid}\",\"st_number\":\"{}\",\"source_item\":\"{item}\",\"source_sha256\":\"{sha256}\",\
         \"spki_sha256\":\"{sha256}\",\"serial\":\"{uid}\",\"attempt\":0,\"sha256\":\"{sha256}\",\"sha1\":\"{sha1}\",\
         \"not_before\":\"2026-01-31T00:00:00Z\",\"not_after\":\"2027-01-31T00:00:00Z\",\"bytes\":{},\"anchor\":0,\
         \"relax\":[],\"reissue\":null}}",
        &uid[4..],
        certificate.der().len()
    );
    Entry::parse(crate::manifest::Format::One, &line).unwrap()
}

fn options<'a>(target: Target, issuer: &'a Certificate, forms: &'a [Form]) -> ExportOptions<'a> {
    let issued_at = Time::from_rfc3339("2026-01-31T12:34:56Z").unwrap();
    ExportOptions {
        target,
        batch: BATCH,
        issued_at,
        issuer,
        forms,
        chain: "",
        aws_policy: None,
        zone: Some(super::Zone { bytes: 4096, chain: false }),
        archive: false,
    }
}

fn fill(writer: &mut ExportWriter, certificates: &[Certificate]) -> Result<(), DeliveryError> {
    certificates
        .iter()
        .try_for_each(|certificate| writer.add(&Object { entry: &entry(certificate, "reel.zip!a.der"), certificate }))
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|found| found.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn every_export_is_there_whole_or_not_at_all_and_the_same_every_time() {
    let certificates = certificates();
    for target in Target::ALL {
        let folder = tempfile::tempdir().unwrap();
        let options = options(target, &certificates[0], &[Form::Pem, Form::Der, Form::Pem]);
        let contents: Vec<_> = ["one", "two"]
            .map(|name| {
                let out = folder.path().join(name);
                let mut writer = ExportWriter::create(&out, &options).unwrap();
                fill(&mut writer, &certificates[..2]).unwrap();
                assert!(!out.exists());
                writer.publish().unwrap();
                assert_eq!(out.is_dir(), target.is_directory());
                let files = if out.is_dir() { names(&out) } else { vec![String::new()] };
                files
                    .iter()
                    .map(|file| (file.clone(), fs::read(out.join(file)).unwrap_or_else(|_| fs::read(&out).unwrap())))
                    .collect::<Vec<_>>()
            })
            .into();
        assert_eq!(contents[0], contents[1], "{}", target.as_str());
        assert_eq!(names(folder.path()), ["one", "two"]);
        let taken = ExportWriter::create(&folder.path().join("one"), &options);
        assert!(matches!(taken, Err(DeliveryError::OutputExists { .. })), "{}", target.as_str());
    }
}

#[test]
fn an_archive_has_the_files_of_the_folder_and_is_the_same_every_time() {
    let certificates = certificates();
    for target in Target::ALL.into_iter().filter(|target| target.is_directory()) {
        let folder = tempfile::tempdir().unwrap();
        let written = |name: &str, archive| {
            let options = ExportOptions { archive, ..options(target, &certificates[0], &[Form::Pem, Form::Der]) };
            let mut writer = ExportWriter::create(&folder.path().join(name), &options).unwrap();
            fill(&mut writer, &certificates[..2]).unwrap();
            writer.publish().unwrap();
            folder.path().join(name)
        };
        let (plain, one, two) = (written("plain", false), written("one", true), written("two", true));
        assert_eq!(names(folder.path()), ["one", "plain", "two"]);
        assert_eq!(fs::read(&one).unwrap(), fs::read(two).unwrap(), "{}", target.as_str());
        // another program takes it apart
        let listed = std::process::Command::new("tar").arg("-tf").arg(&one).output().unwrap();
        assert_eq!(String::from_utf8(listed.stdout).unwrap().lines().collect::<Vec<_>>(), names(&plain));
        for name in names(&plain) {
            let found = std::process::Command::new("tar").arg("-xOf").arg(&one).arg(&name).output().unwrap();
            assert_eq!(found.stdout, fs::read(plain.join(&name)).unwrap(), "{name}");
        }
    }
}

#[test]
fn an_export_that_is_given_up_leaves_nothing() {
    let certificates = certificates();
    let folder = tempfile::tempdir().unwrap();
    for target in Target::ALL {
        let out = folder.path().join("out");
        let mut writer = ExportWriter::create(&out, &options(target, &certificates[0], &[Form::Der])).unwrap();
        fill(&mut writer, &certificates[..2]).unwrap();
        assert_eq!(names(folder.path()), [format!("out.partial-{BATCH}")]);
        writer.abandon().unwrap();
        assert_eq!(names(folder.path()), Vec::<String>::new());
        // the partial output of a killed run does not stop the next run
        drop(ExportWriter::create(&out, &options(target, &certificates[0], &[Form::Der])).unwrap());
        ExportWriter::create(&out, &options(target, &certificates[0], &[Form::Der])).unwrap().abandon().unwrap();
    }
}

#[test]
fn a_name_taken_in_the_meantime_is_not_replaced() {
    let certificates = certificates();
    for target in Target::ALL {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("out");
        let writer = ExportWriter::create(&out, &options(target, &certificates[0], &[Form::Der])).unwrap();
        durable::write_new(&out, Access::Public, b"somebody else's").unwrap();
        assert!(matches!(writer.publish(), Err(DeliveryError::OutputExists { .. })));
        assert_eq!(fs::read(&out).unwrap(), b"somebody else's");
        assert_eq!(names(folder.path()), ["out"]);
    }
}

#[test]
fn a_common_name_that_the_cloud_does_not_take_ends_the_export() {
    let certificates = certificates();
    let folder = tempfile::tempdir().unwrap();
    for target in Target::ALL {
        let out = folder.path().join(target.as_str());
        let mut writer = ExportWriter::create(&out, &options(target, &certificates[0], &[Form::Der])).unwrap();
        let named = matches!(target, Target::AwsBulk | Target::AwsThingpress | Target::AzureDps);
        match fill(&mut writer, &certificates) {
            Ok(()) => assert!(!named, "{}", target.as_str()),
            Err(error) => {
                assert!(named, "{error}");
                assert_eq!(error.code().as_str(), "delivery.export.name-unfit");
                let text = "0209F0204021CC225B0139 has a common name `STSAFE-A110 EVAL2`, expected 1 to 128 letters";
                assert!(error.to_string().contains(text), "{error}");
            }
        }
        writer.abandon().unwrap();
    }
}

#[test]
fn a_name_is_given_to_one_device_only() {
    let [one, two, _] = certificates();
    let folder = tempfile::tempdir().unwrap();
    for target in [Target::AwsBulk, Target::AwsThingpress, Target::AzureDps] {
        let mut writer =
            ExportWriter::create(&folder.path().join("out"), &options(target, &one, &[Form::Der])).unwrap();
        writer.add(&Object { entry: &entry(&one, "a"), certificate: &one }).unwrap();
        let error = writer.add(&Object { entry: &entry(&two, "b"), certificate: &one }).unwrap_err();
        assert_eq!(error.code().as_str(), "delivery.export.name-twice");
        writer.abandon().unwrap();
    }
}

#[test]
fn no_cell_of_the_table_can_begin_a_formula() {
    let certificates = certificates();
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("table.csv");
    let mut writer = ExportWriter::create(&out, &options(Target::Csv, &certificates[0], &[Form::Der])).unwrap();
    for certificate in &certificates {
        // the item's name: the only text in a line that an attacker can choose
        writer.add(&Object { entry: &entry(certificate, "=cmd|' /C calc'!A0"), certificate }).unwrap();
    }
    writer.publish().unwrap();
    let text = fs::read_to_string(&out).unwrap();
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some(csv::HEADER.trim_end()));
    assert_eq!(lines.clone().count(), 3);
    for line in lines {
        // before the subject no cell has a quote, and in quotes there is no other quote that is alone
        let (digits, rest) = line.split_once(",\"").unwrap();
        for cell in digits.split(',') {
            assert!(!cell.is_empty() && cell.bytes().all(|byte| byte.is_ascii_hexdigit()), "{cell}");
        }
        let texts: Vec<&str> = rest.trim_end_matches('"').split('"').filter(|text| !text.is_empty()).collect();
        for text in texts {
            assert!(!text.starts_with(['=', '+', '-', '@']), "{text}");
        }
    }
}

#[test]
fn no_form_and_a_policy_name_that_is_none_are_refused_before_anything_is_made() {
    let [issuer, ..] = certificates();
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    assert!(matches!(ExportWriter::create(&out, &options(Target::Zip, &issuer, &[])), Err(DeliveryError::NoForm)));
    for name in ["", "a b", "a/b", &"a".repeat(129)] {
        let options = ExportOptions { aws_policy: Some(name), ..options(Target::AwsBulk, &issuer, &[Form::Der]) };
        assert!(matches!(ExportWriter::create(&out, &options), Err(DeliveryError::AwsPolicyName { .. })), "{name}");
    }
    assert_eq!(names(folder.path()), Vec::<String>::new());
}

#[test]
fn ten_enrolments_make_a_request() {
    let certificates = certificates();
    let folder = tempfile::tempdir().unwrap();
    let mut format = azure_dps::AzureDps::create(folder.path()).unwrap();
    let entry = entry(&certificates[0], "a");
    for number in 0..21 {
        // the same certificate each time would be one name too often
        format.forget_names();
        format.add(&Object { entry: &entry, certificate: &certificates[number % 2] }).unwrap();
    }
    Box::new(format).finish().unwrap();
    let text = fs::read_to_string(folder.path().join(FILE)).unwrap();
    let sizes: Vec<usize> = text
        .lines()
        .map(|line| {
            let request: serde_json::Value = serde_json::from_str(line).unwrap();
            assert_eq!(request["mode"], "create");
            request["enrollments"].as_array().unwrap().len()
        })
        .collect();
    assert_eq!(sizes, [10, 10, 1]);
}
