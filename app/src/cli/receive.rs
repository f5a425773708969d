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

use super::prompt::{Prompt, Typed};
use super::{Context, Exit, Report, Style, TICK, Turn, Weight, follow, on_left_out};
use crate::args::ReceiveArgs;
use crate::engine::EngineHandle;
use crate::engine::command::{
    Command, ConflictPolicy, Decision, NewTask, OnLeftOut, ReceiveOptions, Room, Selection,
    SessionCommand,
};
use crate::engine::event::{
    Event, OfferSummary, SessionEvent, SessionNumber, TaskEvent, TaskNumber,
};
use crate::failure::FailureKind;
use crate::signals::Stop;
use crate::text;

/// Takes what is offered under a code; asks for the code and for consent where it may.
///
/// # Errors
/// When the terminal or pipe cannot be read or written, or the engine is gone.
pub fn receive(arguments: &ReceiveArgs, context: Context<'_>) -> Result<Exit> {
    let console = context.console;
    let can_ask = console.can_ask();
    let source = source(arguments, &console.code_variable, console.input_is_terminal);
    let style = Style::chosen(context.output);
    let mut report = style.report(Role::Receiver, console.streams);
    let mut receiving = Receiving {
        engine: context.engine,
        stop: context.stop,
        prompt: Prompt::new(console.input)?,
        can_ask,
        accept_all: arguments.yes,
        on_conflict: arguments
            .on_conflict
            .map(Into::into)
            .or(context.settings.on_conflict),
        destination: arguments
            .output
            .clone()
            .or_else(|| context.settings.download.clone())
            .unwrap_or_else(|| PathBuf::from(".")),
        room: if arguments.ignore_free_space {
            Room::Ignored
        } else {
            Room::Needed
        },
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
    engine: &'a EngineHandle,
    stop: &'a Stop,
    prompt: Prompt,
    can_ask: bool,
    accept_all: bool,
    on_conflict: Option<ConflictPolicy>,
    destination: PathBuf,
    bad_names: BadNames,
    room: Room,
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
        let started = self.engine.send(Command::Start(
            task,
            NewTask::Receive {
                code,
                options: ReceiveOptions {
                    destination: self.destination.clone(),
                    bad_names: self.bad_names,
                    on_left_out: self.on_left_out,
                },
            },
        ));
        if !started {
            bail!(text::ENGINE_GONE);
        }
        report.say(Weight::Note, text::CONNECTING)?;
        let mut consent = Consent {
            receiving: self,
            device: String::new(),
            failure: None,
            question: Question::None,
            usage: false,
        };
        let outcome = follow(
            consent.receiving.engine,
            consent.receiving.stop,
            task,
            report,
            |turn, report: &mut dyn Report| match turn {
                Turn::Event(event) => consent.handle_event(event, report),
                Turn::Tick => consent.handle_tick(report),
            },
        )?;
        Ok(End {
            exit: if consent.usage {
                Exit::Usage
            } else {
                outcome.into()
            },
            failure: consent.failure,
        })
    }

    /// Waits for a line, or for the wish to stop.
    fn read_line(&self) -> io::Result<Answer> {
        self.prompt.request();
        loop {
            if self.stop.requested() {
                return Ok(Answer::Stopped);
            }
            match self.prompt.wait(TICK)? {
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

/// The conversation about one offer.
struct Consent<'a, 'b> {
    receiving: &'a Receiving<'b>,
    device: String,
    failure: Option<FailureKind>,
    question: Question,
    usage: bool,
}

/// What the person is being asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Question {
    None,
    Accept {
        session: SessionNumber,
        conflicts: u64,
    },
    Conflict {
        session: SessionNumber,
    },
}

impl Consent<'_, '_> {
    fn handle_event(&mut self, event: &Event, report: &mut dyn Report) -> Result<()> {
        match event {
            Event::Task(_, event) => self.handle_task_event(event),
            Event::Session(session, SessionEvent::Offer(offer)) => {
                self.handle_offer(*session, offer, report)?;
            }
            // All else is only reported.
            Event::Session(..) => {}
        }
        Ok(())
    }

    fn handle_task_event(&mut self, event: &TaskEvent) {
        match event {
            TaskEvent::Paired { device, .. } => self.device.clone_from(device),
            TaskEvent::Failed { failure, .. } => self.failure = Some(failure.kind),
            TaskEvent::Ended(_) => self.question = Question::None,
            TaskEvent::Share(_)
            | TaskEvent::NamesServer { .. }
            | TaskEvent::Refused(_)
            | TaskEvent::Diagnosed(_)
            | TaskEvent::DiagnosedFar(_)
            | TaskEvent::RendezvousTested(_) => {}
        }
    }

    fn handle_offer(
        &mut self,
        session: SessionNumber,
        offer: &OfferSummary,
        report: &mut dyn Report,
    ) -> Result<()> {
        let weight = if self.receiving.accept_all {
            Weight::Note
        } else {
            Weight::Needed
        };
        for line in text::offer(&self.device, offer) {
            report.say(weight, &line)?;
        }
        if self.receiving.accept_all {
            let on_conflict = self.receiving.on_conflict.unwrap_or(ConflictPolicy::Skip);
            return self.decide(session, self.accept(on_conflict));
        }
        if !self.receiving.can_ask {
            report.say(Weight::Needed, text::CONSENT_MISSING)?;
            self.usage = true;
            return self.decide(session, Decision::Decline);
        }
        self.question = Question::Accept {
            session,
            conflicts: offer.conflicts,
        };
        report.ask(text::ACCEPT_PROMPT)?;
        self.receiving.prompt.request();
        Ok(())
    }

    fn handle_tick(&mut self, report: &mut dyn Report) -> Result<()> {
        if self.question == Question::None || self.receiving.stop.requested() {
            return Ok(());
        }
        let answer = match self.receiving.prompt.wait(std::time::Duration::ZERO)? {
            Typed::Line(line) => {
                report.answered();
                line.to_lowercase()
            }
            // Whoever closes the terminal does not consent.
            Typed::End => "n".to_owned(),
            Typed::Nothing => return Ok(()),
        };
        match self.question {
            Question::None => Ok(()),
            Question::Accept { session, conflicts } => {
                self.handle_consent(session, conflicts, &answer, report)
            }
            Question::Conflict { session } => self.handle_policy(session, &answer, report),
        }
    }

    fn handle_consent(
        &mut self,
        session: SessionNumber,
        conflicts: u64,
        answer: &str,
        report: &mut dyn Report,
    ) -> Result<()> {
        if !matches!(answer, "y" | "yes") {
            return self.decide(session, Decision::Decline);
        }
        match self.receiving.on_conflict {
            None if conflicts > 0 => {
                self.question = Question::Conflict { session };
                report.ask(text::CONFLICT_PROMPT)?;
                self.receiving.prompt.request();
                Ok(())
            }
            // With nothing in the way now, a file that comes there in the meantime is kept.
            policy => {
                let on_conflict = policy.unwrap_or(ConflictPolicy::Skip);
                self.decide(session, self.accept(on_conflict))
            }
        }
    }

    fn handle_policy(
        &mut self,
        session: SessionNumber,
        answer: &str,
        report: &mut dyn Report,
    ) -> Result<()> {
        let on_conflict = match answer {
            "" | "s" | "skip" => ConflictPolicy::Skip,
            "r" | "rename" => ConflictPolicy::Rename,
            "p" | "replace" => ConflictPolicy::Replace,
            "n" | "no" => return self.decide(session, Decision::Decline),
            _ => {
                report.say(Weight::Needed, text::CONFLICT_AGAIN)?;
                report.ask(text::CONFLICT_PROMPT)?;
                self.receiving.prompt.request();
                return Ok(());
            }
        };
        self.decide(session, self.accept(on_conflict))
    }

    /// Takes all of the offer.
    const fn accept(&self, on_conflict: ConflictPolicy) -> Decision {
        Decision::Accept {
            on_conflict,
            selection: Selection::All,
            destination: None,
            room: self.receiving.room,
        }
    }

    fn decide(&mut self, session: SessionNumber, decision: Decision) -> Result<()> {
        self.question = Question::None;
        if !self
            .receiving
            .engine
            .send(Command::Session(session, SessionCommand::Decide(decision)))
        {
            bail!(text::ENGINE_GONE);
        }
        Ok(())
    }
}
