//! What people read: lines of text, and a bar for each receiver where there is a terminal.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::{Duration, Instant};

use fardrop_shared::Role;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use zeroize::Zeroizing;

use super::{Report, Streams, Weight};
use crate::engine::event::{
    Event, Listed, PathKind, Progress, SessionEvent, SessionNumber, ShareEvent, ShownCode,
    TaskEvent, Transport,
};
use crate::text;

/// Shortest time between two lines about one session where there is no terminal for a bar.
const LINE_INTERVAL: Duration = Duration::from_secs(5);

/// Bold on a terminal, and back.
const BOLD: (&str, &str) = ("\u{1b}[1m", "\u{1b}[0m");

/// Things of a list that are shown unless all are asked for. Local: one screen has room for them.
const LISTED: u64 = 10;

/// How much is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verbosity {
    /// Everything, however long the list.
    Lists,
    /// Everything, of long lists the beginning.
    Full,
    /// The code and errors.
    Errors,
}

/// Prints events for people.
pub(super) struct Human {
    role: Role,
    verbosity: Verbosity,
    streams: Streams,
    bars: MultiProgress,
    sessions: BTreeMap<SessionNumber, View>,
    /// The last line is a question that nobody has answered.
    asking: bool,
    /// Things left out since the files were last looked through.
    left_out: u64,
    /// The code that was shown, as it is read out.
    spoken: Zeroizing<String>,
}

/// One session on the screen.
#[derive(Default)]
struct View {
    device: String,
    path: Option<(PathKind, Transport)>,
    bar: Option<ProgressBar>,
    last_line: Option<Instant>,
}

impl Human {
    /// Text on `streams`, for one who sends or receives.
    pub(super) fn new(role: Role, verbosity: Verbosity, streams: Streams) -> Self {
        Self {
            role,
            verbosity,
            streams,
            bars: MultiProgress::new(),
            sessions: BTreeMap::new(),
            asking: false,
            left_out: 0,
            spoken: Zeroizing::default(),
        }
    }

    fn print(&mut self, line: &str) -> io::Result<()> {
        let line = self.fitted(line);
        let gap = if std::mem::take(&mut self.asking) {
            "\n"
        } else {
            ""
        };
        let messages = &mut self.streams.messages;
        self.bars.suspend(|| writeln!(messages, "{gap}{line}"))
    }

    /// `line`, broken between words where the terminal would break it anywhere.
    fn fitted(&self, line: &str) -> String {
        match self.streams.message_columns {
            Some(columns) => text::wrapped(line, columns.into()),
            None => line.to_owned(),
        }
    }

    fn note(&mut self, line: &str) -> io::Result<()> {
        self.say(Weight::Note, line)
    }

    /// The code: large for people, and alone on standard output for whatever reads that. What is read out
    /// is shown once.
    fn show_code(&mut self, code: &ShownCode) -> io::Result<()> {
        let on_screen = self.streams.messages_are_terminal && self.verbosity != Verbosity::Errors;
        if !on_screen || !self.streams.output_is_terminal {
            let whole = code.with_server.as_ref().unwrap_or(&code.spoken);
            writeln!(self.streams.output, "{whole}")?;
            self.streams.output.flush()?;
        }
        if *self.spoken == code.spoken {
            for line in text::code_elsewhere(code) {
                self.note(&line)?;
            }
            return Ok(());
        }
        self.spoken = Zeroizing::new(code.spoken.clone());
        if on_screen {
            for line in text::code_box(code) {
                self.print(&format!("{}{line}{}", BOLD.0, BOLD.1))?;
            }
        }
        for line in text::code_help(code) {
            self.note(&line)?;
        }
        Ok(())
    }

