//! The window: turns events into pictures, and what a person does into commands.
//!
//! `logic` drains the engine and the desktop into the `Model`, which knows nothing of egui; `ui` reads it
//! and returns `Action`s, and those become commands to the engine or requests to the desktop. No frame
//! blocks, hashes or touches a file.

mod action;
mod app;
pub mod desktop;
mod keeper;
mod model;
#[cfg(test)]
mod tests;
mod theme;
mod views;
mod widgets;

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use thiserror::Error;

use crate::args::CommonArgs;
use crate::config::Settings;
use crate::desktop::display::Display;
use crate::engine::EngineHandle;
use crate::signals::Stop;
use crate::text;
use app::App;
use desktop::Desktop;
use keeper::Keeper;

/// Size of a new window, in points.
const WINDOW_SIZE: [f32; 2] = [760.0, 620.0];

/// Smallest window, in points: a narrow phone's width.
const WINDOW_MIN: [f32; 2] = [360.0, 480.0];

/// Shortest time between two frames that nobody at this machine asked for: progress is read, not
/// watched.
const FRAME_INTERVAL: Duration = Duration::from_millis(100);

/// Why there is no window.
#[derive(Debug, Error)]
pub enum WindowError {
    /// The system gave none: no display, or no graphics; its own error.
    #[error("{}", text::window_failed(.0))]
    System(String),
}

/// What a window begins with.
#[derive(Debug)]
pub struct Opening {
    /// The running engine.
    pub engine: EngineHandle,
    /// What surrounds the window.
    pub desktop: Desktop,
    /// What shows it.
    pub display: Display,
    /// The person's settings.
    pub settings: Settings,
    /// Where they are saved; `None` where they cannot or must not be.
    pub settings_file: Option<PathBuf>,
    /// What holds for this run, over the settings.
    pub arguments: CommonArgs,
    /// The folder for received files where the settings name none.
    pub downloads: PathBuf,
    /// The wish to stop, raised by signals: the window closes without a question.
    pub stop: Stop,
    /// Files that were named at the start, to be sent.
    pub paths: Vec<PathBuf>,
    /// A `fardrop:` link that was opened, or a code.
    pub link: Option<String>,
}

/// A window that is not shown yet, so that the engine can be given a way to wake it.
#[derive(Default)]
pub struct Window {
    context: egui::Context,
}

impl fmt::Debug for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Window").finish_non_exhaustive()
    }
}

impl Window {
    /// A window that is not shown yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What the engine and the desktop call when there is something new. It asks for a frame, and
    /// for at most ten a second, the first at once.
    pub fn wake(&self) -> Arc<dyn Fn() + Send + Sync> {
        let context = self.context.clone();
        let last: Mutex<Option<Instant>> = Mutex::new(None);
        Arc::new(move || {
            let now = Instant::now();
            let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
            let wait = last.map_or(Duration::ZERO, |last| {
                FRAME_INTERVAL.saturating_sub(now.saturating_duration_since(last))
            });
            if wait.is_zero() {
                *last = Some(now);
                context.request_repaint();
            } else {
                context.request_repaint_after(wait);
            }
        })
    }

    /// Shows the window until it is closed, on the thread that the process began with.
    ///
    /// # Errors
    /// When the system gives no window.
    pub fn run(self, opening: Opening) -> Result<(), WindowError> {
        let viewport = egui::ViewportBuilder::default()
            .with_title(text::APP_NAME)
            .with_app_id("fardrop")
            .with_inner_size(WINDOW_SIZE)
            .with_min_inner_size(WINDOW_MIN)
            .with_drag_and_drop(true);
        let display = opening.display;
        let keeper = Keeper::start(opening.settings_file.clone(), self.wake())
            .map_err(|error| WindowError::System(error.to_string()))?;
        let options = eframe::NativeOptions {
            viewport,
            event_loop_builder: Some(Box::new(move |builder| display.choose_in(builder))),
            persist_window: false,
            ..eframe::NativeOptions::default()
        };
        eframe::run_native_ext(
            text::APP_NAME,
            options,
            Some(self.context),
            Box::new(move |creation| {
                let opened = Instant::now();
                let clock = Box::new(move || opened.elapsed());
                Ok(Box::new(App::new(
                    &creation.egui_ctx,
                    opening,
                    keeper,
                    clock,
                )))
            }),
        )
        .map_err(|error| WindowError::System(reason(&error.to_string())))
    }
}

/// What went wrong, without the place in a library's source that winit puts before it.
fn reason(error: &str) -> String {
    let place = error.split_once("os error at ");
    let told = place.and_then(|(_, rest)| rest.split_once(": "));
    told.map_or(error, |(_, reason)| reason).to_owned()
}
