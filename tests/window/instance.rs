//! One running window, with a home of its own.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use fardrop_tests::peer;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};
use x11rb::protocol::xproto::{
    ClientMessageEvent, ConfigureWindowAux, ConnectionExt as _, EventMask, Window,
};
use x11rb::wrapper::ConnectionExt as _;

use super::accessible::{Part, Reader, Role};
use super::drag;
use super::input::{Key, Keyboard};
use super::screen::Screen;

/// How large a window is at first, in pixels: everything of most screens is to be seen.
const WIDTH: u32 = 800;
const HEIGHT: u32 = 1300;

/// What a window needs to be driven.
pub(crate) struct Stage<'a> {
    /// Where it is shown.
    pub(crate) screen: &'a Screen,
    /// Who reads it.
    pub(crate) reader: &'a Reader,
    /// Who types.
    pub(crate) keyboard: &'a Keyboard<'a>,
}

/// Whose window it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Person {
    /// Her window is at the left.
    Ada,
    /// His window is at the right.
    Bob,
}

impl Person {
    /// What the person's device is called, and their home.
    const fn name(self) -> &'static str {
        match self {
            Self::Ada => "Ada",
            Self::Bob => "Bob",
        }
    }

    /// Where the window's left edge is, in pixels. A window that others hide draws nothing.
    const fn left(self) -> i32 {
        match self {
            Self::Ada => 0,
            Self::Bob => 820,
        }
    }
}

/// A running window. Dropping it kills it.
pub(crate) struct Instance<'a> {
    stage: &'a Stage<'a>,
    home: PathBuf,
    process: Child,
    /// The window on the X server.
    pub(crate) window: Window,
    /// From the start of the process to the first picture that can be read.
    pub(crate) first_frame: Duration,
}

impl<'a> Instance<'a> {
    /// Starts one for a person, whose home is made if it is not there, and waits until it shows
    /// something.
    pub(crate) fn start(
        stage: &'a Stage<'a>,
        person: Person,
        arguments: &[&OsStr],
    ) -> Result<Self> {
        Self::start_with(stage, person, arguments, |_| Ok(()))
    }

    /// Starts the program as [`start`](Self::start) does, with what else the process is to be given.
    pub(crate) fn start_with(
        stage: &'a Stage<'a>,
        person: Person,
        arguments: &[&OsStr],
        prepare: impl FnOnce(&mut Command) -> Result<()>,
    ) -> Result<Self> {
        let home = stage.screen.folder()?.join(person.name());
        let runtime = home.join("run");
        fs::create_dir_all(home.join("Downloads"))?;
        fs::create_dir_all(&runtime)?;
        set_private(&runtime)?;
        // Where a desktop says which folder is for what.
        fs::create_dir_all(home.join(".config"))?;
        let folders = "XDG_DOWNLOAD_DIR=\"$HOME/Downloads\"\n";
        fs::write(home.join(".config/user-dirs.dirs"), folders)?;
        let mut command = Command::new(peer::binary("fardrop")?);
        stage.screen.lend_to(&mut command);
        for (variable, folder) in [
            ("HOME", ""),
            ("XDG_CONFIG_HOME", ".config"),
            ("XDG_DATA_HOME", ".local/share"),
            ("XDG_STATE_HOME", ".local/state"),
            ("XDG_CACHE_HOME", ".cache"),
            ("XDG_RUNTIME_DIR", "run"),
        ] {
            command.env(variable, home.join(folder));
        }
        for variable in ["FARDROP_CONFIG", "FARDROP_CODE", "FARDROP_RENDEZVOUS"] {
            command.env_remove(variable);
        }
        // Nothing that is saved in the wrong place ends up in the sources.
        command.current_dir(&home);
        // Loopback only: nothing of this reaches a network, and no router is asked for anything.
        command
            .args(["--no-mdns", "--no-port-mapping", "--name", person.name()])
            .args(arguments);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::inherit());
        prepare(&mut command)?;
        let started = Instant::now();
        let process = command.spawn().with_context(|| format!("{command:?}"))?;
        let mut instance = Self {
            stage,
            home,
            process,
            window: 0,
            first_frame: Duration::ZERO,
        };
        instance.wait("anything", |parts| {
            parts.iter().any(|part| part.depth > 1).then_some(())
        })?;
        instance.first_frame = started.elapsed();
        instance.window = stage
            .screen
            .window_of(instance.id())?
            .context("no window of that process")?;
        instance.place(person.left(), 0, WIDTH, HEIGHT)?;
        Ok(instance)
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// A file or folder in the home of its person.
    pub(crate) fn home(&self, path: &str) -> PathBuf {
        self.home.join(path)
    }

    /// Puts it somewhere on the screen, in some size, in pixels.
    pub(crate) fn place(&self, left: i32, top: i32, width: u32, height: u32) -> Result<()> {
        let place = ConfigureWindowAux::new()
            .x(left)
            .y(top)
            .width(width)
            .height(height);
        let x = &self.stage.screen.x;
        x.configure_window(self.window, &place)?;
        Ok(x.sync()?)
    }

