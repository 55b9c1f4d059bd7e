//! A small HTTP client: one request a connection, and everything that came back.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The document.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {} {}", self.status, String::from_utf8_lossy(&self.body)))
    }

    /// Demands a status, and shows everything if it is a different one.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.body));
        self
    }

    /// Demands a problem with this status and code.
    #[track_caller]
    pub(crate) fn problem(self, status: u16, code: &str) -> Value {
        let document = self.json();
        assert_eq!((self.status, document["code"].as_str()), (status, Some(code)), "{document}");
        assert_eq!(self.headers["content-type"], "application/problem+json");
        document
    }
}

/// Someone who asks.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    pub(crate) address: SocketAddr,
    pub(crate) token: Option<String>,
}

impl Client {
    /// Sends a request and reads the answer to its end.
    #[track_caller]
    pub(crate) fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        self.try_send(method, path, headers, body).unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    pub(crate) fn try_send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> std::io::Result<Answer> {
        let mut stream = self.connect()?;
        stream.write_all(self.head(method, path, headers, body.len()).as_bytes())?;
        // a server that refuses the head need not read the body
        let _ = stream.write_all(body);
        let mut all = Vec::new();
        stream.read_to_end(&mut all)?;
        parse(&all).ok_or_else(|| std::io::Error::other("no answer"))
    }

    pub(crate) fn connect(&self) -> std::io::Result<TcpStream> {
        let stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(Duration::from_secs(90)))?;
        Ok(stream)
    }

    /// The head of a request whose body has this length.
    pub(crate) fn head(&self, method: &str, path: &str, headers: &[(&str, &str)], length: usize) -> String {
        let mut head = format!("{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n", self.address);
        if let Some(token) = &self.token {
            write!(head, "authorization: Bearer {token}\r\n").expect("writing to a String");
        }
        for (name, value) in headers {
            write!(head, "{name}: {value}\r\n").expect("writing to a String");
        }
        if length > 0 || method == "POST" || method == "PUT" {
            write!(head, "content-length: {length}\r\n").expect("writing to a String");
        }
        head + "\r\n"
    }

    #[track_caller]
    pub(crate) fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], &[])
    }

    #[track_caller]
    pub(crate) fn post(&self, path: &str, document: &Value) -> Answer {
        self.send("POST", path, &[JSON], document.to_string().as_bytes())
    }

    #[track_caller]
    pub(crate) fn put_json(&self, path: &str, headers: &[(&str, &str)], document: &Value) -> Answer {
        let headers: Vec<(&str, &str)> = [&[JSON], headers].concat();
        self.send("PUT", path, &headers, document.to_string().as_bytes())
    }

    /// Announces and sends a file. Returns its id.
    #[track_caller]
    pub(crate) fn upload(&self, name: &str, content: &[u8]) -> String {
        let new = serde_json::json!({ "name": name, "bytes": content.len() });
        let upload = self.post("/v1/uploads", &new).expect(201).json();
        let place = upload["content"].as_str().unwrap();
        self.send("PUT", place, &[], content).expect(200);
        upload["id"].as_str().unwrap().to_owned()
    }

    /// Reads the events of a job after one, until they say this.
    #[track_caller]
    pub(crate) fn events(&self, job: &str, after: &str, until: &str) -> String {
        let mut stream = self.connect().unwrap();
        let path = format!("/v1/jobs/{job}/events");
        stream.write_all(self.head("GET", &path, &[("last-event-id", after)], 0).as_bytes()).unwrap();
        let (mut said, mut block) = (Vec::new(), [0; 4096]);
        while !String::from_utf8_lossy(&said).contains(until) {
            let count = stream.read(&mut block).unwrap();
            assert!(count > 0, "{}", String::from_utf8_lossy(&said));
            said.extend_from_slice(&block[..count]);
        }
        String::from_utf8(said).unwrap()
    }

    /// Waits until a job is in one of these states. Returns it.
    #[track_caller]
    pub(crate) fn wait_for(&self, job: &str, states: &[&str]) -> Value {
        let path = format!("/v1/jobs/{job}");
        let mut tag = String::new();
        for _ in 0..60 {
            let answer = self.send("GET", &path, &[("prefer", "wait=10"), ("if-none-match", &tag)], &[]);
            if answer.status == 304 {
                continue;
            }
            let answer = answer.expect(200);
            let found = answer.json();
            if states.contains(&found["state"].as_str().unwrap()) {
                return found;
            }
            let over = ["published", "recorded", "refused", "failed", "canceled", "checked"];
            assert!(!over.contains(&found["state"].as_str().unwrap()), "expected {states:?}: {found:#}");
            tag.clone_from(&answer.headers["etag"]);
        }
        panic!("job {job} is not in {states:?}: {:#}", self.get(&path).json());
    }
}

const JSON: (&str, &str) = ("content-type", "application/json");

fn parse(all: &[u8]) -> Option<Answer> {
    let end = all.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&all[..end]).into_owned();
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let header = |line: &str| line.split_once(": ").map(|(name, value)| (name.to_lowercase(), value.to_owned()));
    let mut headers: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in lines.filter_map(header) {
        // several cookies are one a line; of other headers the last counts
        match headers.get_mut(&name) {
            Some(before) if name == "set-cookie" => {
                before.push('\n');
                before.push_str(&value);
            }
            _ => drop(headers.insert(name, value)),
        }
    }
    let mut body = all[end + 4..].to_vec();
    if headers.get("transfer-encoding").is_some_and(|coding| coding == "chunked") {
        body = unchunked(&body);
    }
    (status != 100).then_some(Answer { status, headers, body })
}

fn unchunked(mut body: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    while let Some(end) = body.windows(2).position(|window| window == b"\r\n") {
        let length = usize::from_str_radix(&String::from_utf8_lossy(&body[..end]), 16).unwrap_or(0);
        let from = end + 2;
        if length == 0 || body.len() < from + length + 2 {
            break;
        }
        whole.extend_from_slice(&body[from..from + length]);
        body = &body[from + length + 2..];
    }
    whole
}