    /// A list under its heading: its beginning, or all of it that is known.
    fn note_list<T>(
        &mut self,
        heading: &str,
        listed: &Listed<T>,
        line: impl Fn(&T) -> String,
    ) -> io::Result<()> {
        if listed.count == 0 {
            return Ok(());
        }
        self.note(heading)?;
        let limit = usize::try_from(self.list_limit()).unwrap_or(usize::MAX);
        let shown = listed.first.len().min(limit);
        for item in &listed.first[..shown] {
            self.note(&line(item))?;
        }
        let more = listed.count.saturating_sub(shown as u64);
        if more > 0 {
            self.note(&text::list_goes_on(more, shown < listed.first.len()))?;
        }
        Ok(())
    }

    /// How many things of a list are shown.
    const fn list_limit(&self) -> u64 {
        match self.verbosity {
            Verbosity::Lists => u64::MAX,
            Verbosity::Full | Verbosity::Errors => LISTED,
        }
    }

    /// Takes a session's bar off the screen.
    fn clear(&mut self, session: SessionNumber) {
        if let Some(view) = self.sessions.remove(&session)
            && let Some(bar) = view.bar
        {
            bar.finish_and_clear();
        }
    }

    fn device(&self, session: SessionNumber) -> String {
        self.sessions
            .get(&session)
            .map_or_else(String::new, |view| view.device.clone())
    }

    fn handle_task_event(&mut self, event: &TaskEvent) -> io::Result<()> {
        match event {
            TaskEvent::Share(event) => self.handle_share_event(event),
            TaskEvent::NamesServer { known: true, .. } => Ok(()),
            TaskEvent::NamesServer { server, .. } => {
                self.say(Weight::Needed, &text::names_server(server))
            }
            TaskEvent::Paired { session, device } => {
                self.sessions
                    .entry(*session)
                    .or_default()
                    .device
                    .clone_from(device);
                self.note(&text::paired(device))
            }
            TaskEvent::Failed { session, failure } => {
                if let Some(session) = session {
                    self.clear(*session);
                }
                self.print(&text::failure(failure, self.role))
            }
            TaskEvent::Ended(outcome) => match text::ended(*outcome) {
                Some(line) => self.note(line),
                None => Ok(()),
            },
            // A diagnosis is shown by the doctor, whose whole output it is.
            TaskEvent::Diagnosed(_) | TaskEvent::DiagnosedFar(_) => Ok(()),
            // What a command line does not ask for.
            TaskEvent::Refused(_) | TaskEvent::RendezvousTested(_) => Ok(()),
        }
    }

    fn handle_share_event(&mut self, event: &ShareEvent) -> io::Result<()> {
        match event {
            ShareEvent::Code(code) => self.show_code(code),
            &ShareEvent::Scanned {
                files,
                bytes,
                links,
                left_out,
            } => {
                let listed = std::mem::take(&mut self.left_out).min(self.list_limit());
                let more = left_out.things.saturating_sub(listed);
                if more > 0 {
                    self.print(&text::left_out_more(more))?;
                }
                self.note(&text::scanned(files, bytes, links, left_out))
            }
            ShareEvent::LeftOut { name, reason } => {
                self.left_out += 1;
                if self.left_out <= self.list_limit() {
                    self.print(&text::left_out(name, reason))?;
                }
                Ok(())
            }
            &ShareEvent::WrongGuess { attempts_left } => {
                self.print(&text::wrong_guess(attempts_left))
            }
            ShareEvent::Crowded => self.print(text::CROWDED),
            // What a command line does not ask for.
            ShareEvent::Contents(_) | ShareEvent::CodeDead(_) => Ok(()),
        }
    }

