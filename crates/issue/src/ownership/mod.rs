//! Which other users can change or read the files that this program trusts.
//!
//! Guarantees: a path passes only if each folder and symbolic link on the way belongs to root or to the user of this
//! process, and no other user can change it. The same is true of the file at its end, and no other user can read a
//! secret there. Two kinds of groups do not count as other users: groups that have no other member than root and the
//! user (with a umask of 002, a user's own group can write to everything), and groups that the operator names. In a
//! folder with the sticky bit, such as `/tmp`, others can make files of their own but cannot touch those of the user:
//! such a folder passes, and what is in it must belong to root or the user like everything else.
//!
//! Left to others: access control lists and capabilities, which a mode does not show in full, and groups that a
//! directory service has and `/etc/group` does not: they count as having other members.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::Metadata;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Component, Path, PathBuf};

use crate::input;
use crate::text::Printable;

/// What a file is to this program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Keys, passphrases and PINs: no other user may change or read it.
    Secret,
    /// The configuration, certificates, the ledger, a PKCS#11 module: no other user may change it.
    Trusted,
}

/// The user of this process, and the groups whose members are as good as that user.
#[derive(Clone, Debug)]
pub struct Ownership {
    user: u32,
    groups: Vec<u32>,
    accounts: Accounts,
}

impl Ownership {
    /// Of the effective user of this process.
    pub fn of_this_process() -> Self {
        let read = |path: &str| input::read(Path::new(path)).map(|text| String::from_utf8_lossy(&text).into_owned());
        let accounts =
            Accounts::parse(&read("/etc/passwd").unwrap_or_default(), &read("/etc/group").unwrap_or_default());
        Self { user: rustix::process::geteuid().as_raw(), groups: vec![], accounts }
    }

    /// Lets the members of a group do what the user may. `None` if there is no such group: a name of `/etc/group`, or a
    /// number.
    #[must_use]
    pub fn with_group(mut self, name: &str) -> Option<Self> {
        let known = self.accounts.groups.iter().find(|group| group.name == name).map(|group| group.id);
        self.groups.push(known.or_else(|| name.parse().ok())?);
        Some(self)
    }

    /// The number of a user: a name of `/etc/passwd`, or a number.
    pub fn user_id(&self, name: &str) -> Option<u32> {
        let known = self.accounts.users.iter().find(|user| user.name == name).map(|user| user.id);
        known.or_else(|| name.parse().ok())
    }

    /// The number of the user of this process.
    pub const fn user(&self) -> u32 {
        self.user
    }

    /// Checks a path and every folder and symbolic link on the way to it. What does not exist is not judged: it cannot
    /// be opened either, and the folder that it would be in has passed.
    ///
    /// # Errors
    /// A different user owns, can change, or can read what they must not.
    pub fn check(&self, path: &Path, role: Role) -> Result<(), Shared> {
        let Ok(path) = std::path::absolute(path) else { return Ok(()) };
        let mut ahead: VecDeque<OsString> = components(&path);
        let mut at = PathBuf::from("/");
        let mut links = 0;
        while let Some(name) = ahead.pop_front() {
            if name == ".." {
                at.pop();
                continue;
            }
            self.judge_folder(&at)?;
            at.push(&name);
            let Ok(found) = at.symlink_metadata() else { return Ok(()) };
            if found.is_symlink() && at.starts_with("/proc") && at.parent().is_some_and(|folder| folder.ends_with("fd"))
            {
                // a descriptor of this process (`<(...)`, /dev/stdin): the process that started this one opened what it
                // refers to
                let Ok(found) = at.metadata() else { return Ok(()) };
                return self.judge_end(&at, &found, role);
            }
            if found.is_symlink() {
                // its mode means nothing; who owns it could let it point elsewhere
                self.judge_owner(&at, &found)?;
                links += 1;
                let Ok(target) = at.read_link() else { return Ok(()) };
                if links > MAX_LINKS {
                    return Ok(());
                }
                if target.is_absolute() {
                    at = PathBuf::from("/");
                } else {
                    at.pop();
                }
                let mut rest = components(&target);
                rest.append(&mut ahead);
                ahead = rest;
                continue;
            }
            if ahead.is_empty() {
                return if found.is_dir() { self.judge_folder(&at) } else { self.judge_end(&at, &found, role) };
            }
        }
        self.judge_folder(&at)
    }

    fn judge_folder(&self, path: &Path) -> Result<(), Shared> {
        let Ok(found) = path.symlink_metadata() else { return Ok(()) };
        self.judge_owner(path, &found)?;
        let sticky = found.mode() & STICKY != 0;
        if sticky { Ok(()) } else { self.judge_writers(path, &found) }
    }

    fn judge_end(&self, path: &Path, found: &Metadata, role: Role) -> Result<(), Shared> {
        self.judge_owner(path, found)?;
        let kind = found.file_type();
        if kind.is_char_device() || kind.is_block_device() {
            // a terminal, /dev/null: its modes are the system's
            return Ok(());
        }
        self.judge_writers(path, found)?;
        if role == Role::Secret {
            self.judge_bits(path, found, [0o040, 0o004], "read", "go-rwx")?;
        }
        Ok(())
    }