    /// Waits until `look` finds something in its windows.
    pub(crate) fn wait<T>(&self, what: &str, look: impl Fn(&[Part]) -> Option<T>) -> Result<T> {
        self.stage.reader.wait(self.id(), what, look)
    }

    /// Waits for a part of this role whose name has `name` in it, and that can be used.
    pub(crate) fn find(&self, role: Role, name: &str) -> Result<Part> {
        self.wait(&format!("{role:?} {name:?}"), |parts| {
            let fits = |part: &&Part| part.role == role && part.name.contains(name);
            parts
                .iter()
                .find(|part| fits(part) && part.enabled())
                .cloned()
        })
    }

    /// Waits until some part's name has this text in it, and gives that name.
    pub(crate) fn read(&self, text: &str) -> Result<String> {
        self.wait(&format!("text {text:?}"), |parts| {
            let found = parts.iter().find(|part| part.name.contains(text))?;
            Some(found.name.clone())
        })
    }

    /// Waits for a button, and does what a click on it does.
    pub(crate) fn press(&self, name: &str) -> Result<()> {
        self.press_part(Role::BUTTON, name)
    }

    /// Waits for a part of that role, and does what a click on it does.
    pub(crate) fn press_part(&self, role: Role, name: &str) -> Result<()> {
        let part = self.find(role, name)?;
        self.stage.reader.press(&part)
    }

    /// Types into it.
    pub(crate) fn type_text(&self, text: &str) -> Result<()> {
        self.stage.keyboard.face(self.window)?;
        self.stage.keyboard.type_text(text)
    }

    /// Presses a key in it.
    pub(crate) fn tap(&self, key: Key) -> Result<()> {
        self.stage.keyboard.face(self.window)?;
        self.stage.keyboard.tap(key)
    }

    /// Drops files onto its middle, as a file manager does.
    pub(crate) fn drop_files(&self, files: &[&Path]) -> Result<()> {
        drag::drop_files(self.stage.screen, self.window, files)
    }

    /// Time of a core that drawing has taken so far: of the thread with the window, and of those that
    /// stand in for a graphics card. The engine's work is not in it.
    pub(crate) fn drawing(&self) -> Result<Duration> {
        self.used(|thread, name| thread == self.id() || name.starts_with("llvmpipe"))
    }

    /// Time of a core that all of it has taken so far.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        self.used(|_, _| true)
    }

    fn used(&self, counts: impl Fn(u32, &str) -> bool) -> Result<Duration> {
        let mut used = Duration::ZERO;
        for thread in fs::read_dir(format!("/proc/{}/task", self.id()))? {
            let thread = thread?;
            let number: u32 = thread.file_name().to_str().context("a number")?.parse()?;
            // A thread may end between two looks.
            let Ok(name) = fs::read_to_string(thread.path().join("comm")) else {
                continue;
            };
            if counts(number, &name) {
                let times = fs::read_to_string(thread.path().join("schedstat"))?;
                let nanoseconds = times.split(' ').next().context("an odd schedstat")?;
                used += Duration::from_nanos(nanoseconds.parse()?);
            }
        }
        Ok(used)
    }

    /// The memory that it has in use, in bytes.
    pub(crate) fn memory(&self) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
        Ok(kilobytes.context("an odd status")?.trim().parse::<u64>()? * 1024)
    }

    /// Wishes that it closes, as the window manager does when its cross is pressed.
    pub(crate) fn ask_to_close(&self) -> Result<()> {
        let screen = self.stage.screen;
        let (protocols, wish) = (
            screen.atom("WM_PROTOCOLS")?,
            screen.atom("WM_DELETE_WINDOW")?,
        );
        let data = [wish, x11rb::CURRENT_TIME, 0, 0, 0];
        let message = ClientMessageEvent::new(32, self.window, protocols, data);
        screen
            .x
            .send_event(false, self.window, EventMask::NO_EVENT, message)?;
        Ok(screen.x.sync()?)
    }

    /// Tells it to end (SIGTERM).
    pub(crate) fn tell_to_end(&self) -> Result<()> {
        let process = Pid::from_child(&self.process);
        Ok(kill_process(process, Signal::TERM)?)
    }

    /// Waits until it has ended by itself; `None` if it has not after so long.
    pub(crate) fn ended(&mut self, patience: Duration) -> Result<Option<ExitStatus>> {
        let process = pidfd_open(Pid::from_child(&self.process), PidfdFlags::empty())?;
        let mut ready = [PollFd::new(&process, PollFlags::IN)];
        let patience = Timespec::try_from(patience)?;
        poll(&mut ready, Some(&patience))?;
        Ok(self.process.try_wait()?)
    }

    /// Kills it at once (SIGKILL).
    pub(crate) fn kill(mut self) -> Result<()> {
        self.process.kill()?;
        self.process.wait()?;
        Ok(())
    }
}

impl Drop for Instance<'_> {
    fn drop(&mut self) {
        // It may have ended by itself; either way nothing of it is left.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn set_private(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;

    fs::set_permissions(folder, fs::Permissions::from_mode(0o700))
}
