//! A measurement, not a test: the index, and a plain SQLite table in its place, in turn in one run.
//!
//! `cargo test --release -p reroot-issue --lib one_table -- --ignored --nocapture`. `REROOT_SIZES` says at which numbers of
//! millions of leaves both are compared (`1,5,10` if unset).
#![expect(clippy::print_stderr, reason = "a measurement is printed")]
#![expect(clippy::cast_precision_loss, reason = "a measurement")]

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{OpenFlags, params};

use super::{IndexKey, Match, Patience, State, absorb, leaf, matches};
use crate::ledger::batch::Summary;
use crate::ledger::leaf::Sought;
use crate::ledger::record::{Draft, Kind, Place};
use crate::ledger::rows::Rows;
use crate::ledger::testing::{be_patient, issuer_spki, row, terms};
use crate::ledger::{Ledger, LedgerError};

#[test]
#[ignore = "a measurement"]
fn the_index_and_one_table_in_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let (ledger_path, table_path) = (folder.path().join("ledger.db"), folder.path().join("table.db"));
    let mut ledger = Ledger::create(&ledger_path, &issuer_spki()).unwrap();
    let mut table = Table::open(&table_path);
    let sizes = std::env::var("REROOT_SIZES").unwrap_or_else(|_| "1,5,10".to_owned());
    let mut batches = 0;
    for size in sizes.split(',').map(|millions| millions.parse::<u64>().unwrap() * 1_000_000) {
        let mut costs = Vec::new();
        while batches * BATCH < size {
            be_patient(&ledger, Patience { leaves: u64::MAX, lists: usize::MAX, pieces: 256 });
            begin(&ledger, batches);
            be_patient(&ledger, Patience::USUAL);
            let mut cost = [Cost::default(); 2];
            for which in [batches % 2, (batches + 1) % 2] {
                cost[usize::try_from(which).unwrap()] = if which == 0 {
                    Cost::of(|| ledger.with(absorb).unwrap())
                } else {
                    Cost::of(|| ledger.with(|state| table.absorb(state, batches * BATCH)).unwrap())
                };
            }
            costs.push(cost);
            batches += 1;
        }
        eprintln!("--- {size} leaves");
        both("absorb a batch, mean of those since the last size", &mean(&costs));
        both("absorb a batch, mean of the last 8", &mean(&costs[costs.len() - 8..]));
        let slowest = |which: usize| costs.iter().map(|cost| cost[which]).max_by_key(|cost| cost.cpu).unwrap();
        both("absorb a batch, the slowest", &[slowest(0), slowest(1)]);
        let spread = size / BATCH;
        for (what, numbers) in [
            ("key up 100,000 new leaves", (1 << 40..(1 << 40) + BATCH).collect::<Vec<_>>()),
            ("key up 100,000 known leaves", (0..BATCH).map(|n| n * spread).collect()),
            ("key up 5,000 new leaves", (1 << 41..(1 << 41) + 5_000).collect()),
        ] {
            look_up(what, &ledger, &table, &numbers);
        }
        drop(ledger);
        drop(table);
        let lone = sought(IndexKey::Names, &[7]);
        let (reopened, index) = Cost::with(|| {
            let ledger = Ledger::open(&ledger_path, &issuer_spki()).unwrap();
            ledger.with(|state| matches(state, IndexKey::Names, &lone, 1)).unwrap();
            ledger
        });
        let (table_again, plain) = Cost::with(|| {
            let table = Table::open(&table_path);
            table.matches(IndexKey::Names, &lone);
            table
        });
        (ledger, table) = (reopened, table_again);
        both("open, and key up one leaf", &[index, plain]);
        let layers =
            ledger.with(|state| Ok(state.directory()?.layers.iter().map(|layer| layer.leaves).collect::<Vec<_>>()));
        let layers = layers.unwrap();
        let length = std::fs::metadata(&table_path).unwrap().len();
        eprintln!("bytes: index {}, table {length}; layers {layers:?}", 18 * layers.iter().sum::<u64>());
    }
}

