//! Why a file cannot be read or written, in the words that the two sides have for it.

use std::io;

use fardrop_shared::transfer::FileReason;

use super::platform;

/// What an error means that came up while something was saved.
#[must_use]
pub fn write_reason(error: &io::Error) -> FileReason {
    use io::ErrorKind;
    if platform::is_too_many_open(error) {
        return FileReason::TooManyOpen;
    }
    if platform::is_link_error(error) || is_way_out(error) {
        return FileReason::LinkInTheWay;
    }
    if platform::is_forbidden_name(error) {
        return FileReason::NameForbidden;
    }
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "a cause that has no words of its own is an error of writing"
    )]
    match error.kind() {
        ErrorKind::StorageFull => FileReason::NoSpace,
        ErrorKind::QuotaExceeded => FileReason::Quota,
        ErrorKind::ReadOnlyFilesystem => FileReason::ReadOnly,
        ErrorKind::PermissionDenied => FileReason::WriteForbidden,
        ErrorKind::NotADirectory => FileReason::NotAFolder,
        ErrorKind::IsADirectory | ErrorKind::DirectoryNotEmpty => FileReason::FolderInTheWay,
        ErrorKind::InvalidFilename => FileReason::NameTooLong,
        ErrorKind::FileTooLarge => FileReason::FileTooLarge,
        _ => FileReason::WriteFailed,
    }
}

/// What an error means that came up while an offered file was read: it is not there as offered, or it cannot
/// be read, and why.
pub(super) fn read_reason(error: &io::Error) -> FileReason {
    if error.kind() == io::ErrorKind::NotFound || platform::is_link_error(error) {
        FileReason::FileChanged
    } else if error.kind() == io::ErrorKind::PermissionDenied {
        FileReason::ReadForbidden
    } else if platform::is_too_many_open(error) {
        FileReason::SenderTooManyOpen
    } else {
        FileReason::FileUnreadable
    }
}

/// Whether a path would have led out of the folder held open: a link in it does. The system has no such error,
/// it is `cap-std`'s own.
fn is_way_out(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::PermissionDenied && error.raw_os_error().is_none()
}

#[cfg(all(test, unix))]
mod tests {
    use std::sync::Arc;

    use cap_std::ambient_authority;
    use cap_std::fs::Dir;
    use rustix::io::Errno;

    use super::*;
    use crate::disk::Destination;

    #[track_caller]
    fn check(errno: Errno, written: FileReason, read: FileReason) {
        let error = io::Error::from(errno);
        assert_eq!(write_reason(&error), written, "{error}");
        assert_eq!(read_reason(&error), read, "{error}");
    }

    #[test]
    fn every_cause_of_the_system_has_its_own_reason() {
        use FileReason::*;
        check(Errno::ROFS, ReadOnly, FileUnreadable);
        check(Errno::ACCESS, WriteForbidden, ReadForbidden);
        check(Errno::PERM, WriteForbidden, ReadForbidden);
        check(Errno::NOTDIR, NotAFolder, FileUnreadable);
        check(Errno::ISDIR, FolderInTheWay, FileUnreadable);
        check(Errno::NAMETOOLONG, NameTooLong, FileUnreadable);
        check(Errno::INVAL, NameForbidden, FileUnreadable);
        check(Errno::ILSEQ, NameForbidden, FileUnreadable);
        check(Errno::FBIG, FileTooLarge, FileUnreadable);
        check(Errno::MFILE, TooManyOpen, SenderTooManyOpen);
        check(Errno::NFILE, TooManyOpen, SenderTooManyOpen);
        check(Errno::LOOP, LinkInTheWay, FileChanged);
        check(Errno::DQUOT, Quota, FileUnreadable);
        check(Errno::NOSPC, NoSpace, FileUnreadable);
        check(Errno::IO, WriteFailed, FileUnreadable);
        check(Errno::NOENT, WriteFailed, FileChanged);
    }

    #[test]
    fn a_link_that_leads_out_of_the_destination_is_in_the_way() {
        let folder = tempfile::tempdir().expect("a folder");
        std::os::unix::fs::symlink("/", folder.path().join("out")).expect("a link");
        let root = Dir::open_ambient_dir(folder.path(), ambient_authority()).expect("it opens");
        let error = Arc::new(root).open_dir("out").expect_err("it leads out");
        assert_eq!(write_reason(&error), FileReason::LinkInTheWay, "{error:?}");
    }

    #[test]
    fn a_file_in_a_folders_place_is_no_folder() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("file");
        std::fs::write(&file, "").expect("it writes");
        for path in [file.clone(), file.join("below")] {
            let error = Destination::make(&path).expect_err("it is a file");
            assert_eq!(write_reason(&error), FileReason::NotAFolder, "{error:?}");
        }
    }
}
