//! The command line: turns events into lines, and a person's answers into commands.
//!
//! Blocking throughout: it waits for the engine's events, looks at the newest progress, and tells the
//! engine to stop when the person wants to. Everything else happens in the engine. The bounds here are
//! local: they concern one terminal, and no peer sees them.

mod consent;
mod doctor;
mod doctor_json;
mod far_json;
mod json;
mod leftovers;
mod progress;
mod prompt;
mod receive;
mod send;

use std::collections::BTreeMap;
use std::io::{self, BufRead, IsTerminal, Write};
use std::time::{Duration, Instant};

use anyhow::Result;
use fardrop_shared::Role;
use terminal_size::terminal_size_of;

use crate::config::Settings;
use crate::engine::command::{Command, OnLeftOut, TaskCommand};
use crate::engine::event::{Event, Outcome, Progress, SessionNumber, TaskEvent, TaskNumber};
use crate::engine::handle::{EngineHandle, Wait};
use crate::failure::Failure;
use crate::signals::Stop;
use crate::text;
use json::Json;
use progress::{Human, Verbosity};

pub use doctor::doctor;
pub use leftovers::{leftovers, resume};
pub use receive::receive;
pub use send::send;

/// How often progress, the keyboard and the wish to stop are looked at while no event comes. Ten
/// times a second feels immediate, and is as often as `--json` may report progress.
const TICK: Duration = Duration::from_millis(100);

/// How the program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Everything was done.
    Done,
    /// Something failed.
    Failed,
    /// It was called in a way that cannot work.
    Usage,
    /// The person stopped it.
    Interrupted,
}

impl Exit {
    /// The process's exit code.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Interrupted => 130,
        }
    }
}

impl From<Outcome> for Exit {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Succeeded => Self::Done,
            Outcome::Failed => Self::Failed,
            Outcome::Interrupted => Self::Interrupted,
        }
    }
}

/// What a command line has: an engine, a terminal, settings, and a person who may want to stop.
#[expect(
    missing_debug_implementations,
    reason = "streams have no Debug, and nobody prints this"
)]
pub struct Context<'a> {
    /// The running engine.
    pub engine: &'a EngineHandle,
    /// Where the person is.
    pub console: Console,
    /// The person's settings.
    pub settings: &'a Settings,
    /// What the person wants printed.
    pub output: Output,
    /// The wish to stop.
    pub stop: &'a Stop,
}

/// The person's side of the program.
#[expect(
    missing_debug_implementations,
    reason = "streams have no Debug, and nobody prints this"
)]
pub struct Console {
    /// Standard input.
    pub input: Box<dyn BufRead + Send>,
    /// Whether a person types there.
    pub input_is_terminal: bool,
    /// Where it writes.
    pub streams: Streams,
    /// The value of `FARDROP_CODE`.
    pub code_variable: Option<String>,
}

/// Where a program writes.
#[expect(
    missing_debug_implementations,
    reason = "streams have no Debug, and nobody prints this"
)]
pub struct Streams {
    /// Standard output: the code, or JSON.
    pub output: Box<dyn Write>,
    /// Whether a person reads there.
    pub output_is_terminal: bool,
    /// Standard error: everything for people.
    pub messages: Box<dyn Write>,
    /// Whether a person reads there.
    pub messages_are_terminal: bool,
    /// How many characters fit on a line there, if that is known.
    pub message_columns: Option<u16>,
}

impl Console {
    /// The streams of this process itself.
    #[must_use]
    pub fn standard() -> Self {
        Self {
            input: Box::new(io::BufReader::new(io::stdin())),
            input_is_terminal: io::stdin().is_terminal(),
            streams: Streams {
                output: Box::new(io::stdout()),
                output_is_terminal: io::stdout().is_terminal(),
                messages: Box::new(io::stderr()),
                messages_are_terminal: io::stderr().is_terminal(),
                message_columns: terminal_size_of(io::stderr()).map(|(width, _)| width.0),
            },
            code_variable: std::env::var("FARDROP_CODE").ok(),
        }
    }

    /// Whether a person can be asked something: sees the question and can type the answer.
    const fn can_ask(&self) -> bool {
        self.input_is_terminal && self.streams.messages_are_terminal
    }
}

