//! The text of a new configuration: beside the schema, so that the two stay one.

use crate::signer::SecretSource;
use crate::text::Printable;

/// What a new configuration says; everything else is where `reroot init` puts it.
#[derive(Clone, Debug)]
pub struct NewConfig<'a> {
    /// Whose CA it is.
    pub organization: &'a str,
    /// Whether the keys lie in a token.
    pub in_token: bool,
    /// Where the root's key lies: a path, or a token's URI. `None`: somebody else has it.
    pub root_key: Option<&'a str>,
    /// Where the issuing CA's key lies.
    pub issuing_key: &'a str,
    /// Where the manifest signer's key lies.
    pub manifest_key: &'a str,
    /// Whether there is a passphrase or PIN.
    pub secret_given: bool,
    /// Whether the keys' URIs say where the PIN is.
    pub pin_in_uri: bool,
    /// Where the passphrase or PIN comes from, if not from a prompt; a file's path as it will be written, relative to
    /// the configuration or absolute.
    pub secret: Option<&'a SecretSource>,
    /// The anchor's file name below `anchors/`.
    pub anchor: &'a str,
}

impl NewConfig<'_> {
    /// The text of `reroot.toml`. `None` if the secret's path cannot be written as text.
    pub fn text(&self) -> Option<String> {
        let secret = match self.secret {
            None | Some(SecretSource::Prompt) => None,
            Some(SecretSource::Env(name)) => Some(format!("secret = {{ env = {} }}", string(name))),
            Some(SecretSource::File(path)) => Some(format!("secret = {{ file = {} }}", string(path.to_str()?))),
        };
        // the secret is explained once, below the first key
        let (issuing_secret, manifest_secret) = match secret {
            Some(line) => (line.clone(), line),
            None if self.in_token && self.pin_in_uri => (PIN_THERE.to_owned(), String::new()),
            None if self.in_token => (format!("{ASK_PIN}\n{EXAMPLE}"), EXAMPLE.to_owned()),
            None if self.secret_given => (format!("{ASK}\n{EXAMPLE}"), EXAMPLE.to_owned()),
            None => (format!("{PLAIN}\n{EXAMPLE}"), EXAMPLE.to_owned()),
        };
        let manifest_secret = if manifest_secret.is_empty() { manifest_secret } else { manifest_secret + "\n" };
        let (made, chain) = match self.root_key {
            Some(_) => ("as it was made", "the CAs above, nearest first"),
            None => ("for another root to certify", "the import writes it, and both certificates"),
        };
        Some(format!(
            r#"# The certification authority of {organization}, {made}.
# Paths are relative to this file. It holds no secret; whoever can change it chooses what is trusted.

[issuer]
# Signs the object certificates.
certificate = "ca/issuing.pem"
chain = ["ca/root.pem"]               # {chain}
key = {issuing_key}{kind}
{issuing_secret}

{root}[manifest]
# Seals each batch. Its own key, certified by the root, for signing documents and nothing else.
certificate = "ca/manifest.pem"
key = {manifest_key}
{manifest_secret}
[source]
# Whose signature makes a leaf certificate a genuine part: ST's production CA for STSAFE-A.
anchors = [{anchor}]

[ledger]
# Remembers what was signed. One issuer, one ledger: back it up, never copy it to a second machine.
path = "ledger.db"
{hsm}"#,
            organization = comment(self.organization),
            issuing_key = string(self.issuing_key),
            kind = if self.in_token { "" } else { "            # PKCS#8" },
            root = self.root(),
            manifest_key = string(self.manifest_key),
            anchor = string(&format!("anchors/{}", self.anchor)),
            hsm = if self.in_token { HSM } else { "" },
        ))
    }

    /// What to do with the root's key.
    fn root(&self) -> String {
        match self.root_key {
            None => String::new(),
            Some(uri) if self.in_token => {
                format!("# The root's key ({}) is not named here because no batch needs it.\n\n", comment(uri))
            }
            Some(path) => {
                let same = if self.secret_given { "encrypted with the same passphrase, " } else { "" };
                format!(
                    "# The root's key ({same}{path}) is not named here because no batch needs it:\n\
                     # copy it to two offline media, check the copies, and delete it from this machine.\n\n"
                )
            }
        }
    }
}

/// A TOML string, quoted and escaped.
fn string(text: &str) -> String {
    toml::Value::from(text).to_string()
}

/// Text that cannot end its comment line (TOML allows no control characters there) or hide what stands in it.
fn comment(text: &str) -> String {
    Printable::new(text).to_string()
}

const PLAIN: &str = "# The key is not encrypted. `openssl pkcs8 -topk8` encrypts it; then say where the passphrase is:";
const ASK: &str = "# The key is encrypted and its passphrase is asked for. To have it from elsewhere:";
const EXAMPLE: &str = "# secret = { env = \"NAME\" }          # or { file = \"PATH\" }";
const ASK_PIN: &str = "# The PIN is asked for if the token wants one. To have it from elsewhere:";
const PIN_THERE: &str = "# `pin-source` in the URI names the file with the PIN.";
const HSM: &str = r#"
# How tokens are treated. These are the usual values; without `sessions`, as many as make it faster.
# [hsm]
# sessions = 8                # at a time, per token
# call_timeout = "30s"        # longest wait for one call
# retries = 8                 # further attempts before a token is given up
# first_pause = "250ms"       # before the first of them; each pause is twice as long as the one before
# longest_pause = "15s"
#
# Tokens that hold copies of the same key: key = ["pkcs11:...", "pkcs11:..."]
"#;
