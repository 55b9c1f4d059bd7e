//! Nothing that comes from files, names, arguments or other programs moves the cursor, hides or reorders text: one
//! hostile text goes through every command that takes a file, and what is printed is looked at byte by byte.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use reroot::durable::{Access, write_new};
use reroot::text::is_printable;

use crate::support::judges::put;
use crate::support::pki::{archive, der};
use crate::support::run::{Finished, Run};
use crate::support::workshop::{POLICY, Workshop};

/// Escape sequences of C0 and C1, a carriage return, a line of its own, DEL, bidirectional controls and letters,
/// separators, zero-width characters, a tag, private use.
const HOSTILE: &str = "\x1b[2J\x1b]0;x\x07\r\nOK: FORGED\u{7f}\u{9b}31m\u{202e}\u{2066}\u{61c}\u{200f}\u{2028}\u{200b}\
                       \u{feff}\u{e0041}\u{e000}\u{5d0}\u{a0}";

/// The same without a line feed, for TOML's one-line strings and for what is a path.
fn one_line() -> String {
    HOSTILE.replace(['\r', '\n'], "")
}

/// Every character that was printed is printable, and no line was forged.
#[track_caller]
fn assert_printable(finished: &Finished) {
    for (name, bytes) in [("stdout", &finished.stdout), ("stderr", &finished.stderr)] {
        let text = std::str::from_utf8(bytes);
        let text = text.unwrap_or_else(|_| panic!("{}: {name} is not UTF-8: {bytes:?}", finished.command));
        let raw: Vec<char> = text.chars().filter(|character| *character != '\n' && !is_printable(*character)).collect();
        assert!(raw.is_empty(), "{}: {name} has {raw:?}\n{text:?}", finished.command);
        assert!(!text.lines().any(|line| line.starts_with("OK: FORGED")), "{}: {name}\n{text}", finished.command);
    }
}

/// Runs a command in both formats. What it says is printable, and one of the formats repeats the hostile text, escaped.
#[track_caller]
fn both(workshop: &Workshop, args: &[&OsStr]) -> [Finished; 2] {
    ["text", "json"].map(|format| {
        let finished = Run::reroot(workshop.folder()).args(args).args(["--format", format]).run();
        assert_printable(&finished);
        finished
    })
}

/// The hostile text is there, escaped, and was not just left out.
#[track_caller]
fn escaped([text, _]: &[Finished; 2]) {
    assert!(text.out().contains("\\u{9b}31m") || text.err().contains("\\u{9b}31m"), "{}", text.err());
}

fn words(text: &str) -> Vec<&OsStr> {
    text.split(' ').map(OsStr::new).collect()
}

