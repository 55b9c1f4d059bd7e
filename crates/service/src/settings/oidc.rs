//! `[oidc]`: the OpenID provider, and what its words mean here.

use std::path::{Path, PathBuf};

use reroot_core::toml::Value;

use super::error;
use super::read::path;
use crate::principal::Role;

/// Who the provider is, and what its words mean here.
#[derive(Clone, Debug)]
pub struct OidcSettings {
    /// The issuer, as it is in tokens, and below which its configuration is (OpenID Connect Discovery 1.0 §4).
    pub issuer: String,
    /// This service's name at the provider; tokens must be for it.
    pub client_id: String,
    /// The file of the secret that the provider has given this client; none for a public client.
    pub client_secret: Option<PathBuf>,
    /// Where browsers reach this service, without a path: the provider sends them back there.
    pub public_url: String,
    /// The CAs of the provider's TLS, in PEM; those of the system if it is not said.
    pub ca: Option<PathBuf>,
    /// The claim that is the name under which everything is recorded.
    pub name_claim: String,
    /// The claim that holds the groups.
    pub groups_claim: String,
    /// What groups may do, in the order of the file.
    pub roles: Vec<(String, Vec<Role>)>,
    /// Seconds by which the clocks may differ.
    pub skew: i64,
}

impl OidcSettings {
    /// Where the provider sends browsers back to.
    pub fn redirect_uri(&self) -> String {
        format!("{}{CALLBACK}", self.public_url)
    }
}

/// The path of the answer of a login.
pub const CALLBACK: &str = "/console/login/oidc/callback";

/// Reads the section. Every mistake in it is noted.
pub(super) fn read(value: &Value<'_>, base: &Path) -> Option<OidcSettings> {
    let table = value.table()?;
    let issuer = table.required("issuer").and_then(|value| url(&value, true));
    let client_id = table.required("client_id").and_then(|value| word(&value));
    let client_secret = table.optional("client_secret").map(|value| path(&value, base));
    let public_url = table.required("public_url").and_then(|value| url(&value, false));
    let ca = table.optional("ca").map(|value| path(&value, base));
    let claim = |key, usual: &str| table.optional(key).map_or(Some(usual.to_owned()), |value| word(&value));
    let (name_claim, groups_claim) = (claim("name_claim", "email"), claim("groups_claim", "groups"));
    let skew = table.optional("skew").map_or(Some(60), |value| value.integer(&(0..=300)));
    let roles = table.required("roles").and_then(|value| roles(&value));
    table.finish();
    let whole = |path: Option<Option<_>>| match path {
        Some(path) => path.map(Some),
        None => Some(None),
    };
    Some(OidcSettings {
        issuer: issuer?,
        client_id: client_id?,
        client_secret: whole(client_secret)?,
        public_url: public_url?,
        ca: whole(ca)?,
        name_claim: name_claim?,
        groups_claim: groups_claim?,
        roles: roles?,
        skew: i64::try_from(skew?).ok()?,
    })
}

fn word(value: &Value<'_>) -> Option<String> {
    let text = value.string()?;
    if text.is_empty() || text.len() > 200 || text.chars().any(char::is_control) {
        return value.error(error::VALUE, format!("`{}` is not a text of 1 to 200 characters", value.path));
    }
    Some(text.to_owned())
}

/// `https://HOST`, with a path or without; `http` to this machine alone.
fn url(value: &Value<'_>, with_path: bool) -> Option<String> {
    let text = value.string()?;
    let split = text.strip_prefix("https://").map(|rest| (true, rest));
    let split = split.or_else(|| text.strip_prefix("http://").map(|rest| (false, rest)));
    let Some((secure, rest)) =
        split.filter(|(_, rest)| !rest.contains(['?', '#', '@', '\\']) && !rest.contains(char::is_whitespace))
    else {
        let what = format!("`{}` is not a URL such as https://login.example.com", value.path);
        return value.error(error::VALUE, what);
    };
    let (host, path) = rest.split_once('/').map_or((rest, None), |(host, path)| (host, Some(path)));
    let name = host.rsplit_once(':').filter(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
    let name = name.map_or(host, |(name, _)| name);
    if name.is_empty() {
        return value.error(error::VALUE, format!("`{}` has no host", value.path));
    }
    if !secure && !["127.0.0.1", "[::1]", "localhost"].contains(&name) {
        let what = format!("`{}` is http to a different machine: anybody between could say who people are", value.path);
        return value.error_hint(error::VALUE, what, "Use https; http is for this machine alone.");
    }
    if !with_path && path.is_some() {
        let what = format!("`{}` has a path, expected only https:// and the host", value.path);
        return value.error(error::VALUE, what);
    }
    Some(text.to_owned())
}

/// A table of groups, each with a role or a list of them.
fn roles(value: &Value<'_>) -> Option<Vec<(String, Vec<Role>)>> {
    let mut all = Some(Vec::new());
    for (group, value) in value.table()?.entries() {
        let words = if value.is_array() { value.array() } else { Some(vec![value]) };
        let roles: Option<Vec<Role>> = words.and_then(|words| words.iter().map(role).collect());
        match (roles, &mut all) {
            (Some(roles), Some(all)) => all.push((group.to_owned(), roles)),
            _ => all = None,
        }
    }
    if all.as_ref().is_some_and(Vec::is_empty) {
        return value.error(error::VALUE, format!("`{}` is empty, expected at least one group", value.path));
    }
    all
}

fn role(value: &Value<'_>) -> Option<Role> {
    let word = value.string()?;
    let known = Role::of(word).filter(|role| *role != Role::Station);
    if known.is_none() {
        let words: Vec<&str> = Role::ALL.into_iter().filter(|role| *role != Role::Station).map(Role::as_str).collect();
        return value.error(error::VALUE, format!("`{}` is `{word}`, expected {}", value.path, words.join(", ")));
    }
    known
}
