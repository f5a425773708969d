//! `fardrop leftovers`.

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

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Cursor;
    use std::path::PathBuf;
    use std::sync::{Arc, Mutex};

    use clap::Parser as _;
    use fardrop_shared::name::BadNames;

    use super::*;
    use crate::args::{Action, Cli};
    use crate::config::Settings;
    use crate::engine::EngineHandle;
    use crate::engine::command::{Command, ConflictPolicy, NewTask, OnLeftOut};
    use crate::engine::event::{Event, Outcome, TaskEvent};
    use crate::leftovers::{Begun, Options, Places, Recorded};

    const PART: &str = "photos/.fardrop-0123456789abcdef0123456789abcdef.part";

    #[derive(Clone, Default)]
    struct Paper(Arc<Mutex<Vec<u8>>>);

    impl Paper {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    impl Write for Paper {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// A machine on which a receive of photos was cut off.
    struct Machine {
        root: tempfile::TempDir,
    }

    /// What a run came to: its exit, its output, and what it said to the person.
    type Run = (Exit, String, String);

    impl Machine {
        fn new() -> Self {
            let root = tempfile::tempdir().unwrap();
            let machine = Self { root };
            fs::create_dir_all(machine.part().parent().unwrap()).unwrap();
            fs::write(machine.part(), [7; 300]).unwrap();
            #[cfg(unix)]
            {
                use std::os::unix::fs::PermissionsExt;
                fs::set_permissions(machine.part(), fs::Permissions::from_mode(0o600)).unwrap();
            }
            let mut places = Places::default();
            places.add_folder(Path::new("photos"));
            let begun = Begun {
                folder: machine.folder(),
                device: "Ada\u{202e}".to_owned(),
                names: vec!["photos".to_owned()],
                files: 3,
                bytes: 1_000,
                options: Options {
                    on_conflict: ConflictPolicy::Rename,
                    rename_bad_names: true,
                    allow_missing: true,
                },
                places,
            };
            let recorded = Recorded::begin(machine.memory().as_deref(), begun);
            recorded.unwrap().unwrap().leave(700).unwrap();
            machine
        }

        fn memory(&self) -> Option<PathBuf> {
            Some(self.root.path().join("memory"))
        }

        fn folder(&self) -> PathBuf {
            self.root.path().join("in")
        }

        fn part(&self) -> PathBuf {
            self.folder().join(PART)
        }

        /// A run in which the person types this, at a terminal if `terminal` says so.
        fn run(&self, line: &str, typed: &'static str, terminal: bool) -> Run {
            let arguments = match Cli::parse_from(line.split(' ')).action {
                Some(Action::Leftovers(arguments)) => arguments,
                other => panic!("{other:?}"),
            };
            let output = Output {
                json: arguments.json,
                quiet: false,
                verbose: false,
            };
            let (out, said) = (Paper::default(), Paper::default());
            let console = console(typed, terminal, &out, &said);
            let stop = Stop::default();
            let exit = leftovers(&arguments, self.memory(), console, output, &stop).unwrap();
            (exit, out.text(), said.text())
        }
    }

    fn console(typed: &'static str, terminal: bool, output: &Paper, messages: &Paper) -> Console {
        Console {
            input: Box::new(Cursor::new(typed.as_bytes())),
            input_is_terminal: terminal,
            streams: Streams {
                output: Box::new(output.clone()),
                output_is_terminal: terminal,
                messages: Box::new(messages.clone()),
                messages_are_terminal: terminal,
                message_columns: None,
            },
            code_variable: None,
        }
    }

    #[test]
    fn what_was_cut_off_is_listed_with_what_is_there_of_it() {
        let machine = Machine::new();
        let (exit, output, messages) = machine.run("fardrop leftovers", "", true);
        assert_eq!(exit, Exit::Done);
        assert!(
            output.starts_with("1. photos, from Ada\\u{202e}, just now\n"),
            "{output}"
        );
        let kept = "700 bytes of 1.0 kB in 3 files kept, in ";
        assert!(output.contains(kept), "{output}");
        assert!(
            output.contains("300 bytes in 1 unfinished file"),
            "{output}"
        );
        assert!(
            messages.contains("fardrop leftovers resume N"),
            "{messages}"
        );
    }

    #[test]
    fn programs_are_told_one_object_a_line() {
        let machine = Machine::new();
        let (exit, output, messages) = machine.run("fardrop leftovers --json", "", false);
        assert_eq!((exit, messages.as_str()), (Exit::Done, ""));
        let lines: Vec<serde_json::Value> = output
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert!(
            output.starts_with("{\"event\":\"leftover\",\"number\":1,"),
            "{output}"
        );
        let left = &lines[0];
        assert_eq!((&left["kept"], &left["parts"]), (&700.into(), &1.into()));
        assert_eq!(
            (&left["bytes"], &left["running"]),
            (&1_000.into(), &false.into())
        );
        assert_eq!(lines[1]["count"], 1);
        assert_eq!(lines[2]["outcome"], "succeeded");
        let (exit, output, _) = machine.run("fardrop leftovers remove 1 --yes --json", "", false);
        assert_eq!(exit, Exit::Done);
        let removed = "{\"event\":\"removed\",\"parts\":1,\"bytes\":300}\n";
        assert!(output.starts_with(removed), "{output}");
        assert!(!machine.part().exists());
    }

    #[test]
    fn nothing_is_removed_unless_the_person_says_yes() {
        let machine = Machine::new();
        for typed in ["n\n", "\n", ""] {
            let (exit, _, messages) = machine.run("fardrop leftovers remove 1", typed, true);
            assert_eq!(exit, Exit::Failed, "{messages}");
            assert!(messages.contains("Remove it?") && machine.part().exists());
        }
        let (exit, _, messages) = machine.run("fardrop leftovers remove --all", "", false);
        assert_eq!(exit, Exit::Usage);
        assert!(messages.contains("--yes") && machine.part().exists());
        let (exit, _, messages) = machine.run("fardrop leftovers remove 1", "Y\n", true);
        assert_eq!(exit, Exit::Done);
        assert!(messages.contains("300 bytes are free again"), "{messages}");
        assert!(!machine.part().exists());
    }

    #[test]
    fn a_number_or_folder_that_is_not_there_is_said_and_removes_nothing() {
        let machine = Machine::new();
        let nowhere = machine.folder().join("nowhere");
        let nowhere = nowhere.to_str().unwrap();
        for (line, wanted) in [
            ("fardrop leftovers remove 1 7 --yes".to_owned(), Exit::Usage),
            (
                format!("fardrop leftovers remove 1 {nowhere} --yes"),
                Exit::Usage,
            ),
            (format!("fardrop leftovers {nowhere}"), Exit::Failed),
        ] {
            let (exit, _, messages) = machine.run(&line, "", true);
            assert_eq!(exit, wanted, "{line}");
            assert!(!messages.is_empty() && machine.part().exists(), "{line}");
        }
    }

    #[test]
    fn a_receive_is_gone_on_with_as_it_was_begun() {
        let machine = Machine::new();
        let resume = |number| ResumeArgs {
            allow_hidden: false,
            allow_programs: false,
            number,
            code: vec!["417-acid-lemon".to_owned()],
            yes: true,
        };
        let run = |number| {
            let (engine, mut script) = EngineHandle::scripted();
            let ended = Event::Task(
                crate::engine::event::TaskNumber(1),
                TaskEvent::Ended(Outcome::Succeeded),
            );
            script.events.send(ended).unwrap();
            let (out, said) = (Paper::default(), Paper::default());
            let context = Context {
                engine: &engine,
                console: console("", false, &out, &said),
                settings: &Settings::default(),
                output: Output {
                    json: false,
                    quiet: false,
                    verbose: false,
                },
                stop: &Stop::default(),
            };
            let exit = super::resume(&resume(number), machine.memory(), context).unwrap();
            let asked = script.commands.try_recv().ok();
            drop(script);
            (exit, asked, said.text())
        };
        let (exit, asked, _) = run(1);
        assert_eq!(exit, Exit::Done);
        let Some(Command::Start(_, NewTask::Receive { options, .. })) = asked else {
            panic!("{asked:?}");
        };
        assert_eq!(options.destination, machine.folder());
        assert_eq!(options.bad_names, BadNames::Rename);
        assert_eq!(options.on_left_out, OnLeftOut::Allow);
        let (exit, asked, messages) = run(2);
        assert!(exit == Exit::Usage && asked.is_none() && messages.contains("number 2"));
        // A disk that is not connected is not written beside.
        fs::remove_dir_all(machine.folder()).unwrap();
        let (exit, asked, messages) = run(1);
        assert!(exit == Exit::Failed && asked.is_none(), "{messages}");
        assert!(messages.contains("is not there"), "{messages}");
    }
}
