//! A share: what is offered, under which code, and who receives it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::Session;
use crate::engine::event::{LeftOut, LeftOutCount, SessionNumber, ShareItem, ShownCode};
use crate::failure::{Failure, FailureKind};

/// Things left out that are kept by name, as many as the engine tells; the rest is counted.
const LEFT_OUT_KEPT: usize = 100_000;

/// A share.
#[derive(Debug, Default)]
pub(crate) struct Share {
    /// What the person named, as it was named; for the time until the engine has looked through it.
    pub(crate) named: Vec<PathBuf>,
    /// What is offered, once it has been looked through.
    pub(crate) items: Option<Vec<ShareItem>>,
    /// The code.
    pub(crate) code: Option<ShownCode>,
    /// What was found when it was looked through.
    pub(crate) scanned: Option<Found>,
    /// What is left out, as far as it is told by name.
    pub(crate) left_out: Vec<(String, LeftOut)>,
    /// Somebody typed wrong words; how many guesses are left.
    pub(crate) wrong_guess: Option<u8>,
    /// Others take all the places that there are for the code's number.
    pub(crate) crowded: bool,
    /// The code cannot be used any more, and why.
    pub(crate) dead: Option<FailureKind>,
    /// A fresh code was asked for and is not there yet.
    pub(crate) renewing: bool,
    /// The last wish that could not be done.
    pub(crate) refused: Option<Failure>,
    /// Why the share as a whole failed.
    pub(crate) failure: Option<Failure>,
    /// Who receives or received.
    pub(crate) sessions: BTreeMap<SessionNumber, Session>,
    /// Whether it is over.
    pub(crate) ended: bool,
}

/// What was found in a share.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found {
    /// Regular files.
    pub(crate) files: u64,
    /// Their sizes added up.
    pub(crate) bytes: u64,
    /// Links, and second names of files.
    pub(crate) links: u64,
    /// How much is left out.
    pub(crate) left_out: LeftOutCount,
}

impl Share {
    /// A share of these paths.
    pub(crate) fn new(named: Vec<PathBuf>) -> Self {
        Self {
            named,
            ..Self::default()
        }
    }

    /// Something is not offered.
    pub(crate) fn handle_left_out(&mut self, name: String, reason: LeftOut) {
        if self.left_out.len() < LEFT_OUT_KEPT {
            self.left_out.push((name, reason));
        }
    }

    /// Takes in the share's code, or another form of it.
    pub(crate) fn handle_code(&mut self, code: ShownCode) {
        let fresh = self
            .code
            .as_ref()
            .is_none_or(|known| known.spoken != code.spoken);
        if fresh {
            self.wrong_guess = None;
            self.crowded = false;
            self.dead = None;
            self.renewing = false;
        }
        self.code = Some(code);
    }

    /// The names to show while the engine has not looked yet.
    pub(crate) fn first_names(&self) -> impl Iterator<Item = String> {
        self.named.iter().map(|path| {
            path.file_name()
                .unwrap_or(path.as_os_str())
                .to_string_lossy()
                .into_owned()
        })
    }

    /// Whether anybody receives now.
    pub(crate) fn busy(&self) -> bool {
        self.sessions
            .values()
            .any(|session| session.phase.running())
    }
}
