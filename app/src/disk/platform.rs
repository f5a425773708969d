//! What differs between systems: renaming without overwriting, syncing folders, modes, identities.
//!
//! Linux is tested. The fallbacks for macOS and Windows are written from their documentation and
//! have not been run.

use std::{fs::File, io, path::Path};

use cap_std::fs::{Dir, Metadata, OpenOptions};
use fardrop_shared::offer::ModifiedTime;

/// Gives `from` the name `to`, both in `folder`; [`io::ErrorKind::AlreadyExists`] if that is taken.
pub(super) fn rename_no_replace(folder: &Dir, from: &str, to: &str) -> io::Result<()> {
    #[cfg(any(target_os = "linux", target_vendor = "apple"))]
    {
        use rustix::{
            fs::{RenameFlags, renameat_with},
            io::Errno,
        };
        match renameat_with(folder, from, folder, to, RenameFlags::NOREPLACE) {
            // File systems without the flag (older NFS, some FUSE) say one of these.
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {}
            outcome => return outcome.map_err(io::Error::from),
        }
    }
    // A hard link never overwrites. File systems without them (exFAT) get the check that can be raced.
    match folder.hard_link(from, folder, to) {
        Ok(()) => folder.remove_file(from),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(error),
        Err(_) if folder.symlink_metadata(to).is_ok() => Err(io::ErrorKind::AlreadyExists.into()),
        Err(_) => folder.rename(from, folder, to),
    }
}

/// Returns once the names in `folder` are on disk.
pub(super) fn sync_folder(folder: &Dir) -> io::Result<()> {
    #[cfg(unix)]
    {
        use rustix::fs::{Mode, OFlags, fsync, openat};
        // The handle itself may be one that can only be walked through (`O_PATH`).
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let readable = openat(folder, ".", flags, Mode::empty())?;
        match fsync(&readable) {
            // Some network file systems cannot, and have no more to give.
            Err(rustix::io::Errno::INVAL) => Ok(()),
            outcome => outcome.map_err(io::Error::from),
        }
    }
    #[cfg(not(unix))]
    {
        // NTFS journals its names; there is no call for it without more rights.
        let _ = folder;
        Ok(())
    }
}

/// Sets the modification time of the folder itself.
pub(super) fn set_folder_modified(folder: &Dir, modified: ModifiedTime) -> io::Result<()> {
    #[cfg(unix)]
    {
        use rustix::fs::{AtFlags, Timespec, Timestamps, UTIME_OMIT, utimensat};
        let times = Timestamps {
            last_access: Timespec {
                tv_sec: 0,
                tv_nsec: UTIME_OMIT,
            },
            last_modification: Timespec {
                tv_sec: modified.seconds,
                tv_nsec: modified.nanos.into(),
            },
        };
        utimensat(folder, ".", &times, AtFlags::empty()).map_err(io::Error::from)
    }
    #[cfg(not(unix))]
    {
        let time = modified
            .to_system_time()
            .ok_or(io::ErrorKind::InvalidInput)?;
        folder.try_clone()?.into_std_file().set_modified(time)
    }
}

/// Opens `path` for reading, itself and not what it may link to, without waiting for a writer where
/// it has become a pipe since it was looked at.
pub(super) fn open_no_follow(path: &Path) -> io::Result<File> {
    let mut options = std::fs::OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
        options.custom_flags(flags.bits().cast_signed());
    }
    #[cfg(windows)]
    {
        use std::os::windows::fs::OpenOptionsExt;
        const FILE_FLAG_OPEN_REPARSE_POINT: u32 = 0x0020_0000;
        options.custom_flags(FILE_FLAG_OPEN_REPARSE_POINT);
    }
    options.open(path)
}

/// Whether `open_no_follow` failed because the path is a link.
pub(super) fn is_link_error(error: &io::Error) -> bool {
    #[cfg(unix)]
    {
        error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error())
    }
    #[cfg(not(unix))]
    {
        let _ = error;
        false
    }
}

/// Options that create a file with the mode its executable bit asks for, as the umask allows.
pub(super) fn create_options(executable: bool) -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    {
        use cap_std::fs::OpenOptionsExt;
        options.mode(if executable { 0o777 } else { 0o666 });
    }
    #[cfg(not(unix))]
    let _ = executable;
    options
}

/// Gives an existing file the executable bit, for those who may read it, or takes it away.
pub(super) fn set_executable(file: &File, executable: bool) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mut permissions = file.metadata()?.permissions();
        let old = permissions.mode() & 0o777;
        let mode = if executable {
            old | (old & 0o444) >> 2
        } else {
            old & !0o111
        };
        if mode != old {
            permissions.set_mode(mode);
            file.set_permissions(permissions)?;
        }
        Ok(())
    }
    #[cfg(not(unix))]
    {
        let _ = (file, executable);
        Ok(())
    }
}

/// Whether the name still stands for the open file, and for nothing but a regular file.
pub(super) fn same_file(file: &File, name: &Metadata) -> io::Result<bool> {
    let open = file.metadata()?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let identity = (
            cap_std::fs::MetadataExt::dev(name),
            cap_std::fs::MetadataExt::ino(name),
        );
        Ok(name.is_file() && (open.dev(), open.ino()) == identity)
    }
    #[cfg(not(unix))]
    {
        // Without identities: an open part file cannot be renamed by others on Windows.
        Ok(name.is_file() && open.len() == name.len())
    }
}