/// Prints the least cost of three turns. Both must find the same leaves.
fn look_up(what: &str, ledger: &Ledger, table: &Table, numbers: &[u64]) {
    let mut least = [Cost { cpu: Duration::MAX, ..Cost::default() }; 2];
    let lists = [IndexKey::Names, IndexKey::Keys].map(|key| (key, sought(key, numbers)));
    for _ in 0..3 {
        let (mut by_index, mut by_table) = (Vec::new(), Vec::new());
        let costs = [
            Cost::of(|| {
                for (key, list) in &lists {
                    let found = ledger.with(|state| {
                        let batches = state.batches()?.len();
                        matches(state, *key, list, batches)
                    });
                    by_index.extend(found.unwrap());
                }
            }),
            Cost::of(|| by_table.extend(lists.iter().flat_map(|(key, list)| table.matches(*key, list)))),
        ];
        assert_eq!(by_index, by_table);
        for (least, cost) in least.iter_mut().zip(costs) {
            *least = std::cmp::min_by_key(*least, cost, |cost| cost.cpu);
        }
    }
    both(what, &least);
}

/// One table a list, an entry of the index a row: 5 bytes of the digest, 4 of the leaf's number.
struct Table(Rows);

impl Table {
    /// Opens the file with the settings of the ledger, but with a cache that holds the whole table: the ledger has 16 MiB.
    fn open(path: &Path) -> Self {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
        let rows = Rows::connect(path, path, flags, None).unwrap();
        let settings = "PRAGMA page_size = 16384; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
            PRAGMA wal_autocheckpoint = 0; PRAGMA cache_size = -1048576;
            CREATE TABLE IF NOT EXISTS names (entry BLOB PRIMARY KEY) STRICT, WITHOUT ROWID;
            CREATE TABLE IF NOT EXISTS keys (entry BLOB PRIMARY KEY) STRICT, WITHOUT ROWID;";
        rows.connection.execute_batch(settings).unwrap();
        Self(rows)
    }

    /// Adds the lists of the batches from a leaf on, as the index does.
    fn absorb(&mut self, state: &mut State, from: u64) -> Result<(), LedgerError> {
        let batches = state.batches()?.len();
        let units = state.units(from, batches)?;
        let transaction = self.0.connection.transaction().unwrap();
        for which in [IndexKey::Names, IndexKey::Keys] {
            let mut entries = Vec::new();
            for unit in &units {
                let prefixes = state.prefixes(which, unit)?;
                let pairs = prefixes.pairs()?;
                entries.extend(pairs.map(|(prefix, listed)| key(prefix, unit.first_of_batch + u64::from(listed))));
            }
            entries.sort_unstable();
            let mut insert = transaction.prepare_cached(&format!("INSERT INTO {} VALUES (?1)", name(which))).unwrap();
            for entry in &entries {
                insert.execute([&entry[..]]).unwrap();
            }
        }
        transaction.commit().unwrap();
        self.0.connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())).unwrap();
        Ok(())
    }

    /// Finds the same as the index, where all batches have [`BATCH`] leaves.
    fn matches(&self, which: IndexKey, incoming: &[Sought]) -> Vec<Match> {
        let sql = format!("SELECT entry FROM {} WHERE entry BETWEEN ?1 AND ?2", name(which));
        let mut select = self.0.connection.prepare_cached(&sql).unwrap();
        let mut matches = Vec::new();
        for sought in incoming {
            let (least, most) = (key(sought.prefix(), 0), key(sought.prefix(), u64::from(u32::MAX)));
            let mut rows = select.query(params![&least[..], &most[..]]).unwrap();
            while let Some(row) = rows.next().unwrap() {
                let number = row.get_ref(0).unwrap().as_blob().unwrap()[5..].try_into().unwrap();
                let leaf = u64::from(u32::from_be_bytes(number));
                let (batch, listed) = (usize::try_from(leaf / BATCH).unwrap(), u32::try_from(leaf % BATCH).unwrap());
                matches.push(Match { batch, listed, incoming: sought.index });
            }
        }
        matches.sort_unstable();
        matches
    }
}

