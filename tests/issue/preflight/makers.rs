//! Root, issuing CA and anchor as each kind of software makes them, with the verdicts of `issue`, `verify` and OpenSSL:
//! the table of docs/guide/other-cas.md.

use super::ca::Foreign;
use crate::support::judges::put;
use crate::support::run::Run;

#[test]
fn what_each_kind_of_software_makes_is_taken_as_root_issuing_ca_and_anchor() {
    for maker in ["openssl", "gnutls", "rcgen", "pyca", "adcs", "ejbca"] {
        let ca = Foreign::made(|folder| {
            let tool = |run: Run, args: &[&str]| drop(run.args(args).folder(folder).run().success());
            let keys = |name: &str| {
                let key = format!("{name}.key");
                tool(
                    Run::openssl(),
                    &["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", &key],
                );
            };
            match maker {
                "openssl" => {
                    keys("root");
                    keys("issuing");
                    let root = ["req", "-x509", "-new", "-key", "root.key", "-subj", "/O=Own/CN=Root", "-days", "7000"];
                    tool(Run::openssl(), &[&root[..], &["-out", "root.pem"]].concat());
                    let request =
                        ["req", "-new", "-key", "issuing.key", "-subj", "/O=Own/CN=Issuing", "-out", "issuing.csr"];
                    tool(Run::openssl(), &request);
                    put(
                        &folder.join("x.cnf"),
                        "basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign\n",
                    );
                    let sign = [
                        "x509",
                        "-req",
                        "-in",
                        "issuing.csr",
                        "-CA",
                        "root.pem",
                        "-CAkey",
                        "root.key",
                        "-CAcreateserial",
                    ];
                    tool(
                        Run::openssl(),
                        &[&sign[..], &["-extfile", "x.cnf", "-days", "6000", "-out", "issuing.pem"]].concat(),
                    );
                }
                "gnutls" => {
                    keys("root");
                    keys("issuing");
                    let template = "organization = Own\nca\ncert_signing_key\ncrl_signing_key\n";
                    put(&folder.join("root.cfg"), format!("cn = Root\nexpiration_days = 7000\n{template}"));
                    put(
                        &folder.join("issuing.cfg"),
                        format!("cn = Issuing\nexpiration_days = 6000\npath_len = 0\n{template}"),
                    );
                    let root = ["--generate-self-signed", "--load-privkey", "root.key", "--template", "root.cfg"];
                    tool(Run::certtool(), &[&root[..], &["--outfile", "root.pem"]].concat());
                    let sign = ["--generate-certificate", "--load-privkey", "issuing.key", "--template", "issuing.cfg"];
                    let by = ["--load-ca-certificate", "root.pem", "--load-ca-privkey", "root.key"];
                    tool(Run::certtool(), &[&sign[..], &by, &["--outfile", "issuing.pem"]].concat());
                }
                "rcgen" => rcgen(folder),
                _ => tool(Run::python(include_str!("makers.py")), &[maker]),
            }
            if ["openssl", "gnutls", "rcgen"].contains(&maker) {
                tool(Run::python(include_str!("makers.py")), &["manifest"]);
            }
            // OpenSSL's verdict is asked with this file between
            put(&folder.join("policy.pem"), "");
        });
        ca.configure(r#"["root.pem"]"#);
        ca.issue(&[]).success();
        ca.verify("batch", "root.pem", &[]).success();
        assert!(ca.openssl("batch"), "{maker}");
        let said = ca.reroot(&["ca", "import", "issuing.pem", "--chain", "root.pem"]).success().err();
        assert!(said.contains("already in its place"), "{maker}: {said}");
        // the issuing CA as the issuer anchor itself, and the root as a source anchor beside ST's
        let anchors =
            ["--source-anchor", "anchor.pem", "--source-anchor", "root.pem", "--issuer-anchor", "issuing.pem"];
        ca.reroot(&[&["verify", "batch"][..], &anchors, &["--manifest-anchor", "root.pem"]].concat()).success();
    }
}

fn rcgen(folder: &std::path::Path) {
    use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose, date_time_ymd};
    let params = |name: &str, constraint, end| {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(constraint);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = end;
        params
    };
    let [root_key, issuing_key] = [(); 2].map(|()| KeyPair::generate().expect("a key"));
    let root = params("Root", BasicConstraints::Unconstrained, date_time_ymd(2099, 1, 1));
    put(&folder.join("root.pem"), root.self_signed(&root_key).expect("a root").pem());
    let issuing = params("Issuing", BasicConstraints::Constrained(0), date_time_ymd(2098, 1, 1));
    let issuer = Issuer::from_params(&root, &root_key);
    put(&folder.join("issuing.pem"), issuing.signed_by(&issuing_key, &issuer).expect("a CA").pem());
    put(&folder.join("root.key"), root_key.serialize_pem());
    put(&folder.join("issuing.key"), issuing_key.serialize_pem());
}
