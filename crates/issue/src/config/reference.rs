//! `docs/reference/config-reference.md`, generated from a table that a test holds against the schema.

use std::fmt::Write as _;

use super::error::CODES;

/// A section of the configuration.
struct Section {
    name: &'static str,
    /// When it must be there.
    needed: &'static str,
    meaning: &'static str,
    keys: &'static [Key],
}

/// A key of a section.
struct Key {
    name: &'static str,
    /// What its value is.
    form: &'static str,
    /// What holds where it is absent.
    absent: &'static str,
    meaning: &'static str,
    /// A line that can be written.
    example: &'static str,
}

const REQUIRED: &str = "required";

const fn key(
    name: &'static str,
    form: &'static str,
    absent: &'static str,
    meaning: &'static str,
    example: &'static str,
) -> Key {
    Key { name, form, absent, meaning, example }
}

const SECRET: &str = "`{ env = \"NAME\" }`, `{ file = \"PATH\" }` or `{ credential = \"NAME\" }` (systemd)";
const KEY: &str = "path of a key file, PKCS#11 URI, or array of URIs";

const SECTIONS: [Section; 9] = [
    Section {
        name: "issuer",
        needed: REQUIRED,
        meaning: "The issuing CA: its certificate goes into every batch, its key signs the certificates.",
        keys: &[
            key("certificate", "path", REQUIRED, "The issuing CA's certificate, PEM or DER.", "\"ca/issuing.pem\""),
            key(
                "chain",
                "array of paths",
                "no certificates above it",
                "The CAs above it, nearest first, up to the root.",
                "[\"ca/root.pem\"]",
            ),
            key(
                "key",
                KEY,
                "commands that sign fail (`config.signer.none`)",
                "Where the private key is. Several URIs name tokens that hold the same key.",
                "\"ca/issuing.key.pem\"",
            ),
            key(
                "secret",
                SECRET,
                "the URI's `pin-source`, or a prompt if the key is encrypted or the token wants a PIN",
                "Where the passphrase or PIN is. The secret itself is never in this file.",
                "{ env = \"CA_PASSPHRASE\" }",
            ),
            key(
                "batch_signer",
                "true or false",
                "true where the processor has AVX-512 IFMA",
                "Whether a P-256 key in a file signs in batches, with the constant-time code of `crates/p256-sign`; otherwise aws-lc signs.",
                "false",
            ),
        ],
    },
    Section {
        name: "manifest",
        needed: REQUIRED,
        meaning: "The manifest signer, which seals batches and plans. Its certificate is for document signing alone (RFC 9336) and is not issued by the issuing CA.",
        keys: &[
            key(
                "certificate",
                "path",
                REQUIRED,
                "The manifest signer's certificate, PEM or DER.",
                "\"ca/manifest.pem\"",
            ),
            key(
                "anchor",
                "path",
                "the end of the issuer's chain",
                "The anchor of the manifest signer, where it is a different one.",
                "\"ca/manifest-anchor.pem\"",
            ),
            key(
                "key",
                KEY,
                "commands that seal fail (`config.signer.none`)",
                "Where the private key is.",
                "\"ca/manifest.key.pem\"",
            ),
            key(
                "secret",
                SECRET,
                "as in `[issuer]`",
                "Where the passphrase or PIN is.",
                "{ file = \"/etc/reroot/manifest.pass\" }",
            ),
        ],
    },
    Section {
        name: "source",
        needed: REQUIRED,
        meaning: "Whose signatures make a leaf a genuine part.",
        keys: &[key(
            "anchors",
            "array of paths, at least one",
            REQUIRED,
            "ST's root certificates. Each file holds one or several.",
            "[\"anchors/stm-stsafe-a-prod-ca-01.pem\"]",
        )],
    },
    Section {
        name: "ledger",
        needed: REQUIRED,
        meaning: "What was recorded, signed and published. One issuing key has one ledger, on a local disk or on a PostgreSQL server.",
        keys: &[
            key("path", "path", REQUIRED, "The ledger's file. Left out where `url` is there.", "\"ledger.db\""),
            key(
                "url",
                "string",
                "the ledger is the file `path`",
                "The ledger on a PostgreSQL server, without a password: `postgres://USER@HOST:PORT/DATABASE`, then after `?`, with `&` between them: `schema=NAME` (default `reroot`), `password_file=/PATH`, `sslrootcert=/PATH` (default: the system's roots), `sslmode=disable` (on this machine alone; otherwise TLS, and the server's name is verified).",
                "\"postgres://reroot@ledger.example/reroot?schema=acme&password_file=/etc/reroot/ledger.password\"",
            ),
            key(
                "head_file",
                "path",
                "the head is printed and not kept",
                "A file, best on another disk, in which the head is noted after each run and compared at the next.",
                "\"/media/heads/acme.head\"",
            ),
        ],
    },
    Section {
        name: "hsm",
        needed: "optional",
        meaning: "How tokens are treated ([keys in an HSM](../guide/hsm.md)).",
        keys: &[
            key(
                "sessions",
                "number from 1 to 1024",
                "found by doubling, up to 32",
                "Sessions at a time in each token.",
                "8",
            ),
            key("call_timeout", "duration from 100ms to 10m", "30s", "The longest wait for one call.", "\"30s\""),
            key(
                "retries",
                "number from 0 to 100",
                "8",
                "Further attempts before a token is given up in this run.",
                "8",
            ),
            key(
                "first_pause",
                "duration from 1ms to 10m",
                "250ms",
                "The pause before the first of them. Each pause is twice as long as the one before.",
                "\"250ms\"",
            ),
            key("longest_pause", "duration from 1ms to 10m", "15s", "The longest pause.", "\"15s\""),
        ],
    },
    Section {
        name: "signing",
        needed: "on a machine that signs plans",
        meaning: "Which plans this machine signs ([other CAs](../guide/other-cas.md)).",
        keys: &[
            key(
                "planners",
                "array of paths",
                REQUIRED,
                "Manifest certificates of those whose plans are taken.",
                "[\"planner.pem\"]",
            ),
            key(
                "policies",
                "array of SHA-256 digests",
                REQUIRED,
                "The policies that may be signed: `sha256sum policy.toml`, 64 lower-case hexadecimal digits each.",
                "[\"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\"]",
            ),
            key(
                "max_days",
                "number from 1 to 3650",
                REQUIRED,
                "How many days a plan's instant may be from this machine's clock.",
                "30",
            ),
            key(
                "routine_days",
                "number from 1 to 60",
                "every round of revocation lists is approved",
                "A round of revocation lists that changes nothing needs no approval, if its lists end at most so many days from now ([service](../guide/service.md)).",
                "8",
            ),
            key(
                "approvals",
                "number from 1 to 9, `\"signed\"` or `\"console\"`",
                "0: no approval is needed; the signing service does not start",
                "How many persons, besides the one who asked, must approve a plan with a signature of their own; `\"signed\"` is 1. `\"console\"`: the signing service takes a second person's click, which the program that hands the plan over tells it; that program is then the approver ([service](../guide/service.md)).",
                "1",
            ),
            key(
                "approvers",
                "table of paths",
                "none",
                "Who may approve: the person's name and the certificate of the person's key. No two may be the same person or have the same key, and none may be a planner's.",
                "{ \"anna@example.com\" = \"approvers/anna.pem\" }",
            ),
        ],
    },
    Section {
        name: "signer",
        needed: "on a machine with a signing service",
        meaning: "Where the signing service listens and what it keeps ([service](../guide/service.md)).",
        keys: &[
            key("socket", "path of at most 107 bytes", REQUIRED, "The Unix socket.", "\"/run/reroot-signer/socket\""),
            key(
                "directory",
                "path",
                REQUIRED,
                "An existing folder of the service's user: plans and signatures until they are answered and fetched.",
                "\"/var/lib/reroot-signer\"",
            ),
            key(
                "peers",
                "array of strings",
                "root and the service's own user alone",
                "Users that may connect besides these two: names of `/etc/passwd`, or numbers.",
                "[\"reroot\"]",
            ),
        ],
    },
    Section {
        name: "cmp",
        needed: "to ask an external CA by CMP",
        meaning: "An external CA that speaks CMP ([other CAs](../guide/other-cas.md)). Requests are protected either by `reference` and `secret`, or by `certificate` and `key`.",
        keys: &[
            key(
                "url",
                "http:// or https:// address",
                REQUIRED,
                "The CA's address.",
                "\"https://ca.example/.well-known/cmp\"",
            ),
            key(
                "reference",
                "text",
                "requests are signed with `key`",
                "The name by which the CA knows the shared secret. Excludes `certificate`, `key` and `chain`.",
                "\"reroot-ra\"",
            ),
            key(
                "secret",
                SECRET,
                "with `reference` required",
                "Where the shared secret is; without `reference`, the key's passphrase or PIN.",
                "{ env = \"CMP_SECRET\" }",
            ),
            key(
                "certificate",
                "path",
                "without `reference` required",
                "The registration authority's certificate.",
                "\"ra/ra.pem\"",
            ),
            key(
                "chain",
                "array of paths",
                "no certificates above it",
                "The CAs above it, nearest first.",
                "[\"ra/ra-ca.pem\"]",
            ),
            key("key", KEY, "without `reference` needed to ask", "Its private key.", "\"ra/ra.key.pem\""),
            key(
                "server_certificate",
                "array of paths",
                "only the shared secret authenticates answers",
                "The certificates whose signatures on answers count.",
                "[\"cmp-server.pem\"]",
            ),
            key(
                "tls_anchors",
                "array of paths",
                "none",
                "For https: the roots of the server's certificate.",
                "[\"tls-root.pem\"]",
            ),
            key("timeout", "duration from 1s to 60m", "60s", "The longest wait for one answer.", "\"60s\""),
            key("concurrency", "number from 1 to 64", "4", "Requests at a time.", "4"),
            key("retries", "number from 1 to 100", "3", "Further attempts while the CA is not reached.", "3"),
            key("polls", "number from 1 to 10000", "60", "How often to ask again a CA that wants time.", "60"),
            key("longest_pause", "duration from 1s to 60m", "60s", "The longest pause between two polls.", "\"60s\""),
        ],
    },
    Section {
        name: "access",
        needed: "optional",
        meaning: "Who else may change and read what the configuration names. It does not hold for the configuration itself.",
        keys: &[key(
            "group",
            "name of /etc/group, or a number",
            REQUIRED,
            "The group whose members may do what the user may.",
            "\"reroot\"",
        )],
    },
];