    fn handle_session_event(
        &mut self,
        session: SessionNumber,
        event: &SessionEvent,
    ) -> io::Result<()> {
        match event {
            &SessionEvent::Path {
                kind, link, rtt, ..
            } => {
                self.sessions.entry(session).or_default().path = Some((kind, link));
                self.note(&text::path(kind, link, rtt))
            }
            SessionEvent::LeftOut(left_out) => {
                self.note_list(text::LEFT_OUT_BY_SENDER, left_out, text::left_out_there)
            }
            SessionEvent::Renamed(renamed) => {
                self.note_list(&text::renamed(renamed.count), renamed, text::renaming)
            }
            SessionEvent::Unnamed(unnamed) => {
                let line = |path: &String| text::unnamed_line(path);
                self.note_list(&text::unnamed(unnamed.count), unnamed, line)
            }
            SessionEvent::Interrupted { kept } => self.note(&text::interrupted(*kept)),
            SessionEvent::Paused(by) => self.note(text::paused(*by)),
            SessionEvent::Resumed => self.note(text::RESUMED),
            SessionEvent::FileFailed { name, reason } => {
                self.print(&text::file_failed(name, *reason))
            }
            SessionEvent::Refused {
                attribute,
                count,
                first,
            } => self.print(&text::refused(*attribute, *count, first)),
            SessionEvent::Done { receipt, .. } => {
                let device = self.device(session);
                self.clear(session);
                let weight = if receipt.failed_files == 0 && receipt.left_out.is_none() {
                    Weight::Note
                } else {
                    Weight::Needed
                };
                let line = match self.role {
                    Role::Sender => text::done_sending(&device, receipt),
                    Role::Receiver => text::done_receiving(receipt),
                };
                self.say(weight, &line)
            }
            // The ladder is logged; an offer is shown by whoever asks about it.
            SessionEvent::Rung { .. }
            | SessionEvent::Offer(_)
            | SessionEvent::OfferPage { .. }
            | SessionEvent::Accepted { .. } => Ok(()),
        }
    }
}

impl Report for Human {
    fn handle_event(&mut self, event: &Event) -> io::Result<()> {
        match event {
            Event::Task(_, event) => self.handle_task_event(event),
            Event::Session(session, event) => self.handle_session_event(*session, event),
        }
    }

    fn handle_progress(
        &mut self,
        now: Instant,
        progress: &BTreeMap<SessionNumber, Progress>,
    ) -> io::Result<()> {
        if self.verbosity == Verbosity::Errors {
            return Ok(());
        }
        for (session, progress) in progress {
            // A session that has ended may still be on the board for a moment.
            let Some(view) = self.sessions.get_mut(session) else {
                continue;
            };
            if self.streams.messages_are_terminal {
                let line = progress_line(self.role, view, progress);
                let bar = view.bar.get_or_insert_with(|| self.bars.add(new_bar()));
                bar.set_length(progress.total);
                bar.set_position(progress.bytes);
                bar.set_message(line);
            } else {
                let due = view
                    .last_line
                    .is_none_or(|last| now.saturating_duration_since(last) >= LINE_INTERVAL);
                if due {
                    view.last_line = Some(now);
                    let line = progress_line(self.role, view, progress);
                    writeln!(self.streams.messages, "{line}")?;
                }
            }
        }
        Ok(())
    }

    fn say(&mut self, weight: Weight, line: &str) -> io::Result<()> {
        match (weight, self.verbosity) {
            (Weight::Note, Verbosity::Errors) => Ok(()),
            (Weight::Note, Verbosity::Full | Verbosity::Lists) | (Weight::Needed, _) => {
                self.print(line)
            }
        }
    }

    fn ask(&mut self, question: &str) -> io::Result<()> {
        let question = self.fitted(question);
        self.asking = true;
        write!(self.streams.messages, "{question}")?;
        self.streams.messages.flush()
    }

    fn answered(&mut self) {
        self.asking = false;
    }
}

fn new_bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:20} {percent:>3}%  {wide_msg}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(0).with_style(style)
}

fn progress_line(role: Role, view: &View, progress: &Progress) -> String {
    let mut line = String::new();
    // The receiver has one sender; a sender may have many receivers.
    if role == Role::Sender {
        line.push_str(&text::name(&view.device));
        line.push_str(": ");
    }
    line.push_str(&text::progress(progress));
    if let Some(proving) = progress.proving {
        line.push_str(", ");
        line.push_str(&text::proving(role, proving));
    }
    if let Some((kind, link)) = view.path {
        line.push_str(", ");
        line.push_str(text::rung(kind));
        line.push_str(", ");
        line.push_str(text::link(link));
    }
    line
}
