//! Makes archives of TEST leaves shaped like ST's, as many as a benchmark wants.
//!
//! ```text
//! cargo run --release --example testpki -- --leaves 100000 --out reel.zip --root root.pem
//! ```
//!
//! The same recipe gives the same bytes. Memory does not grow with the number of leaves. `--fixtures` makes
//! `fixtures/pki/` again.
#![expect(clippy::print_stderr, reason = "an example program talks")]

use std::error::Error;
use std::io::{BufWriter, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

use clap::{Parser, ValueEnum};
use reroot::durable::{Access, create_directory, create_new, write_new};
use reroot_test_support::pki::archive::{Entry, Method, ZipWriter};
use reroot_test_support::pki::{Recipe, TestPki, der};

/// Leaves made by a worker at a time: many share an inversion, few are in memory.
const CHUNK: u64 = 512;

#[derive(Parser)]
struct Args {
    /// How many leaves; the recipe's count if left out
    #[arg(long)]
    leaves: Option<u64>,
    /// The index of the first leaf: the same chips never come from two ranges
    #[arg(long, default_value_t = 0)]
    start: u64,
    /// The archive to write
    #[arg(long, required_unless_present = "fixtures")]
    out: Option<PathBuf>,
    /// Its form
    #[arg(long, value_enum, default_value_t = Form::Zip)]
    form: Form,
    /// Do not deflate zip entries
    #[arg(long)]
    stored: bool,
    /// The recipe
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/pki.toml"))]
    recipe: PathBuf,
    /// Where to write the root certificate
    #[arg(long)]
    root: Option<PathBuf>,
    /// Where to write the leaves' TEST keys, in the order of the leaves
    #[arg(long)]
    keys: Option<PathBuf>,
    /// Writes the files of fixtures/pki into this new folder instead
    #[arg(long, conflicts_with_all = ["out", "leaves", "keys", "root"])]
    fixtures: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// One zip file, zip64 where it must be
    Zip,
    /// A new folder with a DER file for each leaf
    Dir,
    /// One file of PEM blocks
    Pem,
}

/// What a worker made of one leaf.
struct Made {
    name: String,
    entry: Option<Entry>,
    bytes: Vec<u8>,
    key: String,
}

fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    let pki = TestPki::new(Recipe::parse(&std::fs::read_to_string(&args.recipe)?)?);
    if let Some(folder) = &args.fixtures {
        return fixtures(&pki, folder);
    }
    let out = args.out.as_deref().ok_or("--out is missing")?;
    if let Some(path) = &args.root {
        write_new(path, Access::Public, der::pem("CERTIFICATE", pki.root()).as_bytes())?;
    }
    let leaves = args.leaves.unwrap_or(pki.recipe().leaves.count);
    let mut sink = Sink::open(out, args.form)?;
    let mut keys = match &args.keys {
        Some(path) => Some(BufWriter::new(create_new(path, Access::Private)?)),
        None => None,
    };
    let range = args.start..args.start.checked_add(leaves).ok_or("--start and --leaves are too large")?;
    produce(&pki, range, &args, &mut |made| {
        if let Some(keys) = &mut keys {
            keys.write_all(made.key.as_bytes())?;
        }
        sink.add(&made)
    })?;
    if let Some(mut keys) = keys {
        keys.flush()?;
    }
    sink.finish()?;
    eprintln!("{leaves} leaves in {}", out.display());
    Ok(())
}

/// Lets every core make chunks and hands them on in order.
fn produce(
    pki: &TestPki,
    range: Range<u64>,
    args: &Args,
    each: &mut dyn FnMut(Made) -> Result<(), Box<dyn Error>>,
) -> Result<(), Box<dyn Error>> {
    let workers = thread::available_parallelism()?.get();
    let chunks: Vec<u64> = range.clone().step_by(usize::try_from(CHUNK)?).collect();
    thread::scope(|scope| {
        let lanes: Vec<Receiver<Vec<Made>>> = (0..workers)
            .map(|worker| {
                let (sender, receiver) = sync_channel(2);
                let (chunks, end) = (&chunks, range.end);
                scope.spawn(move || {
                    for start in chunks.iter().skip(worker).step_by(workers) {
                        let made = make(pki, *start..end.min(start + CHUNK), args);
                        // the other side is gone: writing failed, and it says why
                        if sender.send(made).is_err() {
                            return;
                        }
                    }
                });
                receiver
            })
            .collect();
        for n in 0..chunks.len() {
            for made in lanes[n % workers].recv()? {
                each(made)?;
            }
        }
        Ok(())
    })
}

fn make(pki: &TestPki, range: Range<u64>, args: &Args) -> Vec<Made> {
    let method = if args.stored { Method::Stored } else { Method::Deflated };
    let leaves = pki.leaves(range).into_iter();
    leaves
        .map(|leaf| {
            let name = format!("{}.der", leaf.uid());
            let key = if args.keys.is_some() { der::pem("PRIVATE KEY", &leaf.key) } else { String::new() };
            match args.form {
                Form::Zip => {
                    let entry = Some(Entry::new(name.clone(), method, leaf.der));
                    Made { name, entry, bytes: Vec::new(), key }
                }
                Form::Dir => Made { name, entry: None, bytes: leaf.der, key },
                Form::Pem => {
                    let bytes = der::pem("CERTIFICATE", &leaf.der).into_bytes();
                    Made { name, entry: None, bytes, key }
                }
            }
        })
        .collect()
}

/// Where leaves go.
enum Sink<'a> {
    Zip(ZipWriter<BufWriter<std::fs::File>>),
    Dir(&'a Path),
    Pem(BufWriter<std::fs::File>),
}

impl<'a> Sink<'a> {
    fn open(path: &'a Path, form: Form) -> Result<Self, Box<dyn Error>> {
        let file = || Ok::<_, Box<dyn Error>>(BufWriter::with_capacity(1 << 20, create_new(path, Access::Public)?));
        Ok(match form {
            Form::Zip => Self::Zip(ZipWriter::new(file()?)?),
            Form::Pem => Self::Pem(file()?),
            Form::Dir => {
                create_directory(path, Access::Public)?;
                Self::Dir(path)
            }
        })
    }

    fn add(&mut self, made: &Made) -> Result<(), Box<dyn Error>> {
        match self {
            Self::Zip(writer) => writer.add(made.entry.as_ref().ok_or("a zip takes entries")?)?,
            Self::Dir(folder) => create_new(&folder.join(&made.name), Access::Public)?.write_all(&made.bytes)?,
            Self::Pem(file) => file.write_all(&made.bytes)?,
        }
        Ok(())
    }

    fn finish(self) -> Result<(), Box<dyn Error>> {
        match self {
            Self::Zip(writer) => drop(writer.finish()?),
            Self::Dir(_) => {}
            Self::Pem(mut file) => file.flush()?,
        }
        Ok(())
    }
}

fn fixtures(pki: &TestPki, folder: &Path) -> Result<(), Box<dyn Error>> {
    create_directory(folder, Access::Public)?;
    let mut result = Ok(());
    pki.files(&mut |name, content| {
        if result.is_ok() {
            result = write_new(&folder.join(name), Access::Public, &content);
        }
    });
    Ok(result?)
}
