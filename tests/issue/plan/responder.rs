//! A CA that speaks just enough CMP (RFC 9810) to issue whole batches, and goes wrong where a test asks for it. It is
//! small, and written from the RFC and not from the program's own code.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{DerSignature, SigningKey};

/// A message of the registration authority's, which this CA answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// `cr`
    Request,
    /// `pollReq`
    Poll,
    /// `certConf`
    Confirmation,
}

/// What is wrong with an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The answer is pkiConf, which does not fit the request.
    Acknowledge,
    /// The MAC is of other bytes.
    BadMac,
    /// An error message with this status and bit of PKIFailureInfo.
    Error(u8, Option<u8>),
    /// Bytes that are not a CMP message.
    Garbage,
    /// The connection ends before anything is made.
    HangUp,
    /// The answer is right, and then the CA is not reached any more: connections are refused.
    Leave,
    /// The connection ends after the certificate was made: the answer is lost.
    Lose,
    /// The answer repeats another nonce.
    OtherNonce,
    /// The answer has another transaction.
    OtherTransaction,
    /// A `cp` without a certificate, with this status and bit of PKIFailureInfo.
    Response(u8, Option<u8>),
    /// A `cp` with a certificate whose status says `rejection`.
    RejectionWithCertificate,
    /// HTTP status 503 and a page.
    Unavailable,
    /// The right answer, or with a refusal that refusal, without protection.
    Unprotected,
    /// A `cp` that says `waiting`, without end.
    Wait,
}

/// What happens to a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mishap {
    /// The CA asks to wait once before it answers.
    pub(crate) waits: bool,
    /// The certificate is for the key of an earlier one.
    pub(crate) other_key: bool,
    pub(crate) fault: Option<(Step, Fault)>,
}

impl Mishap {
    /// Fails at a step.
    pub(crate) fn at(step: Step, fault: Fault) -> Self {
        Self { waits: step == Step::Poll, fault: Some((step, fault)), ..Self::default() }
    }

    /// Makes a certificate for the key of an earlier one.
    pub(crate) fn other_key() -> Self {
        Self { other_key: true, ..Self::default() }
    }

    /// The same, after the CA has asked to wait.
    pub(crate) fn after_waiting(self) -> Self {
        Self { waits: true, ..self }
    }
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
    /// By their names.
    transactions: Mutex<BTreeMap<Vec<u8>, Transaction>>,
    end: AtomicBool,
}

/// What was asked for, and what happens to it.
#[derive(Clone)]
struct Transaction {
    mishap: Mishap,
    template: Vec<u8>,
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
            transactions: Mutex::default(),
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

    /// How many requests at once it is to be asked: one that leaves must not be reached over another connection.
    pub(crate) fn concurrency(&self) -> u32 {
        let leaves = |mishap: &Mishap| matches!(mishap.fault, Some((_, Fault::Leave)));
        if self.shared.mishaps.values().any(leaves) { 1 } else { 4 }
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
    let mut bytes = Vec::new();
    loop {
        let body = loop {
            if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
                let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
                let length =
                    head.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next()?.parse().ok());
                let total = end + 4 + length.unwrap_or(0);
                if bytes.len() >= total {
                    let body = bytes[end + 4..total].to_vec();
                    bytes.drain(..total);
                    break body;
                }
            }
            let mut piece = [0; 4096];
            let read = stream.read(&mut piece)?;
            if read == 0 {
                return Ok(());
            }
            bytes.extend_from_slice(&piece[..read]);
        };
        let Some((answer, fault)) = answer(shared, &body) else { return Ok(()) };
        let (status, answer) = match fault {
            Some(Fault::Unavailable) => ("503 Service Unavailable", b"<html>come back later</html>".to_vec()),
            Some(Fault::Garbage) => ("200 OK", b"\x30\x03not a message".to_vec()),
            _ => ("200 OK", answer),
        };
        let leaves = fault == Some(Fault::Leave);
        if leaves {
            shared.end.store(true, Ordering::SeqCst);
            while TcpStream::connect((Ipv4Addr::LOCALHOST, shared.port)).is_ok() {
                std::thread::yield_now();
            }
        }
        let connection = if leaves { "close" } else { "keep-alive" };
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: application/pkixcmp\r\nConnection: {connection}\r\nContent-Length: {}\r\n\r\n",
            answer.len()
        );
        stream.write_all(&[head.as_bytes(), &answer].concat())?;
        if leaves {
            return Ok(());
        }
    }
}

