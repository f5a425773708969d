//! What a window is started with.

use std::path::PathBuf;

use crate::args::CommonArgs;
use crate::config::{ConfigError, Settings};
use crate::instance::{Instance, StartRequest};
use crate::signals::Stop;

/// Everything that is known when a window is about to open.
#[derive(Debug)]
pub struct Launch {
    /// What the program was started for.
    pub start_request: StartRequest,
    /// Being the only window: later starts hand over their requests. `None` where that cannot be had.
    pub instance: Option<Instance>,
    /// The person's settings; the defaults if they are not understood.
    pub settings: Settings,
    /// Where they are saved, if this person has a place for them.
    pub settings_file: Option<PathBuf>,
    /// Why they are not understood; they are not to be written over then.
    pub settings_problem: Option<ConfigError>,
    /// Where the history of transfers is kept, if this person has a place for it.
    pub history_file: Option<PathBuf>,
    /// What the command line said; it wins over the settings.
    pub arguments: CommonArgs,
    /// The wish to stop, raised by signals: the window closes in an orderly way, without a question.
    pub stop: Stop,
}