fn name(key: IndexKey) -> &'static str {
    if key == IndexKey::Names { "names" } else { "keys" }
}

fn key(prefix: u64, leaf: u64) -> [u8; 9] {
    let mut key = [0; 9];
    key[..5].copy_from_slice(&prefix.to_be_bytes()[..5]);
    key[5..].copy_from_slice(&u32::try_from(leaf).unwrap().to_be_bytes());
    key
}

/// Adds a batch with its sorted lists to a ledger: what the index is made from.
fn begin(ledger: &Ledger, batch: u64) {
    let mut terms = terms("test", &[]);
    terms.leaf_count = BATCH;
    let row = row(u32::try_from(batch).unwrap(), terms, 1_024);
    let begun = ledger.with(|state| {
        let head = state.store.head()?;
        let number = head.records + 1;
        let summary = Draft::new(Place::new(Kind::Batch, number, 0), Summary::of(number, &row).encode());
        let lists = [IndexKey::Names, IndexKey::Keys].map(|key| {
            let prefixes = (0..BATCH).map(|at| (digest(key, batch * BATCH + at), u32::try_from(at).unwrap()));
            Draft::new(Place::new(key.kind(), number, 0), leaf::write_prefixes(prefixes.collect()))
        });
        state.append(&head, [summary].into_iter().chain(lists))
    });
    begun.unwrap();
}

/// Returns a number in place of the first 8 bytes of the digest of a leaf.
fn digest(key: IndexKey, number: u64) -> u64 {
    let mix = |value: u64| {
        let value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        value ^ (value >> 31)
    };
    mix(mix(number.wrapping_add(0x9E37_79B9_7F4A_7C15)) ^ key as u64)
}

fn sought(key: IndexKey, numbers: &[u64]) -> Vec<Sought> {
    let mut sought: Vec<_> = (0..).zip(numbers).map(|(at, number)| Sought::new(digest(key, *number), at)).collect();
    sought.sort_unstable();
    sought
}

#[derive(Clone, Copy, Default)]
struct Cost {
    cpu: Duration,
    wall: Duration,
    /// Bytes that the system was asked to write.
    written: u64,
}

impl Cost {
    fn of(work: impl FnOnce()) -> Self {
        Self::with(work).1
    }

    fn with<T>(work: impl FnOnce() -> T) -> (T, Self) {
        let (cpu, wall, written) = (cpu_time(), Instant::now(), written());
        let result = work();
        (result, Self { cpu: cpu_time().saturating_sub(cpu), wall: wall.elapsed(), written: self::written() - written })
    }
}

fn mean(costs: &[[Cost; 2]]) -> [Cost; 2] {
    let count = u32::try_from(costs.len()).unwrap();
    [0, 1].map(|which| Cost {
        cpu: costs.iter().map(|cost| cost[which].cpu).sum::<Duration>() / count,
        wall: costs.iter().map(|cost| cost[which].wall).sum::<Duration>() / count,
        written: costs.iter().map(|cost| cost[which].written).sum::<u64>() / u64::from(count),
    })
}

fn both(what: &str, [index, table]: &[Cost; 2]) {
    let one = |cost: &Cost| {
        let (cpu, wall) = (cost.cpu.as_secs_f64() * 1e3, cost.wall.as_secs_f64() * 1e3);
        format!("CPU {cpu:.2} ms, wall {wall:.2} ms, {:.1} MB written", cost.written as f64 / 1e6)
    };
    let ratio = table.cpu.as_secs_f64() / index.cpu.as_secs_f64();
    eprintln!("{what}: index {}; table {}; {ratio:.2} times the CPU", one(index), one(table));
}

fn cpu_time() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(u64::try_from(now.tv_sec).unwrap(), u32::try_from(now.tv_nsec).unwrap())
}

fn written() -> u64 {
    let counts = std::fs::read_to_string("/proc/self/io").unwrap_or_default();
    counts.lines().find_map(|line| line.strip_prefix("wchar: ")?.parse().ok()).unwrap_or_default()
}

const BATCH: u64 = 100_000;