/// Prints that there is no engine to drive, in the way that the person asked for.
///
/// # Errors
/// When the terminal or pipe cannot be written.
pub fn start_failed(
    failure: Failure,
    role: Role,
    output: Output,
    streams: Streams,
) -> Result<Exit> {
    let mut report = Style::chosen(output).report(role, streams);
    report.handle_event(&Event::Task(
        TaskNumber(0),
        TaskEvent::Failed {
            session: None,
            failure,
        },
    ))?;
    Ok(Exit::Failed)
}

/// What `--allow-missing` means.
const fn on_left_out(allow_missing: bool) -> OnLeftOut {
    if allow_missing {
        OnLeftOut::Allow
    } else {
        OnLeftOut::Fail
    }
}

/// What the person wants printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Output {
    /// `--json`.
    pub json: bool,
    /// `--quiet`.
    pub quiet: bool,
    /// `--verbose`.
    pub verbose: bool,
}

/// How much a line for people matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Weight {
    /// Good to know; not with `--quiet` or `--json`.
    Note,
    /// The person has to see it.
    Needed,
}

/// What the program prints: for people or for programs.
trait Report {
    /// Something happened.
    fn handle_event(&mut self, event: &Event) -> io::Result<()>;

    /// How far every session is; called about ten times a second.
    fn handle_progress(
        &mut self,
        now: Instant,
        progress: &BTreeMap<SessionNumber, Progress>,
    ) -> io::Result<()>;

    /// A line for people.
    fn say(&mut self, weight: Weight, line: &str) -> io::Result<()>;

    /// A question for people, which ends in mid-line.
    fn ask(&mut self, question: &str) -> io::Result<()>;

    /// Takes in that the question was answered, with a line of its own.
    fn answered(&mut self);
}

/// For whom a command line prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    /// For programs: JSON.
    Json,
    /// For people: text and bars.
    Human,
    /// For people who want to know all of it: also long lists.
    Verbose,
    /// For people who want the code and errors only.
    Quiet,
}

impl Style {
    /// The style that the person asked for.
    const fn chosen(output: Output) -> Self {
        if output.json {
            Self::Json
        } else if output.quiet {
            Self::Quiet
        } else if output.verbose {
            Self::Verbose
        } else {
            Self::Human
        }
    }

    /// What prints in this style, for one who sends or receives.
    fn report(self, role: Role, streams: Streams) -> Box<dyn Report> {
        match self {
            Self::Json => Box::new(Json::new(role, streams.output, streams.messages)),
            Self::Human => Box::new(Human::new(role, Verbosity::Full, streams)),
            Self::Verbose => Box::new(Human::new(role, Verbosity::Lists, streams)),
            Self::Quiet => Box::new(Human::new(role, Verbosity::Errors, streams)),
        }
    }
}

/// A moment in the life of a task.
enum Turn<'a> {
    /// Something happened; it has been reported already.
    Event(&'a Event),
    /// A tick passed.
    Tick,
}

/// Follows a task to its end, reporting as it goes; `react` may answer what happens.
fn follow(
    engine: &EngineHandle,
    stop: &Stop,
    task: TaskNumber,
    report: &mut dyn Report,
    mut react: impl FnMut(Turn<'_>, &mut dyn Report) -> Result<()>,
) -> Result<Outcome> {
    let mut stopping = false;
    loop {
        if stop.requested() && !stopping {
            // A full queue of commands empties; the next tick tries again.
            stopping = engine.send(Command::Task(task, TaskCommand::Cancel));
            if stopping {
                report.say(Weight::Note, text::STOPPING)?;
            }
        }
        match engine.wait(TICK) {
            Wait::Event(event) => {
                report.handle_event(&event)?;
                react(Turn::Event(&event), report)?;
                if let Event::Task(ended, TaskEvent::Ended(outcome)) = event
                    && ended == task
                {
                    return Ok(outcome);
                }
            }
            Wait::TimedOut => {}
            Wait::Ended => anyhow::bail!(text::ENGINE_GONE),
        }
        report.handle_progress(Instant::now(), &engine.progress())?;
        react(Turn::Tick, report)?;
    }
}

#[cfg(test)]
mod tests;
