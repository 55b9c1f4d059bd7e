//! `reroot quickstart`: every step is a command that could have been typed, and is run as if it had been.

use std::ffi::OsString;
use std::path::Path;
use std::process::{Command as Process, Stdio};

use clap::Parser;
use reroot::crypto::sha256;
use reroot::delivery::{BatchReader, Stamp, ZipWriter, certificate_to_pem};
use reroot::durable::Access;
use reroot::durable::output;
use reroot::x509::Sha256Digest;

use super::args::{Cli, QuickstartArgs};
use super::{Exit, Fault, Printer, World, render};

/// Genuine leaves of STSAFE-A110 parts, all under STM STSAFE-A PROD CA 01 (fixtures/st/README.md).
const GENUINE: [(&str, &[u8]); 3] = [
    ("0209B0846159E439520139.der", include_bytes!("../../fixtures/st/leaf-0209B0846159E439520139.der")),
    ("020930C56159E439520139.der", include_bytes!("../../fixtures/st/leaf-020930C56159E439520139.der")),
    ("0209F0204021CC225B0139.der", include_bytes!("../../fixtures/st/leaf-0209F0204021CC225B0139.der")),
];

pub(crate) fn run(args: &QuickstartArgs, world: &mut World, printer: Printer) -> Result<Exit, Fault> {
    let dir = &args.dir;
    output::create_directory(dir, Access::Trusted)?;
    let at = |path: &str| render::path_json(&dir.join(path));

    printer
        .say("A reel as ST's Online Certificate Distribution hands it out: genuine leaves of three STSAFE-A110 parts.");
    let digest = write_reel(&dir.join("reel.zip"), world)?;
    printer.say(&format!("  {} (sha256 {digest})", at("reel.zip")));

    let (reel, config, policy) = (at("reel.zip"), at("pki/reroot.toml"), at("pki/policies/tls-client.toml"));
    let (pki, batch, root) = (at("pki"), at("batch"), at("pki/ca/root.pem"));
    let anchor = at("pki/anchors/stm-stsafe-a-prod-ca-01.pem");
    let steps: [(&str, Vec<&str>); 4] = [
        (
            "A throw-away CA: root, issuing CA, manifest signer; ST's genuine root as anchor.",
            vec!["init", &pki, "--organization", "Quickstart"],
        ),
        ("What is on the reel, and did ST sign it?", vec!["inspect", &reel, "--verify", "--source-anchor", &anchor]),
        (
            "Verify, build, record, sign, check, seal: one object certificate per chip, same key, same UID.",
            vec!["issue", &reel, "--policy", &policy, "--out", &batch, "--config", &config],
        ),
        (
            "The auditor's view: everything re-derived from the batch, the reel and two anchors.",
            vec!["verify", &batch, "--input", &reel, "--source-anchor", &anchor, "--issuer-anchor", &root],
        ),
    ];
    for (what, words) in steps {
        printer.say(&format!("\n{what}\n$ reroot {}", typed(&words)));
        let cli = Cli::try_parse_from(std::iter::once("reroot").chain(words))
            .map_err(|error| Fault::usage(format!("quickstart: {error}")))?;
        let exit = super::run(&cli, world, printer);
        if exit != Exit::Done {
            return Ok(exit);
        }
    }
    openssl(dir, &batch, &root, printer)
}

/// Words as they are typed in a shell.
fn typed(words: &[&str]) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,+@%".contains(c);
    let word = |word: &&str| {
        if word.chars().all(plain) { (*word).to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
    };
    words.iter().map(word).collect::<Vec<_>>().join(" ")
}

pub(super) fn write_reel(path: &Path, world: &World) -> Result<Sha256Digest, Fault> {
    let mut zip = ZipWriter::new(Vec::new(), Stamp::new(world.now));
    for (name, der) in GENUINE {
        zip.add(name, der).expect("writing to memory");
    }
    let archive = zip.finish().expect("writing to memory");
    output::write_new(path, Access::Public, &archive)?;
    Ok(sha256(&archive))
}

