//! The program under ptrace(2): every thread stops at the beginning and at the end of each of its system calls.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use libc::{c_int, c_long, c_void, pid_t};

use crate::calls::{self, CHANGING, Call, ON_REQUEST, Target};
use crate::disk::{Disk, Flush};
use crate::{How, Order};

#[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
compile_error!("the registers are those of Linux on x86-64");

/// Runs the program to its end and returns the exit code to end with.
pub fn run(order: &Order) -> Result<u8, String> {
    let mut command = Command::new(&order.program[0]);
    command.args(&order.program[1..]);
    // SAFETY: between fork and exec only ptrace is called, which is one system call.
    unsafe {
        command.pre_exec(|| match libc::ptrace(libc::PTRACE_TRACEME, 0, 0, 0) {
            -1 => Err(std::io::Error::last_os_error()),
            _ => Ok(()),
        });
    }
    let child = command.spawn().map_err(|error| format!("{}: {error}", order.program[0]))?;
    let leader = pid_t::try_from(child.id()).map_err(|_| "a process without a number")?;
    let record = order.record.as_ref().map(File::create).transpose().map_err(|error| format!("--record: {error}"))?;
    let disk = order.survive.as_ref().map(|_| Disk::new(&order.under)).transpose()?;
    let (threads, ends, flushes) = (HashSet::from([leader]), HashMap::new(), HashMap::new());
    let mut tracer = Tracer { order, leader, record, count: 0, threads, ends, flushes, disk };
    let code = tracer.follow()?;
    if let (Some(disk), Some(target)) = (&tracer.disk, &order.survive) {
        disk.survive(order.lose, target)?;
    }
    Ok(code)
}

struct Tracer<'a> {
    order: &'a Order,
    leader: pid_t,
    record: Option<File>,
    /// Calls so far.
    count: u64,
    /// Threads and children that are known.
    threads: HashSet<pid_t>,
    /// What is still to be done when a thread's call ends.
    ends: HashMap<pid_t, End>,
    /// Flushes under way.
    flushes: HashMap<pid_t, Flush>,
    /// What is on disk, if that is asked for.
    disk: Option<Disk>,
}

/// What is to be done at the end of a call.
enum End {
    Kill,
    Return(i32),
    /// The third argument as it was.
    Restore(u64),
}

