//! What a file's metadata say of it that an offer carries.

use std::fs::Metadata;
use std::io;
use std::path::Path;

use fardrop_shared::offer::{ModifiedTime, OthersAccess};

/// When something was last modified. Every system here says; one that does not has it at 1970.
pub(super) fn modified(metadata: &Metadata) -> ModifiedTime {
    let time = metadata.modified();
    time.map_or_else(|_| ModifiedTime::default(), ModifiedTime::from)
}

/// Fails where this person may not read a file, as far as the system says so without opening it.
pub(super) fn may_read(path: &Path, metadata: &Metadata) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;

        use rustix::fs::{Access, AtFlags, CWD, accessat};
        const OWNER_READS: u32 = 0o400;
        // Its mode says so, and no list of access takes that away from the owner.
        let is_mine = metadata.uid() == rustix::process::geteuid().as_raw();
        if is_mine && metadata.mode() & OWNER_READS != 0 {
            return Ok(());
        }
        match accessat(CWD, path, Access::READ_OK, AtFlags::EACCESS) {
            Err(error @ rustix::io::Errno::ACCESS) => Err(error.into()),
            // Whatever else there is comes up when it is read.
            _ => Ok(()),
        }
    }
    #[cfg(not(unix))]
    {
        let _ = (path, metadata);
        Ok(())
    }
}

/// Whether the file's owner may execute it.
pub(super) fn is_executable(metadata: &Metadata) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        metadata.permissions().mode() & 0o100 != 0
    }
    #[cfg(not(unix))]
    {
        let _ = metadata;
        false
    }
}

/// What others than its owner may do with it. Lists of access beyond the mode are not looked at.
pub(super) fn others_access(metadata: &Metadata) -> OthersAccess {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        OthersAccess::from_mode(metadata.permissions().mode())
    }
    #[cfg(not(unix))]
    {
        let _ = metadata;
        OthersAccess::ALL
    }
}

/// How many bytes of a file are in holes, as far as its metadata say so. File systems that compress have files that
/// look as if they had some.
pub(super) fn holes(metadata: &Metadata) -> u64 {
    /// Local: bytes in holes that are worth saying: not those that a file system saves in its own records.
    const LEAST_HOLES: u64 = 64 * 1024;
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        const BLOCK: u64 = 512;
        let stored = metadata.blocks().saturating_mul(BLOCK);
        let holes = metadata.len().saturating_sub(stored);
        if holes < LEAST_HOLES { 0 } else { holes }
    }
    #[cfg(not(unix))]
    {
        let _ = (metadata, LEAST_HOLES);
        0
    }
}
