//! Stops a program at the calls by which it changes or reads what is in one folder, to let each go on, fail, or never
//! come about (Linux on x86-64, by ptrace).

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc::sync_channel;
use std::thread::JoinHandle;

use anyhow::{Context, Result, bail};
use nix::errno::Errno;
use nix::sys::ptrace::{self, Event, Options};
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

/// Which calls are judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Watch {
    /// What changes the folder, or something in it.
    Changes,
    /// What opens, lists and reads something in the folder.
    Reads,
}

/// A call that is about to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Call {
    /// The how manieth of this program, from 1, all threads counted together.
    pub number: u32,
    /// What it is called.
    pub name: &'static str,
}

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is made.
    Go,
    /// It is not made, and answers with this number of an error.
    Fail(Errno),
    /// The program is killed, and nothing comes of the call.
    Kill,
}

/// A program being traced; its calls are judged on a thread of their own.
#[derive(Debug)]
pub struct Tracer {
    thread: JoinHandle<Result<u32>>,
}

impl Tracer {
    /// Traces the process `pid` from the next program that it becomes, judging its calls of one sort on
    /// `folder`, a path as the process sees it.
    ///
    /// # Errors
    /// When the system does not let one process trace another.
    pub fn seize(
        pid: u32,
        folder: &Path,
        watch: Watch,
        judge: impl FnMut(Call) -> Verdict + Send + 'static,
    ) -> Result<Self> {
        let pid = Pid::from_raw(i32::try_from(pid)?);
        let folder = folder.to_owned();
        let (ready, seized) = sync_channel(1);
        // Who seizes a process is its tracer: one thread and no other.
        let thread = std::thread::Builder::new()
            .name("tracer".to_owned())
            .spawn(move || {
                let options = Options::PTRACE_O_TRACESYSGOOD
                    | Options::PTRACE_O_TRACECLONE
                    | Options::PTRACE_O_TRACEEXEC
                    | Options::PTRACE_O_TRACEEXIT
                    | Options::PTRACE_O_EXITKILL;
                let outcome = ptrace::seize(pid, options);
                let failed = outcome.is_err();
                ready.send(outcome)?;
                if failed {
                    return Ok(0);
                }
                let mut trace = Trace {
                    main: pid,
                    folder,
                    watch,
                    judge,
                    calls: 0,
                    failing: HashMap::new(),
                };
                trace.run()
            })?;
        seized.recv()?.context("ptrace")?;
        Ok(Self { thread })
    }

    /// How many calls there were, once the program has ended.
    ///
    /// # Errors
    /// When tracing failed.
    pub fn calls(self) -> Result<u32> {
        self.thread
            .join()
            .unwrap_or_else(|_| bail!("the tracer panicked"))
    }
}

struct Trace<J> {
    main: Pid,
    folder: PathBuf,
    watch: Watch,
    judge: J,
    calls: u32,
    /// Threads in a call that does not come about, and how it answers.
    failing: HashMap<Pid, Errno>,
}