    fn judge_owner(&self, path: &Path, found: &Metadata) -> Result<(), Shared> {
        if found.uid() == ROOT || found.uid() == self.user {
            return Ok(());
        }
        let what = "it belongs to neither root nor the user of this process".to_owned();
        Err(self.shared(path, found, what, format!("chown {}", self.accounts.user(self.user))))
    }

    fn judge_writers(&self, path: &Path, found: &Metadata) -> Result<(), Shared> {
        self.judge_bits(path, found, [0o020, 0o002], "change", "go-w")
    }

    /// Whether the group or others have a right: its bits in the mode, what it is called, and what takes it away.
    fn judge_bits(
        &self,
        path: &Path,
        found: &Metadata,
        [group, others]: [u32; 2],
        right: &str,
        remedy: &str,
    ) -> Result<(), Shared> {
        let who = if found.mode() & others != 0 {
            "every user of this machine".to_owned()
        } else if found.mode() & group != 0 && !self.is_ours(found.gid()) {
            format!("group `{}`", self.accounts.group(found.gid()))
        } else {
            return Ok(());
        };
        Err(self.shared(path, found, format!("{who} can {right} it"), format!("chmod {remedy}")))
    }

    /// Whether a group has been named, or has no other member than root and the user.
    fn is_ours(&self, group: u32) -> bool {
        self.groups.contains(&group) || self.accounts.only(group, &[ROOT, self.user])
    }

    fn shared(&self, path: &Path, found: &Metadata, what: String, remedy: String) -> Shared {
        let path = path.to_owned();
        let (owner, group) = (self.accounts.user(found.uid()), self.accounts.group(found.gid()));
        Shared { path, owner, group, mode: found.mode() & 0o7777, what, remedy: remedy.into() }
    }
}

/// The names in a path, without what says nothing.
fn components(path: &Path) -> VecDeque<OsString> {
    let name = |component: Component<'_>| match component {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        Component::CurDir | Component::Prefix(_) | Component::RootDir => None,
    };
    path.components().filter_map(name).collect()
}

/// Another user can change or read what they must not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{}` (owner {owner}, group {group}, mode {mode:04o}): {what}", Printable::new(path))]
pub struct Shared {
    path: PathBuf,
    owner: String,
    group: String,
    mode: u32,
    what: String,
    /// A command without its last word, the path.
    remedy: Box<str>,
}

impl Shared {
    /// The file or folder at fault.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What to do about it.
    pub fn hint(&self) -> String {
        format!(
            "Expected: owned by root or the user of this process, changed by no other user, and for keys and secrets read by \
             no other user. Run: {} '{}'. If the sharing is meant, it can be allowed.",
            self.remedy,
            Printable::new(&self.path)
        )
    }
}

/// Users and groups of this machine.
#[derive(Clone, Debug, Default)]
struct Accounts {
    users: Vec<User>,
    groups: Vec<Group>,
}

#[derive(Clone, Debug)]
struct User {
    name: String,
    id: u32,
    group: u32,
}

#[derive(Clone, Debug)]
struct Group {
    name: String,
    id: u32,
    members: Vec<String>,
}

impl Accounts {
    /// Reads passwd(5) and group(5). Lines that are none are passed over.
    fn parse(passwd: &str, group: &str) -> Self {
        let fields = |line: &str| line.split(':').map(str::to_owned).collect::<Vec<_>>();
        let user = |line: &str| {
            let fields = fields(line);
            let number = |at: usize| fields.get(at)?.parse().ok();
            Some(User { id: number(2)?, group: number(3)?, name: fields[0].clone() })
        };
        let group_of = |line: &str| {
            let fields = fields(line);
            let members = fields.get(3)?.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect();
            Some(Group { id: fields[2].parse().ok()?, name: fields[0].clone(), members })
        };
        Self { users: passwd.lines().filter_map(user).collect(), groups: group.lines().filter_map(group_of).collect() }
    }

    /// Whether a group is known and has no members but these users.
    fn only(&self, group: u32, users: &[u32]) -> bool {
        let mut known = self.groups.iter().filter(|known| known.id == group).peekable();
        let is_one = |name: &String| self.users.iter().any(|user| user.name == *name && users.contains(&user.id));
        known.peek().is_some()
            && known.all(|group| group.members.iter().all(is_one))
            && self.users.iter().filter(|user| user.group == group).all(|user| users.contains(&user.id))
    }

    fn user(&self, id: u32) -> String {
        let known = self.users.iter().find(|user| user.id == id);
        known.map_or_else(|| id.to_string(), |user| user.name.clone())
    }

    fn group(&self, id: u32) -> String {
        let known = self.groups.iter().find(|group| group.id == id);
        known.map_or_else(|| id.to_string(), |group| group.name.clone())
    }
}

const ROOT: u32 = 0;
/// Only the owner of an entry, of the folder, and root may rename or remove the entry.
const STICKY: u32 = 0o1000;
/// As many as Linux follows (path_resolution(7)).
const MAX_LINKS: u32 = 40;

#[cfg(test)]
mod tests;
