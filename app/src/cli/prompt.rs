//! Lines that a person types, read without blocking whoever waits for them.

use std::io::{self, BufRead, Read};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use zeroize::Zeroizing;

/// Longest line that is read, in bytes; a code with a server's name is far shorter.
const LINE_LIMIT: u64 = 4096;

/// Reads lines on a thread of its own, one for each request.
///
/// The thread may be left behind in the middle of a read; it ends with the process.
#[derive(Debug)]
pub(super) struct Prompt {
    requests: SyncSender<()>,
    lines: Receiver<io::Result<Option<Zeroizing<String>>>>,
}

/// What waiting for a line gave.
#[derive(Debug)]
pub(super) enum Typed {
    /// A line, trimmed. It may be a code.
    Line(Zeroizing<String>),
    /// The input has ended.
    End,
    /// Nothing yet.
    Nothing,
}

impl Prompt {
    /// Reads from `input` from now on, but not before it is asked to.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(super) fn new(mut input: Box<dyn BufRead + Send>) -> io::Result<Self> {
        let (requests, wanted) = sync_channel(1);
        let (found, lines) = sync_channel(1);
        std::thread::Builder::new()
            .name("prompt".to_owned())
            .spawn(move || {
                while wanted.recv().is_ok() {
                    if found.send(read_line(input.as_mut())).is_err() {
                        break;
                    }
                }
            })?;
        Ok(Self { requests, lines })
    }

    /// Asks for one line; to be followed by [`Prompt::wait`] until it has come.
    pub(super) fn request(&self) {
        // A full queue means that a line is on request already, a closed one that input has ended.
        let _ = self.requests.try_send(());
    }

    /// The line, waiting for it for at most `patience`.
    ///
    /// # Errors
    /// When the input cannot be read.
    pub(super) fn wait(&self, patience: Duration) -> io::Result<Typed> {
        match self.lines.recv_timeout(patience) {
            Ok(Ok(Some(line))) => Ok(Typed::Line(line)),
            Ok(Ok(None)) | Err(RecvTimeoutError::Disconnected) => Ok(Typed::End),
            Ok(Err(error)) => Err(error),
            Err(RecvTimeoutError::Timeout) => Ok(Typed::Nothing),
        }
    }
}

fn read_line(input: &mut (dyn BufRead + Send)) -> io::Result<Option<Zeroizing<String>>> {
    let mut line = Zeroizing::new(Vec::new());
    let length = input.take(LINE_LIMIT).read_until(b'\n', &mut line)?;
    Ok((length > 0).then(|| Zeroizing::new(String::from_utf8_lossy(&line).trim().to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn next(prompt: &Prompt) -> Typed {
        prompt.request();
        prompt.wait(Duration::from_secs(30)).expect("it reads")
    }

    #[test]
    fn lines_come_one_for_each_request() {
        let input = io::Cursor::new(b" 417 acid lemon \r\ny\n".to_vec());
        let prompt = Prompt::new(Box::new(input)).expect("a thread");
        assert!(matches!(next(&prompt), Typed::Line(line) if *line == "417 acid lemon"));
        assert!(matches!(next(&prompt), Typed::Line(line) if *line == "y"));
        assert!(matches!(next(&prompt), Typed::End));
    }

    #[test]
    fn endless_line_is_cut() {
        let prompt = Prompt::new(Box::new(io::BufReader::new(io::repeat(b'x')))).expect("a thread");
        assert!(matches!(next(&prompt), Typed::Line(line) if line.len() == 4096));
    }
}
