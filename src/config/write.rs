//! The text of a new configuration: beside the schema, so that the two stay one.

use crate::signer::SecretSource;

/// What a new configuration says; everything else is where `reroot init` puts it.
#[derive(Clone, Debug)]
pub struct NewConfig<'a> {
    /// Whose CA it is.
    pub organization: &'a str,
    /// Whether the key files are encrypted.
    pub encrypted: bool,
    /// Where the passphrase comes from, if not from a prompt; a file's path as it will be written, relative to the
    /// configuration or absolute.
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
        // the passphrase is explained once, below the first key
        let (issuing_secret, manifest_secret) = match secret {
            Some(line) => (line.clone(), line),
            None if self.encrypted => (format!("{ASK}\n{EXAMPLE}"), EXAMPLE.to_owned()),
            None => (format!("{PLAIN}\n{EXAMPLE}"), EXAMPLE.to_owned()),
        };
        let root = if self.encrypted { "encrypted with the same passphrase, " } else { "" };
        let organization = comment(self.organization);
        Some(format!(
            r#"# The certification authority of {organization}, as `reroot init` made it.
# Paths are relative to this file. It holds no secret; whoever can change it chooses what is trusted.

[issuer]
# Signs the object certificates.
certificate = "ca/issuing.pem"
chain = ["ca/root.pem"]               # the CAs above, nearest first
key = "ca/issuing.key.pem"            # PKCS#8
{issuing_secret}

# The root's key ({root}ca/root.key.pem) is not named here because no batch needs it:
# copy it to two offline media, check the copies, and delete it from this machine.

[manifest]
# Seals each batch. Its own key, certified by the root, for signing documents and nothing else.
certificate = "ca/manifest.pem"
key = "ca/manifest.key.pem"
{manifest_secret}

[source]
# Whose signature makes a leaf certificate a genuine part: ST's production CA for STSAFE-A.
anchors = [{anchor}]

[ledger]
# Remembers what was signed. One issuer, one ledger: back it up, never copy it to a second machine.
path = "ledger.db"
"#,
            anchor = string(&format!("anchors/{}", self.anchor)),
        ))
    }
}

/// A TOML string, quoted and escaped.
fn string(text: &str) -> String {
    toml::Value::from(text).to_string()
}

/// Text that cannot end its comment line (TOML allows no control characters there).
fn comment(text: &str) -> String {
    text.chars().filter(|character| !character.is_control()).collect()
}

const PLAIN: &str = "# The key is not encrypted. `openssl pkcs8 -topk8` encrypts it; then say where the passphrase is:";
const ASK: &str = "# The key is encrypted and its passphrase is asked for. To have it from elsewhere:";
const EXAMPLE: &str = "# secret = { env = \"NAME\" }          # or { file = \"PATH\" }";
