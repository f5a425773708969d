//! `fardrop-window.exe`: what a double click, a shortcut or a link starts on Windows.
//!
//! `fardrop.exe` prints, and therefore belongs to a console, which Windows opens for it where it was
//! started from none. This belongs to none, starts the other with one that nobody sees, and is gone.
#![windows_subsystem = "windows"]

use std::process::ExitCode;

#[cfg(windows)]
fn main() -> ExitCode {
    use std::os::windows::process::CommandExt as _;
    use std::process::Command;

    /// A console, but no window of it: `CREATE_NO_WINDOW` of the Windows API.
    const NO_WINDOW: u32 = 0x0800_0000;

    let started = std::env::current_exe().and_then(|launcher| {
        Command::new(launcher.with_file_name("fardrop.exe"))
            .args(std::env::args_os().skip(1))
            .creation_flags(NO_WINDOW)
            .spawn()
    });
    // There is nowhere to say why.
    match started {
        Ok(_) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// Elsewhere no program belongs to a console, and nothing needs this.
#[cfg(not(windows))]
fn main() -> ExitCode {
    ExitCode::FAILURE
}