impl Tracer<'_> {
    fn follow(&mut self) -> Result<u8, String> {
        let (first, status) = wait(self.leader)?;
        if !libc::WIFSTOPPED(status) {
            return Err(format!("the program did not start: {status:#x}"));
        }
        let options = libc::PTRACE_O_TRACESYSGOOD
            | libc::PTRACE_O_TRACECLONE
            | libc::PTRACE_O_TRACEFORK
            | libc::PTRACE_O_TRACEVFORK
            | libc::PTRACE_O_TRACEEXEC
            | libc::PTRACE_O_EXITKILL;
        request(libc::PTRACE_SETOPTIONS, first, usize::try_from(options).expect("options are few bits"))?;
        resume(first, 0);
        loop {
            let (thread, status) = wait(-1)?;
            if libc::WIFEXITED(status) || libc::WIFSIGNALED(status) {
                self.threads.remove(&thread);
                if thread == self.leader {
                    let code =
                        if libc::WIFEXITED(status) { libc::WEXITSTATUS(status) } else { 128 + libc::WTERMSIG(status) };
                    return u8::try_from(code).map_err(|_| format!("exit code {code}"));
                }
                continue;
            }
            let signal = libc::WSTOPSIG(status);
            let new = self.threads.insert(thread);
            if signal == libc::SIGTRAP | 0x80 {
                self.stopped_in_call(thread)?;
                resume(thread, 0);
            } else if status >> 16 != 0 || (new && signal == libc::SIGSTOP) {
                // an event, or the stop that every new thread begins with
                resume(thread, 0);
            } else {
                resume(thread, signal);
            }
        }
    }

    fn stopped_in_call(&mut self, thread: pid_t) -> Result<(), String> {
        let Some(mut registers) = registers(thread) else { return Ok(()) };
        if let (Some(flush), Some(disk)) = (self.flushes.remove(&thread), &mut self.disk)
            && registers.rax == 0
        {
            disk.done(flush);
        }
        if let Some(end) = self.ends.remove(&thread) {
            match end {
                End::Kill => kill(self.leader),
                End::Return(errno) => registers.rax = i64::from(-errno).cast_unsigned(),
                End::Restore(length) => registers.rdx = length,
            }
            return set_registers(thread, &registers);
        }
        if !begins(thread) {
            return Ok(());
        }
        let number: c_long = registers.orig_rax.cast_signed();
        if number == libc::SYS_prctl && registers.rdi == PR_SET_DUMPABLE {
            registers.orig_rax = u64::MAX;
            self.ends.insert(thread, End::Return(0));
            return set_registers(thread, &registers);
        }
        if let Some((call, errno)) = self.order.without.iter().find(|(call, _)| call.number == number)
            && self.concerns(thread, call, &registers).is_some()
        {
            registers.orig_rax = u64::MAX;
            self.ends.insert(thread, End::Return(*errno));
            return set_registers(thread, &registers);
        }
        let on_request = ON_REQUEST.iter().filter(|call| self.order.calls.iter().any(|name| name == call.name));
        let mut counted = CHANGING.iter().chain(on_request);
        let Some(call) = counted.find(|call| call.number == number) else { return Ok(()) };
        if self.is_a_lie(thread, call, &registers) {
            registers.orig_rax = u64::MAX;
            self.ends.insert(thread, End::Return(0));
            return set_registers(thread, &registers);
        }
        self.flush_begins(thread, call, &registers)?;
        if !self.order.calls.is_empty() && !self.order.calls.iter().any(|name| name == call.name) {
            return Ok(());
        }
        let Some(path) = self.concerns(thread, call, &registers) else { return Ok(()) };
        self.count += 1;
        if let Some(record) = &mut self.record {
            writeln!(record, "{} {}", call.name, path.display()).map_err(|error| format!("--record: {error}"))?;
        }
        if self.order.wrong.contains(&self.count) {
            self.go_wrong(thread, call, registers)?;
        }
        Ok(())
    }

    /// The file that a call is about, if it counts.
    fn concerns(&self, thread: pid_t, call: &Call, registers: &libc::user_regs_struct) -> Option<PathBuf> {
        target(thread, call, registers)
            .filter(|path| path.starts_with(&self.order.under))
            .or_else(|| matches!(call.target, Target::Nothing).then(|| self.order.under.clone()))
    }

    /// Whether a flush is to be left out.
    fn is_a_lie(&self, thread: pid_t, call: &Call, registers: &libc::user_regs_struct) -> bool {
        let Some(pattern) = &self.order.lie else { return false };
        if !matches!(call.number, libc::SYS_fsync | libc::SYS_fdatasync | libc::SYS_syncfs) {
            return false;
        }
        let Some(path) = target(thread, call, registers) else { return false };
        let Ok(inside) = path.strip_prefix(&self.order.under) else { return false };
        let inside = if inside.as_os_str().is_empty() { ".".into() } else { inside.to_string_lossy() };
        let Some((before, after)) = pattern.split_once('*') else { return inside == *pattern };
        let rest = inside.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
        rest.is_some_and(|rest| !rest.contains('/'))
    }

    /// Notes what a flush is about to make safe: what is written while it is under way need not be.
    fn flush_begins(&mut self, thread: pid_t, call: &Call, registers: &libc::user_regs_struct) -> Result<(), String> {
        let Some(disk) = &self.disk else { return Ok(()) };
        let flush = match call.number {
            libc::SYS_fsync | libc::SYS_fdatasync => {
                let inside = target(thread, call, registers).is_some_and(|path| path.starts_with(&self.order.under));
                // by its descriptor: the name may be gone, or another file's
                let path = PathBuf::from(format!("/proc/{thread}/fd/{}", registers.rdi & u64::from(u32::MAX)));
                inside.then(|| Disk::one(&path)).transpose()?
            }
            libc::SYS_syncfs => Some(disk.whole()?),
            _ => None,
        };
        if let Some(flush) = flush {
            self.flushes.insert(thread, flush);
        }
        Ok(())
    }

    fn go_wrong(&mut self, thread: pid_t, call: &Call, mut registers: libc::user_regs_struct) -> Result<(), String> {
        let length = registers.rdx;
        match self.order.how {
            How::Error(errno) => {
                registers.orig_rax = u64::MAX;
                self.ends.insert(thread, End::Return(errno));
            }
            How::ErrorAfter(errno) => drop(self.ends.insert(thread, End::Return(errno))),
            How::KillAfter => drop(self.ends.insert(thread, End::Kill)),
            How::KillBefore => {
                registers.orig_rax = u64::MAX;
                set_registers(thread, &registers)?;
                kill(self.leader);
                return Ok(());
            }
            How::KillWithin => {
                if calls::writes(call) {
                    registers.rdx = length / 2;
                }
                self.ends.insert(thread, End::Kill);
            }
            How::Short => {
                if calls::writes(call) && length > 1 {
                    registers.rdx = length / 2;
                    self.ends.insert(thread, End::Restore(length));
                }
            }
        }
        set_registers(thread, &registers)
    }
}

