//! `fardrop leftovers`.

#[cfg(test)]
mod tests;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Result;
use serde::Serialize;

use super::json::print_line;
use super::prompt::{Prompt, Typed};
use super::receive::receive_or_resume;
use super::{Console, Context, Exit, Output, Streams, Style, TICK};
use crate::args::{LeftoversAction, LeftoversArgs, OnBadName, ReceiveArgs, RemoveArgs, ResumeArgs};
use crate::failure::{FailureKind, Stage};
use crate::leftovers::{Kept, Leftovers, Listing, Removed, Unfinished};
use crate::signals::Stop;
use crate::text;

/// Lists what is left behind, or removes it; `memory` is the folder for what is remembered, if there is one.
///
/// # Errors
/// When the terminal or pipe cannot be read or written.
pub fn leftovers(
    arguments: &LeftoversArgs,
    memory: Option<PathBuf>,
    console: Console,
    output: Output,
    stop: &Stop,
) -> Result<Exit> {
    let leftovers = Leftovers::new(memory);
    let can_ask = console.can_ask();
    let mut printer = Printer {
        style: Style::chosen(output),
        streams: console.streams,
        now: SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_secs()),
    };
    let exit = match &arguments.action {
        Some(LeftoversAction::Remove(remove)) => {
            let removal = Removal {
                arguments: remove,
                leftovers,
                can_ask,
                prompt: Prompt::new(console.input)?,
                stop,
            };
            removal.run(&mut printer)?
        }
        Some(LeftoversAction::Resume(_)) | None => {
            printer.list(&leftovers, arguments.folder.as_deref())?
        }
    };
    printer.end(exit)?;
    Ok(exit)
}

/// Goes on with a receive that was cut off: into the same folder and in the same way, under a code that is asked
/// for as `fardrop receive` does.
///
/// # Errors
/// When the terminal or pipe cannot be read or written, or the engine is gone.
pub fn resume(
    arguments: &ResumeArgs,
    memory: Option<PathBuf>,
    context: Context<'_>,
) -> Result<Exit> {
    let recorded = Leftovers::new(memory).find(arguments.number);
    let (problem, exit) = match &recorded {
        None => (text::leftover_unknown(arguments.number), Exit::Usage),
        Some(kept) if kept.running => (text::leftover_running(arguments.number), Exit::Failed),
        // Whoever mounts the disk later would find two halves.
        Some(kept) if kept.missing => (text::leftovers_folder_gone(&kept.folder), Exit::Failed),
        Some(Kept {
            receive: Some(unfinished),
            ..
        }) => {
            let again = again(arguments, unfinished, context.output);
            return receive_or_resume(&again, Some(unfinished), context);
        }
        Some(Kept { receive: None, .. }) => (text::leftover_unknown(arguments.number), Exit::Usage),
    };
    let mut printer = Printer {
        style: Style::chosen(context.output),
        streams: context.console.streams,
        now: 0,
    };
    printer.fail(&problem)?;
    printer.end(exit)?;
    Ok(exit)
}

/// The arguments with which it was begun.
fn again(arguments: &ResumeArgs, unfinished: &Unfinished, output: Output) -> ReceiveArgs {
    let options = unfinished.options;
    ReceiveArgs {
        code: arguments.code.clone(),
        output: Some(unfinished.folder.clone()),
        yes: arguments.yes,
        allow_hidden: arguments.allow_hidden,
        allow_programs: arguments.allow_programs,
        allow_missing: options.allow_missing,
        on_conflict: Some(options.on_conflict.into()),
        bad_names: if options.rename_bad_names {
            Some(OnBadName::Rename)
        } else {
            Some(OnBadName::Skip)
        },
        ignore_free_space: false,
        json: output.json,
    }
}

/// One removal.
struct Removal<'a> {
    arguments: &'a RemoveArgs,
    leftovers: Leftovers,
    can_ask: bool,
    prompt: Prompt,
    stop: &'a Stop,
}

/// Something that is to be removed.
struct Named {
    listing: Listing,
    /// Which of it; all of it without.
    numbers: Option<Vec<u32>>,
}

impl Named {
    const fn all_of(listing: Listing) -> Self {
        Self {
            listing,
            numbers: None,
        }
    }

    fn means(&self, kept: &Kept) -> bool {
        let means = |numbers: &Vec<u32>| {
            kept.number()
                .is_some_and(|number| numbers.contains(&number))
        };
        self.numbers.as_ref().is_none_or(means)
    }
}

