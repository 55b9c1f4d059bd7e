//! The command line of `reroot-check`: the verbs of the full program that check, with help for a program that has no
//! configuration.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use reroot_check::args::{AuditCommand, Format, InspectArgs, LookupArgs, PolicyCommand, VerifyArgs, VerifyProofArgs};
use reroot_check::verb::{audit, inspect, lookup, policy, verify, verify_proof};
use reroot_check::{Exit, Fault, Printer, World, man};

/// Verifies batches and proofs of device certificates, and checks policies.
///
/// For auditors: holds no private key, opens no connection, reads no configuration. The trust anchors come from options.
#[derive(Debug, Parser)]
#[command(name = PROGRAM, version = reroot_check::VERSION, max_term_width = 100, propagate_version = true)]
#[command(after_help = "Exit codes and daily use: docs/guide/operator-guide.md")]
pub(crate) struct Cli {
    /// Form of what is printed on standard output (and of errors)
    #[arg(long, global = true, value_enum, default_value = "text")]
    pub(crate) format: Format,
    /// Say nothing on standard error but warnings and errors
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
    #[command(subcommand)]
    command: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// The audit log of a service: check it
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Show what is in an archive: counts, families, issuers, keys, UID range, findings
    Inspect(InspectArgs),
    /// Check policies, or show what one would issue
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// Check a batch: everything re-derived from the batch, the anchors and, if given, the input
    Verify(VerifyArgs),
    /// Check proofs of single chips: needs the anchors and no batch
    VerifyProof(VerifyProofArgs),
    /// Find the certificate of the chip in hand, in a line pack or a batch; its proof is checked first
    Lookup(LookupArgs),
    /// Print a completion script for a shell
    Completions(CompletionsArgs),
    /// Write the man pages of all commands into a directory
    Man(ManArgs),
}

#[derive(Args, Debug)]
#[command(after_help = "Example:\n  reroot-check completions bash > /etc/bash_completion.d/reroot-check")]
struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    shell: clap_complete::Shell,
}

#[derive(Args, Debug)]
#[command(after_help = "Example:\n  reroot-check man /usr/local/share/man/man1")]
struct ManArgs {
    /// Directory to write the pages into
    dir: PathBuf,
}

/// The name of the program.
pub(crate) const PROGRAM: &str = "reroot-check";

impl Cli {
    /// Reads the arguments of the process.
    pub(crate) fn from_process() -> Result<Self, clap::Error> {
        Self::read(std::env::args_os())
    }

    fn read(arguments: impl IntoIterator<Item = impl Into<std::ffi::OsString> + Clone>) -> Result<Self, clap::Error> {
        Self::from_arg_matches(&adapted(Self::command()).try_get_matches_from(arguments)?)
    }
}

/// Prints help, or what is wrong with the arguments.
pub(crate) fn usage(error: &clap::Error) -> ExitCode {
    reroot_check::usage(error, |arguments| Cli::read(arguments).err())
}

/// Runs one command and says how it ended.
pub(crate) fn run(cli: &Cli, world: &mut World, printer: Printer) -> Exit {
    let result = match &cli.command {
        Verb::Audit(command) => audit::run(command, world, printer),
        Verb::Completions(args) => Ok(completions(args, printer)),
        Verb::Inspect(args) => inspect::run(args, world, printer),
        Verb::Lookup(args) => lookup::run(args, world, printer),
        Verb::Man(args) => man::write(adapted(Cli::command()), &args.dir, printer).map(|()| Exit::Done),
        Verb::Policy(command) => policy::run(command, world, printer),
        Verb::Verify(args) => verify::run(args, world, printer),
        Verb::VerifyProof(args) => verify_proof::run(args, world, printer),
    };
    for note in reroot_core::durable::output::notes() {
        printer.warn(&note);
    }
    match result {
        Ok(exit) => exit,
        Err(Fault::Library(error)) => {
            printer.error(&*error);
            Exit::of(error.class())
        }
        Err(Fault::FrontDoor { exit, message, hint }) => {
            printer.failure(&printer.value(&message), hint.as_deref());
            exit
        }
    }
}