/// The reference of `reroot.toml` as Markdown.
pub fn reference_markdown() -> String {
    let mut page = String::from(HEAD);
    for section in &SECTIONS {
        let Section { name, needed, meaning, .. } = section;
        write!(page, "## `[{name}]`\n\n{meaning} The section is {}.\n\n", said(needed)).expect(STRING);
        page.push_str("| key | value | if absent | meaning | example |\n|---|---|---|---|---|\n");
        for Key { name, form, absent, meaning, example } in section.keys {
            writeln!(page, "| `{name}` | {form} | {absent} | {meaning} | `{example}` |").expect(STRING);
        }
        page.push('\n');
    }
    page.push_str("## Codes\n\n| code | meaning |\n|---|---|\n");
    for (code, meaning) in CODES {
        writeln!(page, "| `{code}` | {meaning} |").expect(STRING);
    }
    page
}

/// When a section must be there, after "is".
fn said(needed: &str) -> String {
    match needed {
        REQUIRED | "optional" => needed.to_owned(),
        when => format!("needed {when}"),
    }
}

const STRING: &str = "writing to a String";

const HEAD: &str = "\
# Reference of reroot.toml

Generated from the program's own table; do not edit.

`reroot.toml` is a TOML file that names the CA, the trust anchors and the ledger. A section or key that is not listed here is an
error. Relative paths are relative to the folder of the file. The file holds no secret; it names where secrets are. Who may
change these files is checked before they are used ([operator guide](../guide/operator-guide.md#files-that-others-can-change)).

A duration is a whole number and a unit: `250ms`, `30s`, `2m`.

";

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "rewrites a checked-in file on request")]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;
    use crate::config::{Config, ConfigErrors};
    use crate::toml::FileError;

    /// The sections that every configuration has, then `last`.
    fn text(skip: &str, last: &str) -> String {
        let needed = SECTIONS.iter().filter(|section| section.needed == REQUIRED && section.name != skip);
        needed.map(|section| written(section, |key| key.absent == REQUIRED)).collect::<String>() + last
    }

    fn written(section: &Section, with: impl Fn(&Key) -> bool) -> String {
        let keys = section.keys.iter().filter(|key| with(key));
        let lines: Vec<String> = keys.map(|key| format!("{} = {}\n", key.name, key.example)).collect();
        format!("[{}]\n{}", section.name, lines.concat())
    }

    fn parse(text: &str) -> Result<Config, ConfigErrors> {
        Config::parse(text, Path::new("/etc/reroot/reroot.toml"))
    }

    #[test]
    fn the_page_is_the_generated_one() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/config-reference.md");
        if std::env::var_os("REROOT_UPDATE").is_some() {
            std::fs::write(&path, reference_markdown()).unwrap();
        }
        let found = std::fs::read_to_string(&path).unwrap_or_default();
        let hint = "is out of date: run the tests with REROOT_UPDATE=1";
        assert!(found == reference_markdown(), "{} {hint}", path.display());
    }

    #[test]
    fn every_example_is_taken() {
        for section in &SECTIONS {
            for without in [
                &[("cmp", "reference"), ("ledger", "url")][..],
                &[("cmp", "certificate"), ("cmp", "chain"), ("cmp", "key"), ("ledger", "path")],
            ] {
                let all = written(section, |key| !without.contains(&(section.name, key.name)));
                parse(&text(section.name, &all)).unwrap_or_else(|errors| panic!("{all}{errors}"));
            }
        }
    }

    /// The message about an unknown key lists the keys that the schema asked for.
    #[test]
    fn the_table_has_the_keys_of_the_schema_and_no_others() {
        for section in &SECTIONS {
            let mut known = BTreeSet::new();
            for without in ["reference", "url", ""] {
                let keys = written(section, |key| key.name != without) + "qqqqqqqqqqqq = 1\n";
                let errors = parse(&text(section.name, &keys)).unwrap_err();
                let hint = errors
                    .errors()
                    .iter()
                    .filter_map(FileError::hint)
                    .find_map(|hint| hint.strip_prefix("Known here: "));
                let hint = hint.expect("the key is unknown").trim_end_matches('.').to_owned();
                known.extend(hint.split(", ").map(str::to_owned));
            }
            let table: BTreeSet<String> = section.keys.iter().map(|key| key.name.to_owned()).collect();
            assert_eq!(known, table, "[{}]", section.name);
        }
        let errors = parse("qqqqqqqqqqqq = 1\n").unwrap_err();
        let hint = errors.errors().iter().find_map(FileError::hint).unwrap().to_owned();
        let known: BTreeSet<&str> = hint.trim_start_matches("Known here: ").trim_end_matches('.').split(", ").collect();
        assert_eq!(known, SECTIONS.iter().map(|section| section.name).collect());
    }
}
