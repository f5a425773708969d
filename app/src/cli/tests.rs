//! The command line against a scripted engine: what it prints, what it asks, how it exits.

use std::io::{Cursor, Read};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use clap::Parser;
use fardrop_shared::offer::{Classifier, EntryKind};

use super::*;
use crate::args::{Action, Cli};
use crate::engine::command::OnLeftOut;
use crate::engine::command::{
    Command, ConflictPolicy, Decision, NewTask, SessionCommand, ShareLifetime, TaskCommand,
};
use crate::engine::event::{
    Attribute, Concern, Concerns, Event, LeftOut, LeftOutCount, Listed, OfferRow, OfferSummary,
    PathKind, Proving, Receipt, RungState, SessionEvent, ShareEvent, ShownCode, Survey, TaskEvent,
    Transport, Who,
};
use crate::engine::handle::Script;
use crate::failure::{Failure, FailureKind, Stage};

const TASK: TaskNumber = TaskNumber(1);
const SESSION: SessionNumber = SessionNumber(1);

/// A stream that the test can look into.
#[derive(Clone, Default)]
struct Paper(Arc<Mutex<Vec<u8>>>);

impl Paper {
    fn text(&self) -> String {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8(bytes.clone()).expect("UTF-8")
    }
}

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut paper = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        paper.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A stream whose reader has gone.
struct Broken;

impl Write for Broken {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A terminal at which nobody types.
struct Silence {
    _open: std::sync::mpsc::SyncSender<()>,
    nothing: std::sync::mpsc::Receiver<()>,
}

impl Silence {
    fn new() -> Self {
        let (open, nothing) = std::sync::mpsc::sync_channel(0);
        Self {
            _open: open,
            nothing,
        }
    }
}

impl Read for Silence {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        let _ = self.nothing.recv();
        Ok(0)
    }
}

/// One run of the command line.
struct Run {
    exit: Result<Exit>,
    output: String,
    messages: String,
    commands: Vec<Command>,
}

/// How the streams of a run are connected.
struct Setup {
    typed: Option<&'static str>,
    terminal: bool,
    variable: Option<&'static str>,
    stop: Stop,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            typed: Some(""),
            terminal: false,
            variable: None,
            stop: Stop::default(),
        }
    }
}

impl Setup {
    /// At a terminal, with nobody who types.
    fn silent() -> Self {
        Self {
            typed: None,
            terminal: true,
            ..Self::default()
        }
    }

    fn typing(typed: &'static str) -> Self {
        Self {
            typed: Some(typed),
            terminal: true,
            ..Self::default()
        }
    }
}

/// Runs a command line against an engine that answers every command by `answer`.
fn run(
    line: &str,
    setup: Setup,
    mut answer: impl FnMut(&Command) -> Vec<Event> + Send + 'static,
) -> Run {
    let (engine, script) = EngineHandle::scripted();
    let Script {
        mut commands,
        events,
        progress: _progress,
    } = script;
    let player = std::thread::Builder::new()
        .spawn(move || {
            let mut seen = Vec::new();
            while let Some(command) = commands.blocking_recv() {
                for event in answer(&command) {
                    if events.send(event).is_err() {
                        break;
                    }
                }
                seen.push(command);
            }
            seen
        })
        .expect("a thread");
    let (output, messages) = (Paper::default(), Paper::default());
    let exit = dispatch(
        line,
        &engine,
        &setup,
        Box::new(output.clone()),
        Box::new(messages.clone()),
    );
    drop(engine);
    Run {
        exit,
        output: output.text(),
        messages: messages.text(),
        commands: player.join().expect("the script ends"),
    }
}

/// Runs a command line over these streams.
fn dispatch(
    line: &str,
    engine: &EngineHandle,
    setup: &Setup,
    output: Box<dyn Write>,
    messages: Box<dyn Write>,
) -> Result<Exit> {
    let input: Box<dyn BufRead + Send> = match setup.typed {
        Some(typed) => Box::new(Cursor::new(typed.as_bytes())),
        None => Box::new(io::BufReader::new(Silence::new())),
    };
    let context = Context {
        engine,
        console: Console {
            input,
            input_is_terminal: setup.terminal,
            streams: Streams {
                output,
                output_is_terminal: setup.terminal,
                messages,
                messages_are_terminal: setup.terminal,
                message_columns: None,
            },
            code_variable: setup.variable.map(str::to_owned),
        },
        settings: &Settings::default(),
        output: Output {
            json: line.contains(" --json"),
            quiet: line.contains(" -q"),
            verbose: line.contains(" --verbose"),
        },
        stop: &setup.stop,
    };
    match Cli::parse_from(line.split(' ')).action {
        Some(Action::Send(arguments)) => send(&arguments, context),
        Some(Action::Receive(arguments)) => receive(&arguments, context),
        Some(Action::Doctor(arguments)) => doctor(&arguments, context),
        other => panic!("{other:?}"),
    }
}

