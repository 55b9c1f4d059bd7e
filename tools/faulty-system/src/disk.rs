//! What a power loss leaves: what was flushed, and nothing else.
//!
//! A model of the strictest disk that POSIX allows. A file has the content that it had when its last successful flush
//! began; a file that was never flushed is empty. A name exists if it did when the last successful flush of its folder
//! began. A real disk may have kept more than that, so two other losses are offered (see [`Lose`]).

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsString;
use std::fs::{self, Metadata, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// What a power loss takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lose {
    /// Contents that were not flushed. Names are as they were: the file system wrote them out by itself.
    Contents,
    /// Names that were not flushed. Contents are as they were, where the file still has a name.
    Names,
    /// Everything that was not flushed.
    Unflushed,
}

/// A file or folder, regardless of its name: number and birth, because numbers are used again.
type Id = (u64, SystemTime);

/// The folder and what is flushed of it.
pub struct Disk {
    root: PathBuf,
    files: HashMap<Id, (Vec<u8>, Permissions)>,
    folders: HashMap<Id, Folder>,
}

#[derive(Clone)]
struct Folder {
    permissions: Permissions,
    names: BTreeMap<OsString, (Id, bool)>,
}

/// What a flush that has started will have made safe if it succeeds.
pub struct Flush {
    files: Vec<(Id, (Vec<u8>, Permissions))>,
    folders: Vec<(Id, Folder)>,
}

impl Disk {
    /// All that is there now is on disk.
    pub fn new(root: &Path) -> Result<Self, String> {
        let mut disk = Self { root: root.to_owned(), files: HashMap::new(), folders: HashMap::new() };
        let all = disk.whole()?;
        disk.done(all);
        Ok(disk)
    }

    /// A flush of one file or folder begins. `path` leads to it, whether it has a name or not.
    pub fn one(path: &Path) -> Result<Flush, String> {
        let mut flush = Flush { files: vec![], folders: vec![] };
        look(path, &mut flush)?;
        Ok(flush)
    }

    /// A flush of everything begins.
    pub fn whole(&self) -> Result<Flush, String> {
        let mut flush = Flush { files: vec![], folders: vec![] };
        let mut folders = vec![self.root.clone()];
        while let Some(folder) = folders.pop() {
            look(&folder, &mut flush)?;
            for (path, about) in members(&folder)? {
                if about.is_dir() { folders.push(path) } else { look(&path, &mut flush)? }
            }
        }
        Ok(flush)
    }

    /// A flush has succeeded.
    pub fn done(&mut self, flush: Flush) {
        self.files.extend(flush.files);
        self.folders.extend(flush.folders);
    }

    /// Writes what a power loss leaves into a folder, which must be empty.
    pub fn survive(&self, lose: Lose, target: &Path) -> Result<(), String> {
        let about = fs::symlink_metadata(&self.root).map_err(|error| at(&self.root, &error))?;
        let mut live = HashMap::new();
        if lose == Lose::Names {
            live.extend(self.whole()?.files);
        }
        self.folder(lose, &live, id(&self.root, &about)?, Some(&self.root), target)
    }

    /// `now` is where the folder is, if it still has a name.
    fn folder(
        &self,
        lose: Lose,
        live: &HashMap<Id, (Vec<u8>, Permissions)>,
        of: Id,
        now: Option<&Path>,
        target: &Path,
    ) -> Result<(), String> {
        let mut flush = Flush { files: vec![], folders: vec![] };
        if let (Lose::Contents, Some(now)) = (lose, now) {
            look(now, &mut flush)?;
        }
        let found = flush.folders.pop().map(|(_, folder)| folder).or_else(|| self.folders.get(&of).cloned());
        // a folder that was never flushed is empty
        let Some(found) = found else { return Ok(()) };
        for (name, (id, is_folder)) in &found.names {
            let path = target.join(name);
            if *is_folder {
                fs::create_dir(&path).map_err(|error| at(&path, &error))?;
                let now = now.map(|now| now.join(name));
                self.folder(lose, live, *id, now.as_deref(), &path)?;
            } else {
                let kept = live.get(id).or_else(|| self.files.get(id));
                let (content, permissions) = kept.cloned().unwrap_or((vec![], Permissions::from_mode(0o600)));
                fs::write(&path, content).map_err(|error| at(&path, &error))?;
                fs::set_permissions(&path, permissions).map_err(|error| at(&path, &error))?;
            }
        }
        fs::set_permissions(target, found.permissions).map_err(|error| at(target, &error))
    }
}

/// Notes what is there: the content of a file, the names in a folder.
fn look(path: &Path, flush: &mut Flush) -> Result<(), String> {
    // files without a name are reached through /proc, which is a link
    let Ok(about) = fs::metadata(path) else { return Ok(()) };
    if about.is_dir() {
        let mut names = BTreeMap::new();
        for (member, about) in members(path)? {
            let name = member.file_name().ok_or("a name without an end")?.to_owned();
            names.insert(name, (id(&member, &about)?, about.is_dir()));
        }
        flush.folders.push((id(path, &about)?, Folder { permissions: about.permissions(), names }));
    } else if about.is_file() {
        match fs::read(path) {
            Ok(content) => flush.files.push((id(path, &about)?, (content, about.permissions()))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(at(path, &error)),
        }
    }
    Ok(())
}

/// Files and folders in a folder; what goes away while it is looked at was never there.
fn members(folder: &Path) -> Result<Vec<(PathBuf, Metadata)>, String> {
    let mut members = Vec::new();
    for entry in fs::read_dir(folder).map_err(|error| at(folder, &error))? {
        let path = entry.map_err(|error| at(folder, &error))?.path();
        match fs::symlink_metadata(&path) {
            Ok(about) if about.is_dir() || about.is_file() => members.push((path, about)),
            Ok(_) => return Err(format!("{}: neither a file nor a folder", path.display())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(at(&path, &error)),
        }
    }
    Ok(members)
}

fn id(path: &Path, about: &Metadata) -> Result<Id, String> {
    let born = about.created().map_err(|error| format!("{}: its birth is not known: {error}", path.display()))?;
    Ok((about.ino(), born))
}

fn at(path: &Path, error: &std::io::Error) -> String {
    format!("{}: {error}", path.display())
}
