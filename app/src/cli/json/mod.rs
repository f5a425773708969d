//! `--json`: one object a line, `event` first. The README documents it; it is a contract.

mod line;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use fardrop_shared::Role;
use fardrop_shared::name::lossy;
use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter, Serializer};

use self::line::{ConcernLine, Line, ProvingLine};
use super::{Report, Weight};
use crate::engine::event::{
    Concern, Concerns, Event, Hidden, OfferSummary, Outcome, PathKind, Progress, Proving, Receipt,
    SessionEvent, SessionNumber, ShareEvent, TaskEvent, Transport,
};
use crate::failure::{Failure, FailureKind};
use crate::text;

/// Shortest time between two progress lines of a session.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);

/// Prints events as JSON on one stream, and what a person must see on another.
pub(super) struct Json {
    role: Role,
    output: Box<dyn Write>,
    messages: Box<dyn Write>,
    reported: BTreeMap<SessionNumber, (Instant, Progress)>,
}

impl Json {
    /// JSON on `output`, for one who sends or receives; people read `messages`.
    pub(super) fn new(role: Role, output: Box<dyn Write>, messages: Box<dyn Write>) -> Self {
        Self {
            role,
            output,
            messages,
            reported: BTreeMap::new(),
        }
    }

    fn print(&mut self, line: &Line<'_>) -> io::Result<()> {
        print_line(&mut *self.output, line)
    }
}

/// Writes one object as one line, at once.
///
/// # Errors
/// When the stream cannot be written.
pub(super) fn print_line(output: &mut dyn Write, line: &impl Serialize) -> io::Result<()> {
    let mut text = Vec::with_capacity(256);
    line.serialize(&mut Serializer::with_formatter(&mut text, Ascii))?;
    text.push(b'\n');
    output.write_all(&text)?;
    output.flush()
}

impl Report for Json {
    fn handle_event(&mut self, event: &Event) -> io::Result<()> {
        if let Event::Session(session, SessionEvent::Done { .. })
        | Event::Task(
            _,
            TaskEvent::Failed {
                session: Some(session),
                ..
            },
        ) = event
        {
            self.reported.remove(session);
        }
        if let Event::Session(session, event) = event
            && let Some(lines) = lines(*session, event)
        {
            return lines.iter().try_for_each(|line| self.print(line));
        }
        match line(self.role, event) {
            Some(line) => self.print(&line),
            None => Ok(()),
        }
    }

    fn handle_progress(
        &mut self,
        now: Instant,
        progress: &BTreeMap<SessionNumber, Progress>,
    ) -> io::Result<()> {
        for (session, progress) in progress {
            let due = self.reported.get(session).is_none_or(|(when, last)| {
                now.saturating_duration_since(*when) >= PROGRESS_INTERVAL
                    && (last.bytes, last.files, last.proving)
                        != (progress.bytes, progress.files, progress.proving)
            });
            if due {
                self.reported.insert(*session, (now, progress.clone()));
                self.print(&Line::Progress {
                    session: session.0,
                    bytes: progress.bytes,
                    total: progress.total,
                    rate: rounded(progress.rate, 10.0),
                    files: progress.files,
                    files_total: progress.files_total,
                    proving: progress
                        .proving
                        .map(|Proving { done, total }| ProvingLine { done, total }),
                })?;
            }
        }
        Ok(())
    }

    fn say(&mut self, weight: Weight, line: &str) -> io::Result<()> {
        match weight {
            Weight::Note => Ok(()),
            Weight::Needed => writeln!(self.messages, "{line}"),
        }
    }

    fn ask(&mut self, question: &str) -> io::Result<()> {
        write!(self.messages, "{question}")?;
        self.messages.flush()
    }

    fn answered(&mut self) {}
}

/// The line of an event, if it has one: a diagnosis is printed by the doctor, whose whole output it is, and a
/// command line does not ask for what else has none.
fn line(role: Role, event: &Event) -> Option<Line<'_>> {
    match event {
        Event::Task(_, event) => task_line(role, event),
        Event::Session(session, event) => session_line(*session, event),
    }
}