#[test]
fn a_path_with_any_bytes_is_printed_safely_by_every_command() {
    let workshop = Workshop::new();
    workshop.reel("reel.zip", 0..2);
    workshop.issue("reel.zip", "batch", &[]).success();
    let name = [one_line().as_bytes(), b"\xFF\xC3("].concat();
    let name = OsStr::from_bytes(&name);
    // each once with a file that is not there and once with one that is not good
    for exists in [false, true] {
        if exists {
            put(&workshop.path("x").with_file_name(name), HOSTILE);
        }
        for command in [
            "inspect @",
            "inspect batch/certificates.zip --verify --source-anchor @",
            "inspect batch/certificates.zip --verify --policy @ --config pki/reroot.toml",
            "inspect batch/certificates.zip --verify --expect @ --config pki/reroot.toml",
            "policy check @",
            "policy check policy.toml --issuer @",
            "policy show @ --leaf reel.zip",
            "policy show policy.toml --leaf @ --config pki/reroot.toml --set lot=A1",
            "issue @ --policy policy.toml --out b2 --config pki/reroot.toml --set lot=A1",
            "issue reel.zip --policy @ --out b2 --config pki/reroot.toml",
            "issue reel.zip --policy policy.toml --out b2 --config @",
            "issue reel.zip --policy policy.toml --out b2 --config pki/reroot.toml --set lot=A1 --expect @",
            "issue reel.zip --policy policy.toml --out @ --config pki/reroot.toml --set lot=A1 --dry-run",
            "plan @ --policy policy.toml --out b2 --config pki/reroot.toml --set lot=A1",
            "sign @ --out signatures --config pki/reroot.toml",
            "finish @ --signatures x --out b2 --config pki/reroot.toml",
            "finish x --certificates @ --out b2 --config pki/reroot.toml",
            "verify @ --config pki/reroot.toml",
            "verify batch --source-anchor @ --issuer-anchor pki/ca/root.pem",
            "verify batch --config pki/reroot.toml --input @",
            "verify batch --config pki/reroot.toml --history @",
            "verify batch --config pki/reroot.toml --timestamp @",
            "verify batch --config pki/reroot.toml --tsa-anchor @",
            "timestamp attach batch @",
            "timestamp request @ --out r.tsq",
            "prove batch --from @",
            "prove @ 0209020000007E57000139",
            "verify-proof @ --config pki/reroot.toml",
            "lookup @ 0209020000007E57000139 --config pki/reroot.toml",
            "lookup batch --leaf @ --config pki/reroot.toml",
            "export @ --to csv --out e --unverified",
            "export batch --to csv --out e --issuer-anchor @",
            "pop challenge @ 0209020000007E57000139 --config pki/reroot.toml",
            "pop verify batch 0209020000007E57000139 --challenge @ --signature x --receipts y --config pki/reroot.toml",
            "pop seal batch --receipts @ --config pki/reroot.toml",
            "ca import @ --config pki/reroot.toml",
            "ca import pki/ca/issuing.pem --chain @ --config pki/reroot.toml",
            "ca show --config @",
            "ca csr --out @ --config pki/reroot.toml --organization X",
            "ledger verify @",
            "ledger stats @",
            "ledger head --config @",
            "init @ --organization O --passphrase-file nowhere",
        ] {
            let args: Vec<&OsStr> =
                words(command).into_iter().map(|word| if word == "@" { name } else { word }).collect();
            both(&workshop, &args);
        }
    }
}

#[test]
fn an_argument_with_any_bytes_is_printed_safely() {
    let workshop = Workshop::new();
    workshop.reel("reel.zip", 0..2);
    workshop.issue("reel.zip", "batch", &[]).success();
    let option = format!("--{HOSTILE}={HOSTILE}");
    let set = [format!("lot={HOSTILE}"), format!("{HOSTILE}=A1"), HOSTILE.to_owned()];
    let issue = "issue reel.zip --policy policy.toml --out b2 --config pki/reroot.toml";
    for (command, more) in [
        (issue, vec![option.as_str()]),
        (issue, vec!["--set", &set[0]]),
        (issue, vec!["--set", &set[1], "--set", &set[1]]),
        (issue, vec!["--set", &set[2]]),
        (issue, vec!["--expect-head", HOSTILE]),
        (issue, vec!["--form", HOSTILE]),
        (issue, vec!["--chunk", HOSTILE]),
        ("prove batch", vec![HOSTILE]),
        ("lookup batch --config pki/reroot.toml", vec![HOSTILE]),
        ("pop challenge batch --config pki/reroot.toml", vec![HOSTILE]),
        ("policy shipped", vec![HOSTILE]),
        ("policy check policy.toml --issuer pki/ca/issuing.pem --at", vec![HOSTILE]),
        ("hsm doctor", vec![HOSTILE]),
        ("hsm doctor", vec!["pkcs11:token=a?module-path=%1B%5B2J%9B.so"]),
        ("init new --organization", vec![HOSTILE]),
        ("ca proof --out p.pem --config pki/reroot.toml --code", vec![HOSTILE]),
        ("export batch --unverified --out e --to aws-bulk --aws-policy", vec![HOSTILE]),
        ("completions", vec![HOSTILE]),
        ("", vec![HOSTILE]),
    ] {
        let mut args = if command.is_empty() { vec![] } else { words(command) };
        args.extend(more.iter().map(OsStr::new));
        both(&workshop, &args);
    }
}

