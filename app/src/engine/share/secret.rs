//! The secret that makes the shares of this installation known again to their receivers, and to nobody else.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;

use crate::engine::memory::create_private;

/// The file's name.
const FILE: &str = "share-secret";

/// The secret that is kept in `folder`, made if there is none; `None` without a folder, or where nothing can be kept.
pub(super) fn share_secret(folder: Option<&Path>) -> Option<[u8; 32]> {
    let folder = folder?;
    let kept = read(folder).or_else(|_| {
        make(folder)?;
        read(folder)
    });
    kept.inspect_err(|error| tracing::warn!(%error, "shares are not known again after a restart"))
        .ok()
}

fn read(folder: &Path) -> io::Result<[u8; 32]> {
    let mut text = String::new();
    // A digit more than there may be, so that it is told apart.
    let file = File::open(folder.join(FILE))?;
    file.take(65).read_to_string(&mut text)?;
    let hash = blake3::Hash::from_hex(text);
    hash.map(Into::into)
        .map_err(|_| io::ErrorKind::InvalidData.into())
}

/// Puts a new one there, whole or not at all. Of two apps that do so at once one wins, whose secret both read then.
fn make(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let fresh = folder.join(format!("{FILE}.{:016x}.new", rand::random::<u64>()));
    let secret: [u8; 32] = rand::random();
    let mut file = create_private(&fresh)?;
    file.write_all(blake3::Hash::from(secret).to_hex().as_bytes())?;
    file.sync_all()?;
    let name = folder.join(FILE);
    // One that is there and good was just read: what is there now is damaged, or another app's that was faster.
    let made = match fs::hard_link(&fresh, &name) {
        Err(_) if read(folder).is_err() => return fs::rename(&fresh, &name),
        Ok(()) | Err(_) => Ok(()),
    };
    fs::remove_file(&fresh)?;
    made
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_secret_is_the_same_after_a_restart_and_only_ours_to_read() {
        let root = tempfile::tempdir().expect("a folder");
        let folder = root.path().join("not/there/yet");
        let secret = share_secret(Some(&folder)).expect("it is made");
        assert_eq!(share_secret(Some(&folder)), Some(secret));
        let file = fs::metadata(folder.join(FILE)).expect("it is there");
        assert_eq!(file.permissions().mode() & 0o777, 0o600);
        let other = share_secret(Some(&root.path().join("other")));
        assert_ne!(other, Some(secret));
        assert_eq!(share_secret(None), None);
        assert_eq!(fs::read_dir(&folder).expect("a folder").count(), 1);
    }

    #[test]
    fn a_damaged_secret_is_replaced_and_apps_that_begin_at_once_agree() {
        let root = tempfile::tempdir().expect("a folder");
        for damaged in ["", "0123", &"0".repeat(65), "not a number"] {
            fs::write(root.path().join(FILE), damaged).expect("it writes");
            let secret = share_secret(Some(root.path())).expect("it is made");
            assert_eq!(share_secret(Some(root.path())), Some(secret));
        }
        let folder = root.path().join("fresh");
        let secrets = std::thread::scope(|scope| {
            let apps = [(); 8].map(|()| scope.spawn(|| share_secret(Some(&folder))));
            apps.map(|app| app.join().expect("it ends"))
        });
        assert!(secrets[0].is_some());
        assert!(secrets.iter().all(|secret| *secret == secrets[0]));
    }
}
