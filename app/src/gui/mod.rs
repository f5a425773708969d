//! The window: turns events into pictures, and what a person does into commands.
//!
//! `logic` drains the engine and the desktop into the `Model`, which knows nothing of egui; `ui` reads it
//! and returns `Action`s, and those become commands to the engine or requests to the desktop. No frame
//! blocks, hashes or touches a file. The bounds of these modules are local: they say what one window shows
//! and keeps, and no peer sees them.

mod action;
mod app;
mod model;
mod screen;
mod settings_writer;
#[cfg(test)]
mod tests;
mod theme;
mod views;
mod widgets;

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use thiserror::Error;

use crate::args::CommonArgs;
use crate::config::{Settings, download_folder};
use crate::desktop;
use crate::desktop::display::Display;
use crate::desktop::request::Desktop;
use crate::engine::{EngineHandle, Wake, start};
use crate::failure::Failure;
use crate::history;
use crate::instance::{StartRequest, StartRequests};
use crate::launch::Launch;
use crate::leftovers::LeftoversKeeper;
use crate::signals::Stop;
use crate::text;
use app::App;
use model::{Folders, Moment};
use settings_writer::SettingsWriter;

/// Size of a new window, in points.
const WINDOW_SIZE: [f32; 2] = [760.0, 620.0];

/// Smallest window, in points: a narrow phone's width.
const WINDOW_MIN: [f32; 2] = [360.0, 480.0];

/// Shortest time between two frames that nobody at this machine asked for: progress is read, not
/// watched.
const FRAME_INTERVAL: Duration = Duration::from_millis(100);

/// The shortest time after which a frame is asked for: as good as at once, to a person.
const SOON: Duration = Duration::from_millis(1);

