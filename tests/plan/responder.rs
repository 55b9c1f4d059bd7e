//! A CA that speaks just enough CMP (RFC 9810) to issue whole batches, and goes wrong where it is told to: small,
//! written from the RFC and not from the program's own code.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{DerSignature, SigningKey};

/// What happens to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mishap {
    /// The connection ends after the certificate was made: the answer is lost.
    LoseAnswer,
    /// The connection ends before anything is made.
    HangUp,
    /// The certificate is not confirmed by anybody: the answer to certConf is lost.
    LoseAcknowledgement,
    /// The certificate of the chip before comes again.
    OtherKey,
    /// The answer has another transaction.
    OtherTransaction,
    /// The answer repeats somebody else's nonce.
    OtherNonce,
    /// The MAC is of other octets.
    BadMac,
}

/// A running responder; it ends when this is dropped.
pub(crate) struct Responder {
    port: u16,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    /// Of no other responder: part of its serial numbers.
    port: u16,
    key: SigningKey,
    issuer: Vec<u8>,
    secret: Vec<u8>,
    /// By the number of the `cr`, from 0.
    mishaps: BTreeMap<u64, Mishap>,
    requests: AtomicU64,
    issued: Mutex<Vec<(Vec<u8>, Vec<u8>)>>,
    lost: AtomicBool,
    end: AtomicBool,
}

impl Responder {
    /// Issues with this key under this name; `mishaps` by the number of the request.
    pub(crate) fn start(
        key: SigningKey,
        issuer: Vec<u8>,
        secret: &str,
        mishaps: impl IntoIterator<Item = (u64, Mishap)>,
    ) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let port = listener.local_addr().expect("it is bound").port();
        let shared = Arc::new(Shared {
            port,
            key,
            issuer,
            secret: secret.as_bytes().to_vec(),
            mishaps: mishaps.into_iter().collect(),
            requests: AtomicU64::new(0),
            issued: Mutex::new(vec![]),
            lost: AtomicBool::new(false),
            end: AtomicBool::new(false),
        });
        let served = Arc::clone(&shared);
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if served.end.load(Ordering::SeqCst) {
                    return;
                }
                let served = Arc::clone(&served);
                if let Ok(stream) = stream {
                    std::thread::spawn(move || drop(serve(&served, stream)));
                }
            }
        });
        Self { port, shared, thread: Some(thread) }
    }

    /// Its address.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/cmp", self.port)
    }

    /// Requests for certificates that came in.
    pub(crate) fn requests(&self) -> u64 {
        self.shared.requests.load(Ordering::SeqCst)
    }

    /// SubjectPublicKeyInfos of the certificates made, in the order of their making.
    pub(crate) fn keys(&self) -> Vec<Vec<u8>> {
        self.shared.issued.lock().expect("no thread panics").iter().map(|(spki, _)| spki.clone()).collect()
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        self.shared.end.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Every message of one connection.
fn serve(shared: &Shared, mut stream: TcpStream) -> std::io::Result<()> {
    let mut octets = Vec::new();
    loop {
        let body = loop {
            if let Some(end) = octets.windows(4).position(|window| window == b"\r\n\r\n") {
                let head = String::from_utf8_lossy(&octets[..end]).to_lowercase();
                let length =
                    head.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next()?.parse().ok());
                let total = end + 4 + length.unwrap_or(0);
                if octets.len() >= total {
                    let body = octets[end + 4..total].to_vec();
                    octets.drain(..total);
                    break body;
                }
            }
            let mut piece = [0; 4096];
            let read = stream.read(&mut piece)?;
            if read == 0 {
                return Ok(());
            }
            octets.extend_from_slice(&piece[..read]);
        };
        let Some(answer) = answer(shared, &body) else { return Ok(()) };
        let head =
            format!("HTTP/1.1 200 OK\r\nContent-Type: application/pkixcmp\r\nContent-Length: {}\r\n\r\n", answer.len());
        stream.write_all(&[head.as_bytes(), &answer].concat())?;
    }
}

