//! Opening what has arrived, and showing it in its folder.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::DesktopError;

/// How long an opener is watched for a failure. Some return at once, some stay for as long as the
/// program that they started.
const PATIENCE: Duration = Duration::from_secs(3);

/// How often it is looked at meanwhile.
const PAUSE: Duration = Duration::from_millis(20);

/// Openers that may still run. The oldest is forgotten, not ended.
const OPENERS_LIMIT: usize = 32;

/// Starts other programs, and buries them once they have ended.
#[derive(Default)]
pub(super) struct Opener {
    running: Vec<Child>,
}

impl Opener {
    /// Opens a file or folder in whatever the desktop opens its kind with.
    ///
    /// # Errors
    /// [`DesktopError::Open`]: it is not there, or nothing opens it.
    pub(super) fn open(&mut self, path: &Path) -> Result<(), DesktopError> {
        checked(path)?;
        self.run(platform::opener(), path.as_os_str(), path)
    }

    /// Shows a file in its folder, and marks it there if the file manager can.
    ///
    /// # Errors
    /// [`DesktopError::Open`]: it is not there, or nothing shows it.
    pub(super) fn show_in_folder(&mut self, path: &Path) -> Result<(), DesktopError> {
        checked(path)?;
        self.reveal(path)
    }

    #[cfg(all(unix, not(target_os = "macos")))]
    fn reveal(&mut self, path: &Path) -> Result<(), DesktopError> {
        // Only an absolute path has an address, and `checked` has seen that it is one.
        if let Ok(address) = url::Url::from_file_path(path)
            && super::bus::show_items(&[address.as_str()]).is_ok()
        {
            return Ok(());
        }
        let folder = path.parent().unwrap_or(path);
        self.run(platform::opener(), folder.as_os_str(), path)
    }

    #[cfg(target_os = "macos")]
    fn reveal(&mut self, path: &Path) -> Result<(), DesktopError> {
        let mut command = platform::opener();
        command.arg("-R");
        self.run(command, path.as_os_str(), path)
    }

    #[cfg(windows)]
    fn reveal(&mut self, path: &Path) -> Result<(), DesktopError> {
        self.run(platform::opener(), &platform::selection(path), path)
    }

    /// Gives a program what it is to open.
    ///
    /// # Errors
    /// [`DesktopError::Open`]: the program does not start, or says at once that it failed.
    pub(super) fn run(
        &mut self,
        mut command: Command,
        argument: &OsStr,
        path: &Path,
    ) -> Result<(), DesktopError> {
        platform::add(&mut command, argument);
        self.watch(command.stdin(Stdio::null()), path)
    }

    /// Starts a program that opens `path`, and waits to see whether it fails.
    ///
    /// # Errors
    /// [`DesktopError::Open`]: the program does not start, or fails while it is watched.
    pub(super) fn watch(&mut self, command: &mut Command, path: &Path) -> Result<(), DesktopError> {
        let failed = |reason: String| DesktopError::Open {
            path: path.to_owned(),
            reason,
        };
        self.running
            .retain_mut(|child| matches!(child.try_wait(), Ok(None)));
        // The oldest goes on by itself: all that is given up is to hear of its end.
        let watched = self.running.len().min(OPENERS_LIMIT - 1);
        self.running.drain(..self.running.len() - watched);
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| failed(error.to_string()))?;
        let started = Instant::now();
        while started.elapsed() < PATIENCE {
            match child.try_wait() {
                Ok(Some(status)) if status.success() || !platform::TELLS_FAILURE => return Ok(()),
                Ok(Some(status)) => return Err(failed(status.to_string())),
                Ok(None) => thread::sleep(PAUSE),
                Err(error) => return Err(failed(error.to_string())),
            }
        }
        self.running.push(child);
        Ok(())
    }
}

/// What is opened is there and has a whole path, so that it cannot pass for an option or an address.
fn checked(path: &Path) -> Result<(), DesktopError> {
    let failed = |reason: String| DesktopError::Open {
        path: path.to_owned(),
        reason,
    };
    if !path.is_absolute() {
        return Err(failed("not a whole path".to_owned()));
    }
    path.symlink_metadata()
        .map(drop)
        .map_err(|error| failed(error.to_string()))
}

#[cfg(unix)]
mod platform {
    use std::ffi::OsStr;
    use std::os::unix::process::CommandExt as _;
    use std::process::Command;

    /// Whether the exit code says that nothing was opened.
    pub(super) const TELLS_FAILURE: bool = true;

    pub(super) fn opener() -> Command {
        let program = if cfg!(target_os = "macos") {
            "/usr/bin/open"
        } else {
            "xdg-open"
        };
        let mut command = Command::new(program);
        // Ctrl-C in the terminal that the window was started from ends the window, not a viewer.
        command.process_group(0);
        command
    }

    pub(super) fn add(command: &mut Command, argument: &OsStr) {
        command.arg(argument);
    }
}

#[cfg(windows)]
mod platform {
    use std::ffi::{OsStr, OsString};
    use std::os::windows::process::CommandExt as _;
    use std::path::Path;
    use std::process::Command;

    /// Explorer ends with 1 whatever it did.
    pub(super) const TELLS_FAILURE: bool = false;

    pub(super) fn opener() -> Command {
        Command::new("explorer.exe")
    }

    /// Explorer reads its own command line: quotes stand around the path, not around the argument.
    /// No path on Windows holds a quote.
    pub(super) fn selection(path: &Path) -> OsString {
        let mut argument = OsString::from("/select,\"");
        argument.push(path);
        argument.push("\"");
        argument
    }

    pub(super) fn add(command: &mut Command, argument: &OsStr) {
        if argument.as_encoded_bytes().starts_with(b"/select,") {
            command.raw_arg(argument);
        } else {
            command.arg(argument);
        }
    }
}
