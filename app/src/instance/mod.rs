//! One window for one person: a second start hands what it was started for to the first.
//!
//! The first start holds a lock, which the system takes back when the process ends, however it ends. It
//! listens on a socket in the same folder, which is this person's alone; see `local_socket` for how other people
//! are kept out. A second start finds the lock taken, and says over the socket:
//!
//! ```text
//! second                                      first
//! magic 8 bytes, length u32 little-endian,
//! body  length bytes, postcard
//!                                             1 byte: 1 taken, 0 not now
//! ```
//!
//! The bounds here are local: both ends are this program, on one machine and of one person.

mod local_socket;
#[cfg(test)]
mod tests;

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use thiserror::Error;
use zeroize::Zeroizing;

use local_socket::{Connection, LocalSocket};

/// Begins every message; the last byte is its version.
const MAGIC: [u8; 8] = *b"fardrop\x01";

/// Longest message, in bytes: a few thousand paths, and less than a command line may hold.
const MESSAGE_LIMIT: usize = 1024 * 1024;

/// Requests that may wait for the window. A person cannot outrun this.
const REQUESTS_WAITING: usize = 16;

/// How long the other end may take for each of its words.
const WORD_TIME: Duration = Duration::from_secs(2);

/// How long a second start waits for the first, which may just be starting itself: longer than a window
/// takes to open on a slow machine, and short enough to be waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often it tries in that time.
const RETRY_INTERVAL: Duration = Duration::from_millis(50);

/// The file whose lock the first start holds.
const LOCK_NAME: &str = "instance.lock";

/// What the program was started for; nothing means that the window is to come to the front.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StartRequest {
    /// Files and folders to offer, absolute.
    pub paths: Vec<PathBuf>,
    /// A code or a `fardrop:` link to fill in; it has not been looked at.
    pub link: Option<TypedLink>,
}

/// A code or link as it stood on a command line. It is a secret: `Debug` does not show it, and its memory is
/// wiped when it is dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct TypedLink(Zeroizing<String>);

impl TypedLink {
    /// What was typed, of which nothing is checked.
    #[must_use]
    pub fn new(typed: String) -> Self {
        Self(Zeroizing::new(typed))
    }

    /// What was typed.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for TypedLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TypedLink(..)")
    }
}

/// What became of a start.
#[derive(Debug)]
pub enum Start {
    /// It is the first.
    First(Instance),
    /// Another runs and has taken the request.
    HandedOver,
}

/// Why a start cannot tell whether it is the first, or cannot hand over.
#[derive(Debug, Error)]
pub enum InstanceError {
    /// The folder for the lock and the socket cannot be used, or is not this person's alone.
    #[error("{}: {error}", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// The system's own error.
        error: io::Error,
    },
    /// Another runs, and does not take the request.
    #[error("it does not answer: {0}")]
    Silent(io::Error),
}

/// Being the first; it ends when this is dropped, or the process.
#[derive(Debug)]
pub struct Instance {
    socket: LocalSocket,
    folder: PathBuf,
    _lock: File,
}

/// Where the requests of later starts come in. Dropping it ends being the first.
#[derive(Debug)]
pub struct StartRequests {
    requests: Receiver<StartRequest>,
    ending: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
    folder: PathBuf,
}

/// A request on the wire: paths are not always Unicode.
#[derive(Serialize, Deserialize)]
struct Message<L> {
    paths: Vec<OsString>,
    link: Option<L>,
}

/// The folder for lock and socket: in the one that the system gives a person for as long as they are
/// logged in, or among their own data; `None` where there is neither.
#[must_use]
pub fn folder() -> Option<PathBuf> {
    let folders = directories::ProjectDirs::from("", "", "fardrop")?;
    Some(match folders.runtime_dir() {
        Some(folder) => folder.to_owned(),
        None => folders.data_local_dir().join("run"),
    })
}

/// Is the first in `folder`, or hands `request` to the one that is.
///
/// # Errors
/// [`InstanceError`]. Whoever is refused the folder can still run, as one that knows of no other.
pub fn start(folder: &Path, request: &StartRequest) -> Result<Start, InstanceError> {
    let unusable = |error| InstanceError::Folder {
        folder: folder.to_owned(),
        error,
    };
    local_socket::make_private(folder).map_err(unusable)?;
    let give_up_at = Instant::now() + PATIENCE;
    loop {
        if let Some(lock) = lock(folder).map_err(unusable)? {
            let socket = LocalSocket::listen(folder).map_err(unusable)?;
            return Ok(Start::First(Instance {
                socket,
                folder: folder.to_owned(),
                _lock: lock,
            }));
        }
        let error = match hand_over(folder, request) {
            Ok(()) => return Ok(Start::HandedOver),
            Err(error) => error,
        };
        // The first may be just about to listen, or to end.
        if Instant::now() >= give_up_at || !is_passing(&error) {
            return Err(InstanceError::Silent(error));
        }
        std::thread::sleep(RETRY_INTERVAL);
    }
}

