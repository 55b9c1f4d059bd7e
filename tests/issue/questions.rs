//! A person at a terminal is asked for a secret: once for each, and Ctrl-C is an interruption.

use std::path::Path;

use crate::support::place::{PIN, Place};
use crate::support::run::{Finished, Run};
use crate::support::workshop::{PASSPHRASE, Workshop};

/// Gives the program a terminal and answers each question when nothing that is typed is shown any more. Prints how many
/// questions there were.
const TERMINAL: &str = r#"
import os, pty, sys, termios, time
answer, word, command = sys.argv[1].encode(), sys.argv[2].encode(), sys.argv[3:]
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(command[0], command)
shown, asked = b"", 0
while True:
    try:
        piece = os.read(terminal, 4096)
    except OSError:
        break
    if not piece:
        break
    shown += piece
    if shown.count(word) > asked and shown.endswith(b": "):
        while termios.tcgetattr(terminal)[3] & termios.ECHO:
            time.sleep(0.01)
        asked += 1
        os.write(terminal, b"\x03" if answer == b"ctrl-c" else answer + b"\n")
print(asked, shown.decode(errors="replace"))
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"#;

fn at_a_terminal(workshop: &Workshop, answer: &str, word: &str, args: &[&str]) -> Finished {
    let run = Run::python(TERMINAL).args([answer, word, env!("CARGO_BIN_EXE_reroot")]).args(args);
    let run = workshop.env.iter().fold(run.folder(workshop.folder()), |run, (name, value)| run.env(name, value));
    run.run()
}

/// Takes out of a configuration where its secrets are.
fn forget_secrets(config: &Path) {
    let text = std::fs::read_to_string(config).expect("a configuration");
    let lines = text.lines().filter(|line| !line.starts_with("secret"));
    let asking: Vec<&str> = lines.map(|line| line.split_once("&pin-source").map_or(line, |(uri, _)| uri)).collect();
    let asking: Vec<String> = asking
        .into_iter()
        .map(|line| if line.matches('"').count() % 2 == 1 { format!("{line}\"") } else { line.to_owned() })
        .collect();
    assert_ne!(asking.join("\n"), text.trim_end());
    crate::support::judges::put(config, asking.join("\n") + "\n");
}

const ISSUE: [&str; 10] = [
    "issue",
    "reel.zip",
    "--policy",
    "policy.toml",
    "--out",
    "batch",
    "--set",
    "lot=A1",
    "--config",
    "pki/reroot.toml",
];

#[test]
fn ctrl_c_at_the_question_for_a_passphrase_is_an_interruption() {
    let workshop = Workshop::with(&["--passphrase-env", "CA_PASSPHRASE"]);
    workshop.reel("reel.zip", 0..2);
    forget_secrets(&workshop.path("pki/reroot.toml"));
    at_a_terminal(&workshop, "ctrl-c", "passphrase for", &ISSUE).expect(6);
    assert!(!workshop.path("batch").exists());
    let wrong = at_a_terminal(&workshop, "wrong", "passphrase for", &ISSUE).expect(4);
    assert!(wrong.out().contains("a key that is named in"), "{}", wrong.out());
    at_a_terminal(&workshop, PASSPHRASE, "passphrase for", &ISSUE).success();
    workshop.verify("batch", &[]).success();
}

#[test]
fn the_pin_of_a_token_is_asked_for_once_whatever_keys_it_has() {
    let place = Place::softhsm(&["lab"]);
    let workshop = place.workshop("P-256");
    workshop.reel("reel.zip", 0..2);
    forget_secrets(&workshop.path("pki/reroot.toml"));
    let issued = at_a_terminal(&workshop, PIN, "PIN for", &ISSUE).success();
    assert!(issued.out().starts_with("1 ") && !issued.out().contains(PIN), "{}", issued.out());
    workshop.verify("batch", &[]).success();
}
