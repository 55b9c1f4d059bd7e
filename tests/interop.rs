//! What the quickstart issues for genuine ST parts, read back by programs that nobody here wrote.

#[expect(clippy::allow_attributes, reason = "`expect` would fail in a test that uses every helper")]
#[allow(dead_code, unreachable_pub, reason = "each test uses some of the helpers")]
mod support;

use std::io::Read;
use std::path::{Path, PathBuf};

use support::judges::{Case, judge, lint, put};
use support::run::Run;

/// Unpacks a zip file with a reader that is not ours; returns the names, sorted.
fn unpack(archive: &Path, into: &Path) -> Vec<PathBuf> {
    let file = std::fs::File::open(archive).unwrap_or_else(|error| panic!("{}: {error}", archive.display()));
    let mut archive = zip::ZipArchive::new(file).expect("the batch holds zip files");
    let mut paths = Vec::new();
    for n in 0..archive.len() {
        let mut entry = archive.by_index(n).expect("the entry can be read");
        let name = entry.name().expect("names are UTF-8").into_owned();
        assert!(name.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'.'), "{name}");
        let mut content = Vec::new();
        entry.read_to_end(&mut content).expect("the entry can be read");
        let path = into.join(name);
        put(&path, content);
        paths.push(path);
    }
    paths.sort();
    paths
}

#[test]
#[ignore = "the command `reroot quickstart` is not there yet"]
fn every_certificate_of_the_quickstart_passes_every_judge() {
    let folder = tempfile::tempdir().unwrap();
    Run::reroot(folder.path()).args(["quickstart", "try"]).run().success();
    let (batch, ca) = (folder.path().join("try/batch"), folder.path().join("try/pki/ca"));
    let [objects, sources, scratch] = ["objects", "sources", "scratch"].map(|name| {
        let path = folder.path().join(name);
        reroot::durable::create_directory(&path, reroot::durable::Access::Public).unwrap();
        path
    });
    let objects = unpack(&batch.join("certificates.zip"), &objects);
    let sources = unpack(&batch.join("sources.zip"), &sources);
    assert_eq!(objects.len(), 3, "three genuine leaves, three object certificates");
    assert_eq!(sources.len(), objects.len());

    let cases = objects.iter().zip(&sources).map(|(object, source)| {
        assert_eq!(object.file_name(), source.file_name(), "one name for a chip's two certificates");
        Case {
            object: object.clone(),
            source: source.clone(),
            issuing: ca.join("issuing.pem"),
            root: ca.join("root.pem"),
        }
    });
    judge(&cases.collect::<Vec<_>>(), &scratch);
    for certificate in ["root.pem", "issuing.pem", "manifest.pem"] {
        lint(&ca.join(certificate));
    }

    // the batch carries its own chain, so that the CA's folder is not needed to check it
    let pem = scratch.join("object.pem");
    let verify = Run::openssl().args(["verify", "-x509_strict", "-CAfile"]).arg(ca.join("root.pem"));
    verify.arg("-untrusted").arg(batch.join("chain.pem")).arg(&pem).run().success();

    // the source leaves are genuine by OpenSSL's judgement as well; ST's root lacks what -x509_strict wants
    let anchor = support::run::project("fixtures/st/stm-stsafe-a-prod-ca-01.pem");
    for source in &sources {
        let leaf = support::pki::der::pem("CERTIFICATE", &std::fs::read(source).unwrap());
        let text = Run::openssl().args(["verify", "-attime", "1735689600", "-CAfile"]).arg(&anchor);
        text.stdin(leaf).run().success();
    }
}