/// What a person answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Consent {
    Yes,
    No,
    /// There is nobody who could.
    Missing,
    Stopped,
}

impl Removal<'_> {
    fn run(&self, printer: &mut Printer) -> Result<Exit> {
        let Some(named) = self.named(printer)? else {
            return Ok(Exit::Usage);
        };
        let mut exit = Exit::Done;
        for named in named {
            let chosen = |kept: &Kept| named.means(kept);
            let listed: Vec<&Kept> = named
                .listing
                .kept
                .iter()
                .filter(|kept| chosen(kept))
                .collect();
            if listed.is_empty() {
                printer.removed(&Removed::default())?;
                continue;
            }
            match self.consent(printer, &listed)? {
                Consent::Yes => {}
                Consent::No => {
                    printer.note(text::REMOVE_DECLINED)?;
                    exit = Exit::Failed;
                    continue;
                }
                Consent::Missing => {
                    printer.say(text::REMOVE_CONSENT_MISSING)?;
                    return Ok(Exit::Usage);
                }
                Consent::Stopped => return Ok(Exit::Interrupted),
            }
            let removed = self.leftovers.remove(&named.listing, chosen);
            printer.removed(&removed)?;
            if !removed.is_complete() {
                exit = Exit::Failed;
            }
        }
        Ok(exit)
    }

    /// What was named. `None` if something was that is not there, which has been said then.
    fn named(&self, printer: &mut Printer) -> io::Result<Option<Vec<Named>>> {
        if self.arguments.all {
            return Ok(Some(vec![Named::all_of(self.leftovers.list())]));
        }
        let (mut numbers, mut named) = (Vec::new(), Vec::new());
        for what in &self.arguments.what {
            if let Some(number) = what.to_str().and_then(|what| what.parse().ok()) {
                if self.leftovers.find(number).is_none() {
                    printer.fail(&text::leftover_unknown(number))?;
                    return Ok(None);
                }
                numbers.push(number);
                continue;
            }
            match self.leftovers.look_into(what) {
                Ok(listing) => named.push(Named::all_of(listing)),
                Err(error) => {
                    printer.fail(&text::leftovers_unreadable(what, &error.to_string()))?;
                    return Ok(None);
                }
            }
        }
        if !numbers.is_empty() {
            named.push(Named {
                listing: self.leftovers.list(),
                numbers: Some(numbers),
            });
        }
        Ok(Some(named))
    }

    /// Shows what is to be removed, and asks, unless that was answered before.
    fn consent(&self, printer: &mut Printer, listed: &[&Kept]) -> io::Result<Consent> {
        for kept in listed {
            for line in text::leftover(kept, printer.now) {
                printer.note(&line)?;
            }
        }
        if self.arguments.yes {
            return Ok(Consent::Yes);
        }
        if !self.can_ask {
            return Ok(Consent::Missing);
        }
        printer.ask(text::REMOVE_PROMPT)?;
        self.prompt.request();
        loop {
            if self.stop.requested() {
                return Ok(Consent::Stopped);
            }
            match self.prompt.wait(TICK)? {
                Typed::Line(line) if matches!(&*line.to_lowercase(), "y" | "yes") => {
                    return Ok(Consent::Yes);
                }
                Typed::Line(_) | Typed::End => return Ok(Consent::No),
                Typed::Nothing => {}
            }
        }
    }
}

/// Prints what there is to say, for people or for programs.
struct Printer {
    style: Style,
    streams: Streams,
    /// In seconds since 1970.
    now: u64,
}

/// One line. The tag is serialised first, the fields in this order.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
enum Line<'a> {
    Leftover {
        #[serde(skip_serializing_if = "Option::is_none")]
        number: Option<u32>,
        folder: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        device: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        top_names: Option<&'a [String]>,
        #[serde(skip_serializing_if = "Option::is_none")]
        files: Option<u64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        bytes: Option<u64>,
        kept: u64,
        parts: usize,
        parts_bytes: u64,
        #[serde(skip_serializing_if = "Option::is_none")]
        when: Option<u64>,
        running: bool,
    },
    Listed {
        count: usize,
        incomplete: bool,
    },
    Stayed {
        path: String,
        reason: &'a str,
        message: String,
    },
    Removed {
        parts: u64,
        bytes: u64,
    },
    Failed {
        stage: &'a str,
        kind: &'a str,
        retry: bool,
        message: &'a str,
    },
    Ended {
        outcome: &'a str,
    },
}