fn completions(args: &CompletionsArgs, printer: Printer) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut adapted(Cli::command()), PROGRAM, &mut script);
    printer.exact(&String::from_utf8_lossy(&script));
    Exit::Done
}

/// The shared options speak of the full program and of its configuration. Here the anchors come from options, and the
/// option that names a configuration is refused with what to do instead.
fn adapted(command: clap::Command) -> clap::Command {
    command.mut_args(without_configuration).mut_subcommands(|verb| adapted_below("", verb))
}

/// The same of a verb, whose name is that of its group and its own.
fn adapted_below(group: &str, command: clap::Command) -> clap::Command {
    let name = format!("{group}{}", command.get_name());
    let examples = EXAMPLES.iter().find(|(verb, _)| *verb == name).map(|(_, text)| (*text).to_owned());
    let after = command.get_after_help().map(|text| text.to_string().replace("reroot ", "reroot-check "));
    let command = match examples.or(after) {
        Some(text) => command.after_help(text),
        None => command,
    };
    let group = format!("{name} ");
    command.mut_args(without_configuration).mut_subcommands(|verb| adapted_below(&group, verb))
}

fn without_configuration(arg: clap::Arg) -> clap::Arg {
    if arg.get_id() == "config" {
        return arg.hide(true).default_value("").value_parser(no_configuration);
    }
    let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
    match help.split_once(" (default: ") {
        Some((rest, default)) if default.contains("configuration") => arg.help(rest.to_owned()),
        _ => arg,
    }
}

fn no_configuration(path: &str) -> Result<PathBuf, &'static str> {
    if path.is_empty() {
        return Ok(PathBuf::new());
    }
    Err("this program reads no configuration: name the certificates with --source-anchor, --issuer-anchor or --issuer")
}

/// Examples that name the anchors, where those of the full program leave them to the configuration.
const EXAMPLES: &[(&str, &str)] = &[
    (
        "audit verify",
        "Example:\n  reroot-check audit verify audit/ --manifest-anchor our-root.pem --head NUMBER:DIGEST\n\n\
         That the end of the open file was not cut off is shown only by --head: a head that was noted elsewhere.",
    ),
    (
        "lookup",
        "Examples:\n  reroot-check lookup reel-0042.pack 0209A021E021C4E1D00139 --pem --source-anchor stm-root.pem \
         --issuer-anchor our-root.pem\n  reroot-check lookup reel-0042.pack 0209A021E021C4E1D00139 --absent --source-anchor \
         stm-root.pem --issuer-anchor our-root.pem\n\n\
         A chip that is not there is exit 1; with --absent, one that is there.",
    ),
    (
        "policy show",
        "Example:\n  reroot-check policy show ldevid.toml --leaf leaf.der --set site=LYON-2 --issuer ca.pem \
         --source-anchor st.pem\n\nNeeds no key and no ledger.",
    ),
    (
        "verify",
        "Examples:\n  reroot-check verify batches/reel-0042 --source-anchor stm-root.pem --issuer-anchor our-root.pem\n  \
         reroot-check verify batches/reel-0042 --source-anchor stm-root.pem --issuer-anchor our-root.pem --input reel.zip \
         --history batches/*/ --expect uids.txt --head DIGEST\n\n\
         What a certificate says needs no trust in the provider. That nothing was left out, that no chip has a second \
         certificate, and when all this was: the report says what was not checked, and which option checks it.",
    ),
    (
        "verify-proof",
        "Examples:\n  reroot-check verify-proof chip.proof.json --source-anchor stm-root.pem --issuer-anchor our-root.pem\n  \
         reroot-check verify-proof other.proof.json --absent --uid 0209A021E021C4E1D00139 --source-anchor stm-root.pem \
         --issuer-anchor our-root.pem\n\n\
         Every proof must show that its chip is in the batch; with --absent, that it is not. Anything else is exit 1.",
    ),
];
