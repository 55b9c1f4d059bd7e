//! Lookups of one chip through HTTP: a million chips in a hundred batches, 500 requests a second, as long as
//! `REROOT_BENCH_SECONDS` says (default 20). Prints the times at which half, 99 % and all of the answers were there, and fails if
//! an answer is not the chip's.
//!
//! The catalog is filled with numbers, not with batches: what is measured is the way from the request to the row and back.

#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark prints its result, and makes its own folders"
)]

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use reroot_test_support::judges::put;
use reroot_test_support::workshop::Workshop;

const BATCHES: u64 = 100;
const CHIPS: u64 = 10_000;
const RATE: u64 = 500;
const CONNECTIONS: u64 = 8;

fn main() {
    let seconds: u64 = std::env::var("REROOT_BENCH_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(20);
    let workshop = Workshop::new();
    std::fs::create_dir_all(workshop.path("data/batches")).expect("a folder");
    put(
        &workshop.path("service.toml"),
        "listen = \"127.0.0.1:0\"\ndata = \"data\"\nconfiguration = \"pki/reroot.toml\"\nsigner = \"signer.sock\"\n",
    );
    let made = workshop.reroot(&["serve", "--config", "service.toml", "--first-admin", "bench"]).run().success();
    let token = made.out().trim().to_owned();
    // the service makes the tables
    drop(Service::start(&workshop));
    fill(&workshop);
    let service = Service::start(&workshop);

    let number = AtomicU64::new(0);
    let begin = Instant::now();
    let mut times: Vec<Duration> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..CONNECTIONS)
            .map(|_| {
                scope.spawn(|| {
                    let mut connection = Connection::open(&service.address, &token);
                    let mut times = Vec::new();
                    loop {
                        let number = number.fetch_add(1, Ordering::Relaxed);
                        let due = begin + Duration::from_micros(number * 1_000_000 / RATE);
                        if due >= begin + Duration::from_secs(seconds) {
                            return times;
                        }
                        std::thread::sleep(due.saturating_duration_since(Instant::now()));
                        // spread over all batches, no chip twice in a row
                        let chip = number.wrapping_mul(7_919_317) % (BATCHES * CHIPS);
                        connection.ask(&uid(chip));
                        // from when it was due: a request that waits for another one counts
                        times.push(due.elapsed());
                    }
                })
            })
            .collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("every answer is right")).collect()
    });
    times.sort_unstable();
    let at = |share: usize| times[(times.len() - 1) * share / 1000];
    println!(
        "{} lookups in {:.1} s: median {:?}, 99 % {:?}, 99.9 % {:?}, longest {:?}; memory {} KiB",
        times.len(),
        begin.elapsed().as_secs_f64(),
        at(500),
        at(990),
        at(999),
        at(1000),
        service.memory()
    );
}

fn uid(chip: u64) -> String {
    format!("0209{:014X}0139", chip + 0x00A0_0000_0000)
}

fn fill(workshop: &Workshop) {
    let mut connection = rusqlite::Connection::open(workshop.path("data/catalog/catalog.sqlite")).expect("the catalog");
    let transaction = connection.transaction().expect("a transaction");
    for batch in 0..BATCHES {
        let name = format!("batch-{batch:03}");
        std::fs::create_dir(workshop.path(&format!("data/batches/{name}"))).expect("a folder");
        put(&workshop.path(&format!("data/batches/{name}/manifest.json")), "{}");
        let sql = "INSERT INTO batch VALUES (?, ?, ?, '', '2026-06-01T00:00:00Z', '2026-06-01T00:00:00Z', 'bench', 'CN=x', '',
                   ?, ?, 0, 0, 1, 'x')";
        let id = format!("01968d2e-7b00-7cc3-98c4-{batch:012x}");
        let chips = i64::try_from(CHIPS).expect("few");
        let row = rusqlite::params![i64::try_from(batch).expect("few"), id, name, chips, chips];
        transaction.execute(sql, row).expect("a batch");
        let mut insert = transaction.prepare_cached("INSERT INTO chip VALUES (?, ?, ?, ?, ?, ?)").expect("a statement");
        for position in 0..CHIPS {
            let chip = batch * CHIPS + position;
            let digest = reroot::crypto::sha256(&chip.to_be_bytes());
            let row = rusqlite::params![
                hex(&uid(chip)),
                i64::try_from(batch).expect("few"),
                i64::try_from(position).expect("few"),
                &digest.as_bytes()[..16],
                &digest.as_bytes()[..],
                1_900_000_000_i64
            ];
            insert.execute(row).expect("a chip");
        }
    }
    transaction.commit().expect("it is committed");
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("digits")).collect()
}

struct Connection {
    stream: TcpStream,
    token: String,
    buffer: Vec<u8>,
}

impl Connection {
    fn open(address: &str, token: &str) -> Self {
        let stream = TcpStream::connect(address).expect("the service takes connections");
        stream.set_nodelay(true).expect("a socket");
        Self { stream, token: token.to_owned(), buffer: vec![0; 1 << 16] }
    }

    fn ask(&mut self, uid: &str) {
        let request =
            format!("GET /v1/chips/{uid} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\r\n", self.token);
        self.stream.write_all(request.as_bytes()).expect("a request is sent");
        let mut length = 0;
        loop {
            length += self.stream.read(&mut self.buffer[length..]).expect("an answer comes");
            let text = String::from_utf8_lossy(&self.buffer[..length]);
            assert!(text.starts_with("HTTP/1.1 200"), "{text}");
            if text.contains(&format!("\"uid\":\"{uid}\"")) && text.ends_with("]}") {
                return;
            }
        }
    }
}

struct Service {
    child: Child,
    address: String,
}

impl Service {
    fn start(workshop: &Workshop) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_reroot"))
            .args(["serve", "--config", "service.toml"])
            .current_dir(workshop.folder())
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stderr.take().expect("a pipe")));
        let said = lines.find_map(|line| line.ok()?.strip_prefix("listening on ").map(str::to_owned));
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, address: said.expect("the service starts") }
    }

    fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