fn task_line(role: Role, event: &TaskEvent) -> Option<Line<'_>> {
    match event {
        TaskEvent::Share(event) => share_line(event),
        TaskEvent::NamesServer { server, known } => Some(Line::Server {
            server,
            known: *known,
        }),
        TaskEvent::Paired { session, device } => Some(Line::Paired {
            session: session.0,
            device,
        }),
        TaskEvent::Failed { session, failure } => Some(failed_line(role, *session, failure)),
        TaskEvent::Ended(outcome) => Some(ended_line(*outcome)),
        TaskEvent::Refused(_)
        | TaskEvent::Diagnosed(_)
        | TaskEvent::DiagnosedFar(_)
        | TaskEvent::RendezvousTested(_) => None,
    }
}

fn share_line(event: &ShareEvent) -> Option<Line<'_>> {
    match event {
        ShareEvent::Code(code) => Some(Line::Code {
            code: &code.spoken,
            uri: &code.uri,
        }),
        &ShareEvent::Scanned {
            files,
            bytes,
            links,
            left_out,
        } => Some(Line::Scanned {
            files,
            bytes,
            links,
            left_out: left_out.things,
            closed_folders: left_out.closed_folders,
        }),
        ShareEvent::LeftOut { name, reason } => Some(Line::LeftOut {
            session: None,
            name,
            message: text::left_out(name, reason),
        }),
        &ShareEvent::WrongGuess { attempts_left } => Some(Line::WrongGuess { attempts_left }),
        ShareEvent::Crowded => Some(Line::Crowded),
        ShareEvent::Contents(_) | ShareEvent::CodeDead(_) => None,
    }
}

fn session_line(number: SessionNumber, event: &SessionEvent) -> Option<Line<'_>> {
    let session = number.0;
    Some(match event {
        SessionEvent::Rung {
            rung,
            state,
            detail,
        } => Line::Rung {
            session,
            rung: rung.name(),
            state: state.name(),
            detail,
        },
        &SessionEvent::Path {
            kind,
            link,
            rtt,
            peer,
        } => path_line(number, kind, link, rtt, peer),
        &SessionEvent::Interrupted { kept } => Line::Interrupted {
            session,
            kept,
            reason: text::INTERRUPTED,
        },
        SessionEvent::Offer(offer) => offer_line(number, offer),
        &SessionEvent::Accepted { files, bytes } => Line::Accepted {
            session,
            files,
            bytes,
        },
        SessionEvent::Paused(by) => Line::Paused {
            session,
            by: by.name(),
        },
        SessionEvent::Resumed => Line::Resumed { session },
        SessionEvent::FileFailed { name, reason } => file_failed_line(number, name, *reason),
        SessionEvent::Refused {
            attribute,
            count,
            first,
        } => Line::Warning {
            session,
            kind: attribute.refusal(),
            count: *count,
            name: first,
            message: text::refused(*attribute, *count, first),
        },
        SessionEvent::Done { receipt, .. } => done_line(number, receipt),
        // A list has a line for each thing in it.
        SessionEvent::Renamed(_)
        | SessionEvent::Unnamed(_)
        | SessionEvent::LeftOut(_)
        | SessionEvent::OfferPage { .. } => {
            return None;
        }
    })
}

/// The lines of an event that is a list: one for each thing in it.
fn lines(session: SessionNumber, event: &SessionEvent) -> Option<Vec<Line<'_>>> {
    let session = session.0;
    if let SessionEvent::Renamed(renamed) = event {
        let lines = renamed.first.iter().map(|renaming| Line::Renamed {
            session,
            name: &renaming.name,
            place: &renaming.place,
        });
        Some(lines.collect())
    } else if let SessionEvent::Unnamed(unnamed) = event {
        let lines = unnamed.first.iter();
        let lines = lines.map(|name| Line::Unnamed { session, name });
        Some(lines.collect())
    } else if let SessionEvent::LeftOut(left_out) = event {
        let lines = left_out.first.iter().map(|left_out| Line::LeftOut {
            session: Some(session),
            name: &left_out.name,
            message: text::left_out_there_cause(left_out.reason).to_owned(),
        });
        Some(lines.collect())
    } else {
        None
    }
}

