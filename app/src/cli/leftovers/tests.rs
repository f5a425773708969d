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
