//! What differs between systems: making links, reading them, and not going through one.
//!
//! Linux is tested. The fallbacks for macOS and Windows are written from their documentation and
//! have not been run.

use std::io;
use std::path::{Path, PathBuf};

use cap_std::fs::Dir;
use fardrop_shared::offer::ModifiedTime;

/// Opens a folder in `folder`, itself and not what it may link to.
///
/// # Errors
/// What the system says; of a link, one that says so, where the system has links.
pub(super) fn open_folder_no_follow(folder: &Dir, name: &Path) -> io::Result<Dir> {
    let link = || {
        folder
            .symlink_metadata(name)
            .is_ok_and(|there| there.is_symlink())
    };
    #[cfg(unix)]
    {
        use rustix::fs::{Mode, OFlags, openat};
        // Where it can be, a handle for which it is enough that one may walk through the folder.
        #[cfg(target_os = "linux")]
        let access = OFlags::PATH;
        #[cfg(not(target_os = "linux"))]
        let access = OFlags::RDONLY;
        let flags = access | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match openat(folder, name, flags, Mode::empty()) {
            Ok(opened) => Ok(Dir::from_std_file(opened.into())),
            Err(_) if link() => Err(rustix::io::Errno::LOOP.into()),
            Err(error) => Err(error.into()),
        }
    }
    #[cfg(not(unix))]
    {
        if link() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        folder.open_dir(name)
    }
}

/// Makes a symbolic link of this name in `folder` that says `text`; [`io::ErrorKind::AlreadyExists`] if the name is
/// taken.
///
/// # Errors
/// One for which [`is_without_links`] holds where there can be none; else what the system says.
pub(super) fn make_link(folder: &Dir, text: &Path, name: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        rustix::fs::symlinkat(text, folder, name).map_err(io::Error::from)
    }
    #[cfg(not(unix))]
    {
        // Windows lets only some people make them, and asks for their kind.
        let _ = (folder, text, name);
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// What the link of this name says; `None` if it is none.
pub(super) fn link_text(folder: &Dir, name: &Path) -> Option<PathBuf> {
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStringExt;
        let text = rustix::fs::readlinkat(folder, name, Vec::new()).ok()?;
        Some(std::ffi::OsString::from_vec(text.into_bytes()).into())
    }
    #[cfg(not(unix))]
    {
        let _ = (folder, name);
        None
    }
}

/// Sets the modification time of the link itself.
///
/// # Errors
/// What the system says.
pub(super) fn set_link_modified(
    folder: &Dir,
    name: &Path,
    modified: ModifiedTime,
) -> io::Result<()> {
    #[cfg(unix)]
    {
        use rustix::fs::{AtFlags, utimensat};
        let times = times_of(modified);
        utimensat(folder, name, &times, AtFlags::SYMLINK_NOFOLLOW).map_err(io::Error::from)
    }
    #[cfg(not(unix))]
    {
        let _ = (folder, name, modified);
        Ok(())
    }
}

/// A modification time as the system takes it, the time of access left as it is.
#[cfg(unix)]
pub(super) fn times_of(modified: ModifiedTime) -> rustix::fs::Timestamps {
    use rustix::fs::{Timespec, Timestamps, UTIME_OMIT};
    Timestamps {
        last_access: Timespec {
            tv_sec: 0,
            tv_nsec: UTIME_OMIT,
        },
        last_modification: Timespec {
            tv_sec: modified.seconds,
            tv_nsec: modified.nanos.into(),
        },
    }
}

/// Whether a link or a second name failed since there can be none: the file system has none, a file has as many as
/// it may, or this user may make none.
pub(super) fn is_without_links(error: &io::Error) -> bool {
    #[cfg(unix)]
    let impossible = {
        use rustix::io::Errno;
        matches!(
            Errno::from_io_error(error),
            Some(Errno::PERM | Errno::NOSYS | Errno::OPNOTSUPP | Errno::MLINK | Errno::XDEV)
        )
    };
    // ERROR_INVALID_FUNCTION, ERROR_NOT_SAME_DEVICE, ERROR_NOT_SUPPORTED, ERROR_TOO_MANY_LINKS and
    // ERROR_PRIVILEGE_NOT_HELD.
    #[cfg(windows)]
    let impossible = matches!(error.raw_os_error(), Some(1 | 17 | 50 | 1142 | 1314));
    #[cfg(not(any(unix, windows)))]
    let impossible = false;
    impossible || error.kind() == io::ErrorKind::Unsupported
}