fn ended(outcome: Outcome) -> Event {
    Event::Task(TASK, TaskEvent::Ended(outcome))
}

fn paired() -> Event {
    Event::Task(
        TASK,
        TaskEvent::Paired {
            session: SESSION,
            device: "Ada's laptop".to_owned(),
        },
    )
}

fn path() -> Event {
    Event::Session(
        SESSION,
        SessionEvent::Path {
            kind: PathKind::Local,
            link: Transport::Quic,
            rtt: Duration::from_micros(12_345),
            peer: SocketAddr::from(([127, 0, 0, 1], 4000)),
        },
    )
}

fn offer(conflicts: u64) -> Event {
    Event::Session(
        SESSION,
        SessionEvent::Offer(OfferSummary {
            left_out: LeftOutCount::default(),
            files: 3,
            folders: 1,
            bytes: 12_400_000,
            holes: 0,
            links: 0,
            survey: Arc::default(),
            top_names: vec!["h\u{1b}[2Joliday".to_owned()],
            kept: 0,
            conflicts,
            unnamed: 0,
            free: Some(9_000_000_000),
            destination: None,
        }),
    )
}

fn unnamed() -> Event {
    let first = vec!["what?".to_owned()];
    let unnamed = Listed { first, count: 1 };
    Event::Session(SESSION, SessionEvent::Unnamed(Arc::new(unnamed)))
}

fn done() -> Event {
    Event::Session(
        SESSION,
        SessionEvent::Done {
            receipt: Receipt {
                files: 3,
                failed_files: 0,
                refused_names: 0,
                cause: None,
                renamed: 0,
                left_out: LeftOutCount::default(),
                bytes: 12_400_000,
                sent: 12_400_000,
                resumed: 0,
                elapsed: Duration::from_millis(1500),
                kind: PathKind::Local,
                link: Transport::Quic,
            },
            places: Vec::new(),
        },
    )
}

fn failed(kind: FailureKind) -> Event {
    Event::Task(
        TASK,
        TaskEvent::Failed {
            session: None,
            failure: Failure::new(Stage::Pairing, kind),
        },
    )
}

fn code() -> Event {
    Event::Task(
        TASK,
        TaskEvent::Share(ShareEvent::Code(ShownCode {
            spoken: "417-acid-lemon".to_owned(),
            with_server: Some("417-acid-lemon@10.0.0.1:4840".to_owned()),
            uri: "fardrop:417-acid-lemon@10.0.0.1:4840".to_owned(),
        })),
    )
}

/// An engine with one sender behind every code.
fn serving(conflicts: u64) -> impl FnMut(&Command) -> Vec<Event> {
    move |command| match command {
        Command::Start(_, NewTask::Receive { .. }) => vec![paired(), path(), offer(conflicts)],
        Command::Session(_, SessionCommand::Decide(Decision::Accept { .. })) => {
            vec![done(), ended(Outcome::Succeeded)]
        }
        Command::Session(_, SessionCommand::Decide(Decision::Decline)) => {
            vec![failed(FailureKind::Declined), ended(Outcome::Failed)]
        }
        Command::Task(_, TaskCommand::Cancel) => {
            vec![failed(FailureKind::Cancelled), ended(Outcome::Interrupted)]
        }
        Command::Start(..) | Command::Task(..) | Command::Session(..) | Command::Configure(_) => {
            Vec::new()
        }
    }
}

#[track_caller]
fn decision(run: &Run) -> Decision {
    run.commands
        .iter()
        .find_map(|command| match command {
            Command::Session(_, SessionCommand::Decide(decision)) => Some(decision.clone()),
            Command::Start(..)
            | Command::Task(..)
            | Command::Session(..)
            | Command::Configure(_) => None,
        })
        .expect("a decision")
}

#[track_caller]
fn exit(run: &Run) -> Exit {
    *run.exit.as_ref().expect("no error")
}

