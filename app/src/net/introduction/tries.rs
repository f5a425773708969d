//! The tries that a receiver gives a code: what whoever poses as its sender can learn of the words.

use std::fmt;

use fardrop_shared::code::PairingCode;

/// Counts the tries of each code, for as long as the code may be typed again.
///
/// A receiver's proof lets whoever it is for test one guess at the words. An honest sender proves in turn that
/// it knows them, and that try is given back; any other run costs one, however it ends.
pub trait CodeTries: fmt::Debug + Send + Sync {
    /// Takes one of the tries of `code`, before its proof leaves; `false` if none is left. May block.
    fn take(&self, code: &PairingCode) -> bool;

    /// Gives back the try that was taken last, since the sender has proved that it knows the words. May block.
    fn give_back(&self, code: &PairingCode);
}