#[test]
fn a_policy_is_shown_safely_where_it_is_wrong_and_where_it_is_right() {
    let workshop = Workshop::new();
    workshop.reel("reel.zip", 0..2);
    let one_line = one_line();
    let units: Vec<String> = HOSTILE.encode_utf16().map(|unit| format!("\\u{unit:04X}")).collect();
    let toml_text = units.concat();
    let toml_text = toml_text.replace("\\uDB40\\uDC41", "\\U000E0041");
    let leaf = format!("{}.der", workshop.pki.leaf(0).uid());
    workshop.write(&leaf, &workshop.pki.leaf(0).der);
    for (at, policy) in [
        // raw characters in a comment are beside every snippet of the lines near it
        POLICY.replace("not_after = \"5y\"", &format!("# {one_line}\nnotafter = \"5y\" # {one_line}")),
        POLICY.replace("\"5y\"", &format!("\"{one_line}\"")),
        POLICY.replace("\"5y\"", &format!("\"{toml_text}\"")),
        POLICY.replace("[params.lot]", &format!("[params.\"{toml_text}\"]")),
        POLICY.replace("target = \"none\"", &format!("target = \"none\"\n\"{toml_text}\" = 1")),
        POLICY.replace("{lot}", &format!("{{{toml_text}}}")),
        POLICY.replace("pattern = \"[A-Z0-9]{1,8}\"", &format!("pattern = \"[{toml_text}\"")),
        format!("{one_line}\n{POLICY}"),
        POLICY.replace("version = 1", &format!("version = {one_line}")),
    ]
    .into_iter()
    .enumerate()
    {
        let file = format!("bad{at}.toml");
        workshop.write(&file, policy.as_bytes());
        let checked = both(&workshop, &words(&format!("policy check {file}")));
        // escapes of TOML in a snippet are text already
        if policy.contains('\u{9b}') {
            escaped(&checked);
        }
        let issue = format!("issue reel.zip --policy {file} --out b2 --config pki/reroot.toml --set lot=A1");
        both(&workshop, &words(&issue));
        both(&workshop, &words(&format!("policy show {file} --leaf {leaf} --config pki/reroot.toml --set lot=A1")));
    }
    // a good policy with such a text in it
    let good =
        POLICY.replace("TLS client certificates for tests", &toml_text).replace("not_after", "# \u{202e}\nnot_after");
    workshop.write("good.toml", good.as_bytes());
    both(&workshop, &words("policy check good.toml"));
    both(&workshop, &words(&format!("policy show good.toml --leaf {leaf} --config pki/reroot.toml --set lot=A1")));
}

#[test]
fn the_place_of_a_mistake_stays_in_its_line_whatever_stands_before_it() {
    let workshop = Workshop::new();
    let policy = POLICY.replace("not_after = \"5y\"", "\tnot_after = \"\u{1b}[31m\u{202e}\" # \u{9b}");
    workshop.write("bad.toml", policy.replace('\n', "\r\n").as_bytes());
    let text = workshop.reroot(&["policy", "check", "bad.toml"]).run().expect(2).err();
    let lines: Vec<&str> = text.lines().collect();
    let shown = lines.iter().position(|line| line.contains("not_after = \"\\u{1b}[31m\\u{202e}\" # \\u{9b}"));
    let shown = shown.unwrap_or_else(|| panic!("{text}"));
    let column = lines[shown].chars().collect::<Vec<_>>().windows(2).position(|pair| pair == ['"', '\\']).unwrap();
    let marked = lines[shown + 1].chars().position(|mark| mark != ' ' && mark != '·' && mark != '│' && mark != '|');
    assert_eq!(marked, Some(column + 1), "{text}");
    assert_eq!(lines[shown + 1].matches('─').count(), "\\u{1b}".len(), "as wide as what is shown: {text}");
}

