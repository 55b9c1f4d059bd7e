use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::durable::{Access, create_directory, write_new};

const PASSWD: &str = "root:x:0:0::/root:/bin/sh\nann:x:1000:1000::/home/ann:/bin/sh\nbob:x:1001:1001::/:/bin/sh\n\
                      eve:x:1002:1000::/:/bin/sh\n";
const GROUP: &str = "root:x:0:\nann:x:1000:\nbob:x:1001:\nstaff:x:50:ann,bob\nmine:x:60:ann,root\n";

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_group_is_private_if_nobody_else_is_in_it() {
    let accounts = Accounts::parse(PASSWD, GROUP);
    assert!(accounts.only(60, &[0, 1000]), "members are root and the user");
    assert!(accounts.only(1001, &[0, 1001]), "bob's own group");
    assert!(!accounts.only(1000, &[0, 1000]), "it is eve's first group as well");
    assert!(!accounts.only(50, &[0, 1000]), "bob is a member");
    assert!(!accounts.only(77, &[0, 1000]), "a directory service may know its members");
    assert!(Accounts::parse("junk\n:::\n", "junk\n::\na:b:c:d\n").groups.is_empty());
}

/// A folder, a file in it, and who this process is.
fn place() -> (tempfile::TempDir, PathBuf, Ownership) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    write_new(&file, Access::Private, b"").unwrap();
    (folder, file, Ownership::of_this_process())
}

#[test]
fn modes_decide_for_files_and_the_folders_above_them() {
    let (folder, file, ownership) = place();
    let check = |role| ownership.check(&file, role).map_err(|shared| shared.to_string());
    for (mode, trusted, secret) in [
        (0o600, None, None),
        (0o400, None, None),
        (0o644, None, Some("every user of this machine can read it")),
        (0o604, None, Some("every user of this machine can read it")),
        (0o602, Some("every user of this machine can change it"), Some("every user of this machine can change it")),
        (0o666, Some("every user of this machine can change it"), Some("every user of this machine can change it")),
    ] {
        set_mode(&file, mode);
        for (role, expected) in [(Role::Trusted, trusted), (Role::Secret, secret)] {
            let found = check(role).err();
            let text = format!("{mode:04o} {role:?}: {found:?}");
            assert_eq!(found.is_some(), expected.is_some(), "{text}");
            if let (Some(found), Some(expected)) = (found, expected) {
                assert!(found.ends_with(expected) && found.contains(&format!("mode {mode:04o}")), "{text}");
            }
        }
    }
    set_mode(&file, 0o600);
    set_mode(folder.path(), 0o777);
    assert_eq!(ownership.check(&file, Role::Trusted).unwrap_err().path(), folder.path());
    // what is not there yet would be made in that folder
    assert!(ownership.check(&folder.path().join("missing"), Role::Trusted).is_err());
    set_mode(folder.path(), 0o1777);
    check(Role::Secret).unwrap();
}

#[test]
fn links_are_followed_and_judged_on_the_way() {
    let (folder, file, ownership) = place();
    let (open, closed) = (folder.path().join("open"), folder.path().join("closed"));
    create_directory(&open, Access::Private).unwrap();
    create_directory(&closed, Access::Private).unwrap();
    std::os::unix::fs::symlink("../file", open.join("link")).unwrap();
    std::os::unix::fs::symlink("../open/link", closed.join("link")).unwrap();
    std::os::unix::fs::symlink("self", closed.join("self")).unwrap();
    ownership.check(&closed.join("link"), Role::Secret).unwrap();
    ownership.check(&closed.join("self"), Role::Secret).unwrap();
    set_mode(&open, 0o777);
    // neither the path as it was typed nor the file at its end is in that folder
    assert_eq!(ownership.check(&closed.join("link"), Role::Secret).unwrap_err().path(), open);
    set_mode(&open, 0o700);
    set_mode(&file, 0o644);
    assert_eq!(ownership.check(&closed.join("link"), Role::Secret).unwrap_err().path(), file);
}

#[test]
fn the_hint_is_a_command() {
    let (_folder, file, ownership) = place();
    set_mode(&file, 0o644);
    let hint = ownership.check(&file, Role::Secret).unwrap_err().hint();
    assert!(hint.contains(&format!("chmod go-rwx '{}'", file.display())), "{hint}");
}

#[test]
fn a_named_group_counts_as_the_user() {
    let ownership = Ownership { user: 1000, groups: vec![], accounts: Accounts::parse(PASSWD, GROUP) };
    assert!(!ownership.is_ours(50) && ownership.is_ours(60));
    assert!(ownership.clone().with_group("staff").unwrap().is_ours(50));
    assert!(ownership.clone().with_group("77").unwrap().is_ours(77));
    assert!(ownership.with_group("nobody-knows").is_none());
}
