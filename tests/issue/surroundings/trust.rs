//! Configuration, keys, secrets, ledger and PKCS#11 module where other users can change or read them.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use super::{ISSUE, begun, workshop};
use crate::support::run::Run;
use crate::support::workshop::Workshop;

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

fn issue(workshop: &Workshop, more: &[&str]) -> Run {
    workshop.reroot(&[&ISSUE[..], &["batch", "--config", "pki/reroot.toml"], more].concat())
}

#[test]
fn what_others_can_change_or_read_is_refused_by_name_and_allow_shared_says_so() {
    let workshop = workshop(3);
    for (path, mode, what) in [
        ("pki/reroot.toml", 0o666, "change"),
        ("pki", 0o777, "change"),
        ("pki/ca/issuing.pem", 0o646, "change"),
        ("pki/ca", 0o757, "change"),
        ("pki/anchors/test-root.pem", 0o666, "change"),
        ("pki/ledger.db", 0o666, "change"),
        ("pki/ca/issuing.key.pem", 0o644, "read"),
        ("pki/ca/manifest.key.pem", 0o604, "read"),
    ] {
        let place = workshop.path(path);
        let before = place.metadata().unwrap().mode();
        set_mode(&place, mode);
        let refused = issue(&workshop, &[]).run().expect(2);
        let said = format!("mode {mode:04o}): every user of this machine can {what} it");
        let err = refused.err().replace('\n', "").replace("  │ ", "");
        assert!(err.contains("config.file.shared") && err.contains("chmod go-"), "{path}: {}", refused.err());
        assert!(refused.err().contains(&said) || err.contains(&said), "{path}: {}", refused.err());
        let allowed = issue(&workshop, &["--allow-shared", "--dry-run"]).run().success();
        let warned = allowed.err().lines().any(|line| line.starts_with("warning: ") && line.contains("--allow-shared"));
        assert!(warned, "{path}: {}", allowed.err());
        set_mode(&place, before);
    }
    assert_eq!(begun(&workshop), 0);
    let issued = issue(&workshop, &[]).run().success();
    let config = workshop.path("pki/reroot.toml").canonicalize().unwrap();
    assert!(issued.err().contains(&format!("configuration: {}", config.display())), "{}", issued.err());
    assert!(!issued.err().contains("--allow-shared"), "{}", issued.err());
}

#[test]
fn a_configuration_of_another_user_in_the_current_directory_is_refused() {
    if !rustix::process::geteuid().is_root() {
        // only root gives files away; the rule itself is tested for every user beside the code
        return;
    }
    let workshop = workshop(3);
    for path in ["pki/reroot.toml", "pki/ca/issuing.key.pem", "pki/anchors", "pki"] {
        Run::tool("chown").args(["54321", path]).folder(workshop.folder()).run().success();
        let refused = issue(&workshop, &[]).run().expect(2);
        assert!(refused.err().contains("owner 54321"), "{path}: {}", refused.err());
        issue(&workshop, &["--allow-shared", "--dry-run"]).run().success();
        Run::tool("chown").args(["root", path]).folder(workshop.folder()).run().success();
    }
}

#[test]
fn a_group_is_allowed_by_name_but_cannot_allow_itself() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let workshop = workshop(3);
    let config = workshop.path("pki/reroot.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    let text = text.replace("path = \"ledger.db\"", "path = \"shared/ledger.db\"");
    std::fs::write(&config, &text).unwrap();
    let shell = |script: &str| Run::tool("sh").args(["-ec", script]).folder(workshop.folder()).run().success();
    shell("mkdir pki/shared; mv pki/ledger.db pki/shared; chgrp -R 54321 pki/shared pki/ca/issuing.key.pem");
    shell("chmod 770 pki/shared; chmod 660 pki/shared/ledger.db; chmod 640 pki/ca/issuing.key.pem");
    let refused = issue(&workshop, &[]).run().expect(2);
    assert!(refused.err().contains("group `54321` can"), "{}", refused.err());
    std::fs::write(&config, format!("{text}\n[access]\ngroup = \"54321\"\n")).unwrap();
    issue(&workshop, &[]).run().success();
    shell("chgrp 54321 pki/reroot.toml; chmod 664 pki/reroot.toml");
    let refused = issue(&workshop, &[]).run().expect(2);
    assert!(refused.err().contains("group `54321` can change it"), "{}", refused.err());
    std::fs::write(&config, format!("{text}\n[access]\ngroup = \"no-such-group\"\n")).unwrap();
    shell("chmod 644 pki/reroot.toml");
    assert!(issue(&workshop, &[]).run().expect(2).err().contains("there is no group `no-such-group`"));
}

/// `init` and `quickstart` make what the check wants, regardless of the umask.
#[test]
fn what_init_makes_passes_under_any_umask() {
    let folder = tempfile::tempdir().unwrap();
    for umask in ["022", "002", "000", "077"] {
        let init = "\"$1\" init pki --organization Example";
        let script = format!("umask {umask}; \"$1\" quickstart q{umask} && mkdir w{umask} && cd w{umask} && {init}");
        let script = if umask == "000" { script.replace("mkdir w", "mkdir -m 755 w") } else { script };
        let run = Run::tool("sh").args(["-ec", &script, "sh", env!("CARGO_BIN_EXE_reroot")]);
        run.folder(folder.path()).run().success();
        let show = ["ca", "show", "--config", "pki/reroot.toml"];
        Run::reroot(&folder.path().join(format!("w{umask}"))).args(show).run().success();
    }
}

