//! How fast tokens sign, and how much of what they could is lost on the way.
//!
//! SoftHSM2 with P-256, plain (token and program share the cores) and as a network HSM (2 ms added to every C_Sign),
//! each measurement in a process of its own. Beside the rate of whole batches the table has the rate of bare C_Sign
//! calls in as many threads of the same process, and for the network HSM N / (2 ms + t), which takes no account of how
//! many cores the token has; t, the token's own time, is measured with one session and the same pauses.

use std::num::NonZeroUsize;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use reroot::signer::pkcs11::{Bench, BenchKey, Pkcs11Signer, Settings, TokenKey, bench, token_key};
use reroot::signer::{KeyUri, Signer as _};
use reroot::x509::SignatureAlgorithm;

const SOFTHSM: &str = "/usr/lib/softhsm/libsofthsm2.so";
const DELAY: Duration = Duration::from_millis(2);

#[expect(clippy::print_stdout, reason = "a benchmark's output")]
fn main() {
    if let Ok(uri) = std::env::var("REROOT_BENCH_URI") {
        return measure(&uri);
    }
    let folder = tempfile::tempdir().expect("a folder");
    let faulty = faulty_module();
    set_up(folder.path());
    println!(
        "{:<40} {:>10} {:>12} {:>8} {:>12} {:>8} {:>8}",
        "", "batches/s", "bare calls/s", "share", "N/(2 ms+t)/s", "share", "t"
    );
    for (module, sessions) in [(SOFTHSM, 1), (SOFTHSM, 2), (&faulty, 1), (&faulty, 8), (&faulty, 30)] {
        let uri = format!(
            "pkcs11:token=bench;object=ca?module-path={module}&pin-source=file:{}",
            folder.path().join("pin").display()
        );
        let mut child = Command::new(std::env::current_exe().expect("this program"));
        child.env("SOFTHSM2_CONF", folder.path().join("softhsm2.conf")).env("REROOT_BENCH_URI", uri);
        child.env("REROOT_BENCH_SESSIONS", sessions.to_string());
        if module != SOFTHSM {
            child.env("FAULTY_PKCS11_MODULE", SOFTHSM);
            child.env("FAULTY_PKCS11", format!("C_Sign:*:delay={}", DELAY.as_millis()));
        }
        assert!(child.status().expect("this program starts").success());
    }
}

#[expect(clippy::print_stdout, reason = "a benchmark's output")]
fn measure(uri: &str) {
    let key = || token_key(KeyUri::parse(uri).expect("a URI"), None).expect("a PIN");
    let sessions: usize = std::env::var("REROOT_BENCH_SESSIONS").expect("set").parse().expect("a number");
    let sessions = NonZeroUsize::new(sessions).expect("not 0");
    let settings = Settings { sessions: Some(sessions), ..Settings::default() };
    let network = std::env::var_os("FAULTY_PKCS11").is_some();
    let bare = |key: TokenKey, sessions| {
        let what = Bench { key: BenchKey::Given, sessions: vec![sessions], time: Duration::from_secs(2) };
        bench(key, &what, &settings).expect("the token signs").rows[0].rate()
    };
    // the token's own time, as one session after the other with the same pauses sees it: without pauses it is shorter,
    // for the processor's caches still hold the token's code and key
    let own = network.then(|| 1.0 / bare(key(), NonZeroUsize::MIN) - DELAY.as_secs_f64());
    let bare = bare(key(), sessions);
    let signer = Pkcs11Signer::open(vec![key()], None, &settings).expect("the token opens");
    let message = vec![0x5A; 700];
    let batch: Vec<&[u8]> = vec![&message; 64 * sessions.get().max(4)];
    let (mut made, started) = (0_u32, Instant::now());
    while started.elapsed() < Duration::from_secs(3) {
        let mut signatures = Vec::new();
        signer.sign_batch(SignatureAlgorithm::EcdsaSha256, &batch, &mut signatures).expect("the token signs");
        made += u32::try_from(signatures.len()).expect("few");
    }
    let rate = f64::from(made) / started.elapsed().as_secs_f64();
    let sessions = u32::try_from(sessions.get()).expect("few");
    let title = format!("{}, {sessions} sessions", if network { "network HSM" } else { "SoftHSM2" });
    let percent = |possible: f64| 100.0 * rate / possible;
    print!("{title:<40} {rate:>10.0} {bare:>12.0} {:>7.1}%", percent(bare));
    let Some(own) = own else { return println!() };
    let possible = f64::from(sessions) / (DELAY.as_secs_f64() + own);
    println!(" {possible:>12.0} {:>7.1}% {:>5.0} µs", percent(possible), own * 1e6);
}

fn set_up(folder: &Path) {
    let private = reroot::durable::Access::Private;
    let write = |name: &str, text: &str| {
        reroot::durable::write_new(&folder.join(name), private, text.as_bytes()).expect("a file");
    };
    reroot::durable::create_directory(&folder.join("tokens"), private).expect("a folder");
    write("softhsm2.conf", &format!("directories.tokendir = {}\n", folder.join("tokens").display()));
    write("pin", "5678");
    let run = |tool: &str, options: &[&str]| {
        let output = Command::new(tool).args(options).env("SOFTHSM2_CONF", folder.join("softhsm2.conf")).output();
        assert!(output.is_ok_and(|output| output.status.success()), "{tool} is needed");
    };
    run("softhsm2-util", &["--init-token", "--free", "--label", "bench", "--so-pin", "1234", "--pin", "5678"]);
    let login = ["--module", SOFTHSM, "--token-label", "bench", "--login", "--pin", "5678", "--keypairgen"];
    run("pkcs11-tool", &[&login[..], &["--key-type", "EC:secp256r1", "--label", "ca", "--id", "01"]].concat());
}

/// Builds the module that adds the delay, beside this program.
fn faulty_module() -> String {
    let program = std::env::current_exe().expect("this program");
    let profile = program.parent().and_then(Path::parent).expect("target/<profile>/deps");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--offline", "--package", "faulty-pkcs11"]).current_dir(env!("CARGO_MANIFEST_DIR"));
    cargo.arg("--target-dir").arg(profile.parent().expect("target"));
    if profile.ends_with("release") {
        cargo.arg("--release");
    }
    assert!(cargo.status().is_ok_and(|status| status.success()), "the module builds");
    profile.join("libfaulty_pkcs11.so").to_str().expect("UTF-8").to_owned()
}
