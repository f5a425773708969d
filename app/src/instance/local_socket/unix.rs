//! A Unix domain socket.

use std::fs;
use std::io;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::super::WORD_TIME;

/// The socket's name in the folder.
const SOCKET_NAME: &str = "instance.sock";

/// Where visitors come in.
#[derive(Debug)]
pub(in super::super) struct LocalSocket {
    listener: UnixListener,
    folder: PathBuf,
}

/// A visitor, seen from either side.
pub(in super::super) type Connection = UnixStream;

impl LocalSocket {
    /// Listens in `folder`; whoever calls this holds the lock, so what lies there already is of no use.
    pub(in super::super) fn listen(folder: &Path) -> io::Result<Self> {
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

    /// The next visitor; waits for one.
    pub(in super::super) fn accept(&self) -> io::Result<Connection> {
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

/// Visits whoever listens in `folder`, who may take `patience` for each word.
pub(in super::super) fn connect(folder: &Path, patience: Duration) -> io::Result<Connection> {
    let stream = UnixStream::connect(folder.join(SOCKET_NAME))?;
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(patience))?;
    Ok(stream)
}
