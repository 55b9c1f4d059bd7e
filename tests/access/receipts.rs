//! Receipts: what chips signed on the line is verified, kept once, and refused line by line.

#![expect(clippy::unwrap_used, reason = "also in what the tests share: what cannot be unwrapped fails the test")]

use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use p256::pkcs8::DecodePrivateKey as _;
use reroot::manifest::possession::{Challenge, Receipt};
use reroot::x509::Time;
use serde_json::{Value, json};

use super::client::{Answer, ask};
use super::service::Service;

/// The answer of a chip of the batch `one` to a challenge with this nonce, as a station sends it.
fn receipt(service: &Service, seq: u64, index: u64, nonce: u8) -> Value {
    let leaf = service.workshop.pki.leaf(index);
    let uid = leaf.uid();
    let lines = service.workshop.lines("data/batches/one");
    let line = lines.iter().find(|line| line["uid"] == uid).expect("the chip is in the batch");
    let challenge = Challenge {
        batch: batch(service),
        uid: uid.parse().unwrap(),
        certificate_sha256: line["sha256"].as_str().unwrap().parse().unwrap(),
        nonce: [nonce; 32],
    };
    let key = SigningKey::from_pkcs8_der(&leaf.key).unwrap();
    let signature: Signature = key.sign(&challenge.message());
    let receipt = Receipt {
        uid: challenge.uid,
        certificate_sha256: challenge.certificate_sha256,
        nonce: challenge.nonce,
        signature: signature.to_der().as_bytes().to_vec(),
        time: Time::from_rfc3339("2026-11-28T10:00:00Z").unwrap(),
    };
    json!({ "seq": seq, "batch": challenge.batch, "receipt": serde_json::from_str::<Value>(&receipt.line()).unwrap() })
}

fn batch(service: &Service) -> String {
    service.workshop.statement("data/batches/one")["batch"].as_str().unwrap().to_owned()
}

fn report(service: &Service, token: &str, station: &str, lines: &[&Value], digest: Option<&str>) -> Answer {
    let text = lines.iter().fold(String::new(), |text, line| text + &line.to_string() + "\n");
    let bearer = format!("Bearer {token}");
    let mut headers = vec![("Authorization", &bearer[..]), ("Content-Type", "application/x-ndjson")];
    headers.extend(digest.map(|digest| ("Content-Digest", digest)));
    ask(&service.address, "POST", &format!("/v1/stations/{station}/receipts"), &headers, text.as_bytes())
}

/// The last number, how many were new, and number and code of each refused line.
fn kept(answer: Answer) -> (u64, u64, Vec<(Value, String)>) {
    let kept = answer.expect(200).json();
    let refused = kept["refused"].as_array().unwrap().iter();
    let refused = refused.map(|one| (one["line"].clone(), one["code"].as_str().unwrap().to_owned())).collect();
    (kept["last_seq"].as_u64().unwrap(), kept["new"].as_u64().unwrap(), refused)
}

#[test]
fn receipts_are_verified_and_kept_once_and_a_bad_line_stops_no_other() {
    let service = Service::with_batches();
    let [token, other] = ["line-1", "line-2"].map(|name| service.new_token(name, &["station"]));
    let [one, two, three] = [1, 2, 3].map(|seq| receipt(&service, seq, seq, u8::try_from(seq).unwrap()));
    assert_eq!(kept(report(&service, &token, "line-1", &[], None)), (0, 0, vec![]));
    assert_eq!(kept(report(&service, &token, "line-1", &[&one, &two], None)), (2, 2, vec![]));
    // the answer was lost: the station sends the same and what follows
    assert_eq!(kept(report(&service, &token, "line-1", &[&one, &two, &three], None)), (3, 1, vec![]));

    let with = |seq: u64, change: &dyn Fn(&mut Value)| {
        let mut line = receipt(&service, seq, 4, u8::try_from(seq).unwrap());
        change(&mut line);
        line
    };
    let mut signature = with(10, &|_| {})["receipt"]["signature"].clone();
    signature = json!(signature.as_str().unwrap().replace(['0', '1'], "2"));
    let lines = [
        with(10, &|line| line["receipt"]["signature"] = signature.clone()),
        with(11, &|line| line["receipt"]["nonce"] = json!("0".repeat(64))),
        with(12, &|line| line["batch"] = json!("01900000-0000-7000-8000-000000000000")),
        with(13, &|line| line["receipt"]["certificate_sha256"] = json!("0".repeat(64))),
        with(14, &|line| line["receipt"]["uid"] = json!("0209ffffffffffffff0139")),
        with(15, &|line| line["more"] = json!(1)),
        with(0, &|_| {}),
        // a number that is kept, and a challenge that was answered
        with(2, &|_| {}),
        with(16, &|line| line["receipt"] = one["receipt"].clone()),
        with(17, &|_| {}),
    ];
    let lines: Vec<&Value> = lines.iter().collect();
    let (last, new, refused) = kept(report(&service, &token, "line-1", &lines, None));
    let codes: Vec<&str> = refused.iter().map(|(_, code)| &**code).collect();
    assert_eq!(
        codes,
        [
            "receipt.signature",
            "receipt.signature",
            "receipt.certificate-unknown",
            "receipt.certificate-unknown",
            "receipt.malformed",
            "receipt.malformed",
            "receipt.malformed",
            "receipt.differs",
            "receipt.answered"
        ]
    );
    assert_eq!((last, new), (17, 1), "what follows refused lines is kept");
    let places: Vec<u64> = refused.iter().map(|(line, _)| line.as_u64().unwrap()).collect();
    assert_eq!(places, (1..=9).collect::<Vec<_>>());
    // a different station with the receipt of this one
    assert_eq!(kept(report(&service, &other, "line-2", &[&one], None)).2[0].1, "receipt.answered");

    // nothing of a report whose digest is wrong, and nobody else's numbers
    let four = with(18, &|_| {});
    let wrong = "sha-256=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:";
    report(&service, &token, "line-1", &[&four], Some(wrong)).problem(422, "station.load-digest");
    report(&service, &token, "line-2", &[&four], None).problem(403, "auth.role");

    // what is kept is what was sent, page by page, after a restart too
    let auditor = service.new_token("ada", &["auditor"]);
    let page = service.get(&auditor, "/v1/stations/line-1/receipts?limit=3").expect(200).json();
    let seqs: Vec<u64> = page["items"].as_array().unwrap().iter().map(|one| one["seq"].as_u64().unwrap()).collect();
    assert_eq!((seqs, &page["items"][0]["receipt"]), (vec![1, 2, 3], &one["receipt"]));
    let next = format!("/v1/stations/line-1/receipts?limit=3&cursor={}", page["next"].as_str().unwrap());
    assert_eq!(service.get(&auditor, &next).expect(200).json()["items"][0]["seq"], 17);
    let viewer = service.new_token("vera", &["viewer"]);
    service.get(&viewer, "/v1/stations/line-1/receipts").problem(403, "auth.role");
}