#[test]
fn a_configuration_is_shown_safely() {
    let workshop = Workshop::new();
    let one_line = one_line();
    let text = std::fs::read_to_string(workshop.path("pki/reroot.toml")).unwrap();
    let toml_text = "\\u001B[2J\\u009B31m\\u202E\\n";
    for (at, config) in [
        format!("{text}\n\"{toml_text}\" = 1\n"),
        format!("# {one_line}\n{text}\n[nothing] # {one_line}\n"),
        text.replace("test-root.pem", toml_text),
        text.replace("anchors = [", &format!("anchors = [\"{one_line}\", ")),
        text.replace("[ledger]", &format!("[ledger]\n\"{one_line}\" = 1\n")),
    ]
    .into_iter()
    .enumerate()
    {
        let file = format!("pki/bad{at}.toml");
        workshop.write(&file, config.as_bytes());
        both(&workshop, &words(&format!("ca show --config {file}")));
        both(&workshop, &words(&format!("ledger verify --config {file}")));
    }
}

#[test]
fn names_in_archives_and_certificates_and_lists_are_shown_safely() {
    let workshop = Workshop::new();
    let leaf = workshop.pki.leaf(0);
    let name = format!("{HOSTILE}.der");
    let junk = format!("{HOSTILE}.txt");
    workshop.write("reel.zip", &archive::zip(&[(&name, &leaf.der), (&junk, HOSTILE.as_bytes()), ("x.der", b"0\x82")]));
    let file = workshop.path("x").with_file_name(format!("{}.zip", one_line()));
    write_new(&file, Access::Public, &std::fs::read(workshop.path("reel.zip")).unwrap()).unwrap();
    for args in [
        "inspect reel.zip",
        "inspect reel.zip --verify --config pki/reroot.toml",
        "issue reel.zip --policy policy.toml --out b2 --config pki/reroot.toml --set lot=A1",
        "issue reel.zip --policy policy.toml --out b2 --config pki/reroot.toml --set lot=A1 --on-reject skip",
        "verify b2 --config pki/reroot.toml --input reel.zip",
    ] {
        both(&workshop, &words(args));
    }
    let file = file.as_os_str();
    both(&workshop, &[OsStr::new("inspect"), file]);
    workshop.write("list.txt", format!("{}\n{HOSTILE}\n", leaf.uid()).as_bytes());
    let list = "inspect reel.zip --verify --config pki/reroot.toml --expect list.txt";
    both(&workshop, &words(list));
    both(&workshop, &words("prove b2 --from list.txt"));

    // a CA whose name is hostile, as anchor of everything
    let name = der::st_name("NL", HOSTILE, HOSTILE);
    assert!(name.windows(2).any(|pair| pair == b"\x1b["), "the name holds it");
    let mut root = workshop.pki.root().to_vec();
    put(&workshop.path("hostile.pem"), der::pem(HOSTILE, &root));
    root.truncate(40);
    put(&workshop.path("short.pem"), der::pem("CERTIFICATE", &root));
    for file in ["hostile.pem", "short.pem"] {
        both(&workshop, &words(&format!("verify b2 --source-anchor {file} --issuer-anchor pki/ca/root.pem")));
        both(&workshop, &words(&format!("ca import {file} --config pki/reroot.toml")));
        both(&workshop, &words(&format!("policy check policy.toml --issuer {file}")));
    }
}

#[test]
fn what_was_sealed_and_recorded_is_shown_safely() {
    let workshop = Workshop::new();
    workshop.reel("reel.zip", 0..2);
    let reason = HOSTILE.trim();
    let more = ["--bulk-id", reason, "--publish-bulk-id"];
    let issued = workshop.issue("reel.zip", "batch", &more);
    assert_printable(&issued);
    let issued = workshop.issue("reel.zip", "again", &["--reissue", reason]);
    assert_printable(&issued);
    for batch in ["batch", "again"].into_iter().filter(|batch| workshop.path(batch).exists()) {
        for args in [
            format!("verify {batch} --config pki/reroot.toml --history {batch} --report {batch}.html"),
            format!("prove {batch} {}", workshop.pki.leaf(0).uid()),
            format!("export {batch} --to csv --out {batch}.csv --config pki/reroot.toml"),
            format!("lookup {batch} {} --config pki/reroot.toml", workshop.pki.leaf(0).uid()),
        ] {
            both(&workshop, &words(&args));
        }
        let page = std::fs::read_to_string(workshop.path(&format!("{batch}.html"))).unwrap();
        assert!(page.chars().all(|character| character == '\n' || is_printable(character)));
    }
    for args in ["ledger stats --config pki/reroot.toml", "ledger verify --config pki/reroot.toml"] {
        both(&workshop, &words(args));
    }
}

