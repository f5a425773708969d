//! `fardrop receive`.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use anyhow::{Result, bail};
use fardrop_shared::Role;
use fardrop_shared::code::{Locator, PairingCode};
use fardrop_shared::limits::MAX_ATTEMPTS;
use fardrop_shared::name::BadNames;
use zeroize::Zeroizing;

use super::consent::{Conversation, Terms};
use super::prompt::{Prompt, Typed};
use super::{Context, Exit, Report, Style, TICK, Turn, Weight, follow, on_left_out};
use crate::args::ReceiveArgs;
use crate::config::received_folder;
use crate::engine::command::{Command, Consent, NewTask, OnLeftOut, ReceiveOptions, Room};
use crate::engine::event::TaskNumber;
use crate::failure::FailureKind;
use crate::leftovers::Unfinished;
use crate::text;

/// Takes what is offered under a code; asks for the code and for consent where it may.
///
/// # Errors
/// When the terminal or pipe cannot be read or written, or the engine is gone.
pub fn receive(arguments: &ReceiveArgs, context: Context<'_>) -> Result<Exit> {
    receive_or_resume(arguments, None, context)
}

/// Does so, and goes on with what is recorded, if something is.
pub(super) fn receive_or_resume(
    arguments: &ReceiveArgs,
    resumes: Option<&Unfinished>,
    context: Context<'_>,
) -> Result<Exit> {
    let console = context.console;
    let can_ask = console.can_ask();
    let source = source(arguments, &console.code_variable, console.input_is_terminal);
    let style = Style::chosen(context.output);
    let mut report = style.report(Role::Receiver, console.streams);
    let mut receiving = Receiving {
        terms: Terms {
            engine: context.engine,
            stop: context.stop,
            prompt: Prompt::new(console.input)?,
            can_ask,
            resumes,
            accept_all: arguments.yes,
            on_conflict: arguments
                .on_conflict
                .map(Into::into)
                .or(context.settings.on_conflict),
            consent: Consent {
                hidden: arguments.allow_hidden,
                programs: arguments.allow_programs,
            },
            room: if arguments.ignore_free_space {
                Room::Ignored
            } else {
                Room::Needed
            },
        },
        destination: arguments
            .output
            .clone()
            .or_else(|| context.settings.download.clone()),
        bad_names: arguments
            .bad_names
            .map_or(context.settings.bad_names, Into::into),
        on_left_out: on_left_out(arguments.allow_missing),
        tasks: 0,
    };
    match source {
        Source::Given(typed) => {
            if !arguments.code.is_empty() && !context.output.quiet {
                report.say(Weight::Needed, text::CODE_ARGUMENT_WARNING)?;
            }
            receiving.receive_once(&typed, report.as_mut())
        }
        Source::Piped => match receiving.read_line()? {
            Answer::Line(typed) => receiving.receive_once(&typed, report.as_mut()),
            Answer::End => {
                report.say(Weight::Needed, text::CODE_MISSING)?;
                Ok(Exit::Usage)
            }
            Answer::Stopped => Ok(Exit::Interrupted),
        },
        Source::Prompt => receiving.receive_at_prompt(report.as_mut()),
    }
}

/// Where the code comes from.
#[derive(Debug)]
enum Source {
    /// An argument or the environment.
    Given(String),
    /// The first line of standard input, which is not a terminal.
    Piped,
    /// A person, who may correct it.
    Prompt,
}

fn source(arguments: &ReceiveArgs, variable: &Option<String>, terminal: bool) -> Source {
    if !arguments.code.is_empty() {
        return Source::Given(arguments.code.join(" "));
    }
    match variable {
        Some(code) if !code.trim().is_empty() => Source::Given(code.clone()),
        Some(_) | None if terminal => Source::Prompt,
        Some(_) | None => Source::Piped,
    }
}

/// A line from the person.
enum Answer {
    Line(Zeroizing<String>),
    End,
    Stopped,
}

