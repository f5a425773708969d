//! A code that was typed: until the sender is found, and after.

use fardrop_shared::code::PairingCode;

use super::{Resumed, Session};
use crate::failure::Failure;

/// A code that was typed.
#[derive(Debug)]
pub(crate) struct Receive {
    /// The code, to try again with.
    pub(crate) code: PairingCode,
    /// What it goes on with, if that was chosen.
    pub(crate) resumed: Option<Resumed>,
    /// The transfer, once the sender is found.
    pub(crate) session: Option<Session>,
    /// Why it came to nothing before there was one.
    pub(crate) failure: Option<Failure>,
    /// Whether it is over.
    pub(crate) ended: bool,
}

impl Receive {
    /// A code that was typed just now.
    pub(crate) const fn new(code: PairingCode, resumed: Option<Resumed>) -> Self {
        Self {
            code,
            resumed,
            session: None,
            failure: None,
            ended: false,
        }
    }
}