impl StartRequest {
    /// From what stands on a command line: a `fardrop:` link, or paths.
    ///
    /// # Errors
    /// What cannot be made of it, if it is more than one link, or has a path that is not there.
    pub fn from_named(named: Vec<OsString>) -> Result<Self, OsString> {
        let mut request = Self::default();
        for name in named {
            let link = name.to_str().filter(|name| is_link(name));
            if let Some(link) = link {
                if request.link.is_some() {
                    return Err(name);
                }
                request.link = Some(TypedLink::new(link.to_owned()));
                continue;
            }
            let path = std::path::absolute(local(&name)).ok();
            let path = path.filter(|path| path.symlink_metadata().is_ok());
            request.paths.push(path.ok_or(name)?);
        }
        Ok(request)
    }
}

/// The path of a file that a desktop's menu entry hands over: as a path, or as an address.
fn local(name: &OsStr) -> PathBuf {
    name.to_str()
        .filter(|name| name.starts_with("file://"))
        .and_then(|address| url::Url::parse(address).ok())
        .and_then(|address| address.to_file_path().ok())
        .unwrap_or_else(|| PathBuf::from(name))
}

impl Instance {
    /// Takes in requests from now on; `wake` is called after each.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn listen(self, wake: Arc<dyn Fn() + Send + Sync>) -> io::Result<StartRequests> {
        let (found, requests) = sync_channel(REQUESTS_WAITING);
        let ending = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&ending);
        let folder = self.folder.clone();
        let thread = std::thread::Builder::new()
            .name("instance".to_owned())
            .spawn(move || self.serve(&found, &*wake, &ended))?;
        Ok(StartRequests {
            requests,
            ending,
            thread: Some(thread),
            folder,
        })
    }

    fn serve(self, found: &SyncSender<StartRequest>, wake: &dyn Fn(), ended: &AtomicBool) {
        loop {
            let connection = self.socket.accept();
            if ended.load(Ordering::Relaxed) {
                return;
            }
            match connection.and_then(|mut connection| take(&mut connection, found)) {
                Ok(()) => wake(),
                Err(error) => {
                    tracing::debug!(%error, "a second start was not understood");
                    // A system that is out of descriptors says so at once, again and again.
                    std::thread::sleep(RETRY_INTERVAL);
                }
            }
        }
    }
}

impl StartRequests {
    /// The next request, if there is one.
    #[must_use]
    pub fn poll(&self) -> Option<StartRequest> {
        self.requests.try_recv().ok()
    }
}

impl Drop for StartRequests {
    fn drop(&mut self) {
        self.ending.store(true, Ordering::Relaxed);
        // The thread waits for a connection. If none can be made it ends with the process.
        if local_socket::connect(&self.folder, WORD_TIME).is_ok()
            && let Some(thread) = self.thread.take()
        {
            let _ = thread.join();
        }
    }
}

fn is_link(name: &str) -> bool {
    name.get(.."fardrop:".len())
        .is_some_and(|scheme| scheme.eq_ignore_ascii_case("fardrop:"))
}

/// The lock, unless another process has it.
fn lock(folder: &Path) -> io::Result<Option<File>> {
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(folder.join(LOCK_NAME))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Whether waiting may help: nobody listens (yet, or any more).
fn is_passing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::UnexpectedEof
    )
}

fn hand_over(folder: &Path, request: &StartRequest) -> io::Result<()> {
    let paths = request.paths.iter();
    let message = Message {
        paths: paths.map(|path| path.as_os_str().to_owned()).collect(),
        link: request.link.as_ref().map(TypedLink::as_str),
    };
    let body = Zeroizing::new(postcard::to_stdvec(&message).map_err(io::Error::other)?);
    if body.len() > MESSAGE_LIMIT {
        return Err(io::ErrorKind::ArgumentListTooLong.into());
    }
    let mut connection = local_socket::connect(folder, PATIENCE)?;
    let mut bytes = Zeroizing::new(MAGIC.to_vec());
    // Below the limit, which fits.
    bytes.extend((body.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&body);
    connection.write_all(&bytes)?;
    let mut taken = [0];
    connection.read_exact(&mut taken)?;
    match taken {
        [1] => Ok(()),
        _ => Err(io::ErrorKind::ResourceBusy.into()),
    }
}

/// Takes in one request and says so.
fn take(connection: &mut Connection, found: &SyncSender<StartRequest>) -> io::Result<()> {
    let request = read_request(connection)?;
    let taken = found.try_send(request).is_ok();
    connection.write_all(&[u8::from(taken)])
}

fn read_request(from: &mut impl Read) -> io::Result<StartRequest> {
    let malformed = || io::Error::from(io::ErrorKind::InvalidData);
    let mut magic = [0; MAGIC.len()];
    from.read_exact(&mut magic)?;
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    let length = u32::from_le_bytes(length) as usize;
    if magic != MAGIC || length > MESSAGE_LIMIT {
        return Err(malformed());
    }
    let mut body = Zeroizing::new(vec![0; length]);
    from.read_exact(&mut body)?;
    let (message, rest): (Message<String>, _) =
        postcard::take_from_bytes(&body).map_err(|_| malformed())?;
    let paths: Vec<PathBuf> = message.paths.into_iter().map(PathBuf::from).collect();
    // A relative one would mean something else here.
    if !rest.is_empty() || !paths.iter().all(|path| path.is_absolute()) {
        return Err(malformed());
    }
    Ok(StartRequest {
        paths,
        link: message.link.map(TypedLink::new),
    })
}
