//! What is known of the network and of the rendezvous.

use std::time::Duration;

use fardrop_shared::diagnosis::Diagnosis;

use crate::engine::event::TaskNumber;
use crate::failure::{Failure, FailureKind};

/// What is known of the network.
#[derive(Debug, Default)]
pub(crate) struct Network {
    /// Whether it is being looked at.
    pub(crate) looking: bool,
    /// What was found.
    pub(crate) diagnosis: Option<Box<Diagnosis>>,
    /// Why nothing was found.
    pub(crate) failure: Option<Failure>,
    /// The last test of a rendezvous.
    pub(crate) test: Option<ServerTest>,
}

impl Network {
    /// The test with that number, if it is the last one.
    pub(crate) fn test_mut(&mut self, task: TaskNumber) -> Option<&mut ServerTest> {
        self.test.as_mut().filter(|test| test.task == task)
    }
}

/// A test of a rendezvous.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServerTest {
    /// The task that tests.
    pub(crate) task: TaskNumber,
    /// The server's name.
    pub(crate) server: String,
    /// What came of it; `None` while it runs.
    pub(crate) result: Option<Result<Duration, FailureKind>>,
}
