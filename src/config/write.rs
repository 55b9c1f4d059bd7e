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
            _ if !self.encrypted => NO_SECRET.to_owned(),
            None | Some(SecretSource::Prompt) => ASK.to_owned(),
            Some(SecretSource::Env(name)) => format!("secret = {{ env = {} }}\n", string(name)),
            Some(SecretSource::File(path)) => format!("secret = {{ file = {} }}\n", string(path.to_str()?)),
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
{secret}
# The root's key ({root}ca/root.key.pem) is not named here because no batch needs it:
# copy it to two offline media, check the copies, and delete it from this machine.

[manifest]
# Seals each batch. Its own key, certified by the root, for signing documents and nothing else.
certificate = "ca/manifest.pem"
key = "ca/manifest.key.pem"
{secret}
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

const NO_SECRET: &str = "# The key is not encrypted. To encrypt it, see `openssl pkcs8 -topk8`, then say where the \
                         passphrase is:\n# secret = { env = \"NAME\" }          # or { file = \"PATH\" }\n";
const ASK: &str = "# The passphrase is asked for. To have it elsewhere:\n# secret = { env = \"NAME\" }          # or { file \
                   = \"PATH\" }\n";