impl Printer {
    fn list(&mut self, leftovers: &Leftovers, folder: Option<&Path>) -> io::Result<Exit> {
        let listing = match folder {
            None => leftovers.list(),
            Some(folder) => match leftovers.look_into(folder) {
                Ok(listing) => listing,
                Err(error) => {
                    self.fail(&text::leftovers_unreadable(folder, &error.to_string()))?;
                    return Ok(Exit::Failed);
                }
            },
        };
        if self.style == Style::Json {
            for kept in &listing.kept {
                self.print(&leftover_line(kept))?;
            }
            self.print(&Line::Listed {
                count: listing.kept.len(),
                incomplete: listing.incomplete,
            })?;
            return Ok(Exit::Done);
        }
        for kept in &listing.kept {
            for line in text::leftover(kept, self.now) {
                writeln!(self.streams.output, "{line}")?;
            }
            let unknown = kept.receive.is_none() || self.style == Style::Verbose;
            for found in kept.found.iter().filter(|_| unknown) {
                writeln!(
                    self.streams.output,
                    "     {}",
                    text::leftover_path(&found.path)
                )?;
            }
        }
        self.streams.output.flush()?;
        match (folder, listing.kept.is_empty()) {
            (None, true) => self.note(text::LEFTOVERS_NONE)?,
            (Some(folder), true) => self.note(&text::leftovers_none_in(folder))?,
            (_, false) if listing.kept.iter().any(|kept| kept.receive.is_some()) => {
                self.note(text::LEFTOVERS_HELP)?;
            }
            (_, false) => self.note(text::LEFTOVERS_HELP_UNKNOWN)?,
        }
        if listing.incomplete {
            self.say(text::LEFTOVERS_INCOMPLETE)?;
        }
        Ok(Exit::Done)
    }

    fn removed(&mut self, removed: &Removed) -> io::Result<()> {
        for stayed in &removed.stayed {
            let message = text::leftover_stayed(stayed);
            if self.style == Style::Json {
                self.print(&Line::Stayed {
                    path: stayed.path.to_string_lossy().into_owned(),
                    reason: stayed.why.name(),
                    message,
                })?;
            } else {
                self.say(&message)?;
            }
        }
        if self.style == Style::Json {
            let (parts, bytes) = (removed.things, removed.bytes);
            return self.print(&Line::Removed { parts, bytes });
        }
        self.note(&text::leftovers_removed(removed))
    }

    /// Something that could not be begun.
    fn fail(&mut self, message: &str) -> io::Result<()> {
        if self.style == Style::Json {
            return self.print(&Line::Failed {
                stage: Stage::Disk.name(),
                kind: FailureKind::Local.name(),
                retry: false,
                message,
            });
        }
        self.say(message)
    }

    fn end(&mut self, exit: Exit) -> io::Result<()> {
        if self.style != Style::Json {
            return Ok(());
        }
        let outcome = match exit {
            Exit::Done => "succeeded",
            Exit::Failed | Exit::Usage => "failed",
            Exit::Interrupted => "interrupted",
        };
        self.print(&Line::Ended { outcome })
    }

    /// Good to know; not for programs and not where only errors are wanted.
    fn note(&mut self, line: &str) -> io::Result<()> {
        match self.style {
            Style::Json | Style::Quiet => Ok(()),
            Style::Human | Style::Verbose => self.say(line),
        }
    }

    fn say(&mut self, line: &str) -> io::Result<()> {
        writeln!(self.streams.messages, "{line}")
    }

    fn ask(&mut self, question: &str) -> io::Result<()> {
        write!(self.streams.messages, "{question}")?;
        self.streams.messages.flush()
    }

    fn print(&mut self, line: &Line<'_>) -> io::Result<()> {
        print_line(&mut *self.streams.output, line)
    }
}

fn leftover_line(kept: &Kept) -> Line<'_> {
    let receive = kept.receive.as_ref();
    Line::Leftover {
        number: kept.number(),
        folder: kept.folder.to_string_lossy().into_owned(),
        device: receive.map(|receive| receive.device.as_str()),
        top_names: receive.map(|receive| receive.names.as_slice()),
        files: receive.map(|receive| receive.files),
        bytes: receive.map(|receive| receive.bytes),
        kept: kept.bytes(),
        parts: kept.found.len(),
        parts_bytes: kept.found_bytes(),
        when: receive.map(|receive| receive.when),
        running: kept.running,
    }
}
