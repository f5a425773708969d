//! Programs of the system that a test needs, and what they do to another program's calls of the system.

use anyhow::Result;

use crate::namespace::skip;

/// Whether all of these commands are here; otherwise says that the test proves nothing.
///
/// # Errors
/// Where stderr is closed.
pub fn are_here(test: &str, commands: &[&str]) -> Result<bool> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<_> = std::env::split_paths(&path).collect();
    for command in commands {
        if !folders.iter().any(|folder| folder.join(command).exists()) {
            skip::<()>(test, &format!("{command} is not installed"))?;
            return Ok(false);
        }
    }
    Ok(true)
}

/// The beginning of a command line: what follows is killed at the `number`th time that it calls this, before
/// anything comes of it.
#[must_use]
pub fn killed_at(call: &str, number: u32) -> Vec<String> {
    injected(call, &format!("signal=SIGKILL:when={number}"))
}

/// The beginning of a command line: to what follows, this call always answers with `error`.
#[must_use]
pub fn failing(call: &str, error: &str) -> Vec<String> {
    injected(call, &format!("error={error}"))
}

fn injected(call: &str, what: &str) -> Vec<String> {
    let words = [
        "strace",
        "-f",
        "-qq",
        "--seccomp-bpf",
        "-o",
        "/dev/null",
        "-e",
    ];
    let mut words: Vec<String> = words.map(str::to_owned).into();
    words.push(format!("trace={call}"));
    words.push("-e".to_owned());
    words.push(format!("inject={call}:{what}"));
    words.push("--".to_owned());
    words
}