struct Receiving<'a> {
    terms: Terms<'a>,
    /// Where it goes, if anybody said so.
    destination: Option<PathBuf>,
    bad_names: BadNames,
    on_left_out: OnLeftOut,
    tasks: u64,
}

impl Receiving<'_> {
    /// One try with a code that the person does not get to correct.
    fn receive_once(&mut self, typed: &str, report: &mut dyn Report) -> Result<Exit> {
        match PairingCode::parse(typed) {
            Ok(code) => Ok(self.run(code, report)?.exit),
            Err(error) => {
                report.say(Weight::Needed, &text::code_unreadable(&error.to_string()))?;
                Ok(Exit::Usage)
            }
        }
    }

    /// Asks for a code until one works, at most three times for each.
    fn receive_at_prompt(&mut self, report: &mut dyn Report) -> Result<Exit> {
        let mut wrong: BTreeMap<Locator, u8> = BTreeMap::new();
        loop {
            report.ask(text::CODE_PROMPT)?;
            let typed = match self.read_line()? {
                Answer::Line(typed) => {
                    report.answered();
                    if typed.is_empty() {
                        continue;
                    }
                    typed
                }
                Answer::End => {
                    report.say(Weight::Needed, text::CODE_MISSING)?;
                    return Ok(Exit::Usage);
                }
                Answer::Stopped => {
                    report.say(Weight::Note, text::STOPPED)?;
                    return Ok(Exit::Interrupted);
                }
            };
            let code = match PairingCode::parse(&typed) {
                Ok(code) => code,
                Err(error) => {
                    report.say(Weight::Needed, &text::code_unreadable(&error.to_string()))?;
                    continue;
                }
            };
            let tries = wrong.entry(code.locator()).or_default();
            if *tries >= MAX_ATTEMPTS {
                report.say(Weight::Needed, text::CODE_TRIES_SPENT)?;
                continue;
            }
            let end = self.run(code, report)?;
            if end.exit != Exit::Failed || end.failure != Some(FailureKind::WrongCode) {
                return Ok(end.exit);
            }
            *tries += 1;
            if *tries >= MAX_ATTEMPTS {
                report.say(Weight::Needed, text::CODE_TRIES_SPENT)?;
                return Ok(Exit::Failed);
            }
        }
    }

    /// Receives under a code, to the end of the task.
    fn run(&mut self, code: PairingCode, report: &mut dyn Report) -> Result<End> {
        self.tasks += 1;
        let task = TaskNumber(self.tasks);
        let destination = self.destination.clone();
        let started = self.terms.engine.send(Command::Start(
            task,
            NewTask::Receive {
                options: ReceiveOptions {
                    destination: destination
                        .unwrap_or_else(|| received_folder(&code.locator().to_string())),
                    bad_names: self.bad_names,
                    on_left_out: self.on_left_out,
                },
                code,
            },
        ));
        if !started {
            bail!(text::ENGINE_GONE);
        }
        report.say(Weight::Note, text::CONNECTING)?;
        let mut conversation = Conversation::new(&self.terms);
        let outcome = follow(
            self.terms.engine,
            self.terms.stop,
            task,
            report,
            |turn, report: &mut dyn Report| match turn {
                Turn::Event(event) => conversation.handle_event(event, report),
                Turn::Tick => conversation.handle_tick(report),
            },
        )?;
        Ok(End {
            exit: if conversation.usage() {
                Exit::Usage
            } else {
                outcome.into()
            },
            failure: conversation.failure(),
        })
    }

    /// Waits for a line, or for the wish to stop.
    fn read_line(&self) -> io::Result<Answer> {
        self.terms.prompt.request();
        loop {
            if self.terms.stop.requested() {
                return Ok(Answer::Stopped);
            }
            match self.terms.prompt.wait(TICK)? {
                Typed::Line(line) => return Ok(Answer::Line(line)),
                Typed::End => return Ok(Answer::End),
                Typed::Nothing => {}
            }
        }
    }
}

/// How one try ended.
struct End {
    exit: Exit,
    failure: Option<FailureKind>,
}