/// The answer and what goes wrong on its way; none where the connection is to end.
fn answer(shared: &Shared, message: &[u8]) -> Option<(Vec<u8>, Option<Fault>)> {
    let parts = children(inner(message));
    let (header, body, protection) = (parts[0], parts[1], parts[2]);
    let fields: BTreeMap<u8, &[u8]> =
        children(inner(header)).into_iter().skip(3).map(|field| (field[0], field)).collect();
    let bytes = |tag: u8| inner(inner(fields[&tag])).to_vec();
    let algorithm = inner(fields[&0xA1]);
    assert_eq!(
        inner(inner(protection))[1..],
        mac(&shared.secret, algorithm, &der(0x30, &[header, body])),
        "the request's MAC"
    );
    let (transaction, nonce) = (bytes(0xA4), bytes(0xA5));
    let step = match body[0] {
        0xA2 => Step::Request,
        0xB8 => Step::Confirmation,
        0xB9 => Step::Poll,
        other => panic!("nobody sends {other:#x}"),
    };
    if step == Step::Request {
        let number = shared.requests.fetch_add(1, Ordering::SeqCst);
        let request = children(inner(inner(body)))[0];
        let parts = children(inner(request));
        assert_eq!(parts[1], [0x80, 0], "raVerified");
        let mishap = shared.mishaps.get(&number).copied().unwrap_or_default();
        let template = children(inner(parts[0]))[1].to_vec();
        shared
            .transactions
            .lock()
            .expect("no thread panics")
            .insert(transaction.clone(), Transaction { mishap, template });
    }
    let Transaction { mishap, template } =
        shared.transactions.lock().expect("no thread panics").get(&transaction).expect("it was asked for").clone();
    let fault = mishap.fault.filter(|(at, _)| *at == step).map(|(_, fault)| fault);
    if fault == Some(Fault::HangUp) {
        return None;
    }
    let response = |status: &[u8], pair: &[u8]| {
        let response = der(0x30, &[&[2, 1, 0], &der(0x30, &[status]), pair]);
        der(0xA3, &[&der(0x30, &[&der(0x30, &[&response])])])
    };
    let pair = || der(0x30, &[&der(0xA0, &[&certify(shared, &template, mishap.other_key)])]);
    let said = match (fault, step) {
        (Some(Fault::Acknowledge), _) => der(0xB3, &[&[5, 0]]),
        (Some(Fault::Error(code, bit)), _) => der(0xB7, &[&der(0x30, &[&der(0x30, &[&status(code, bit)])])]),
        (Some(Fault::Response(code, bit)), _) => response(&status(code, bit), &[]),
        (Some(Fault::RejectionWithCertificate), _) => response(&status(2, None), &pair()),
        (Some(Fault::Wait), _) => response(&status(3, None), &[]),
        (_, Step::Request) if mishap.waits => response(&status(3, None), &[]),
        (_, Step::Request | Step::Poll) => response(&status(0, None), &pair()),
        (_, Step::Confirmation) => der(0xB3, &[&[5, 0]]),
    };
    if fault == Some(Fault::Lose) {
        return None;
    }
    let transaction = if fault == Some(Fault::OtherTransaction) { vec![7; 16] } else { transaction };
    let nonce = if fault == Some(Fault::OtherNonce) { vec![7; 16] } else { nonce };
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
    if fault == Some(Fault::Unprotected) {
        return Some((der(0x30, &[&header, &said]), fault));
    }
    let mut code = mac(&shared.secret, algorithm, &der(0x30, &[&header, &said]));
    if fault == Some(Fault::BadMac) {
        code[0] ^= 1;
    }
    let bits = der(3, &[&[0], &code]);
    Some((der(0x30, &[&header, &said, &der(0xA0, &[&bits])]), fault))
}

/// The fields of a PKIStatusInfo: PKIStatus, and PKIFailureInfo with one bit.
fn status(code: u8, failure: Option<u8>) -> Vec<u8> {
    let failure = failure.map(|bit| {
        let mut bits = [0; 5];
        bits[1 + usize::from(bit / 8)] = 0x80 >> (bit % 8);
        der(3, &[&bits])
    });
    [vec![2, 1, code], failure.unwrap_or_default()].concat()
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
fn mac(secret: &[u8], algorithm: &[u8], bytes: &[u8]) -> Vec<u8> {
    let parameters = children(inner(children(inner(algorithm))[1]));
    let salt = inner(parameters[0]);
    let count = inner(parameters[2]).iter().fold(0_u32, |number, byte| number << 8 | u32::from(*byte));
    let mut key = *reroot::crypto::sha256(&[secret, salt].concat()).as_bytes();
    for _ in 1..count {
        key = *reroot::crypto::sha256(&key).as_bytes();
    }
    reroot::crypto::hmac_sha256(&key, &[bytes]).to_vec()
}

fn header(bytes: &[u8]) -> (usize, usize) {
    match bytes[1] {
        short @ 0..0x80 => (2, usize::from(short)),
        long => {
            let count = usize::from(long & 0x7F);
            let length = bytes[2..2 + count].iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
            (2 + count, length)
        }
    }
}

fn inner(bytes: &[u8]) -> &[u8] {
    let (start, length) = header(bytes);
    &bytes[start..start + length]
}

fn children(mut bytes: &[u8]) -> Vec<&[u8]> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let (start, length) = header(bytes);
        let (one, rest) = bytes.split_at(start + length);
        found.push(one);
        bytes = rest;
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
        let bytes = length.to_be_bytes();
        let first = bytes.iter().position(|byte| *byte != 0).expect("not zero");
        out.push(0x80 | u8::try_from(bytes.len() - first).expect("few"));
        out.extend_from_slice(&bytes[first..]);
    }
    out.extend_from_slice(&content);
    out
}
