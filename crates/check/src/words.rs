//! What the libraries say, in the words of this command line.
//!
//! A library's message or hint names what to do and no option or command that does it: another front door has other ones.
//! Each row here has such a phrase, and the same with the option or command of these programs.
//! `tests/check/architecture/mod.rs` sees to it that the libraries name none themselves, and that every phrase here is one of theirs.

use serde_json::Value;

/// Returns the text with this program's options and commands in it.
pub fn ours(text: &str) -> String {
    PHRASES.iter().fold(
        text.to_owned(),
        |text, (theirs, ours)| {
            if text.contains(theirs) { text.replace(theirs, ours) } else { text }
        },
    )
}

/// Does the same to the texts in a document for programs: hints, warnings, and reasons why nothing was done.
pub(crate) fn ours_in(document: &mut Value) {
    match document {
        Value::Object(members) => {
            for (name, member) in members {
                match (name.as_str(), member) {
                    ("hint" | "reasons" | "warnings", member) => reword(member),
                    (_, member) => ours_in(member),
                }
            }
        }
        Value::Array(elements) => elements.iter_mut().for_each(ours_in),
        _ => {}
    }
}

fn reword(said: &mut Value) {
    match said {
        Value::String(text) => *text = ours(text),
        Value::Array(elements) => elements.iter_mut().for_each(reword),
        other => ours_in(other),
    }
}

