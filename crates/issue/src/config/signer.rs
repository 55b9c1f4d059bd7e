//! `[signer]`: where the signing service listens, who may connect, and where it keeps requests.

use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::Spanned;

use super::error;
use super::schema::Section;

/// The section. The users in it are names of `/etc/passwd` or numbers, and were not looked up.
#[derive(Clone, Debug)]
pub struct SignerSection {
    pub(super) socket: Spanned<PathBuf>,
    pub(super) directory: Spanned<PathBuf>,
    peers: Vec<String>,
}

impl SignerSection {
    /// The Unix socket.
    pub fn socket(&self) -> &Path {
        self.socket.get_ref()
    }

    /// Where requests are kept.
    pub fn directory(&self) -> &Path {
        self.directory.get_ref()
    }

    /// Users that may connect, besides root and the service's own.
    pub fn peers(&self) -> &[String] {
        &self.peers
    }
}

/// Reads the section. Every mistake in it is noted.
pub(super) fn read(section: &Section<'_>) -> Option<SignerSection> {
    let (socket, directory) = (section.path("socket"), section.path("directory"));
    let peers = peers(section);
    let socket = socket?;
    let length = socket.get_ref().as_os_str().len();
    if length > MAX_SOCKET {
        let message = format!("`socket` has {length} bytes, expected at most {MAX_SOCKET} (unix(7))");
        return section.table.errors.push(error::VALUE, socket.span(), message);
    }
    Some(SignerSection { socket, directory: directory?, peers: peers? })
}

fn peers(section: &Section<'_>) -> Option<Vec<String>> {
    let Some(value) = section.table.optional("peers") else { return Some(vec![]) };
    let names: Vec<_> = value
        .members("an array of users")?
        .iter()
        .map(|item| {
            let name = item.text("a user")?;
            let span: &Range<usize> = &item.span;
            if name.is_empty() {
                return item.errors.push(error::VALUE, span, "`peers` has an empty name");
            }
            Some(name.to_owned())
        })
        .collect();
    names.into_iter().collect()
}

/// Longest path of a socket: sun_path less its last byte.
const MAX_SOCKET: usize = 107;