#[test]
fn a_module_is_never_taken_from_the_current_directory_by_chance() {
    let workshop = workshop(3);
    // what an attacker would leave: it need not even be a library
    workshop.write("softhsm.so", b"not a library");
    let config = workshop.path("pki/reroot.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    let uri = "key = \"pkcs11:token=ca;object=issuing?module-path=softhsm.so\"";
    std::fs::write(&config, text.replace("key = \"ca/issuing.key.pem\"", uri)).unwrap();
    let failed = issue(&workshop, &[]).env("PIN", "1").run().expect(4);
    let joined = workshop.path("pki/softhsm.so");
    let err = failed.err().replace('\n', "").replace("  │ ", "");
    assert!(
        err.contains("/pki/softhsm.so"),
        "{} is looked for, not the current directory's: {}",
        joined.display(),
        failed.err()
    );
    let bare = workshop.reroot(&["hsm", "doctor", "pkcs11:token=ca?module-path=softhsm.so"]).run().expect(2);
    assert!(bare.err().contains("module-path `softhsm.so` names no folder"), "{}", bare.err());
    let explicit = workshop.reroot(&["hsm", "doctor", "pkcs11:token=ca;object=a?module-path=./softhsm.so"]).run();
    assert!(explicit.out().contains("/softhsm.so"), "{}\n{}", explicit.out(), explicit.err());
}

#[test]
fn secrets_that_options_name_are_looked_at_too() {
    let workshop = workshop(3);
    workshop.write("pass", b"four words are enough");
    set_mode(&workshop.path("pass"), 0o644);
    let init = ["init", "other", "--organization", "Other", "--passphrase-file", "pass"];
    let refused = workshop.reroot(&init).run().expect(2);
    assert!(refused.err().contains("can read it") && refused.err().contains("chmod go-rwx"), "{}", refused.err());
    assert!(!workshop.path("other").exists());
    assert!(workshop.reroot(&init).arg("--allow-shared").run().success().err().contains("--allow-shared overrules"));
    set_mode(&workshop.path("pass"), 0o600);
    // a descriptor of this process
    let script = "\"$1\" init third --organization Third --passphrase-file /dev/fd/3 3<pass";
    let run = Run::tool("sh").args(["-ec", script, "sh", env!("CARGO_BIN_EXE_reroot")]);
    run.folder(workshop.folder()).run().success();
    let pin =
        ["hsm", "doctor", "pkcs11:token=ca?module-path=/usr/lib/softhsm/libsofthsm2.so", "--pin-file", "reel.zip"];
    set_mode(&workshop.path("reel.zip"), 0o644);
    assert!(workshop.reroot(&pin).run().expect(2).err().contains("can read it"));
}

/// Memory with keys in it goes neither into a core file nor to another program of the same user.
#[test]
fn the_process_makes_no_core_and_cannot_be_looked_into() {
    let workshop = workshop(3);
    let mut run = workshop.reroot(&["inspect", "-"]).start();
    run.feed(b"PK");
    let process = run.id();
    let status = |name: &str| std::fs::read_to_string(format!("/proc/{process}/{name}")).unwrap();
    let core = || status("limits").lines().find(|line| line.starts_with("Max core file size")).unwrap().to_owned();
    // the program has started once its limits are its own
    for _ in 0..1_000 {
        if core().split_whitespace().nth(4) == Some("0") && core().split_whitespace().nth(5) == Some("0") {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    assert_eq!(core().split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"], "{}", core());
    run.finish();
}

#[test]
fn children_get_nothing_of_the_environment() {
    let folder = tempfile::tempdir().unwrap();
    // it answers what the check of the signer's purpose looks for
    let script = "#!/bin/sh\nenv >> \"$(dirname \"$0\")/seen\"\n\
        [ \"$1\" != asn1parse ] || printf 'X509v3 Extended Key Usage\\nBOOLEAN :255\\n:300A06082B06010505070324\\n'\n";
    for place in ["bin/openssl", "openssl"] {
        let path = folder.path().join(place);
        let _ = std::fs::create_dir_all(path.parent().unwrap());
        std::fs::write(&path, script).unwrap();
        set_mode(&path, 0o755);
    }
    let bin = folder.path().join("bin");
    let path = format!(".::{}:/usr/bin:/bin", bin.display());
    Run::reroot(folder.path()).arg("quickstart").env("PATH", path).env("REROOT_PASSPHRASE", "Geheim").run().success();
    let seen = std::fs::read_to_string(bin.join("seen")).unwrap();
    assert!(!seen.contains("Geheim") && !seen.contains("NO_COLOR"), "{seen}");
    assert!(!folder.path().join("seen").exists(), "the current directory is not searched");
}