/// The file that a call is about, if it would change it.
fn target(thread: pid_t, call: &Call, registers: &libc::user_regs_struct) -> Option<PathBuf> {
    // a file without a name is one too
    let made = libc::O_CREAT | (libc::O_TMPFILE & !libc::O_DIRECTORY);
    let creates = |flags: u64| flags & u64::from(made.cast_unsigned()) != 0;
    let process = PathBuf::from(format!("/proc/{thread}"));
    let folder = |descriptor: u64| {
        // a descriptor has 32 bits: the rest of the register is ignored
        match u32::try_from(descriptor & u64::from(u32::MAX)).unwrap_or(u32::MAX).cast_signed() {
            libc::AT_FDCWD => std::fs::read_link(process.join("cwd")).ok(),
            number => std::fs::read_link(process.join(format!("fd/{number}"))).ok(),
        }
    };
    let here = || folder(u64::from(libc::AT_FDCWD.cast_unsigned()));
    let path = match call.target {
        Target::Nothing => return None,
        Target::Fd => return folder(registers.rdi),
        Target::Path => here()?.join(text(thread, registers.rdi)?),
        Target::Open => here()?.join(text(thread, registers.rdi).filter(|_| creates(registers.rsi))?),
        Target::At => folder(registers.rdi)?.join(text(thread, registers.rsi)?),
        Target::OpenAt => folder(registers.rdi)?.join(text(thread, registers.rsi).filter(|_| creates(registers.rdx))?),
    };
    Some(path.components().collect())
}

/// Text in the program's memory.
fn text(thread: pid_t, address: u64) -> Option<PathBuf> {
    let memory = File::open(format!("/proc/{thread}/mem")).ok()?;
    let mut bytes = vec![0; 4096];
    // what follows the text may not be there
    let read = memory.read_at(&mut bytes, address).ok()?;
    let end = bytes[..read].iter().position(|byte| *byte == 0)?;
    Some(Path::new(std::str::from_utf8(&bytes[..end]).ok()?).to_owned())
}

fn wait(pid: pid_t) -> Result<(pid_t, c_int), String> {
    let mut status = 0;
    // SAFETY: the status is written to a number of ours.
    match unsafe { libc::waitpid(pid, &raw mut status, libc::__WALL) } {
        -1 => Err(format!("waitpid: {}", std::io::Error::last_os_error())),
        thread => Ok((thread, status)),
    }
}

/// Lets a thread go on to its next stop. It may have been killed in the meantime, which `wait` tells.
fn resume(thread: pid_t, signal: c_int) {
    let _ = request(libc::PTRACE_SYSCALL, thread, usize::try_from(signal).unwrap_or(0));
}

fn kill(process: pid_t) {
    // SAFETY: sends a signal to the process that was started here and not waited for to its end.
    unsafe { libc::kill(process, libc::SIGKILL) };
}

fn request(what: libc::c_uint, thread: pid_t, data: usize) -> Result<(), String> {
    // SAFETY: these requests take their data by value.
    match unsafe { libc::ptrace(what, thread, std::ptr::null_mut::<c_void>(), data) } {
        -1 => Err(format!("ptrace({what}): {}", std::io::Error::last_os_error())),
        _ => Ok(()),
    }
}

/// Whether a thread is at the beginning of a call.
fn begins(thread: pid_t) -> bool {
    let mut about = std::mem::MaybeUninit::<libc::ptrace_syscall_info>::zeroed();
    let size = size_of::<libc::ptrace_syscall_info>();
    // SAFETY: the kernel writes at most `size` bytes; the structure is numbers, for which zero is a value.
    unsafe {
        libc::ptrace(libc::PTRACE_GET_SYSCALL_INFO, thread, size, about.as_mut_ptr());
        about.assume_init().op == libc::PTRACE_SYSCALL_INFO_ENTRY
    }
}

/// None if the thread was killed in the meantime.
fn registers(thread: pid_t) -> Option<libc::user_regs_struct> {
    let mut registers = std::mem::MaybeUninit::<libc::user_regs_struct>::uninit();
    // SAFETY: the kernel writes a whole user_regs_struct of this architecture, and says so by not returning -1.
    unsafe {
        let done = libc::ptrace(libc::PTRACE_GETREGS, thread, std::ptr::null_mut::<c_void>(), registers.as_mut_ptr());
        (done != -1).then(|| registers.assume_init())
    }
}

fn set_registers(thread: pid_t, registers: &libc::user_regs_struct) -> Result<(), String> {
    // SAFETY: the kernel reads a user_regs_struct of this architecture.
    let done = unsafe {
        libc::ptrace(libc::PTRACE_SETREGS, thread, std::ptr::null_mut::<c_void>(), std::ptr::from_ref(registers))
    };
    let error = std::io::Error::last_os_error();
    // a thread that was killed has no registers any more
    if done == -1 && error.raw_os_error() != Some(libc::ESRCH) {
        return Err(format!("ptrace(PTRACE_SETREGS): {error}"));
    }
    Ok(())
}

/// The first argument of the prctl(2) call that takes a process out of reach of ordinary users.
const PR_SET_DUMPABLE: u64 = libc::PR_SET_DUMPABLE as u64;
