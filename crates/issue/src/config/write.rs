//! The text of a new configuration: beside the schema, so that the two stay one.

use crate::signer::SecretSource;
use crate::text::Printable;

/// What a new configuration says; everything else is where a new CA puts it.
#[derive(Clone, Debug)]
pub struct NewConfig<'a> {
    /// Whose CA it is.
    pub organization: &'a str,
    /// Where the issuing CA comes from.
    pub ca: CaSection<'a>,
    /// Whether the new keys are in a token.
    pub in_token: bool,
    /// Whether the URIs of the new keys say where the PIN is.
    pub pin_in_uri: bool,
    /// Where the manifest signer's key is: a path, or a token's URI.
    pub manifest_key: &'a str,
    /// Where the secret of the manifest signer's key comes from.
    pub manifest_secret: SecretPlace<'a>,
    /// The anchor's file name below `anchors/`.
    pub anchor: &'a str,
}

/// Where the issuing CA of a new configuration comes from.
#[derive(Clone, Debug)]
pub enum CaSection<'a> {
    /// It was there before; its key stays where it is.
    Adopted {
        /// Where its key is: an absolute path, or a token's URI.
        key: &'a str,
        /// Whether the key is in a token.
        in_token: bool,
        /// Where the secret of its key comes from.
        secret: SecretPlace<'a>,
        /// Whether there are certificates above it.
        chain: bool,
        /// Whether the manifest signer has an anchor of its own.
        own_anchor: bool,
    },
    /// It was made, or requested, with the configuration.
    Made {
        /// Where the root's key is: a path, or a token's URI. `None`: another CA has it.
        root_key: Option<&'a str>,
        /// Where the issuing CA's key is.
        issuing_key: &'a str,
        /// Where the secret of that key comes from.
        secret: SecretPlace<'a>,
    },
}

/// Where a passphrase or PIN comes from.
#[derive(Clone, Copy, Debug)]
pub enum SecretPlace<'a> {
    /// There is none: the key file is plain, or the token asks for its PIN.
    None,
    /// From here; the path of a file is written as it is.
    Named(&'a SecretSource),
    /// A person is asked.
    Prompt,
}

impl NewConfig<'_> {
    /// Returns the text of `reroot.toml`. `None` if the path of a secret cannot be written as text.
    pub fn text(&self) -> Option<String> {
        let (issuing_key, in_token, issuing_secret, remark) = match self.ca {
            CaSection::Adopted { key, in_token, secret, .. } => {
                (key, in_token, secret, "          # stays where it is")
            }
            CaSection::Made { issuing_key, secret, .. } => (issuing_key, self.in_token, secret, "            # PKCS#8"),
        };
        let pin_in_uri = match self.ca {
            CaSection::Adopted { key, .. } => key.contains("pin-source="),
            CaSection::Made { .. } => self.pin_in_uri,
        };
        let issuing_secret = secret(issuing_secret, in_token, pin_in_uri)?;
        // what a secret may be is explained once, below the first key
        let manifest_secret = match self.manifest_secret {
            SecretPlace::Named(source) => secret_line(source)? + "\n",
            _ if self.in_token && self.pin_in_uri => String::new(),
            _ => format!("{EXAMPLE}\n"),
        };
        let (made, chain, sealed, anchor) = match self.ca {
            CaSection::Adopted { chain, own_anchor, .. } => {
                let chain = if chain {
                    "chain = [\"ca/chain.pem\"]              # the CAs above, nearest first"
                } else {
                    NO_CHAIN
                };
                let (sealed, anchor) = if own_anchor {
                    ("under an anchor of its own", "anchor = \"ca/manifest-anchor.pem\"\n")
                } else {
                    ("for the root to certify", "")
                };
                ("which was there before", chain, sealed, anchor)
            }
            CaSection::Made { root_key: Some(_), .. } => ("as it was made", CHAIN, "certified by the root", ""),
            CaSection::Made { root_key: None, .. } => {
                ("for another root to certify", CHAIN_TO_COME, "certified by the root", "")
            }
        };
        Some(format!(
            r#"# The certification authority of {organization}, {made}.
# Paths are relative to this file. It holds no secret; a person who can change it chooses what is trusted.

[issuer]
# Signs the object certificates.
certificate = "ca/issuing.pem"
{chain}
key = {issuing_key}{remark}
{issuing_secret}

{root}[manifest]
# Seals each batch. Its own key, {sealed}, for signing documents and nothing else.
certificate = "ca/manifest.pem"
{anchor}key = {manifest_key}
{manifest_secret}
[source]
# Whose signature makes a leaf certificate a genuine part: ST's production CA for STSAFE-A.
anchors = [{source_anchor}]

[ledger]
# Remembers what was signed. One issuer, one ledger: back it up, never copy it to a second machine.
path = "ledger.db"
{hsm}"#,
            organization = comment(self.organization),
            issuing_key = string(issuing_key),
            remark = if in_token { "" } else { remark },
            root = self.root(),
            manifest_key = string(self.manifest_key),
            source_anchor = string(&format!("anchors/{}", self.anchor)),
            hsm = if self.in_token || in_token { HSM } else { "" },
        ))
    }

    /// What to do with the key that certified the new keys.
    fn root(&self) -> String {
        let (key, whose) = match self.ca {
            CaSection::Made { root_key: Some(key), .. } => (key, "root's"),
            CaSection::Adopted { own_anchor: true, .. } if !self.in_token => {
                ("ca/manifest-anchor.key.pem", "manifest anchor's")
            }
            _ => return String::new(),
        };
        if self.in_token {
            return format!("# The {whose} key ({}) is not named here because no batch needs it.\n\n", comment(key));
        }
        format!(
            "# The {whose} key ({key}) is not named here because no batch needs it:\n\
             # copy it to two offline media, check the copies, and delete it from this machine.\n\n"
        )
    }
}

/// The lines below a key that say where its secret comes from.
fn secret(place: SecretPlace<'_>, in_token: bool, pin_in_uri: bool) -> Option<String> {
    Some(match place {
        SecretPlace::Named(source) => secret_line(source)?,
        _ if in_token && pin_in_uri => PIN_THERE.to_owned(),
        _ if in_token => format!("{ASK_PIN}\n{EXAMPLE}"),
        SecretPlace::Prompt => format!("{ASK}\n{EXAMPLE}"),
        SecretPlace::None => format!("{PLAIN}\n{EXAMPLE}"),
    })
}

/// The line that names a source. `None` if its path is not text.
fn secret_line(source: &SecretSource) -> Option<String> {
    Some(match source {
        SecretSource::Prompt => EXAMPLE.to_owned(),
        SecretSource::Credential(name) => format!("secret = {{ credential = {} }}", string(name)),
        SecretSource::Env(name) => format!("secret = {{ env = {} }}", string(name)),
        SecretSource::File(path) => format!("secret = {{ file = {} }}", string(path.to_str()?)),
    })
}

/// A TOML string, quoted and escaped.
fn string(text: &str) -> String {
    toml::Value::from(text).to_string()
}

/// Text that cannot end its comment line (TOML allows no control characters there) or hide what is in it.
fn comment(text: &str) -> String {
    Printable::new(text).to_string()
}

const CHAIN: &str = "chain = [\"ca/root.pem\"]               # the CAs above, nearest first";
const CHAIN_TO_COME: &str = "chain = [\"ca/root.pem\"]               # the import writes it, and both certificates";
const NO_CHAIN: &str = "# It is its own root: there is no chain above it.";
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