/// One event of each kind, in an order that could happen.
fn one_of_each() -> Vec<Event> {
    vec![
        code(),
        Event::Task(
            TASK,
            TaskEvent::Share(ShareEvent::LeftOut {
                name: "pipe".to_owned(),
                reason: LeftOut::Special,
            }),
        ),
        Event::Task(
            TASK,
            TaskEvent::Share(ShareEvent::Scanned {
                files: 3,
                bytes: 12_400_000,
                links: 0,
                left_out: LeftOutCount {
                    things: 1,
                    closed_folders: 0,
                },
            }),
        ),
        Event::Task(
            TASK,
            TaskEvent::Share(ShareEvent::WrongGuess { attempts_left: 2 }),
        ),
        Event::Session(
            SESSION,
            SessionEvent::Rung {
                rung: PathKind::ManyPort,
                state: RungState::Trying,
                detail: String::new(),
            },
        ),
        paired(),
        path(),
        unnamed(),
        offer(0),
        Event::Session(
            SESSION,
            SessionEvent::Accepted {
                files: 3,
                bytes: 12_400_000,
            },
        ),
        Event::Session(SESSION, SessionEvent::Paused(Who::Peer)),
        Event::Session(SESSION, SessionEvent::Resumed),
        Event::Session(
            SESSION,
            SessionEvent::FileFailed {
                name: "z\u{e9}\u{1f600}\n".to_owned(),
                reason: FailureKind::FileChanged,
            },
        ),
        Event::Session(
            SESSION,
            SessionEvent::Refused {
                attribute: Attribute::Time,
                count: 2,
                first: "photos/a".to_owned(),
            },
        ),
        Event::Session(SESSION, SessionEvent::Interrupted { kept: 7_700_000 }),
        done(),
        failed(FailureKind::WrongCode),
        ended(Outcome::Failed),
    ]
}

/// What `--json` prints for [`one_of_each`], but for the sentences, which are free to change.
const ONE_OF_EACH: &str = r#"{"event":"code","code":"417-acid-lemon","uri":"fardrop:417-acid-lemon@10.0.0.1:4840"}
{"event":"left-out","name":"pipe","message":"..."}
{"event":"scanned","files":3,"bytes":12400000,"left_out":1}
{"event":"wrong-guess","attempts_left":2}
{"event":"rung","session":1,"rung":"many-port","state":"trying","detail":""}
{"event":"paired","session":1,"device":"Ada's laptop"}
{"event":"path","session":1,"kind":"local","link":"quic","rtt_ms":12.3,"peer":"127.0.0.1:4000"}
{"event":"unnamed","session":1,"name":"what?"}
{"event":"offer","session":1,"files":3,"bytes":12400000,"folders":1,"kept":0,"conflicts":0,"free":9000000000,"top_names":["h\u001b[2Joliday"]}
{"event":"accepted","session":1,"files":3,"bytes":12400000}
{"event":"paused","session":1,"by":"peer"}
{"event":"resumed","session":1}
{"event":"file-failed","session":1,"name":"z\u00e9\ud83d\ude00\n","kind":"file-changed","message":"..."}
{"event":"warning","session":1,"kind":"times-refused","count":2,"name":"photos/a","message":"..."}
{"event":"interrupted","session":1,"kept":7700000,"reason":"..."}
{"event":"done","session":1,"files":3,"bytes":12400000,"sent":12400000,"resumed":0,"seconds":1.5,"kind":"local","link":"quic","failed_files":0}
{"event":"failed","stage":"pairing","kind":"wrong-code","retry":true,"message":"..."}
{"event":"ended","outcome":"failed"}
"#;

/// The line with the sentence in its last field left out.
fn without_sentence(line: &str) -> String {
    for field in [r#""message":""#, r#""reason":""#] {
        if let Some(start) = line.find(field) {
            return format!("{}...\"}}", &line[..start + field.len()]);
        }
    }
    line.to_owned()
}

#[test]
fn json_lines_are_the_contract() {
    let run = run("fardrop send --json x", Setup::default(), |_| one_of_each());
    assert_eq!(exit(&run), Exit::Failed);
    assert_eq!(run.messages, "");
    let printed: Vec<String> = run.output.lines().map(without_sentence).collect();
    assert_eq!(printed, ONE_OF_EACH.lines().collect::<Vec<_>>());
    for line in run.output.lines() {
        let parsed: serde_json::Value = serde_json::from_str(line).expect("JSON");
        assert!(parsed.get("event").is_some());
        assert!(line.is_ascii());
    }
}

#[test]
fn a_code_that_is_told_again_is_shown_in_its_new_form_only() {
    let again = Event::Task(
        TASK,
        TaskEvent::Share(ShareEvent::Code(ShownCode {
            spoken: "417-acid-lemon".to_owned(),
            with_server: Some("417-acid-lemon@203.0.113.5:4840".to_owned()),
            uri: "fardrop:417-acid-lemon@203.0.113.5:4840".to_owned(),
        })),
    );
    let events = move || vec![code(), again.clone(), ended(Outcome::Succeeded)];
    let run = run("fardrop send x", Setup::default(), move |_| events());
    let lines = |line: &str| run.messages.lines().filter(|each| *each == line).count();
    assert_eq!(lines("    fardrop receive 417-acid-lemon"), 1);
    assert_eq!(
        lines("    fardrop receive 417-acid-lemon@203.0.113.5:4840"),
        1
    );
}

