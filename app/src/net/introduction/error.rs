//! Why an introduction failed.

use std::io;

use thiserror::Error;

/// Why two peers did not meet at a rendezvous.
#[derive(Debug, Error)]
pub enum IntroductionError {
    /// No server answers.
    #[error("no rendezvous answers")]
    Unreachable,
    /// No server answers by UDP, and one does by TCP.
    #[error("UDP does not leave this network")]
    UdpBlocked,
    /// The code names a server where only this machine, or a link-local address, can be meant.
    #[error("the code's server is not one that a code may name")]
    ServerRefused,
    /// The servers that answer are full.
    #[error("the rendezvous is busy")]
    Busy,
    /// Somebody else has the locator.
    #[error("the locator is taken")]
    Taken,
    /// The servers that answer do not know this locator, or the share has ended.
    #[error("nobody offers anything under this code")]
    NoSuchCode,
    /// No rendezvous is configured, and nobody on this machine or network has the locator.
    #[error("nobody nearby offers anything under this code")]
    NobodyNearby,
    /// The words differ from the sender's.
    #[error("the words do not match")]
    WrongCode,
    /// Too many have tried wrong words.
    #[error("the code is dead")]
    CodeDead,
    /// No common version with the peer or the server.
    #[error("no common version")]
    Version,
    /// One side rules out every transport that the other allows.
    #[error("no common transport")]
    NoCommonTransport,
    /// The sender was there and says nothing more.
    #[error("the sender does not answer")]
    SenderSilent,
    /// This machine refuses a socket.
    #[error("the socket failed: {0}")]
    Socket(io::Error),
}

impl From<io::Error> for IntroductionError {
    fn from(error: io::Error) -> Self {
        Self::Socket(error)
    }
}