fn path_line(
    session: SessionNumber,
    kind: PathKind,
    link: Transport,
    rtt: Duration,
    peer: SocketAddr,
) -> Line<'static> {
    Line::Path {
        session: session.0,
        kind: kind.name(),
        link: link.name(),
        rtt_ms: rounded(rtt.as_secs_f64() * 1000.0, 10.0),
        peer: peer.to_string(),
    }
}

fn offer_line(session: SessionNumber, offer: &OfferSummary) -> Line<'_> {
    let survey = &offer.survey;
    let destination = offer.destination.as_ref();
    Line::Offer {
        session: session.0,
        files: offer.files,
        bytes: offer.bytes,
        folders: offer.folders,
        links: offer.links,
        kept: offer.kept,
        conflicts: offer.conflicts,
        unnamed: offer.unnamed,
        free: offer.free,
        left_out: offer.left_out.things,
        closed_folders: offer.left_out.closed_folders,
        programs: survey.programs.into(),
        executable: survey.executable.into(),
        hidden: survey.hidden.into(),
        self_starting: survey.starts_itself.into(),
        need_yes: survey.needs_yes.into(),
        concerns: survey.first.iter().map(concern_line).collect(),
        destination: destination.map(|destination| destination.to_string_lossy()),
        top_names: &offer.top_names,
        more_top_names: u64::from(survey.tops).saturating_sub(offer.top_names.len() as u64),
    }
}

fn concern_line(concern: &Concern) -> ConcernLine<'_> {
    let Concerns {
        program,
        hidden,
        starts_itself,
    } = concern.concerns;
    let is = [
        (starts_itself, "self-starting"),
        (hidden != Hidden::No, "hidden"),
        (program, "program"),
    ];
    ConcernLine {
        name: lossy(&concern.path),
        is: is
            .iter()
            .filter(|(is, _)| *is)
            .map(|(_, name)| *name)
            .collect(),
    }
}

fn file_failed_line(session: SessionNumber, name: &str, reason: FailureKind) -> Line<'_> {
    Line::FileFailed {
        session: session.0,
        name,
        kind: reason.general().name(),
        reason: reason.reason(),
        message: text::file_failed(name, reason),
    }
}

fn done_line(session: SessionNumber, receipt: &Receipt) -> Line<'static> {
    Line::Done {
        session: session.0,
        files: receipt.files,
        bytes: receipt.bytes,
        sent: receipt.sent,
        resumed: receipt.resumed,
        seconds: rounded(receipt.elapsed.as_secs_f64(), 1000.0),
        kind: receipt.kind.name(),
        link: receipt.link.name(),
        failed_files: receipt.failed_files,
        renamed: receipt.renamed,
        left_out: receipt.left_out.things,
        closed_folders: receipt.left_out.closed_folders,
    }
}

fn failed_line(role: Role, session: Option<SessionNumber>, failure: &Failure) -> Line<'static> {
    Line::Failed {
        session: session.map(|session| session.0),
        stage: failure.stage.name(),
        kind: failure.kind.general().name(),
        reason: failure.kind.reason(),
        retry: failure.kind.worth_retrying(),
        message: text::failure(failure, role),
    }
}

const fn ended_line(outcome: Outcome) -> Line<'static> {
    Line::Ended {
        outcome: match outcome {
            Outcome::Succeeded => "succeeded",
            Outcome::Failed => "failed",
            Outcome::Interrupted => "interrupted",
        },
    }
}

/// A number that JSON can hold, with as many decimals as mean something.
pub(super) fn rounded(number: f64, scale: f64) -> f64 {
    if number.is_finite() {
        (number * scale).round() / scale
    } else {
        0.0
    }
}

/// Writes everything outside printable ASCII as `\u` escapes: a name from a peer keeps its exact
/// value and still cannot steer a terminal that shows the line.
struct Ascii;

impl Formatter for Ascii {
    fn write_string_fragment<W>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()>
    where
        W: ?Sized + Write,
    {
        for letter in fragment.chars() {
            if letter == ' ' || letter.is_ascii_graphic() {
                CompactFormatter.write_string_fragment(writer, letter.encode_utf8(&mut [0; 4]))?;
            } else {
                for unit in letter.encode_utf16(&mut [0; 2]) {
                    write!(writer, "\\u{unit:04x}")?;
                }
            }
        }
        Ok(())
    }
}
