//! Who may import whom: a row for each module. A change belongs in the commit that needs it, with the reason beside its
//! row.

/// A module and what it may import from the crate, besides itself.
///
/// `lint` allows all of a module, `lint::LintedTbs` one name, `verify::<types>` types and traits but no functions,
/// `*` every module above the row.
pub(crate) struct Row(pub(crate) &'static str, pub(crate) &'static [&'static str]);

/// `crates/core`: what checks.
pub(crate) const CORE: &[Row] = &[
    // what every message goes through
    Row("text", &[]),
    // what every finding and error is called
    Row("code", &[]),
    Row("class", &[]),
    Row("parallel", &[]),
    Row("x509", &[]),
    Row("durable", &["class", "text"]),
    // every module that reads an existing file opens it there
    Row("input", &["text"]),
    Row("crypto", &["x509"]),
    Row("origin", &["x509", "crypto", "text", "code"]),
    Row("reel", &["x509", "origin", "class", "durable", "input", "text"]),
    // crypto: a shard is a function of the UID's hash
    Row("crl", &["x509", "crypto"]),
    Row("verify", &["x509", "crypto", "origin", "reel", "text"]),
    // crypto: serial numbers are HMACs, and a certificate counts as issued when its signature was verified
    Row("cert", &["x509", "crypto", "origin"]),
    // origin::Code: every rule has a code of the kind that all findings have
    // crl: lists are linted before they are signed, as certificates are
    // crypto::Sha256: what was linted and put aside is known again by its digest
    Row("lint", &["x509", "origin::Code", "crl", "cert", "crypto::Sha256"]),
    // origin::Code: every mistake in a file has a code
    Row("toml", &["origin::Code", "text"]),
    // crypto: subjectKeyIdentifier, relatedCertificate and the policy's own digest are hashes;
    // origin: a leaf that no template fits becomes a finding, whose variables are its UID and fingerprint
    // crl: the number of a chip's list is in its certificate, and what lists weigh is known before there are any
    Row("policy", &["x509", "crypto", "origin", "crl", "verify::<types>", "cert", "lint", "text", "toml"]),
    Row("manifest", &["x509", "crypto", "origin", "class", "cert", "verify::<types>", "text"]),
    // the audit log of a service: its lines are spelled as those of manifests, and its files are sealed as they are
    Row("journal", &["x509", "crypto::sha256", "durable::DurableError", "input", "manifest", "origin::Code", "text"]),
    // durable: a list of all findings is a file of its own, in the form of rejected.jsonl; input: one that is there
    // already
    Row("findings", &["x509", "origin", "reel", "manifest::FindingLine", "durable", "input", "text"]),
    // crypto: what is written is hashed on its way, and what is read is compared with the digest that the statement
    // says; origin: entries are named by UID, findings by item and code
    Row(
        "delivery",
        // parallel: the large files of a batch are flushed side by side
        &[
            "x509",
            "crypto::Sha256",
            "crypto::sha256",
            "origin::Code",
            "origin::ItemName",
            "origin::Uid",
            "class",
            "cert",
            "manifest",
            "durable",
            "input",
            "text",
            "parallel",
        ],
    ),
    // what a person names: policies, lists, certificates
    Row("load", &["class", "x509", "crypto::sha256", "input", "policy", "reel::Input", "text", "verify"]),
    Row(
        "error",
        &[
            "class",
            "crypto::EngineError",
            "delivery::DeliveryError",
            "durable::DurableError",
            "findings::FindingsError",
            "load::LoadError",
            "manifest::ManifestError",
            "policy::PolicyErrors",
            "reel::ReelError",
            "verify::ExpectError",
            "verify::VerifyError",
            "x509::Time",
        ],
    ),
    // what a front door prints of an error, whichever crate it is from
    Row("failure", &["class", "error", "toml::FileErrors"]),
    // pass 1 is the same for issuing and for looking
    Row("intake", &["x509", "crypto", "origin", "reel", "verify", "findings", "error", "parallel"]),
    Row("inspect", &["x509", "crypto", "origin", "reel", "verify", "findings", "error", "intake"]),
    Row("preview", &["x509", "crypto", "origin", "reel", "verify", "cert", "lint", "policy", "error", "text"]),
    // it makes findings again by the rules of the first pass
    Row("audit", &["*", "intake"]),
    // origin: chips that are wanted are named as people name them
    Row("export", &["x509", "crypto", "origin::<types>", "manifest", "delivery", "reel", "error"]),
    // the proof of one chip is the audit of one line: the same checks, not a second set of them
    Row("proof", &["*", "audit"]),
    // what all of these say, to programs and as a page
    Row("report", &["*"]),
];

/// `crates/issue`: what signs and remembers. `core` is all of that crate; `core::x` one module of it.
pub(crate) const ISSUE: &[Row] = &[
    // owners and modes of files, and nothing of this program but how it prints; input: the accounts are read
    Row("ownership", &["core::input", "core::text"]),
    // parallel: calls into a token are made on threads of their own, and one place knows what to do where there are
    // none
    Row("signer", &["core::x509", "core::crypto", "core::class", "core::input", "core::parallel", "core::text"]),
    Row(
        "ledger",
        &[
            "core::x509",
            "core::crypto",
            "core::origin",
            "core::class",
            // why a certificate is revoked
            "core::crl::Reason",
            "core::cert",
            "core::lint::LintedTbs",
            "core::verify::Relaxation",
            "core::durable",
            "core::input",
            "core::text",
        ],
    ),
    Row(
        "issue",
        &["core::x509", "core::crypto", "core::origin", "core::class", "core::cert", "signer", "ledger::<types>"],
    ),
    // an approval is signed by a person's key and checked before a CA's is used; the request is recorded
    Row("approval", &["core", "signer", "ledger::<types>"]),
    // the audit log of a service is appended to; its files are sealed by `seal`
    Row("audit_log", &["core"]),
    // approval: who may approve is a line of the file. crypto: key and certificate must fit; durable: it reads what
    // `init` wrote; origin::Code: every mistake in the file has a code; ownership: no other user may change the files
    // that it names
    Row("config", &["core", "signer", "issue", "ledger", "ownership", "approval"]),
    // issue: the one door to a CA key
    Row("ca", &["core", "signer", "ledger", "issue::sign_recorded", "config"]),
    Row(
        "error",
        &[
            "core",
            "approval::ApprovalError",
            "audit_log::JournalError",
            "ca::CaError",
            "config::ConfigErrors",
            "issue::IssueError",
            "ledger::LedgerError",
            "ledger::NamesError",
            // which authority cannot serve a task
            "ledger::AuthorityKind",
            "signer::SignerError",
        ],
    ),
    // the manifest key's one door
    Row("seal", &["core", "signer", "error"]),
    // what the configuration names and its ledger says, read and not judged again
    Row("status", &["core", "config", "ledger"]),
    // proofs say whether a receipt is of the batch
    Row("possession", &["core", "signer", "seal", "error"]),
    // how a server is asked
    Row("https", &["core"]),
    // formats of files: what a plan says of a batch row, and its planner's signature
    // https: a worker may find the leaves of its chunks at a web server
    Row("plan", &["core", "signer", "ledger", "seal", "error", "approval", "https"]),
    // a protocol: what the ledger has recorded is asked for
    Row("cmp", &["core", "https", "signer", "ledger", "error"]),
    // the one module that knows the order; its authorities use the formats and the protocol
    Row("pipeline", &["core", "signer", "ledger", "issue", "seal", "error", "plan", "cmp", "approval"]),
    // issue: the one door to a CA key; the lists follow from the ledger, so it needs no part of the pipeline
    Row("revoke", &["core", "signer", "ledger", "issue", "seal", "error", "approval"]),
    // what every front door starts from: a configuration and choices become a run. revoke: a plan of lists is signed
    // where a plan of certificates is
    Row(
        "setup",
        &["core", "signer", "ledger", "issue", "config", "error", "plan", "cmp", "pipeline", "approval", "revoke"],
    ),
    // a front door that is not a program's: what comes over its socket is done by `setup`
    Row(
        "signing_service",
        &["core", "ownership", "signer", "ledger", "config", "error", "pipeline", "approval", "revoke", "setup"],
    ),
    // pipeline: what tells a published batch of this ledger; revoke: serial numbers that follow from the ledger
    Row("query", &["core", "ledger", "error", "pipeline::sealed_at", "revoke::BatchCertificates"]),
];

/// `crates/check`: the verbs that check, which share what prints and do not know each other.
pub(crate) const CHECK: &[Row] = &[
    Row("args", &[]),
    Row("exit", &["core::class"]),
    Row("fault", &["core::failure", "exit"]),
    Row("stdin", &["core::input"]),
    // a rate is shown as a count is
    Row("progress", &["core::report::count"]),
    // what the libraries say, with the options of the command line in it
    Row("words", &[]),
    Row("render", &["core", "words"]),
    Row("printer", &["core::failure", "core::error", "core::text", "args", "fault", "render", "words"]),
    Row("usage", &["core::text", "printer"]),
    Row("man", &["core::durable", "core::text", "fault", "printer"]),
    Row("world", &["core::cert", "core::x509", "fault", "printer"]),
    Row("chip", &["core::proof", "core::text", "fault"]),
    Row("load", &["core", "fault"]),
    Row("anchors", &["core::load", "core::x509", "args", "fault", "printer", "world"]),
    Row("beside", &["core::audit", "core::text", "fault", "load"]),
    Row("lists", &["core", "beside", "fault", "load", "render"]),
    Row(
        "verb",
        &[
            "core", "anchors", "args", "beside", "chip", "exit", "fault", "lists", "load", "printer", "progress",
            "render", "words", "world",
        ],
    ),
    Row("cli", &["core::durable"]),
    // durable: folders that were made for outputs and hold none are removed at the end
    Row("main", &["core::x509", "core::durable", "cli"]),
];

/// `crates/service`: HTTP over the libraries. It decides nothing that a command line would need again. `core` is that crate;
/// of `reroot-issue` every module may be named, and Cargo sees to it that no other front door is.
pub(crate) const SERVICE: &[Row] = &[
    Row("world", &["core"]),
    Row("status", &["core"]),
    Row("problem", &["core", "status"]),
    Row("rate", &[]),
    // rate: the table of roles also says what a request costs
    Row("principal", &["core", "problem", "rate"]),
    // groups of the OpenID provider have roles, classes of requests have rates
    Row("settings", &["core", "principal::Role", "rate"]),
    Row("store", &["core"]),
    Row("error", &["core", "settings", "store"]),
    // an ID token is judged without the store
    Row("oidc", &["core", "error", "problem", "settings"]),
    Row("metrics", &[]),
    Row("version", &["core"]),
    // what a published revocation list says is read by the core
    Row("lists", &["core", "version"]),
    // its error is the core's
    Row("catalog", &["core", "core::error", "store"]),
    Row("audit_log", &["core", "error", "problem", "world"]),
    // runs of this process: those who wait for them and those who make them know it
    Row("running", &["core"]),
    // what handlers and jobs have
    Row(
        "app",
        &[
            "core",
            "audit_log",
            "catalog",
            "lists",
            "metrics",
            "oidc::Provider",
            "principal::Passing",
            "problem",
            "rate",
            "running",
            "settings",
            "store",
            "world",
        ],
    ),
    // who asks is found with the store
    Row("auth", &["core", "app", "oidc", "principal", "problem", "settings::OidcSettings", "store", "world"]),
    // the first administrator is made where nothing answers yet
    Row(
        "admin",
        &[
            "core",
            "auth::session",
            "auth::token",
            "auth::NewToken",
            "error",
            "principal",
            "problem",
            "settings",
            "store",
            "world",
        ],
    ),
    Row("job", &["core", "app", "problem", "running", "settings", "store"]),
    Row(
        "http",
        &[
            "core",
            "app",
            "auth",
            "catalog",
            "job",
            "metrics",
            "principal",
            "problem",
            "rate",
            "running",
            "settings",
            "store",
        ],
    ),
    // pages: they ask the API's router in this process, and show what it answers; sessions are theirs
    Row("console", &["core", "app", "auth", "http", "oidc", "principal", "problem", "rate", "settings", "store"]),
    // a connection says which certificate was verified on it
    Row("listen", &["core", "error", "principal::Peer", "settings", "version"]),
    Row(
        "serve",
        &[
            "core",
            "app",
            "audit_log",
            "auth::session",
            "catalog",
            "console",
            "error",
            "http",
            "job",
            "listen",
            "oidc::Provider",
            "principal",
            "settings",
            "store",
            "world",
        ],
    ),
];

/// Front doors: they know the library as `reroot::` and never each other.
pub(crate) const BINARY: &[Row] = &[Row("cli", &[]), Row("lib", &[]), Row("main", &["cli"])];

/// What the command line may touch of the libraries, as `reroot::`: it parses, calls and prints. What reads
/// certificates byte by byte, lints, records or derives is not for it, and what another front door would need again
/// belongs into a library.
pub(crate) const PROGRAM: &[Row] = &[Row(
    "cli",
    &[
        "approval",
        "ca",
        "cert::<types>",
        "cmp",
        "config",
        "crl::<types>",
        "crypto::named_notes",
        "crypto::sha256",
        "delivery::<types>",
        "delivery::certificate_to_pem",
        "delivery::check_place",
        "durable",
        "error",
        "export",
        // an export that goes to standard output is read when it is whole
        "input::open",
        "issue::Issuer",
        "ledger::<types>",
        "ledger::MAX_FINDINGS",
        // a ledger on a server has no size and no folder
        "ledger::is_url",
        "manifest::<types>",
        "manifest::STATEMENT_FILE",
        // what a time-stamping authority is sent, and how a chip writes a signature
        "manifest::request",
        "manifest::signature_from_chip",
        "origin::<types>",
        // a serial number as it is typed
        "origin::typed_bytes",
        "ownership",
        "pipeline",
        "plan",
        "policy",
        "possession",
        "proof",
        "query",
        "reel::<types>",
        "report",
        "revoke",
        "setup",
        "signing_service",
        "signer::<types>",
        "status",
        // tokens are examined and measured, and a module that hangs is left at the end
        "signer::pkcs11",
        "signer::bench",
        "signer::doctor",
        "signer::hanging_calls",
        "signer::leave",
        "signer::resolve_pin",
        "text::<types>",
        // a line of the log is JSON that moves no cursor
        "text::printable_json",
        "verify::<types>",
        "x509::<types>",
        "x509::pem",
    ],
)];
