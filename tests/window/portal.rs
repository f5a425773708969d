//! A portal that says how the desktop looks, and a window that follows it.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use x11rb::protocol::xproto::{ConnectionExt as _, ImageFormat};
use zbus::blocking::Connection;
use zbus::blocking::connection::Builder;
use zbus::zvariant::Value;

use super::figures::Pictures;
use super::instance::{Instance, Person, Stage};
use super::on_a_desktop;
use super::screen::{PATIENCE, Screen};

const PLACE: &str = "/org/freedesktop/portal/desktop";
const GROUP: &str = "org.freedesktop.appearance";
const SCHEME: &str = "color-scheme";

/// Colour schemes, as portals number them.
const DARK: u32 = 1;
const LIGHT: u32 = 2;

/// The part of a portal that knows settings.
struct Settings;

#[zbus::interface(name = "org.freedesktop.portal.Settings")]
impl Settings {
    /// The settings of these groups; a portal may hand on groups that it knows nothing of.
    fn read_all(&self, groups: Vec<String>) -> HashMap<String, HashMap<String, Value<'_>>> {
        groups
            .into_iter()
            .map(|group| (group, HashMap::from([(SCHEME.to_owned(), DARK.into())])))
            .collect()
    }
}

/// Serves a dark desktop until it is dropped.
fn portal(screen: &Screen) -> Result<Connection> {
    Ok(Builder::address(screen.bus())?
        .serve_at(PLACE, Settings)?
        .name("org.freedesktop.portal.Desktop")?
        .build()?)
}

#[test]
fn a_window_is_as_dark_as_the_desktop_and_follows_it() -> Result<()> {
    on_a_desktop(|stage| {
        let portal = portal(stage.screen)?;
        let ada = Instance::start(stage, Person::Ada, &[])?;
        wait_for(stage, &ada, "dark", |ground| ground < 0x40)?;
        portal.emit_signal(
            None::<&str>,
            PLACE,
            "org.freedesktop.portal.Settings",
            "SettingChanged",
            &(GROUP, SCHEME, Value::from(LIGHT)),
        )?;
        wait_for(stage, &ada, "light", |ground| ground > 0xc0)
    })
}

/// Waits until the ground of a window, at its lower left corner, is as bright as `right` wants it.
fn wait_for(
    stage: &Stage<'_>,
    window: &Instance<'_>,
    what: &str,
    right: impl Fn(u8) -> bool,
) -> Result<()> {
    let pictures = Pictures::of(stage.screen, window)?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        let x = &stage.screen.x;
        let size = x.get_geometry(window.window)?.reply()?;
        let bottom = i16::try_from(size.height)? - 2;
        let format = ImageFormat::Z_PIXMAP;
        let pixel = x
            .get_image(format, window.window, 1, bottom, 1, 1, u32::MAX)?
            .reply()?;
        if pixel.data.first().is_some_and(|blue| right(*blue)) {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "never {what}");
        // The next picture may be another one.
        let soon = Duration::from_millis(250);
        pictures.count(soon, soon)?;
    }
}