/// A second program confirms statement and certificates, if it is on this machine.
fn openssl(dir: &Path, batch: &str, root: &str, printer: Printer) -> Result<Exit, Fault> {
    let in_batch = |name: &str| format!("{batch}/{name}");
    let (statement, seal) = (in_batch("manifest.json"), in_batch("manifest.json.p7s"));
    let (signer, chain) = (in_batch("manifest.pem"), in_batch("chain.pem"));
    let uid = GENUINE[0].0.trim_end_matches(".der");
    let certificate = dir.join(format!("{uid}.pem"));
    let sample = render::path_json(&certificate);
    write_sample(batch, uid, &certificate)?;
    let own_anchors_only = ["-no-CApath", "-no-CAstore", "-CAfile", root];
    let mut cms = vec!["openssl", "cms", "-verify", "-binary", "-inform", "DER", "-in", &seal, "-content", &statement];
    cms.extend(["-nointern", "-certfile", &signer, "-purpose", "any"]);
    cms.extend(own_anchors_only);
    cms.extend(["-out", "/dev/null"]);
    let verify = |more: &[&str]| {
        let words = [&["openssl", "verify"], &own_anchors_only[..], more].concat();
        typed(&words)
    };
    printer.say("\nA second program's word, OpenSSL's:");
    for line in [
        typed(&cms),
        // a chip's certificate makes seals that OpenSSL accepts too: only the next two tell them apart
        verify(&[&signer]),
        purpose(&signer),
        verify(&["-x509_strict", "-untrusted", &chain, &sample]),
    ] {
        printer.say(&format!("$ {line}"));
        // nothing of this program's environment: secrets, and settings that would make OpenSSL load something
        let mut shell = Process::new("/bin/sh");
        shell.args(["-c", &line]).env_clear().env("PATH", system_path()).stdin(Stdio::null());
        let output = shell.output();
        match output {
            Ok(output) if output.status.success() => {
                let said = if output.stdout.is_empty() { output.stderr } else { output.stdout };
                printer.say(String::from_utf8_lossy(&said).trim_end());
            }
            // the shell found no such command (POSIX, Shell Command Language, 2.8.2)
            Ok(output) if output.status.code() == Some(127) => {
                printer.say("openssl is not installed here; the commands above are what to run elsewhere");
                break;
            }
            Ok(output) => {
                let said = String::from_utf8_lossy(&output.stderr);
                let said = if said.trim().is_empty() { "it failed".into() } else { said };
                printer.failure(said.trim_end(), None);
                return Ok(Exit::Findings);
            }
            Err(error) => {
                printer.warn(&format!("openssl cannot be run ({error}); the commands above are what to run elsewhere"));
                break;
            }
        }
    }
    printer
        .say(&format!("\nDone: `{batch}` is a sealed batch. Read on in README.md and docs/guide/operator-guide.md."));
    Ok(Exit::Done)
}

/// What fails unless the signer's extendedKeyUsage is critical and id-kp-documentSigning alone (RFC 9336), which no chip's
/// certificate has.
fn purpose(signer: &str) -> String {
    let asked = "grep -A 2 'X509v3 Extended Key Usage'";
    let expected = r"grep -q 'BOOLEAN *:255.*:300A06082B06010505070324$'";
    let signer = typed(&[signer]);
    format!(
        "openssl asn1parse -in {signer} | {asked} | tr -d '\\n' | {expected} && echo 'the signer is for manifests alone'"
    )
}

/// Where programs are looked for: never in the current directory.
fn system_path() -> OsString {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::join_paths(std::env::split_paths(&path).filter(|folder| folder.is_absolute())).unwrap_or_default()
}

/// Takes one certificate out of the batch, as the line would.
fn write_sample(batch: &str, uid: &str, to: &Path) -> Result<(), Fault> {
    let mut certificates = BatchReader::open(Path::new(batch))?.certificates()?;
    while let Some(certificate) = certificates.next_certificate()? {
        if certificate.uid.to_string() == uid {
            return Ok(output::write_new(to, Access::Public, certificate_to_pem(&certificate.der).as_bytes())?);
        }
    }
    Err(Fault::usage(format!("`{batch}` holds no certificate of chip {uid}")))
}
