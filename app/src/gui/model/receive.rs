//! A code that was typed: until the sender is found, and after.

use fardrop_shared::code::PairingCode;

use super::Session;
use crate::failure::Failure;

/// A code that was typed.
#[derive(Debug)]
pub(crate) struct Receive {
    /// The code, to try again with.
    pub(crate) code: PairingCode,
    /// The transfer, once the sender is found.
    pub(crate) session: Option<Session>,
    /// Why it came to nothing before there was one.
    pub(crate) failure: Option<Failure>,
    /// Whether it is over.
    pub(crate) ended: bool,
}

impl Receive {
    /// A code that was typed just now.
    pub(crate) const fn new(code: PairingCode) -> Self {
        Self {
            code,
            session: None,
            failure: None,
            ended: false,
        }
    }
}
