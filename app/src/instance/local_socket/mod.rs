//! The way into the first instance: a Unix domain socket in a folder that nobody else may enter. Where
//! there are none (Windows), a TCP port on loopback; everybody on the machine can reach that, so a
//! visitor has to show a token first, which lies in a file of that folder. The second way is compiled for
//! tests everywhere, and has not been run on Windows.

use std::fs;
use std::io;
use std::path::Path;

#[cfg(any(not(unix), test))]
pub(super) mod loopback;
#[cfg(unix)]
mod unix;

#[cfg(not(unix))]
pub(super) use loopback::{Connection, LocalSocket, connect};
#[cfg(unix)]
pub(super) use unix::{Connection, LocalSocket, connect};

/// Makes `folder`, for this person's eyes only, or checks that it is that.
///
/// # Errors
/// What the system says, or `PermissionDenied` where others may enter or it is another person's.
pub(super) fn make_private(folder: &Path) -> io::Result<()> {
    if let Some(parent) = folder.parent() {
        fs::create_dir_all(parent)?;
    }
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        Ok(()) | Err(_) => {}
    }
    // Not through a link that somebody else may have put there.
    let metadata = folder.symlink_metadata()?;
    let mut private = metadata.is_dir();
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        private &= metadata.mode() & 0o077 == 0;
        private &= metadata.uid() == rustix::process::geteuid().as_raw();
    }
    if private {
        Ok(())
    } else {
        Err(io::ErrorKind::PermissionDenied.into())
    }
}
