//! A Unix domain socket.

use std::fs;
use std::io;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::instance::WORD_TIME;

/// The socket's name in the folder.
const SOCKET_NAME: &str = "instance.sock";

/// The socket at which the first instance listens.
#[derive(Debug)]
pub(in crate::instance) struct LocalSocket {
    listener: UnixListener,
    folder: PathBuf,
}

/// A connection between two instances, seen from either.
pub(in crate::instance) type Connection = UnixStream;

impl LocalSocket {
    /// Listens in `folder`; whoever calls this holds the lock, so what lies there already is of no use.
    ///
    /// # Errors
    /// What the system says.
    pub(in crate::instance) fn listen(folder: &Path) -> io::Result<Self> {
        let path = folder.join(SOCKET_NAME);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        Ok(Self {
            listener: UnixListener::bind(path)?,
            folder: folder.to_owned(),
        })
    }

    /// The next connection; waits for one.
    ///
    /// # Errors
    /// What the system says.
    pub(in crate::instance) fn accept(&self) -> io::Result<Connection> {
        let (stream, _) = self.listener.accept()?;
        stream.set_read_timeout(Some(WORD_TIME))?;
        stream.set_write_timeout(Some(WORD_TIME))?;
        Ok(stream)
    }
}

impl Drop for LocalSocket {
    fn drop(&mut self) {
        // Held by nobody now: the next start would remove it as well.
        let _ = fs::remove_file(self.folder.join(SOCKET_NAME));
    }
}

/// Connects to whoever listens in `folder`, who may take `patience` for each word.
///
/// # Errors
/// What the system says; `NotFound` or `ConnectionRefused` where nobody listens.
pub(in crate::instance) fn connect(folder: &Path, patience: Duration) -> io::Result<Connection> {
    let stream = UnixStream::connect(folder.join(SOCKET_NAME))?;
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(patience))?;
    Ok(stream)
}
