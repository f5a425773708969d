//! The window without a display: a scripted engine and a scripted desktop on one side, the accessibility
//! tree on the other. Things are found by what they are called, never by where they are.

mod concerns;
mod flows;
mod font;
mod hostile;
mod keyboard;
mod leftovers;
mod letters;
mod looks;
mod paint;
mod picker;
mod presses;
mod rest;
mod states;

use std::cell::Cell;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser as _;
use egui::Key;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use egui_kittest::{Harness, Node};

use super::Opening;
use super::app::App;
use super::model::{Folders, Moment};
use super::settings_writer::SettingsWriter;
use crate::args::Cli;
use crate::config::{Settings, Theme, WindowSettings};
use crate::desktop::display::Display;
use crate::desktop::request::{self, DesktopRequest, DesktopService};
use crate::engine::EngineHandle;
use crate::engine::command::Command;
use crate::engine::event::{Event, Progress, SessionNumber};
use crate::engine::handle::Script;
use crate::instance::StartRequest;
use crate::signals::Stop;

/// A window, and all that surrounds it, in the hands of a test.
pub(super) struct Desk {
    // Goes before the window, which waits for the engine's end.
    engine: Script,
    harness: Harness<'static, App>,
    desktop: DesktopService,
    now: Rc<Cell<Duration>>,
}

/// How a window of a test is.
#[derive(Debug, Clone)]
pub(super) struct Look {
    size: [f32; 2],
    percent: u16,
    theme: Theme,
    pixels: f32,
}

impl Desk {
    fn new(look: &Look, settings: Settings) -> Self {
        let (handle, engine) = EngineHandle::scripted();
        let (desktop, service) = request::channels();
        let now = Rc::new(Cell::new(Duration::ZERO));
        let clock = Rc::clone(&now);
        let settings = Settings {
            window: WindowSettings {
                theme: look.theme,
                text_percent: look.percent,
                ..settings.window.clone()
            },
            ..settings
        };
        let opening = Opening {
            engine: handle,
            desktop,
            display: Display::X11,
            settings_writer: SettingsWriter::start(None, Arc::new(|| {})).expect("a thread"),
            history: None,
            leftovers: None,
            start_requests: None,
            settings,
            settings_problem: None,
            arguments: Cli::parse_from(["fardrop"]).common,
            folders: Folders {
                home: Some(PathBuf::from("/home/ada")),
                downloads: PathBuf::from("/home/ada/Downloads"),
                each_its_own: false,
            },
            stop: Stop::default(),
            start_request: StartRequest::default(),
        };
        let harness = Harness::builder()
            .with_size(look.size)
            .with_pixels_per_point(look.pixels)
            .with_theme(match look.theme {
                Theme::Dark => egui::Theme::Dark,
                Theme::Light | Theme::System => egui::Theme::Light,
            })
            .renderer(paint::Painter::default())
            .with_render_cursor(false)
            .build_eframe(move |creation| {
                let clock = Box::new(move || Moment {
                    running: clock.get(),
                    wall: 1_700_000_000 + clock.get().as_secs(),
                });
                App::new(&creation.egui_ctx, opening, clock)
            });
        let first = service.requests.try_recv();
        assert_eq!(first, Ok(DesktopRequest::FollowLooks));
        Self {
            harness,
            engine,
            desktop: service,
            now,
        }
    }
}

impl Desk {
    /// The window as it opens on most screens.
    fn usual() -> Self {
        Self::new(&Look::usual(), Settings::default())
    }

    /// The engine says something.
    #[track_caller]
    fn tell(&self, event: Event) {
        self.engine.events.send(event).expect("the window listens");
    }

    /// Frames are drawn until nothing is asked for any more. Fails if that does not come to an end.
    fn run(&mut self) {
        self.harness.run();
    }

    /// Time passes, and a frame is drawn.
    fn pass(&mut self, time: Duration) {
        self.now.set(self.now.get() + time);
        self.harness.step();
    }

    /// A session is so far.
    fn progress(&mut self, session: u64, progress: Progress) {
        self.engine
            .progress
            .lock()
            .expect("nobody panicked")
            .insert(SessionNumber(session), progress);
        self.harness.step();
    }

    /// What the window has asked of the engine since the last call.
    fn asked(&mut self) -> Vec<Command> {
        let mut asked = Vec::new();
        while let Ok(command) = self.engine.commands.try_recv() {
            asked.push(command);
        }
        asked
    }

    /// What it has asked of the desktop since the last call.
    fn requested(&self) -> Vec<DesktopRequest> {
        self.desktop.requests.try_iter().collect()
    }

    /// Presses what is called so.
    #[track_caller]
    fn click(&mut self, label: &str) {
        // As a screen reader does it: what is scrolled out of sight can be pressed too.
        self.harness.get_by_label(label).click_accesskit();
        self.run();
    }

    /// Presses a key.
    fn press(&mut self, key: Key) {
        self.harness.key_press(key);
        self.run();
    }

    /// Presses Tab until what is called so has the focus. Fails if it never has.
    #[track_caller]
    fn tab_to(&mut self, label: &str) {
        for _ in 0..60 {
            if self.focused().as_deref() == Some(label) {
                return;
            }
            self.press(Key::Tab);
        }
        panic!("{label} never gets the focus");
    }

    /// What has the focus.
    fn focused(&self) -> Option<String> {
        self.nodes()
            .into_iter()
            .find(|node| node.accesskit_node().is_focused())
            .map(|node| name_of(&node))
    }

    /// Types into what has the focus.
    fn type_text(&mut self, text: &str) {
        self.harness.event(egui::Event::Text(text.to_owned()));
        self.run();
    }

    /// Whether something says that.
    fn says(&self, part: &str) -> bool {
        self.nodes().iter().any(|node| name_of(node).contains(part))
    }

    fn nodes(&self) -> Vec<Node<'_>> {
        self.harness.root().children_recursive().collect()
    }

    /// How long the window wants to be left alone.
    fn rests(&self) -> Duration {
        self.harness
            .output()
            .viewport_output
            .get(&egui::ViewportId::ROOT)
            .expect("a window")
            .repaint_delay
    }
}

impl Look {
    fn usual() -> Self {
        Self {
            size: [760.0, 620.0],
            percent: 100,
            theme: Theme::Light,
            pixels: 1.0,
        }
    }
}

/// What a node is called: its label, or what stands in it.
fn name_of(node: &Node<'_>) -> String {
    let node = node.accesskit_node();
    node.label().or_else(|| node.value()).unwrap_or_default()
}
