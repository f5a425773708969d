//! A TCP port on loopback, and a token in a private file that says who may use it.

use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rand::RngCore;
use rand::rngs::OsRng;
use subtle::ConstantTimeEq;

use crate::instance::WORD_TIME;

/// The file that says where: the port, 2 bytes little-endian, and the token.
const ADDRESS_NAME: &str = "instance.port";

/// Bytes of a token: more than can be guessed.
const TOKEN_LENGTH: usize = 32;

/// The port at which the first instance listens.
#[derive(Debug)]
pub(in crate::instance) struct LocalSocket {
    listener: TcpListener,
    token: [u8; TOKEN_LENGTH],
    folder: PathBuf,
}

/// A connection between two instances, seen from either.
pub(in crate::instance) type Connection = TcpStream;

impl LocalSocket {
    /// Listens, and says where in `folder`; whoever calls this holds the lock.
    ///
    /// # Errors
    /// What the system says.
    pub(in crate::instance) fn listen(folder: &Path) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let mut token = [0; TOKEN_LENGTH];
        OsRng.try_fill_bytes(&mut token).map_err(io::Error::other)?;
        let path = folder.join(ADDRESS_NAME);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&path)?;
        let port = listener.local_addr()?.port();
        file.write_all(&[&port.to_le_bytes()[..], &token].concat())?;
        Ok(Self {
            listener,
            token,
            folder: folder.to_owned(),
        })
    }

    /// The next connection, which must begin with the token; waits for one.
    ///
    /// # Errors
    /// What the system says, or `PermissionDenied` of a connection that begins with another token.
    pub(in crate::instance) fn accept(&self) -> io::Result<Connection> {
        let (mut stream, _) = self.listener.accept()?;
        stream.set_read_timeout(Some(WORD_TIME))?;
        stream.set_write_timeout(Some(WORD_TIME))?;
        let mut token = [0; TOKEN_LENGTH];
        stream.read_exact(&mut token)?;
        if bool::from(token.ct_eq(&self.token)) {
            Ok(stream)
        } else {
            Err(io::ErrorKind::PermissionDenied.into())
        }
    }
}

impl Drop for LocalSocket {
    fn drop(&mut self) {
        // The next start would remove it as well.
        let _ = fs::remove_file(self.folder.join(ADDRESS_NAME));
    }
}

/// Connects to whoever listens, with the token from `folder`.
///
/// # Errors
/// What the system says, or `UnexpectedEof` where the file with the token is cut off.
pub(in crate::instance) fn connect(folder: &Path, patience: Duration) -> io::Result<Connection> {
    let known = fs::read(folder.join(ADDRESS_NAME))?;
    let Some((port, token)) = known.split_first_chunk::<2>() else {
        return Err(io::ErrorKind::UnexpectedEof.into());
    };
    if token.len() != TOKEN_LENGTH {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, u16::from_le_bytes(*port)));
    let mut stream = TcpStream::connect_timeout(&address, patience)?;
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(patience))?;
    stream.write_all(token)?;
    Ok(stream)
}