#[test]
fn a_broken_batch_and_a_broken_proof_are_described_safely() {
    let workshop = Workshop::new();
    workshop.reel("reel.zip", 0..2);
    workshop.issue("reel.zip", "batch", &[]).success();
    for file in ["manifest.json", "manifest.jsonl", "rejected.jsonl", "inputs.jsonl", "policy.toml", "chain.pem"] {
        let copy = workshop.copy();
        let path = copy.path("batch").join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        for damaged in [format!("{HOSTILE}{text}"), text.replacen('"', &format!("\"{}", one_line()), 3)] {
            put(&path, damaged);
            both(&copy, &words("verify batch --config pki/reroot.toml"));
            both(&copy, &words("export batch --to csv --out e --config pki/reroot.toml"));
            both(&copy, &words(&format!("prove batch {}", workshop.pki.leaf(0).uid())));
        }
    }
    let proof = workshop.reroot(&["prove", "batch", &workshop.pki.leaf(0).uid()]).run().success().out();
    for (at, damaged) in [proof.replacen("\":\"", &format!("\":\"{}", one_line()), 2), format!("{HOSTILE}{proof}")]
        .into_iter()
        .enumerate()
    {
        let file = format!("{at}.proof.json");
        workshop.write(&file, damaged.as_bytes());
        both(&workshop, &words(&format!("verify-proof {file} --config pki/reroot.toml")));
    }
}

#[test]
fn binary_data_is_not_written_to_a_terminal() {
    let workshop = Workshop::new();
    workshop.reel("reel.zip", 0..1);
    workshop.issue("reel.zip", "batch", &[]).success();
    let command = format!(
        "{} lookup batch {} --der --config pki/reroot.toml",
        env!("CARGO_BIN_EXE_reroot"),
        workshop.pki.leaf(0).uid()
    );
    // script(1) gives it a terminal and passes the exit code on
    let on_terminal = Run::tool("script").args(["-qec", &command, "/dev/null"]).folder(workshop.folder()).run();
    assert!(on_terminal.out().contains("binary data is not written to a terminal"), "{}", on_terminal.out());
    assert_eq!(on_terminal.code, Some(2));
    let piped = workshop.reroot(&command.split(' ').skip(1).collect::<Vec<_>>()).run().success();
    assert_eq!(piped.stdout.first(), Some(&0x30));
}

#[test]
fn a_terminal_gets_colours_of_this_program_and_nothing_else() {
    let workshop = Workshop::new();
    let one_line = one_line();
    let policy = POLICY.replace("not_after = \"5y\"", &format!("notafter = \"5y\" # {one_line}"));
    workshop.write("bad.toml", policy.as_bytes());
    let command = format!("{} policy check bad.toml", env!("CARGO_BIN_EXE_reroot"));
    let finished = Run::tool("script").args(["-qec", &command, "/dev/null"]).folder(workshop.folder()).run();
    let text = finished.out();
    assert!(text.contains("cannot be used"), "{text}");
    assert!(!text.contains("\x1b[2J") && !text.contains('\u{9b}') && !text.contains('\u{202e}'), "{text:?}");
    assert!(text.contains("\\u{9b}31m"), "{text:?}");
    let command = format!("{} policy check nowhere.toml", env!("CARGO_BIN_EXE_reroot"));
    let on_terminal = |colours: &str| {
        let run = Run::tool("script").args(["-qec", &command, "/dev/null"]).folder(workshop.folder());
        run.env("NO_COLOR", colours).env("TERM", "xterm").run().out()
    };
    assert!(on_terminal("").contains("\x1b[1;31merror:\x1b[0m "), "{:?}", on_terminal(""));
    assert!(!on_terminal("1").contains('\x1b'), "{:?}", on_terminal("1"));
}