/// Why there is no window.
#[derive(Debug, Error)]
pub enum WindowError {
    /// The system gave none: no display, or no graphics; its own error.
    #[error("{}", text::window_failed(.0))]
    System(String),
    /// There is no display at all.
    #[error("{}", text::NO_DISPLAY)]
    NoDisplay,
    /// The engine did not start.
    #[error("{}", text::failure(.0, fardrop_shared::Role::Sender))]
    Engine(Failure),
    /// The system gave no thread.
    #[error("{}", text::window_failed(&.0.to_string()))]
    Thread(#[from] io::Error),
}

/// What a window begins with.
#[derive(Debug)]
struct Opening {
    /// The running engine.
    engine: EngineHandle,
    /// What surrounds the window.
    desktop: Desktop,
    /// What shows it.
    display: Display,
    /// Writes the settings.
    settings_writer: SettingsWriter,
    /// Keeps the history; `None` where there is no place for one.
    history: Option<history::HistoryWriter>,
    /// Looks for what was received in part; `None` where nothing is remembered.
    leftovers: Option<LeftoversKeeper>,
    /// Requests of later starts.
    start_requests: Option<StartRequests>,
    /// The person's settings.
    settings: Settings,
    /// Why they are not the person's own.
    settings_problem: Option<String>,
    /// What holds for this run, over the settings.
    arguments: CommonArgs,
    /// The person's folders.
    folders: Folders,
    /// The wish to stop, raised by signals: the window closes without a question.
    stop: Stop,
    /// What the program was started for.
    start_request: StartRequest,
}

/// Shows the window until it is closed, on the thread that the process began with.
///
/// # Errors
/// When the system gives no window, or the engine does not start.
pub fn run(launch: Launch) -> Result<(), WindowError> {
    let display = Display::of_this_session(launch.settings.window.prefer_x11)
        .ok_or(WindowError::NoDisplay)?;
    let context = egui::Context::default();
    let wake = waker(&context);
    let config = launch.settings.engine_config(&launch.arguments);
    let memory = config.memory.clone();
    let engine = start(config, Arc::clone(&wake)).map_err(WindowError::Engine)?;
    let (surroundings, service) = desktop::request::channels();
    desktop::serve(service, Arc::clone(&wake))?;
    // Settings that are not understood are not written over.
    let settings_file = launch
        .settings_file
        .filter(|_| launch.settings_problem.is_none());
    let history = launch
        .history_file
        .map(|file| history::HistoryWriter::start(file, Arc::clone(&wake)))
        .transpose()?;
    let leftovers = memory
        .map(|memory| LeftoversKeeper::start(Some(memory), Arc::clone(&wake)))
        .transpose()?;
    let start_requests = launch
        .instance
        .map(|instance| instance.listen(Arc::clone(&wake)))
        .transpose()?;
    launch.stop.tell({
        let wake = Arc::clone(&wake);
        move || wake()
    });
    let opening = Opening {
        engine,
        desktop: surroundings,
        display,
        settings_writer: SettingsWriter::start(settings_file, wake)?,
        history,
        leftovers,
        start_requests,
        settings: launch.settings,
        settings_problem: launch.settings_problem.map(|error| error.to_string()),
        arguments: launch.arguments,
        folders: folders(),
        stop: launch.stop,
        start_request: launch.start_request,
    };
    show(context, opening)
}

fn show(context: egui::Context, opening: Opening) -> Result<(), WindowError> {
    let viewport = egui::ViewportBuilder::default()
        .with_title(text::APP_NAME)
        .with_app_id("fardrop")
        .with_inner_size(WINDOW_SIZE)
        .with_min_inner_size(WINDOW_MIN)
        .with_drag_and_drop(true);
    let display = opening.display;
    let options = eframe::NativeOptions {
        viewport,
        event_loop_builder: Some(Box::new(move |builder| display.choose_in(builder))),
        persist_window: false,
        // Every surface has one colour: there is nothing to smooth, and each pixel would be dearer.
        dithering: false,
        ..eframe::NativeOptions::default()
    };
    eframe::run_native_ext(
        text::APP_NAME,
        options,
        Some(context),
        Box::new(move |creation| {
            let opened = Instant::now();
            let clock = Box::new(move || Moment {
                running: opened.elapsed(),
                wall: SystemTime::now()
                    .duration_since(UNIX_EPOCH)
                    .map_or(0, |since| since.as_secs()),
            });
            Ok(Box::new(App::new(&creation.egui_ctx, opening, clock)))
        }),
    )
    .map_err(|error| WindowError::System(reason(&error.to_string())))
}

/// What whoever has something new for the window calls. It asks for a frame, and for at most ten a
/// second, the first at once.
fn waker(context: &egui::Context) -> Wake {
    let context = context.clone();
    let last: Mutex<Option<Instant>> = Mutex::new(None);
    Arc::new(move || {
        let now = Instant::now();
        let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = last.map_or(Duration::ZERO, |last| {
            FRAME_INTERVAL.saturating_sub(now.saturating_duration_since(last))
        });
        if wait.is_zero() {
            *last = Some(now);
        }
        // A frame that is asked for without any delay is drawn twice.
        context.request_repaint_after(wait.max(SOON));
    })
}

/// The folder for downloads, or the person's own where there is none. `~` means nothing to people on Windows.
fn folders() -> Folders {
    let Some(folders) = directories::UserDirs::new() else {
        return Folders {
            home: None,
            downloads: PathBuf::from("."),
            each_its_own: true,
        };
    };
    let home = folders.home_dir();
    let downloads = download_folder(Some(home), folders.download_dir());
    Folders {
        home: cfg!(unix).then(|| home.to_owned()),
        each_its_own: downloads.is_none(),
        downloads: downloads.unwrap_or_else(|| home.to_owned()),
    }
}

/// What went wrong, without the place in a library's source that winit puts before it.
fn reason(error: &str) -> String {
    let place = error.split_once("os error at ");
    let told = place.and_then(|(_, rest)| rest.split_once(": "));
    told.map_or(error, |(_, reason)| reason).to_owned()
}