impl<J: FnMut(Call) -> Verdict> Trace<J> {
    fn run(&mut self) -> Result<u32> {
        // Not the children of other threads: they have parents of their own that wait for them.
        let flags = WaitPidFlag::__WALL | WaitPidFlag::__WNOTHREAD;
        loop {
            match waitpid(None, Some(flags)) {
                Ok(WaitStatus::PtraceSyscall(thread)) => {
                    if self.at_call(thread)? == Verdict::Kill {
                        return Ok(self.calls);
                    }
                }
                // How it ended is for its parent to hear: it is let go before.
                Ok(WaitStatus::PtraceEvent(thread, _, event))
                    if thread == self.main && event == Event::PTRACE_EVENT_EXIT as i32 =>
                {
                    return Ok(self.calls);
                }
                Ok(WaitStatus::PtraceEvent(thread, ..)) => go_on(thread, None)?,
                Ok(WaitStatus::Stopped(thread, signal)) => go_on(thread, Some(signal))?,
                Ok(_) | Err(Errno::EINTR) => {}
                Err(Errno::ECHILD) => return Ok(self.calls),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// A thread stands at the beginning of a call, or at its end.
    fn at_call(&mut self, thread: Pid) -> Result<Verdict> {
        let Ok(mut registers) = ptrace::getregs(thread) else {
            // It was killed meanwhile.
            return Ok(Verdict::Go);
        };
        if let Some(error) = self.failing.remove(&thread) {
            registers.rax = (-i64::from(error as i32)).cast_unsigned();
            ptrace::setregs(thread, registers)?;
            go_on(thread, None)?;
            return Ok(Verdict::Go);
        }
        let mut verdict = Verdict::Go;
        let begins = registers.rax.cast_signed() == -i64::from(Errno::ENOSYS as i32);
        if let Some(name) = begins.then(|| self.name(thread, &registers)).flatten() {
            self.calls += 1;
            let call = Call {
                number: self.calls,
                name,
            };
            verdict = (self.judge)(call);
            match verdict {
                Verdict::Go => {}
                Verdict::Fail(error) => {
                    self.failing.insert(thread, error);
                    registers.orig_rax = u64::MAX;
                    ptrace::setregs(thread, registers)?;
                }
                // All other threads end with this one.
                Verdict::Kill => nix::sys::signal::kill(self.main, Signal::SIGKILL)?,
            }
        }
        if verdict != Verdict::Kill {
            go_on(thread, None)?;
        }
        Ok(verdict)
    }

    /// What the call is called, if it is one to be judged.
    fn name(&self, thread: Pid, registers: &Registers) -> Option<&'static str> {
        let name = match self.watch {
            Watch::Changes => change(thread, registers),
            Watch::Reads => read(thread, registers),
        };
        let handle = if name == Some("symlink") {
            registers.rsi
        } else {
            registers.rdi
        };
        name.filter(|_| self.is_inside(thread, handle))
    }

    /// Whether this handle of the program's is of the folder, or of something in it.
    fn is_inside(&self, thread: Pid, handle: u64) -> bool {
        std::fs::read_link(format!("/proc/{thread}/fd/{handle}"))
            .is_ok_and(|path| path.starts_with(&self.folder))
    }
}

type Registers = nix::libc::user_regs_struct;

/// What a call is called that changes something by a handle: its first argument, or the second of
/// `symlinkat`.
fn change(thread: Pid, registers: &Registers) -> Option<&'static str> {
    Some(match registers.orig_rax {
        1 | 18 | 20 | 296 => "write",
        74 | 75 | 306 => "sync",
        77 => "truncate",
        285 => "allocate",
        91 => "chmod",
        280 => "utime",
        73 => "flock",
        257 | 437 if open_flags(thread, registers)? & CREATE != 0 => "create",
        258 => "mkdir",
        263 => "unlink",
        264 | 316 => "rename",
        265 => "link",
        266 => "symlink",
        _ => return None,
    })
}

/// What a call is called that reads something by the handle which is its first argument.
fn read(thread: Pid, registers: &Registers) -> Option<&'static str> {
    Some(match registers.orig_rax {
        0 | 17 | 19 | 295 => "read",
        217 => "list",
        257 | 437 if open_flags(thread, registers)? & CREATE == 0 => "open",
        _ => return None,
    })
}

/// `O_CREAT`.
const CREATE: u64 = 0o100;

fn open_flags(thread: Pid, registers: &Registers) -> Option<u64> {
    if registers.orig_rax == 257 {
        return Some(registers.rdx);
    }
    // They are the first word of a structure.
    let address = std::ptr::with_exposed_provenance_mut(registers.rdx as usize);
    Some(ptrace::read(thread, address).ok()?.cast_unsigned())
}

/// Lets a thread run to the next call, unless it has been killed meanwhile.
fn go_on(thread: Pid, signal: Option<Signal>) -> Result<()> {
    match ptrace::syscall(thread, signal) {
        Ok(()) | Err(Errno::ESRCH) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