/// A library's phrase, and ours.
pub(crate) const PHRASES: &[(&str, &str)] = &[
    // where things are written
    ("Choose another output, or move", "Choose another --out, or move"),
    ("overwritten: choose another output.", "overwritten: choose another --out."),
    ("Give the output a path that", "Give --out a path that"),
    ("Choose DER, PEM or both.", "Use --form der, --form pem or --form der,pem."),
    ("Give the size of the zone: 1000", "Give --zone-bytes: 1000"),
    (
        "Make the pack again from the batch.",
        "Make the pack again from the batch: `reroot export BATCH --to line-pack --out FILE`.",
    ),
    (
        "Ask the other site for the list of its names.",
        "The other site makes one with `reroot ledger export-names FILE`.",
    ),
    // workers
    (
        "Sign the whole plan on this machine.",
        "Sign the whole plan on this machine: `reroot sign PLAN --out SIGNATURES`.",
    ),
    (
        "Name the directory to which the planner wrote the leaves.",
        "`--leaves` names the directory that `reroot plan --pool` wrote to, a copy of it, or the URL that serves it.",
    ),
    (
        "Run the same command again when the workers are done.",
        "Run the same command again when the workers are done (`reroot pool status`).",
    ),
    // anchors and engines
    ("manifest.pem as the manifest anchor;", "manifest.pem with --manifest-anchor;"),
    (
        "the root of the source leaves as the source anchor and your own as the issuer anchor.",
        "the root of the source leaves with --source-anchor and your own with --issuer-anchor.",
    ),
    ("[source] anchors or for this run;", "[source] anchors or with --source-anchor;"),
    ("no authority's anchor was given", "no authority's anchor was given (--tsa-anchor)"),
    ("again with the general engine,", "again with --generic,"),
    // policies
    ("Give it as ", "Give it with --set "),
    ("The shipped policy tls-client is a whole one.", "`reroot policy shipped tls-client` prints a whole policy."),
    // what is expected, and what is decided for a reason
    ("(the count that was given)", "(--expect-count)"),
    ("(the head that was given)", "(--expect-head)"),
    ("not one of this reel; no list of chips was given", "not one of this reel (--expect)"),
    ("; they are issued again only for a reason, which is recorded", "; pass --reissue REASON to issue them again"),
    ("accept it for a reason; the reason", "pass --accept-clock REASON; the reason"),
    ("accepting the clock: the reason", "--accept-clock: the reason"),
    ("asking the CA again: the reason", "--because: the reason"),
    ("issuing again: the reason", "--reissue: the reason"),
    ("the bulk identifier is empty", "--bulk-id is empty"),
    ("the CA's certificates cannot be read from standard input", "--certificates cannot be read from standard input"),
    // making a CA
    (
        "the certificate that was made with the CA, in ca/manifest.pem,",
        "the certificate that `reroot init` writes to ca/manifest.pem,",
    ),
    ("The certificate that was made with the CA is right;", "A certificate from `reroot init` is right;"),
    ("the configuration of a new CA names ST's.", "`reroot init` writes ST's."),
    ("Leave out the kind of key.", "Leave out --key."),
    ("the others are made in tokens only.", "the others are made in tokens only (--pkcs11)."),
    ("certificate up to the root, nearest first, or", "certificate up to the root with --chain, nearest first, or"),
    ("Leave the chain out;", "Leave --chain out;"),
    ("Give every certificate up to the root, in PEM", "Give every certificate up to the root with --chain, in PEM"),
    (
        "Give the certificate of the issuing CA; of PKCS#12",
        "Give the certificate of the issuing CA with --issuer-cert; of PKCS#12",
    ),
    (
        "Let the manifest signer have an anchor of its own.",
        "Let the manifest signer have an anchor of its own: --manifest-under own-anchor.",
    ),
    ("for a new CA the options for its passphrase.", "for a new CA --passphrase-env or --passphrase-file."),
    // having another CA, or the other machine, sign
    ("which asking a CA by CMP needs", "which `--issuer cmp` needs"),
    (
        "The signing machine takes plans for its own key, not those for an external CA.",
        "`reroot sign` is for plans made without --foreign.",
    ),
    (
        "; a plan with a reason for issuing again asks for another certificate.",
        "; `plan --reissue REASON` asks for another certificate.",
    ),
    (
        "The signing machine writes it again from the same plan, and prints",
        "`reroot sign` on the signing machine writes it again, and prints",
    ),
    // the ledger
    (
        "a ledger: wait until the other one has ended, then run the same command again.",
        "a ledger: run the same command again when the other one has ended, or let it wait with --wait SECONDS.",
    ),
    ("or look at which batches are open.", "or see `reroot ledger stats`."),
    ("Verify the whole ledger;", "Run `reroot ledger verify`;"),
    (": verify the whole ledger, and look", ": `reroot ledger verify`, and look"),
    ("A copy can be verified and counted.", "`reroot ledger verify`, `stats` and `head` read copies."),
    ("it is not a head as this program prints it", "it is not a head as `reroot ledger head` prints it"),
    // files that others can change
    ("If the sharing is meant, it can be allowed.", "If the sharing is meant, --allow-shared overrules this check."),
    // tokens
    ("for a token: examine it", "for a token: reroot hsm doctor URI"),
    ("for a token, have it examined;", "for a token, `reroot hsm doctor URI` goes through it;"),
    (
        "An examination of the token shows the public key object.",
        "`reroot hsm doctor URI` prints the public key object.",
    ),
    ("An examination of the token shows what there is.", "`reroot hsm doctor URI` shows what there is."),
    (
        "An examination of the token lists the mechanisms that it offers.",
        "`reroot hsm doctor URI` lists the mechanisms that the token offers.",
    ),
    (
        "An examination goes through the token step by step.",
        "`reroot hsm doctor URI` goes through the token step by step.",
    ),
];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn no_phrase_is_put_in_twice() {
        for (theirs, named) in PHRASES {
            assert_eq!(ours(&format!("({theirs})")), format!("({named})"));
        }
    }

    #[test]
    fn what_is_said_to_programs_is_the_same() {
        let (theirs, named) = PHRASES[0];
        let mut document = json!({ "error": theirs, "codes": { "a.b": { "hint": theirs } }, "warnings": ["", theirs] });
        ours_in(&mut document);
        let same = json!({ "error": theirs, "codes": { "a.b": { "hint": named } }, "warnings": ["", named] });
        assert_eq!(document, same);
    }
}
