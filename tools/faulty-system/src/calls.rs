//! The system calls that change files, and where they say which file.

/// A system call.
pub struct Call {
    pub name: &'static str,
    pub number: libc::c_long,
    pub target: Target,
}

/// Which arguments name the file.
#[derive(Clone, Copy)]
pub enum Target {
    /// The first is a descriptor.
    Fd,
    /// The first is a path.
    Path,
    /// The first is a directory's descriptor, the second a path.
    At,
    /// As `At`; counts only with `O_CREAT` in the third.
    OpenAt,
    /// As `Path`; counts only with `O_CREAT` in the second.
    Open,
    /// None: it makes a thread or a process.
    Nothing,
}

/// Whether the third argument is a number of bytes to write.
pub fn writes(call: &Call) -> bool {
    matches!(call.number, libc::SYS_write | libc::SYS_pwrite64)
}

const fn call(name: &'static str, number: libc::c_long, target: Target) -> Call {
    Call { name, number, target }
}

pub const CHANGING: [Call; 32] = [
    call("chmod", libc::SYS_chmod, Target::Path),
    call("copy_file_range", libc::SYS_copy_file_range, Target::Fd),
    call("creat", libc::SYS_creat, Target::Path),
    call("fallocate", libc::SYS_fallocate, Target::Fd),
    call("fchmod", libc::SYS_fchmod, Target::Fd),
    call("fchmodat", libc::SYS_fchmodat, Target::At),
    call("fchown", libc::SYS_fchown, Target::Fd),
    call("fdatasync", libc::SYS_fdatasync, Target::Fd),
    call("fsync", libc::SYS_fsync, Target::Fd),
    call("ftruncate", libc::SYS_ftruncate, Target::Fd),
    call("link", libc::SYS_link, Target::Path),
    call("linkat", libc::SYS_linkat, Target::At),
    call("mkdir", libc::SYS_mkdir, Target::Path),
    call("mkdirat", libc::SYS_mkdirat, Target::At),
    call("open", libc::SYS_open, Target::Open),
    call("openat", libc::SYS_openat, Target::OpenAt),
    call("pwrite64", libc::SYS_pwrite64, Target::Fd),
    call("pwritev", libc::SYS_pwritev, Target::Fd),
    call("rename", libc::SYS_rename, Target::Path),
    call("renameat", libc::SYS_renameat, Target::At),
    call("renameat2", libc::SYS_renameat2, Target::At),
    call("rmdir", libc::SYS_rmdir, Target::Path),
    call("sendfile", libc::SYS_sendfile, Target::Fd),
    call("symlink", libc::SYS_symlink, Target::Path),
    call("symlinkat", libc::SYS_symlinkat, Target::At),
    call("sync_file_range", libc::SYS_sync_file_range, Target::Fd),
    call("syncfs", libc::SYS_syncfs, Target::Fd),
    call("truncate", libc::SYS_truncate, Target::Path),
    call("unlink", libc::SYS_unlink, Target::Path),
    call("unlinkat", libc::SYS_unlinkat, Target::At),
    call("write", libc::SYS_write, Target::Fd),
    call("writev", libc::SYS_writev, Target::Fd),
];

/// Calls that count only if they are named.
pub const ON_REQUEST: [Call; 2] =
    [call("clone", libc::SYS_clone, Target::Nothing), call("clone3", libc::SYS_clone3, Target::Nothing)];

/// A call by its name.
pub fn named(name: &str) -> Option<&'static Call> {
    CHANGING.iter().chain(&ON_REQUEST).find(|call| call.name == name)
}

/// The number of an error by its name.
pub fn errno(name: &str) -> Option<i32> {
    let number = match name {
        "EACCES" => libc::EACCES,
        "EAGAIN" => libc::EAGAIN,
        "EDQUOT" => libc::EDQUOT,
        "EINVAL" => libc::EINVAL,
        "EIO" => libc::EIO,
        "ENODEV" => libc::ENODEV,
        "ENOENT" => libc::ENOENT,
        "ENOLCK" => libc::ENOLCK,
        "ENOMEM" => libc::ENOMEM,
        "ENOSPC" => libc::ENOSPC,
        "ENOSYS" => libc::ENOSYS,
        "EOPNOTSUPP" => libc::EOPNOTSUPP,
        "EPERM" => libc::EPERM,
        "EROFS" => libc::EROFS,
        _ => return None,
    };
    Some(number)
}
