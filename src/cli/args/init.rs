//! `reroot init`

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{KEY_KINDS, PinArgs};

#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  reroot init pki --organization \"Acme SA\" --key P-384 --passphrase-file ca.pass\n  \
    reroot init pki --organization \"Acme SA\" --issuer-cert ca.pem --issuer-key ca.key.pem --chain root.pem\n  \
    reroot init pki --organization \"Acme SA\" --pkcs11 \"pkcs11:token=ca?module-path=/usr/lib/vendor.so\" \
    --pin-file pin\n\n\
    Bring your own CA (--issuer-key): docs/guide/own-ca.md"
)]
pub(crate) struct InitArgs {
    /// Directory to make the CA in; nothing in it is overwritten
    pub(crate) dir: PathBuf,
    /// Organization in the names of the new certificates and in the shipped policies (default: asked for on a terminal)
    #[arg(long, short)]
    pub(crate) organization: Option<String>,
    /// Kind of the new keys; the last three in tokens only, with a manifest signer's key on P-256
    #[arg(long, default_value = "P-256", value_parser = KEY_KINDS)]
    pub(crate) key: String,
    /// Make no root: the issuing CA and the manifest signer get a request each, for another root to certify (then
    /// `reroot ca import`)
    #[arg(long)]
    pub(crate) without_root: bool,
    /// Make a Matter PAA (root) and PAI (issuing CA) for this vendor: 4 upper-case hexadecimal digits; FFF1 to FFF4
    /// are for tests. Their names carry no organization
    #[arg(long, value_name = "VID")]
    pub(crate) vendor_id: Option<String>,
    /// Bind the Matter PAI to this product: 4 upper-case hexadecimal digits
    #[arg(long, value_name = "PID", requires = "vendor_id")]
    pub(crate) product_id: Option<String>,
    #[command(flatten)]
    pub(crate) adopt: AdoptArgs,
    /// Encrypt the new keys with the passphrase in this file. ROLE=FILE, with root, issuing or manifest, gives each key its
    /// own; the option is then repeated
    #[arg(long, value_name = "[ROLE=]FILE", conflicts_with_all = ["passphrase_env", "passphrase_prompt"])]
    pub(crate) passphrase_file: Vec<String>,
    /// As --passphrase-file, from an environment variable
    #[arg(long, value_name = "[ROLE=]NAME", conflicts_with = "passphrase_prompt")]
    pub(crate) passphrase_env: Vec<String>,
    /// Encrypt the new keys with passphrases asked for on the terminal, one for each key
    #[arg(long)]
    pub(crate) passphrase_prompt: bool,
    /// Ask once: one passphrase for all new keys
    #[arg(long, requires = "passphrase_prompt")]
    pub(crate) one_passphrase: bool,
    /// Make the new keys in the PKCS#11 token that this URI names; `object` in it is what their labels begin with
    #[arg(long, value_name = "URI", conflicts_with_all = ["passphrase_file", "passphrase_env", "passphrase_prompt"])]
    pub(crate) pkcs11: Option<String>,
    #[command(flatten)]
    pub(crate) pin: PinArgs,
}

/// A CA that exists.
#[derive(Args, Debug)]
pub(crate) struct AdoptArgs {
    /// Adopt an existing CA: the key of the issuing CA, a file (PEM, DER or PKCS#12) or a PKCS#11 URI. It stays where it is
    #[arg(long, value_name = "FILE|URI", conflicts_with_all = ["without_root", "vendor_id"])]
    pub(crate) issuer_key: Option<String>,
    /// The certificate of the issuing CA (PEM or DER); those above it may follow in the same file (default: what PKCS#12
    /// holds)
    #[arg(long, value_name = "FILE", requires = "issuer_key")]
    pub(crate) issuer_cert: Option<PathBuf>,
    /// The certificates above the issuing CA, up to the root; may be repeated
    #[arg(long, value_name = "FILE", requires = "issuer_key")]
    pub(crate) chain: Vec<PathBuf>,
    /// The passphrase of the issuing key is in this file (default: asked for if the key is encrypted)
    #[arg(long, value_name = "FILE", requires = "issuer_key", conflicts_with = "issuer_passphrase_env")]
    pub(crate) issuer_passphrase_file: Option<PathBuf>,
    /// The passphrase of the issuing key is in this environment variable
    #[arg(long, value_name = "NAME", requires = "issuer_key")]
    pub(crate) issuer_passphrase_env: Option<String>,
    /// Who certifies the manifest signer
    #[arg(long, value_enum, default_value = "own-anchor", requires = "issuer_key")]
    pub(crate) manifest_under: ManifestUnderArg,
}

/// Who certifies the manifest signer of an adopted CA.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ManifestUnderArg {
    /// An anchor of its own, which is made here
    OwnAnchor,
    /// The root above the issuing CA: a request is made for it (then `reroot ca import`)
    Root,
}