/// The answer; none where the connection is to end.
fn answer(shared: &Shared, message: &[u8]) -> Option<Vec<u8>> {
    let parts = children(inner(message));
    let (header, body, protection) = (parts[0], parts[1], parts[2]);
    let fields: BTreeMap<u8, &[u8]> =
        children(inner(header)).into_iter().skip(3).map(|field| (field[0], field)).collect();
    let octets = |tag: u8| inner(inner(fields[&tag])).to_vec();
    let algorithm = inner(fields[&0xA1]);
    assert_eq!(
        inner(inner(protection))[1..],
        mac(&shared.secret, algorithm, &der(0x30, &[header, body])),
        "the request's MAC"
    );
    let (transaction, nonce) = (octets(0xA4), octets(0xA5));
    let mut mishap = None;
    let said = match body[0] {
        0xA2 => {
            let number = shared.requests.fetch_add(1, Ordering::SeqCst);
            mishap = shared.mishaps.get(&number).copied();
            if mishap == Some(Mishap::HangUp) {
                return None;
            }
            let request = children(inner(inner(body)))[0];
            let parts = children(inner(request));
            assert_eq!(parts[1], [0x80, 0], "raVerified");
            let certificate = certify(shared, children(inner(parts[0]))[1], mishap == Some(Mishap::OtherKey));
            if mishap == Some(Mishap::LoseAnswer) {
                return None;
            }
            let pair = der(0x30, &[&der(0xA0, &[&certificate])]);
            let response = der(0x30, &[&[2, 1, 0], &der(0x30, &[&[2, 1, 0]]), &pair]);
            der(0xA3, &[&der(0x30, &[&der(0x30, &[&response])])])
        }
        0xB8 => {
            // the first that comes
            if shared.mishaps.values().any(|mishap| *mishap == Mishap::LoseAcknowledgement)
                && !shared.lost.swap(true, Ordering::SeqCst)
            {
                return None;
            }
            der(0xB3, &[&[5, 0]])
        }
        other => panic!("nobody sends {other:#x}"),
    };
    let transaction = if mishap == Some(Mishap::OtherTransaction) { vec![7; 16] } else { transaction };
    let nonce = if mishap == Some(Mishap::OtherNonce) { vec![7; 16] } else { nonce };
    let explicit = |tag: u8, content: &[u8]| der(tag, &[&der(4, &[content])]);
    let header = der(
        0x30,
        &[
            &[2, 1, 2],
            &der(0xA4, &[&shared.issuer]),
            &der(0xA4, &[&[0x30, 0]]),
            &der(0xA1, &[algorithm]),
            &explicit(0xA4, &transaction),
            &explicit(0xA5, &[9; 16]),
            &explicit(0xA6, &nonce),
        ],
    );
    let mut code = mac(&shared.secret, algorithm, &der(0x30, &[&header, &said]));
    if mishap == Some(Mishap::BadMac) {
        code[0] ^= 1;
    }
    let bits = der(3, &[&[0], &code]);
    Some(der(0x30, &[&header, &said, &der(0xA0, &[&bits])]))
}

/// A certificate as the template wants it.
fn certify(shared: &Shared, template: &[u8], other_key: bool) -> Vec<u8> {
    let fields: BTreeMap<u8, &[u8]> = children(inner(template)).into_iter().map(|field| (field[0], field)).collect();
    let times = children(inner(fields[&0xA4]));
    let mut issued = shared.issued.lock().expect("no thread panics");
    let wanted = der(0x30, &[inner(fields[&0xA6])]);
    let spki = if other_key { issued.first().expect("there is one before").0.clone() } else { wanted };
    let algorithm = [0x30, 10, 6, 8, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 4, 3, 2];
    let serial = [&[0x51][..], &shared.port.to_be_bytes(), &(issued.len() as u64 + 1).to_be_bytes()].concat();
    let tbs = der(
        0x30,
        &[
            &[0xA0, 3, 2, 1, 2],
            &der(2, &[&serial]),
            &algorithm,
            &shared.issuer,
            &der(0x30, &[inner(times[0]), inner(times[1])]),
            inner(fields[&0xA5]),
            &spki,
            &der(0xA3, &[&der(0x30, &[inner(fields[&0xA9])])]),
        ],
    );
    let signature: DerSignature = shared.key.sign(&tbs);
    let certificate = der(0x30, &[&tbs, &algorithm, &der(3, &[&[0], signature.as_bytes()])]);
    issued.push((spki, certificate.clone()));
    certificate
}

/// PasswordBasedMac with SHA-256 and HMAC-SHA-256, as the requests have it.
fn mac(secret: &[u8], algorithm: &[u8], octets: &[u8]) -> Vec<u8> {
    let parameters = children(inner(children(inner(algorithm))[1]));
    let salt = inner(parameters[0]);
    let count = inner(parameters[2]).iter().fold(0_u32, |number, octet| number << 8 | u32::from(*octet));
    let mut key = *reroot::crypto::sha256(&[secret, salt].concat()).as_bytes();
    for _ in 1..count {
        key = *reroot::crypto::sha256(&key).as_bytes();
    }
    reroot::crypto::hmac_sha256(&key, &[octets]).to_vec()
}

fn header(octets: &[u8]) -> (usize, usize) {
    match octets[1] {
        short @ 0..0x80 => (2, usize::from(short)),
        long => {
            let count = usize::from(long & 0x7F);
            let length = octets[2..2 + count].iter().fold(0, |length, octet| length << 8 | usize::from(*octet));
            (2 + count, length)
        }
    }
}

fn inner(octets: &[u8]) -> &[u8] {
    let (start, length) = header(octets);
    &octets[start..start + length]
}

fn children(mut octets: &[u8]) -> Vec<&[u8]> {
    let mut found = Vec::new();
    while !octets.is_empty() {
        let (start, length) = header(octets);
        let (one, rest) = octets.split_at(start + length);
        found.push(one);
        octets = rest;
    }
    found
}

fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let length = content.len();
    let mut out = vec![tag];
    if let Ok(short @ 0..0x80) = u8::try_from(length) {
        out.push(short);
    } else {
        let octets = length.to_be_bytes();
        let first = octets.iter().position(|octet| *octet != 0).expect("not zero");
        out.push(0x80 | u8::try_from(octets.len() - first).expect("few"));
        out.extend_from_slice(&octets[first..]);
    }
    out.extend_from_slice(&content);
    out
}
