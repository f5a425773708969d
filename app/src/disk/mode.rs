//! The modes that files get: of the umask, what the sender's file and the one that is replaced let others do.

use std::fs::File;
use std::io;

use cap_std::fs::Metadata;
use fardrop_shared::offer::OthersAccess;

/// The bits that let others than its owner write to a file.
#[cfg(unix)]
pub(super) const OTHERS_WRITE: u32 = 0o022;

/// The mode that a finished file gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FinalMode {
    #[cfg(unix)]
    bits: u32,
}

/// When a mode is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// While the file is still a part, which nobody else may write to: [`super::platform::is_ours`].
    Part,
    /// Once it has its final name.
    Named,
}

impl FinalMode {
    /// What the umask leaves of everything, the executable bit only where the sender's file has it, and
    /// nothing for others that they have not at the sender's, or with the file that is replaced.
    pub(super) fn new(executable: bool, others: OthersAccess, replaced: Option<&Metadata>) -> Self {
        #[cfg(unix)]
        {
            use cap_std::fs::PermissionsExt;
            let wished = if executable { 0o777 } else { 0o666 };
            let old = replaced.filter(|old| old.is_file());
            let old = old.map_or(0o777, |old| old.permissions().mode());
            // Without the last not even we could look at it again.
            let bits = wished & !umask() & old & (0o700 | others.bits()) | 0o400;
            Self { bits }
        }
        #[cfg(not(unix))]
        {
            let _ = (executable, others, replaced);
            Self {}
        }
    }

    /// Sets it, as far as it can be at this stage.
    ///
    /// # Errors
    /// What the system says, if the file has not this mode anyway.
    pub(super) fn set(self, file: &File, stage: Stage) -> io::Result<()> {
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let bits = match stage {
                Stage::Part => self.bits & !OTHERS_WRITE,
                Stage::Named if self.bits & OTHERS_WRITE == 0 => return Ok(()),
                Stage::Named => self.bits,
            };
            match file.set_permissions(std::fs::Permissions::from_mode(bits)) {
                Err(_) if file.metadata()?.permissions().mode() & 0o777 == bits => Ok(()),
                outcome => outcome,
            }
        }
        #[cfg(not(unix))]
        {
            let _ = (self, file, stage);
            Ok(())
        }
    }
}

/// The bits that this process takes away from new files.
#[cfg(unix)]
pub(super) fn umask() -> u32 {
    use std::sync::OnceLock;
    static UMASK: OnceLock<u32> = OnceLock::new();
    *UMASK.get_or_init(|| {
        let told = || {
            let status = std::fs::read_to_string("/proc/self/status").ok()?;
            let line = status
                .lines()
                .find_map(|line| line.strip_prefix("Umask:"))?;
            u32::from_str_radix(line.trim(), 8).ok()
        };
        told().unwrap_or_else(|| {
            use rustix::fs::Mode;
            use rustix::process::umask;
            // It can only be read by setting it. What another thread makes meanwhile is narrower.
            let mask = umask(Mode::RWXG | Mode::RWXO);
            umask(mask);
            mask.as_raw_mode() as u32
        })
    })
}
