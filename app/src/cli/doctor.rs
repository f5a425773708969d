//! `fardrop doctor`.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::Instant;

use anyhow::{Result, bail};
use fardrop_shared::diagnosis::Diagnosis;
use fardrop_shared::{Role, dht};

use super::doctor_json::DiagnosisLine;
use super::far_json::FarLine;
use super::json::print_line;
use super::{Context, Exit, Report, Streams, Style, Weight, follow};
use crate::args::DoctorArgs;
use crate::engine::command::{Command, NewTask};
use crate::engine::event::{Event, Progress, SessionNumber, TaskEvent, TaskNumber};
use crate::text::{self, Disclosure};

/// The only task of this process.
const DIAGNOSIS: TaskNumber = TaskNumber(1);

/// Columns of a report that nobody's screen says the width of.
const REPORT_COLUMNS: usize = 80;

/// Finds out what this network allows, and prints it on stdout, for it to be copied.
///
/// # Errors
/// When the terminal or pipe cannot be written, or the engine is gone.
pub fn doctor(arguments: &DoctorArgs, context: Context<'_>) -> Result<Exit> {
    let mut report = DoctorReport {
        style: Style::chosen(context.output),
        disclosure: if arguments.show_addresses {
            Disclosure::Shown
        } else {
            Disclosure::Hidden
        },
        streams: context.console.streams,
    };
    let (task, examining) = if arguments.far {
        (NewTask::DiagnoseFar, text::EXAMINING_FAR)
    } else {
        (NewTask::Diagnose, text::EXAMINING)
    };
    if !context.engine.send(Command::Start(DIAGNOSIS, task)) {
        bail!(text::ENGINE_GONE);
    }
    report.say(Weight::Note, examining)?;
    let outcome = follow(
        context.engine,
        context.stop,
        DIAGNOSIS,
        &mut report,
        |_, _| Ok(()),
    )?;
    Ok(outcome.into())
}

/// Prints a diagnosis, and why there is none.
struct DoctorReport {
    style: Style,
    disclosure: Disclosure,
    streams: Streams,
}

impl DoctorReport {
    fn print(&mut self, diagnosis: &Diagnosis) -> io::Result<()> {
        match self.style {
            Style::Json => {
                let line = DiagnosisLine::new(diagnosis, self.disclosure);
                print_line(&mut *self.streams.output, &line)
            }
            Style::Human | Style::Verbose | Style::Quiet => {
                let lines = text::diagnosis(diagnosis, self.disclosure, self.columns());
                self.print_lines(&lines)
            }
        }
    }

    fn print_far(&mut self, report: &dht::Report) -> io::Result<()> {
        match self.style {
            Style::Json => {
                let line = FarLine::new(report, self.disclosure);
                print_line(&mut *self.streams.output, &line)
            }
            Style::Human | Style::Verbose | Style::Quiet => {
                let lines = text::far_report(report, self.disclosure, self.columns());
                self.print_lines(&lines)
            }
        }
    }

    fn columns(&self) -> usize {
        let screen = self.streams.message_columns.map(usize::from);
        screen
            .filter(|_| self.streams.output_is_terminal)
            .unwrap_or(REPORT_COLUMNS)
    }

    fn print_lines(&mut self, lines: &[String]) -> io::Result<()> {
        for line in lines {
            writeln!(self.streams.output, "{line}")?;
        }
        self.streams.output.flush()
    }
}

impl Report for DoctorReport {
    fn handle_event(&mut self, event: &Event) -> io::Result<()> {
        let Event::Task(_, event) = event else {
            return Ok(());
        };
        match event {
            TaskEvent::Diagnosed(diagnosis) => self.print(diagnosis),
            TaskEvent::DiagnosedFar(report) => self.print_far(report),
            TaskEvent::Failed { failure, .. } => {
                let message = text::failure(failure, Role::Receiver);
                self.say(Weight::Needed, &message)
            }
            // A diagnosis has no share, no peer, and nothing that could be refused.
            TaskEvent::Share(_)
            | TaskEvent::Refused(_)
            | TaskEvent::NamesServer { .. }
            | TaskEvent::Paired { .. }
            | TaskEvent::RendezvousTested(_)
            | TaskEvent::Ended(_) => Ok(()),
        }
    }

    fn handle_progress(
        &mut self,
        _: Instant,
        _: &BTreeMap<SessionNumber, Progress>,
    ) -> io::Result<()> {
        Ok(())
    }

    fn say(&mut self, weight: Weight, line: &str) -> io::Result<()> {
        match (weight, self.style) {
            (Weight::Note, Style::Json | Style::Quiet) => Ok(()),
            (Weight::Note, Style::Human | Style::Verbose) | (Weight::Needed, _) => {
                writeln!(self.streams.messages, "{line}")
            }
        }
    }

    fn ask(&mut self, question: &str) -> io::Result<()> {
        write!(self.streams.messages, "{question}")?;
        self.streams.messages.flush()
    }

    fn answered(&mut self) {}
}
