//! Every text and every seal that a stranger hands over: no panic, and what is read, written again, is the same bytes.
//!
//! The first byte says what the rest is.
#![no_main]

use libfuzzer_sys::fuzz_target;
use reroot::manifest::possession::{Challenge, Receipt, Supplement};
use reroot::manifest::timestamp::Token;
use reroot::manifest::{Entry, FindingLine, Format, InputLine, MissingLine, Proof, Statement, seal};
use reroot::verify::Family;

const FORMATS: [Format; 4] = [
    Format::One,
    Format::Two(Family::StsafeA),
    Format::Two(Family::StsafeL),
    Format::Two(Family::Generic),
];

fuzz_target!(|bytes: &[u8]| {
    let Some((kind, rest)) = bytes.split_first() else { return };
    let text = || str::from_utf8(rest).ok();
    match kind % 11 {
        0 => {
            if let Ok(statement) = Statement::parse(rest) {
                assert_eq!(statement.to_bytes(), rest);
            }
        }
        1 => {
            // the byte that says what it is says of which version too
            let format = FORMATS[usize::from(kind / 11) % FORMATS.len()];
            if let Some(Ok(entry)) = text().map(|line| Entry::parse(format, line)) {
                assert_eq!(entry.line().as_bytes(), rest);
            }
        }
        2 => {
            if let Some(Ok(finding)) = text().map(FindingLine::parse) {
                assert_eq!(finding.line().as_bytes(), rest);
            }
        }
        3 => {
            if let Some(Ok(input)) = text().map(InputLine::parse) {
                assert_eq!(input.line().as_bytes(), rest);
            }
        }
        4 => {
            if let Ok(proof) = Proof::parse(rest) {
                assert_eq!(proof.to_line().as_bytes(), rest);
            }
        }
        5 => drop(Challenge::parse(rest)),
        6 => {
            if let Ok(receipts) = Receipt::parse_all(rest) {
                let again: String = receipts.iter().map(|receipt| receipt.line() + "\n").collect();
                assert_eq!(again.as_bytes(), rest);
            }
        }
        7 => {
            if let Ok(supplement) = Supplement::parse(rest) {
                assert_eq!(supplement.to_line().as_bytes(), rest);
            }
        }
        8 => {
            if let Ok(token) = Token::read(rest) {
                assert!(token.verify(b"a statement", &[]).is_err(), "no anchor, no time-stamp");
            }
        }
        9 => drop(seal::certificate_in(rest)),
        _ => {
            if let Some(Ok(missing)) = text().map(MissingLine::parse) {
                assert_eq!(missing.line().as_bytes(), rest);
            }
        }
    }
});
