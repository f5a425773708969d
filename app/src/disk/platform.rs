//! What differs between systems: renaming without overwriting, syncing folders, modes, identities.
//!
//! Linux is tested. The fallbacks for macOS and Windows are written from their documentation and
//! have not been run.

use std::fs::File;
use std::io;
use std::path::Path;

use cap_std::fs::{Dir, Metadata, OpenOptions};
use fardrop_shared::offer::{ModifiedTime, OthersAccess};

#[cfg(unix)]
use super::mode::{OTHERS_WRITE, umask};

/// Gives `from` the name `to`, both in `folder`; [`io::ErrorKind::AlreadyExists`] if that is taken.
pub(super) fn rename_no_replace(folder: &Dir, from: &Path, to: &Path) -> io::Result<()> {
    #[cfg(any(target_os = "linux", target_vendor = "apple"))]
    {
        use rustix::fs::{RenameFlags, renameat_with};
        use rustix::io::Errno;
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

/// Writes all of `data` at `offset`, wherever others read or write in the file.
pub(super) fn write_all_at(file: &File, data: &[u8], offset: u64) -> io::Result<()> {
    #[cfg(unix)]
    {
        std::os::unix::fs::FileExt::write_all_at(file, data, offset)
    }
    #[cfg(windows)]
    {
        let (mut data, mut offset) = (data, offset);
        while !data.is_empty() {
            match std::os::windows::fs::FileExt::seek_write(file, data, offset) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    data = &data[written..];
                    offset += written as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Fills `data` from `offset` on, wherever others read or write in the file.
pub(super) fn read_exact_at(file: &File, data: &mut [u8], offset: u64) -> io::Result<()> {
    #[cfg(unix)]
    {
        std::os::unix::fs::FileExt::read_exact_at(file, data, offset)
    }
    #[cfg(windows)]
    {
        let (mut data, mut offset) = (data, offset);
        while !data.is_empty() {
            match std::os::windows::fs::FileExt::seek_read(file, data, offset) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(read) => {
                    data = &mut data[read..];
                    offset += read as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
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
        use rustix::fs::{AtFlags, utimensat};

        use super::system_links::times_of;
        utimensat(folder, ".", &times_of(modified), AtFlags::empty()).map_err(io::Error::from)
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

/// Whether a file could not be opened since this process, or the system, has as many open as it may.
pub(super) fn is_too_many_open(error: &io::Error) -> bool {
    #[cfg(unix)]
    {
        use rustix::io::Errno;
        matches!(
            Errno::from_io_error(error),
            Some(Errno::MFILE | Errno::NFILE)
        )
    }
    #[cfg(windows)]
    {
        // ERROR_TOO_MANY_OPEN_FILES.
        error.raw_os_error() == Some(4)
    }
    #[cfg(not(any(unix, windows)))]
    {
        let _ = error;
        false
    }
}

/// Whether a name was refused for a character or an encoding that the file system cannot have in names. Only
/// file systems that look at names say so; nothing else here is refused as invalid.
pub(super) fn is_forbidden_name(error: &io::Error) -> bool {
    #[cfg(unix)]
    {
        use rustix::io::Errno;
        matches!(
            Errno::from_io_error(error),
            Some(Errno::INVAL | Errno::ILSEQ)
        )
    }
    #[cfg(windows)]
    {
        // ERROR_INVALID_NAME.
        error.raw_os_error() == Some(123)
    }
    #[cfg(not(any(unix, windows)))]
    {
        let _ = error;
        false
    }
}

/// Creates a file of this name in `folder` for us alone, and fails where the name is taken.
///
/// # Errors
/// [`io::ErrorKind::AlreadyExists`] where something has the name, a link that leads nowhere included;
/// else what the system says.
pub(super) fn create_private(folder: &Dir, name: &str) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    {
        use cap_std::fs::OpenOptionsExt;
        options.mode(PRIVATE_MODE);
    }
    Ok(folder.open_with(name, &options)?.into_std())
}

/// Creates a folder of this name in `folder`, as the umask says, closed to others from its first moment on as far
/// as `others` says.
///
/// # Errors
/// [`io::ErrorKind::AlreadyExists`] where something has the name; else what the system says.
pub(super) fn create_folder(folder: &Dir, name: &Path, others: OthersAccess) -> io::Result<()> {
    #[cfg(unix)]
    {
        use rustix::fs::{Mode, mkdirat};
        let mode = Mode::from_bits_retain((0o700 | others.bits()) as _);
        mkdirat(folder, name, mode).map_err(io::Error::from)
    }
    #[cfg(not(unix))]
    {
        let _ = others;
        folder.create_dir(name)
    }
}

/// Whether the umask alone would let others do more with a new folder than `others` says.
pub(super) fn is_narrower_than_umask(others: OthersAccess) -> bool {
    #[cfg(unix)]
    {
        OthersAccess::ALL.bits() & !umask() & !others.bits() != 0
    }
    #[cfg(not(unix))]
    {
        let _ = others;
        false
    }
}

/// Opens a file in `folder`, itself and not what it may link to, without waiting for the other end where
/// it is a pipe.
///
/// # Errors
/// What the system says; of a link, one for which [`is_link_error`] holds.
pub(super) fn open_in(folder: &Dir, name: &Path, access: Access) -> io::Result<File> {
    #[cfg(unix)]
    {
        use rustix::fs::{Mode, OFlags, openat};
        let access = match access {
            Access::Read => OFlags::RDONLY,
            Access::ReadAndWrite => OFlags::RDWR,
        };
        let flags = access | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        Ok(openat(folder, name, flags, Mode::empty())?.into())
    }
    #[cfg(not(unix))]
    {
        if folder.symlink_metadata(name)?.is_symlink() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let mut options = OpenOptions::new();
        options.read(true).write(access == Access::ReadAndWrite);
        Ok(folder.open_with(name, &options)?.into_std())
    }
}

/// What a file is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    Read,
    ReadAndWrite,
}

/// The mode of a part file: nobody else reads what is not yet accepted as whole, or keeps it open.
#[cfg(unix)]
const PRIVATE_MODE: u32 = 0o600;

/// Whether an open file can be a part that we made: a regular file under one name, of this user, to which no
/// others can write. Once it is whole, they may be let read it.
///
/// Where the file system keeps neither owners nor modes, every file has those that `fresh`, a file made
/// there just now, has.
///
/// # Errors
/// What the system says when it is asked about either file.
pub(super) fn is_ours(
    file: &File,
    fresh: impl FnOnce() -> io::Result<std::fs::Metadata>,
) -> io::Result<bool> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let found = Identity::of(file)?;
        if !found.alone {
            return Ok(false);
        }
        if found.user == rustix::process::geteuid().as_raw() && found.others_write == 0 {
            return Ok(true);
        }
        let fresh = fresh()?;
        Ok((found.user, found.others_write) == (fresh.uid(), fresh.mode() & OTHERS_WRITE))
    }
    #[cfg(not(unix))]
    {
        let _ = fresh;
        Ok(file.metadata()?.is_file())
    }
}

/// Whose a file is.
#[cfg(unix)]
struct Identity {
    /// Whether it is a regular file under one name.
    alone: bool,
    user: u32,
    /// The bits by which others may write to it.
    others_write: u32,
}

#[cfg(unix)]
impl Identity {
    /// Asks whoever keeps the file: what the system remembers of a file on another machine, or of a program's
    /// file system, may be a second old, and a file with two names is a finished one.
    fn of(file: &File) -> io::Result<Self> {
        use std::os::unix::fs::MetadataExt;
        #[cfg(target_os = "linux")]
        {
            use rustix::fs::{AtFlags, FileType, StatxFlags, statx};
            let flags = AtFlags::EMPTY_PATH | AtFlags::STATX_FORCE_SYNC;
            match statx(file, "", flags, StatxFlags::BASIC_STATS) {
                Ok(found) => {
                    let kind = FileType::from_raw_mode(found.stx_mode.into());
                    return Ok(Self {
                        alone: kind == FileType::RegularFile && found.stx_nlink == 1,
                        user: found.stx_uid,
                        others_write: u32::from(found.stx_mode) & OTHERS_WRITE,
                    });
                }
                // Linux before 4.11, and some sandboxes.
                Err(rustix::io::Errno::NOSYS | rustix::io::Errno::PERM) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let found = file.metadata()?;
        Ok(Self {
            alone: found.is_file() && found.nlink() == 1,
            user: found.uid(),
            others_write: found.mode() & OTHERS_WRITE,
        })
    }
}

/// Whether a lock failed since the file system, or the system that serves it, has none to give.
pub(crate) fn is_without_locks(error: &io::Error) -> bool {
    #[cfg(unix)]
    let unavailable = error.raw_os_error() == Some(rustix::io::Errno::NOLCK.raw_os_error());
    // ERROR_INVALID_FUNCTION and ERROR_NOT_SUPPORTED.
    #[cfg(windows)]
    let unavailable = matches!(error.raw_os_error(), Some(1 | 50));
    #[cfg(not(any(unix, windows)))]
    let unavailable = false;
    unavailable || error.kind() == io::ErrorKind::Unsupported
}

/// Has what is read of this file from now on come from the disk, as far as the system can be asked to:
/// what it could not write once may still be in its memory, and look well.
pub(super) fn forget_cached(file: &File) {
    #[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
    {
        use rustix::fs::{Advice, fadvise};
        if let Err(error) = fadvise(file, 0, None, Advice::DontNeed) {
            tracing::debug!(%error, "what is read of a part may come from memory");
        }
    }
    #[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd")))]
    let _ = file;
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