#[test]
fn json_progress_comes_at_most_ten_times_a_second() {
    let paper = Paper::default();
    let mut json = Json::new(
        Role::Sender,
        Box::new(paper.clone()),
        Box::new(Paper::default()),
    );
    let start = Instant::now();
    for ms in 0..=1000 {
        let progress = Progress {
            proving: None,
            bytes: ms,
            total: 1000,
            files: 0,
            files_total: 1,
            rate: f64::NAN,
        };
        json.handle_progress(
            start + Duration::from_millis(ms),
            &BTreeMap::from([(SESSION, progress)]),
        )
        .expect("it prints");
    }
    let text = paper.text();
    assert_eq!(text.lines().count(), 11);
    assert_eq!(
        text.lines().next(),
        Some(
            r#"{"event":"progress","session":1,"bytes":0,"total":1000,"rate":0.0,"files":0,"files_total":1}"#
        )
    );
}

#[test]
fn the_proof_of_what_is_here_has_figures_of_its_own_while_it_goes_on() {
    let (json_paper, human_paper) = (Paper::default(), Paper::default());
    let nowhere = || Box::new(Paper::default());
    let mut json = Json::new(Role::Receiver, Box::new(json_paper.clone()), nowhere());
    let streams = Streams {
        output: nowhere(),
        output_is_terminal: false,
        messages: Box::new(human_paper.clone()),
        messages_are_terminal: false,
        message_columns: None,
    };
    let mut human = Human::new(Role::Receiver, Verbosity::Full, streams);
    human.handle_event(&paired()).expect("it prints");
    let start = Instant::now();
    for (second, done) in [(0, Some(1_000)), (10, Some(2_000)), (20, None)] {
        let progress = Progress {
            bytes: 0,
            total: 1000,
            files: 0,
            files_total: 1,
            rate: 0.0,
            proving: done.map(|done| Proving { done, total: 3_000 }),
        };
        let now = start + Duration::from_secs(second);
        let progress = BTreeMap::from([(SESSION, progress)]);
        json.handle_progress(now, &progress).expect("it prints");
        human.handle_progress(now, &progress).expect("it prints");
    }
    let lines = json_paper.text();
    let lines: Vec<_> = lines.lines().collect();
    let start = r#"{"event":"progress","session":1,"bytes":0,"total":1000,"rate":0.0,"files":0,"files_total":1"#;
    let expected = [
        format!(r#"{start},"proving":{{"done":1000,"total":3000}}}}"#),
        format!(r#"{start},"proving":{{"done":2000,"total":3000}}}}"#),
        format!("{start}}}"),
    ];
    assert_eq!(lines, expected);
    let text = human_paper.text();
    let proving = |line: &str| line.ends_with("checking what is here: 1.0 kB of 3.0 kB");
    assert!(text.lines().any(proving), "{text}");
    assert!(
        !text
            .lines()
            .last()
            .is_some_and(|line| line.contains("checking")),
        "{text}"
    );
}

#[test]
fn what_is_left_out_for_its_name_is_listed_before_the_person_is_asked() {
    let setup = Setup {
        terminal: true,
        ..Setup::default()
    };
    let run = run(
        "fardrop receive --yes 417-acid-lemon",
        setup,
        |command| match command {
            Command::Start(..) => vec![paired(), path(), unnamed(), offer(0)],
            Command::Session(..) => vec![done(), ended(Outcome::Succeeded)],
            Command::Task(..) | Command::Configure(_) => Vec::new(),
        },
    );
    let (before, _) = run.messages.split_once("offers 3 files").expect("an offer");
    assert!(
        before.contains("1 thing is left out, since its name cannot be in the receiving folder:")
    );
    assert!(before.contains("    what?"), "{before}");
}

#[test]
fn without_a_terminal_the_code_stands_alone_on_stdout() {
    let run = run("fardrop send x", Setup::default(), |_| {
        vec![code(), ended(Outcome::Succeeded)]
    });
    assert_eq!(exit(&run), Exit::Done);
    assert_eq!(run.output, "417-acid-lemon@10.0.0.1:4840\n");
    assert!(run.messages.contains("fardrop receive 417-acid-lemon\n"));
}

#[test]
fn on_a_terminal_the_code_is_large() {
    let setup = Setup::silent();
    let run = run("fardrop send x", setup, |_| {
        vec![code(), ended(Outcome::Succeeded)]
    });
    assert_eq!(run.output, "");
    assert!(
        run.messages.contains("417  -  ACID  -  LEMON"),
        "{}",
        run.messages
    );
}

#[test]
fn quiet_prints_the_code_and_errors_only() {
    let run = run("fardrop send x -q", Setup::typing(""), |_| {
        vec![
            code(),
            paired(),
            path(),
            failed(FailureKind::CodeDead),
            ended(Outcome::Failed),
        ]
    });
    assert_eq!(exit(&run), Exit::Failed);
    assert_eq!(run.output, "417-acid-lemon@10.0.0.1:4840\n");
    assert_eq!(run.messages.lines().count(), 1, "{}", run.messages);
}

#[test]
fn once_and_words_reach_the_engine() {
    let run = run("fardrop send x --once --words 5", Setup::default(), |_| {
        vec![ended(Outcome::Succeeded)]
    });
    let Some(Command::Start(_, NewTask::Share { options, .. })) = run.commands.first() else {
        panic!("{:?}", run.commands);
    };
    assert_eq!((options.words, options.lifetime), (5, ShareLifetime::Once));
}

#[test]
fn long_list_of_what_is_left_out_is_cut_unless_all_of_it_is_asked_for() {
    for (line, listed, rest) in [
        ("fardrop send a --once", 10, 1),
        ("fardrop send a --once --verbose", 25, 0),
    ] {
        let run = run(line, Setup::default(), |_| {
            let left_out = |at| ShareEvent::LeftOut {
                name: format!("link {at}"),
                reason: LeftOut::LinkOutside,
            };
            let mut events: Vec<Event> = (0..25)
                .map(|at| Event::Task(TASK, TaskEvent::Share(left_out(at))))
                .collect();
            let scanned = ShareEvent::Scanned {
                files: 1,
                bytes: 1,
                links: 0,
                left_out: LeftOutCount {
                    things: 25,
                    closed_folders: 0,
                },
            };
            events.push(Event::Task(TASK, TaskEvent::Share(scanned)));
            events.push(ended(Outcome::Succeeded));
            events
        });
        let lines: Vec<&str> = run.messages.lines().collect();
        let named = lines.iter().filter(|line| line.starts_with("Left out: "));
        assert_eq!(named.count(), listed, "{}", run.messages);
        let more = "And 15 more things are left out: --verbose lists all.";
        let more = lines.iter().filter(|line| **line == more).count();
        assert_eq!(more, rest, "{}", run.messages);
        assert!(run.messages.contains("25 things are left out."));
    }
}

#[test]
fn allow_missing_reaches_the_engine() {
    for (line, expected) in [
        ("fardrop send a", OnLeftOut::Fail),
        ("fardrop send a --allow-missing", OnLeftOut::Allow),
    ] {
        let run = run(line, Setup::default(), |_| vec![ended(Outcome::Succeeded)]);
        let begun = format!("{:?}", run.commands[0]);
        assert!(
            begun.contains(&format!("on_left_out: {expected:?}")),
            "{begun}"
        );
    }
    for (line, expected) in [
        ("fardrop receive 417-acid-lemon --yes", OnLeftOut::Fail),
        (
            "fardrop receive 417-acid-lemon --yes --allow-missing",
            OnLeftOut::Allow,
        ),
    ] {
        let run = run(line, Setup::default(), |_| vec![ended(Outcome::Succeeded)]);
        let begun = format!("{:?}", run.commands[0]);
        assert!(
            begun.contains(&format!("on_left_out: {expected:?}")),
            "{begun}"
        );
    }
}

#[test]
fn what_failed_is_told_to_a_quiet_sender_too() {
    let run = run("fardrop send a --once -q", Setup::default(), |_| {
        let mut done = done();
        if let Event::Session(_, SessionEvent::Done { receipt, .. }) = &mut done {
            receipt.failed_files = 2;
            receipt.cause = Some(FailureKind::Quota);
        }
        vec![paired(), done, ended(Outcome::Failed)]
    });
    let last = run.messages.lines().last().unwrap_or_default();
    assert!(last.starts_with("Not all of it: 2 files failed"), "{last}");
    assert_eq!(exit(&run), Exit::Failed);
}

#[test]
fn sender_ends_on_verified() {
    let run = run("fardrop send x", Setup::default(), |_| {
        vec![paired(), path(), done(), ended(Outcome::Succeeded)]
    });
    assert!(
        run.messages.contains("verified on Ada's laptop's disk"),
        "{}",
        run.messages
    );
}

#[test]
fn stop_cancels_the_task_and_exits_130() {
    let setup = Setup::default();
    setup.stop.request();
    let run = run("fardrop send x", setup, serving(0));
    assert_eq!(exit(&run), Exit::Interrupted);
    assert!(
        run.commands
            .iter()
            .any(|command| matches!(command, Command::Task(TASK, TaskCommand::Cancel)))
    );
    assert_eq!(Exit::Interrupted.code(), 130);
}

#[test]
fn what_happens_during_a_question_has_a_line_of_its_own() {
    let setup = Setup::silent();
    let run = run("fardrop receive 417-acid-lemon", setup, |_| {
        vec![
            paired(),
            offer(0),
            failed(FailureKind::CancelledByPeer),
            ended(Outcome::Failed),
        ]
    });
    let (_, after) = run
        .messages
        .split_once(text::ACCEPT_PROMPT)
        .expect("a question");
    assert!(after.starts_with("\nThe other person"), "{after}");
}

#[test]
fn stop_at_the_prompt_starts_nothing() {
    let setup = Setup::silent();
    setup.stop.request();
    let run = run("fardrop receive", setup, serving(0));
    assert_eq!(exit(&run), Exit::Interrupted);
    assert!(run.commands.is_empty());
}

#[test]
fn gone_reader_is_an_error_and_no_panic() {
    let (engine, script) = EngineHandle::scripted();
    script.events.send(code()).expect("room");
    let error = dispatch(
        "fardrop send --json x",
        &engine,
        &Setup::default(),
        Box::new(Broken),
        Box::new(Paper::default()),
    )
    .expect_err("a broken pipe");
    drop(script);
    let kind = error.downcast_ref::<io::Error>().map(io::Error::kind);
    assert_eq!(kind, Some(io::ErrorKind::BrokenPipe));
}

#[test]
fn yes_accepts_and_skips_what_is_identical() {
    let run = run(
        "fardrop receive 417-acid-lemon --yes",
        Setup::default(),
        serving(2),
    );
    assert_eq!(exit(&run), Exit::Done);
    let on_conflict = ConflictPolicy::Skip;
    assert_eq!(decision(&run), Decision::accept_all(on_conflict));
    assert!(
        run.messages.contains("that others use too"),
        "{}",
        run.messages
    );
    assert!(!run.messages.contains('\u{1b}'), "{}", run.messages);
}

#[test]
fn nobody_to_ask_declines_and_is_wrong_usage() {
    let run = run(
        "fardrop receive 417-acid-lemon",
        Setup::default(),
        serving(0),
    );
    assert_eq!(exit(&run), Exit::Usage);
    assert_eq!(decision(&run), Decision::Decline);
    assert!(run.messages.contains("--yes"), "{}", run.messages);
}

#[test]
fn code_comes_from_pipe_or_variable() {
    let piped = Setup {
        typed: Some("417 acid lemon\n"),
        ..Setup::default()
    };
    let variable = Setup {
        variable: Some("417 acid lemon"),
        ..Setup::default()
    };
    for setup in [piped, variable] {
        let run = run("fardrop receive --yes", setup, serving(0));
        assert_eq!(exit(&run), Exit::Done);
        let Some(Command::Start(_, NewTask::Receive { code, .. })) = run.commands.first() else {
            panic!("{:?}", run.commands);
        };
        assert_eq!(*code.to_spoken(), "417-acid-lemon");
        assert!(!run.messages.contains("that others use too"));
    }
}

#[test]
fn no_code_at_all_is_wrong_usage() {
    let run = run("fardrop receive --yes", Setup::default(), serving(0));
    assert_eq!(exit(&run), Exit::Usage);
    assert!(run.commands.is_empty());
}

#[test]
fn mistyped_word_costs_nothing_and_is_asked_for_again() {
    let run = run(
        "fardrop receive",
        Setup::typing("417-acid-qqqqq\n417-acid-lemon\ny\n"),
        serving(0),
    );
    assert_eq!(exit(&run), Exit::Done);
    assert!(
        run.messages.contains("That is not a code: word 2"),
        "{}",
        run.messages
    );
    assert_eq!(run.commands.len(), 2);
}

#[test]
fn unreadable_argument_is_wrong_usage() {
    let run = run(
        "fardrop receive 417-acid-qqqqq",
        Setup::default(),
        serving(0),
    );
    assert_eq!(exit(&run), Exit::Usage);
    assert!(run.commands.is_empty());
}

/// An engine at which every code is wrong.
fn refusing() -> impl FnMut(&Command) -> Vec<Event> {
    let mut task = 0;
    move |_| {
        task += 1;
        vec![
            failed(FailureKind::WrongCode),
            Event::Task(TaskNumber(task), TaskEvent::Ended(Outcome::Failed)),
        ]
    }
}

#[test]
fn three_wrong_codes_at_the_prompt_are_the_end() {
    let run = run(
        "fardrop receive",
        Setup::typing("417-acid-lemon\n417 aci lem\n417-acid-lemon\n417-acid-lemon\n"),
        refusing(),
    );
    assert_eq!(exit(&run), Exit::Failed);
    assert_eq!(run.commands.len(), 3);
    assert!(
        run.messages.contains(text::CODE_TRIES_SPENT),
        "{}",
        run.messages
    );
}

#[test]
fn another_number_has_tries_of_its_own() {
    let run = run(
        "fardrop receive",
        Setup::typing("417-acid-lemon\n417-acid-lemon\n418-acid-lemon\n417-acid-lemon\n"),
        refusing(),
    );
    assert_eq!(run.commands.len(), 4);
}

#[test]
fn wrong_code_as_argument_is_not_tried_again() {
    let run = run(
        "fardrop receive 417-acid-lemon",
        Setup::typing(""),
        refusing(),
    );
    assert_eq!(exit(&run), Exit::Failed);
    assert_eq!(run.commands.len(), 1);
}

#[track_caller]
fn check_answers(typed: &'static str, conflicts: u64, expected: Decision) -> String {
    let run = run("fardrop receive", Setup::typing(typed), serving(conflicts));
    assert_eq!(decision(&run), expected, "{typed:?}");
    run.messages
}

#[test]
fn consent_is_asked_for_and_silence_is_no() {
    let accept = |on_conflict| Decision::accept_all(on_conflict);
    let messages = check_answers("417-acid-lemon\ny\n", 0, accept(ConflictPolicy::Skip));
    assert!(messages.contains("Ada's laptop offers 3 files in 1 folder, 12.4 MB:"));
    assert!(messages.contains(text::ACCEPT_PROMPT));
    assert!(!messages.contains(text::CONFLICT_PROMPT));
    check_answers("417-acid-lemon\n\n", 0, Decision::Decline);
    check_answers("417-acid-lemon\nmaybe\n", 0, Decision::Decline);
    check_answers("417-acid-lemon\n", 0, Decision::Decline);
}

#[test]
fn conflicts_are_asked_about_once() {
    let accept = |on_conflict| Decision::accept_all(on_conflict);
    check_answers("417-acid-lemon\nyes\ns\n", 2, accept(ConflictPolicy::Skip));
    check_answers("417-acid-lemon\ny\n\n", 2, accept(ConflictPolicy::Skip));
    check_answers(
        "417-acid-lemon\nY\nreplace\n",
        2,
        accept(ConflictPolicy::Replace),
    );
    let messages = check_answers(
        "417-acid-lemon\ny\nx\nr\n",
        2,
        accept(ConflictPolicy::Rename),
    );
    assert!(messages.contains(text::CONFLICT_AGAIN));
    check_answers("417-acid-lemon\ny\n", 2, Decision::Decline);
}

#[test]
fn policy_from_the_command_line_is_not_asked_for() {
    let run = run(
        "fardrop receive --on-conflict skip",
        Setup::typing("417-acid-lemon\ny\n"),
        serving(2),
    );
    let on_conflict = ConflictPolicy::Skip;
    assert_eq!(decision(&run), Decision::accept_all(on_conflict));
    assert!(!run.messages.contains(text::CONFLICT_PROMPT));
}

#[test]
fn engine_that_dies_is_an_error() {
    let (engine, script) = EngineHandle::scripted();
    drop(script.events);
    let result = dispatch(
        "fardrop send --json x",
        &engine,
        &Setup::default(),
        Box::new(Paper::default()),
        Box::new(Paper::default()),
    );
    assert!(result.is_err());
}

/// An engine that finds a machine on no network.
fn examining(command: &Command) -> Vec<Event> {
    match command {
        Command::Start(task, NewTask::Diagnose) => vec![
            Event::Task(*task, TaskEvent::Diagnosed(Box::default())),
            ended(Outcome::Failed),
        ],
        Command::Start(..) | Command::Task(..) | Command::Session(..) | Command::Configure(_) => {
            Vec::new()
        }
    }
}

#[test]
fn a_diagnosis_is_alone_on_stdout() {
    let human = run("fardrop doctor", Setup::default(), examining);
    assert_eq!(exit(&human), Exit::Failed);
    assert!(human.output.starts_with("You can send to nobody"));
    assert_eq!(human.messages, format!("{}\n", text::EXAMINING));

    let json = run("fardrop doctor --json", Setup::default(), examining);
    assert_eq!(exit(&json), Exit::Failed);
    assert_eq!(json.output.lines().count(), 1, "{}", json.output);
    let start = r#"{"event":"diagnosis","verdict":"nobody","#;
    assert!(json.output.starts_with(start), "{}", json.output);
    assert_eq!(json.messages, "");
}

/// An offer of two programs that would start by themselves, beside nine pictures.
fn startling() -> Event {
    let Event::Session(session, SessionEvent::Offer(plain)) = offer(0) else {
        unreachable!("it is an offer");
    };
    let concerns = Classifier::default();
    let file = EntryKind::File {
        size: 4,
        holes: 0,
        executable: true,
    };
    let concern = |path: &str| Concern {
        path: path.as_bytes().to_owned(),
        concerns: concerns.concerns(path.as_bytes(), file),
    };
    let survey = Survey {
        tops: 11,
        programs: 2,
        executable: 2,
        hidden: 2,
        starts_itself: 2,
        needs_yes: 2,
        first: vec![
            concern(".bash_profile"),
            concern(".config/autostart/\u{1b}[2Jx.desktop"),
        ],
    };
    let summary = OfferSummary {
        survey: Arc::new(survey),
        destination: Some("/home/ada/Downloads".into()),
        ..plain
    };
    Event::Session(session, SessionEvent::Offer(summary))
}

/// As [`serving`], with that offer, and its list in two parts.
fn startling_serving() -> impl FnMut(&Command) -> Vec<Event> {
    let mut rest = serving(0);
    move |command| match command {
        Command::Start(..) => vec![paired(), path(), startling()],
        Command::Session(session, SessionCommand::ShowOffer(page)) => {
            let row = OfferRow {
                index: 0,
                name: "a\u{1b}[2J.sh".to_owned(),
                folder: false,
                link: false,
                concerns: Concerns {
                    program: true,
                    ..Concerns::default()
                },
                files: 1,
                bytes: 4,
                conflict: None,
            };
            let page = SessionEvent::OfferPage {
                search: String::new(),
                matching: 2,
                first: page.first,
                rows: vec![row],
            };
            vec![Event::Session(*session, page)]
        }
        Command::Task(..) | Command::Session(..) | Command::Configure(_) => rest(command),
    }
}

#[track_caller]
fn check_consent(line: &str, typed: &'static str, expected: Option<(bool, bool)>) -> String {
    let run = run(line, Setup::typing(typed), startling_serving());
    let consent = match decision(&run) {
        Decision::Accept { consent, .. } => Some((consent.hidden, consent.programs)),
        Decision::Decline => None,
    };
    assert_eq!(consent, expected, "{line} {typed:?}");
    run.messages
}

#[test]
fn what_starts_by_itself_and_programs_need_a_yes_of_their_own() {
    let receive = "fardrop receive 417-acid-lemon";
    check_consent(receive, "y\ny\ny\n", Some((true, true)));
    check_consent(receive, "y\n\n\n", Some((false, false)));
    check_consent(receive, "y\nn\ny\n", Some((false, true)));
    check_consent(receive, "y\n", Some((false, false)));
    check_consent(receive, "\n", None);
    for (line, expected) in [
        ("--yes", (false, false)),
        ("--yes --allow-hidden", (true, false)),
        ("--yes --allow-programs", (false, true)),
        ("--yes --allow-hidden --allow-programs", (true, true)),
    ] {
        check_consent(&format!("{receive} {line}"), "", Some(expected));
    }
    let messages = check_consent(
        &format!("{receive} --allow-hidden --allow-programs"),
        "y\n",
        Some((true, true)),
    );
    assert!(!messages.contains(text::HIDDEN_PROMPT), "{messages}");
}

#[test]
fn the_offer_says_what_matters_first_and_that_there_is_more() {
    let messages = check_consent("fardrop receive 417-acid-lemon", "n\n", None);
    let at = |words: &str| {
        messages
            .find(words)
            .unwrap_or_else(|| panic!("{words}: {messages}"))
    };
    assert!(at("2 things would start by themselves") < at("offers 3 files"));
    assert!(at(".bash_profile") < at("offers 3 files"));
    assert!(at("2 names are hidden") < at("offers 3 files"));
    assert!(at("2 programs or scripts") < at("offers 3 files"));
    assert!(at("oliday") < at("and 10 more"));
    assert!(at("It goes into /home/ada/Downloads") < at(text::ACCEPT_PROMPT));
    assert!(!messages.contains('\u{1b}'), "{messages:?}");
}

#[test]
fn all_of_an_offer_is_listed_when_asked_for() {
    let messages = check_consent("fardrop receive 417-acid-lemon", "l\nl\nn\n", None);
    assert_eq!(
        messages
            .matches("[program] a\\u{1b}[2J.sh (4 bytes)")
            .count(),
        2,
        "{messages}"
    );
    assert_eq!(
        messages.matches("1 more: l again goes on").count(),
        1,
        "{messages}"
    );
    assert_eq!(
        messages.matches(text::ACCEPT_PROMPT).count(),
        3,
        "{messages}"
    );
    assert!(!messages.contains('\u{1b}'), "{messages:?}");
}

#[test]
fn json_says_what_an_offer_brings() {
    let run = run(
        "fardrop receive 417-acid-lemon --json --yes",
        Setup::default(),
        startling_serving(),
    );
    let line = run.output.lines().find(|line| line.contains(r#""offer""#));
    let line: serde_json::Value = serde_json::from_str(line.expect("an offer")).expect("JSON");
    for (field, expected) in [
        ("programs", 2),
        ("executable", 2),
        ("hidden", 2),
        ("self_starting", 2),
        ("need_yes", 2),
        ("more_top_names", 10),
    ] {
        assert_eq!(line[field], expected, "{field}: {line}");
    }
    assert_eq!(line["concerns"][0]["name"], ".bash_profile");
    assert_eq!(line["concerns"][0]["is"][0], "self-starting");
    assert_eq!(line["destination"], "/home/ada/Downloads");
}
