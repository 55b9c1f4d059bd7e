//! Stations: their packs and loads, and no other station's.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::client::{Answer, ask};
use super::service::Service;

fn report(service: &Service, token: &str, station: &str, text: &str, digest: Option<&str>) -> Answer {
    let bearer = format!("Bearer {token}");
    let mut headers = vec![("Authorization", &bearer[..]), ("Content-Type", "application/x-ndjson")];
    headers.extend(digest.map(|digest| ("Content-Digest", digest)));
    ask(&service.address, "POST", &format!("/v1/stations/{station}/loads"), &headers, text.as_bytes())
}

fn load(seq: u64, uid: &str) -> String {
    let load =
        json!({"seq": seq, "uid": uid, "sha256": "0".repeat(64), "result": "loaded", "time": "2026-11-28T10:00:00Z"});
    format!("{load}\n")
}

#[test]
fn a_station_has_the_packs_that_are_assigned_to_it_and_no_others() {
    let service = Service::with_batches();
    let [one, two] = ["line-1", "line-2"].map(|name| service.new_token(name, &["station"]));
    let operator = service.new_token("anna", &["operator"]);
    let batch = service.workshop.statement("data/batches/one")["batch"].as_str().unwrap().to_owned();
    let (packs, pack) = ("/v1/stations/line-1/packs", format!("/v1/stations/line-1/packs/{batch}"));
    assert_eq!(service.get(&one, packs).expect(200).json()["items"], json!([]));
    service.get(&one, &pack).problem(404, "station.pack-unassigned");
    service.ask(&one, "PUT", &pack, b"").problem(403, "auth.role");
    for _ in 0..2 {
        service.ask(&operator, "PUT", &pack, b"").expect(204);
    }
    service.ask(&operator, "PUT", "/v1/stations/line-1/packs/none", b"").problem(404, "batch.unknown");
    service.ask(&operator, "PUT", &format!("/v1/stations/a%20b/packs/{batch}"), b"").problem(400, "request.malformed");
    let listed = service.get(&one, packs).expect(200).json();
    let sent = service.get(&one, &pack).expect(200);
    assert_eq!(listed["items"][0]["sha256"], reroot::crypto::sha256(&sent.body).to_string());
    assert_eq!(listed["items"][0]["by"], "anna");
    // a station's own chips are found, and nothing else is
    for path in ["/v1/stations/line-1/packs", "/v1/stations/line-1/loads", &pack] {
        service.get(&two, path).problem(403, "auth.role");
    }
    service.get(&one, "/v1/batches").problem(403, "auth.role");
    service.ask(&operator, "DELETE", &pack, b"").expect(204);
    service.ask(&operator, "DELETE", &pack, b"").problem(404, "station.pack-unassigned");
    service.get(&one, &pack).problem(404, "station.pack-unassigned");
}

#[test]
fn loads_are_kept_once_in_the_order_of_the_station() {
    let service = Service::with_batches();
    let token = service.new_token("line-1", &["station"]);
    let uid = "0209A021E021C4E1D00139";
    let first = load(1, uid) + &load(2, uid);
    let digest =
        |text: &str| format!("sha-256=:{}:", STANDARD.encode(reroot::crypto::sha256(text.as_bytes()).as_bytes()));
    let kept = |answer: Answer| {
        let kept = answer.expect(200).json();
        (kept["last_seq"].as_u64().unwrap(), kept["new"].as_u64().unwrap())
    };
    assert_eq!(kept(report(&service, &token, "line-1", &first, Some(&digest(&first)))), (2, 2));
    // the answer was lost: the station sends the same and what follows
    let again = format!("{first}{}", load(3, uid));
    assert_eq!(kept(report(&service, &token, "line-1", &again, None)), (3, 1));
    assert_eq!(kept(report(&service, &token, "line-1", "", None)), (3, 0));
    report(&service, &token, "line-1", &load(2, "0209B0846159E439520139"), None).problem(409, "station.load-differs");
    report(&service, &token, "line-1", &load(5, uid), None).problem(409, "station.load-gap");
    report(&service, &token, "line-1", &load(4, uid), Some(&digest("other"))).problem(422, "station.load-digest");
    report(&service, &token, "line-2", &load(1, uid), None).problem(403, "auth.role");
    for (wrong, said) in [
        ("{".to_owned(), "line 1"),
        (load(4, uid) + "x\n", "line 2"),
        (load(4, "0209a021e021c4e1d00139"), "`uid` is not one"),
        (load(4, uid).replace("loaded", "eaten"), "eaten"),
        (load(4, uid).replace("10:00", "25:00"), "`time` is not one"),
        (load(4, uid).replace('}', ",\"more\":1}"), "more"),
    ] {
        let answer = report(&service, &token, "line-1", &wrong, None).problem(400, "request.malformed");
        assert!(answer.text().contains(said), "{}", answer.text());
    }
    // of a report that was refused nothing is kept
    report(&service, &token, "line-1", &(load(4, uid) + &load(6, uid)), None).problem(409, "station.load-gap");
    let list = service.get(&token, "/v1/stations/line-1/loads?limit=2").expect(200).json();
    assert_eq!(list["items"].as_array().unwrap().len(), 2);
    let path = format!("/v1/stations/line-1/loads?cursor={}", list["next"].as_str().unwrap());
    assert_eq!(service.get(&token, &path).expect(200).json()["items"][0]["seq"], 3);
    let operator = service.new_token("anna", &["operator"]);
    let stations = service.get(&operator, "/v1/stations").expect(200).json();
    assert_eq!((&stations["items"][0]["name"], &stations["items"][0]["last_seq"]), (&"line-1".into(), &3.into()));
}
