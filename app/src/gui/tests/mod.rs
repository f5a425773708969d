//! The window without a display: a scripted engine and a scripted desktop on one side, the accessibility
//! tree on the other. Things are found by what they are called, never by where they are.

mod paint;

use std::cell::Cell;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser as _;
use egui_kittest::Harness;

use super::Opening;
use super::app::App;
use super::desktop::{self, DesktopService};
use super::keeper::Keeper;
use super::model::Moment;
use crate::args::Cli;
use crate::config::{Settings, Theme, WindowSettings};
use crate::desktop::display::Display;
use crate::engine::EngineHandle;
use crate::engine::handle::Script;
use crate::instance::Errand;
use crate::signals::Stop;

/// A window, and all that surrounds it, in the hands of a test.
pub(super) struct Desk {
    harness: Harness<'static, App>,
    engine: Script,
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
        let (desktop, service) = desktop::channels();
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
            keeper: Keeper::start(None, Arc::new(|| {})).expect("a thread"),
            history: None,
            errands: None,
            settings,
            settings_problem: None,
            arguments: Cli::parse_from(["fardrop"]).common,
            downloads: PathBuf::from("/home/ada/Downloads"),
            stop: Stop::default(),
            errand: Errand::default(),
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
        Self {
            harness,
            engine,
            desktop: service,
            now,
        }
    }
}

#[test]
fn first_picture() {
    for (theme, name) in [(Theme::Light, "light"), (Theme::Dark, "dark")] {
        let look = Look {
            size: [760.0, 620.0],
            percent: 100,
            theme,
            pixels: 1.0,
        };
        let mut desk = Desk::new(&look, Settings::default());
        desk.harness.run();
        let picture = desk.harness.render().expect("a picture");
        picture
            .save(format!("/tmp/shot-{name}.png"))
            .expect("saved");
    }
}
