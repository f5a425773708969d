//! Pictures of every screen, light and dark, at one and at two pixels a point: `tests/screenshots.sh`.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use x11rb::protocol::xproto::{ConnectionExt as _, ImageFormat};
use x11rb::wrapper::ConnectionExt as _;

use super::accessible::Role;
use super::figures::Pictures;
use super::input::Key;
use super::instance::{Instance, Person, Stage};
use super::on_a_desktop;
use super::transfer::{LARGE, code, make_file};

/// Where the pictures go.
const FOLDER_VARIABLE: &str = "FARDROP_SCREENSHOTS";

/// A new window's size, in points.
const SIZE: (u32, u32) = (760, 620);

/// How everything looks.
#[derive(Clone, Copy)]
struct Look {
    theme: &'static str,
    scale: u32,
}

impl Look {
    fn instance<'a>(self, stage: &'a Stage<'a>, person: Person) -> Result<Instance<'a>> {
        let settings = stage.screen.folder()?.join("settings.ron");
        fs::write(&settings, format!("(window: (theme: {}))", self.theme))?;
        let instance = Instance::start_with(stage, person, &[], |command| {
            command.env("FARDROP_CONFIG", &settings);
            command.env("WINIT_X11_SCALE_FACTOR", self.scale.to_string());
            Ok(())
        })?;
        let left = if person == Person::Ada { 0 } else { 1650 };
        instance.place(left, 0, SIZE.0 * self.scale, SIZE.1 * self.scale)?;
        Ok(instance)
    }

    fn picture(self, stage: &Stage<'_>, window: &Instance<'_>, name: &str) -> Result<()> {
        let folder = PathBuf::from(std::env::var_os(FOLDER_VARIABLE).context("no folder named")?);
        let name = format!("{name}-{}-{}x.ppm", self.theme.to_lowercase(), self.scale);
        // Whatever still moves comes to rest, but what is pictured in mid-transfer never does.
        Pictures::of(stage.screen, window)?
            .count(Duration::from_millis(150), Duration::from_millis(600))?;
        save(stage, window, &folder.join(name))
    }
}

#[test]
#[ignore = "it tests nothing: tests/screenshots.sh runs it"]
fn every_screen() -> Result<()> {
    for theme in ["Light", "Dark"] {
        for scale in [1, 2] {
            on_a_desktop(|stage| tour(stage, Look { theme, scale }))?;
        }
    }
    Ok(())
}

fn tour(stage: &Stage<'_>, look: Look) -> Result<()> {
    let ada = look.instance(stage, Person::Ada)?;
    let bob = look.instance(stage, Person::Bob)?;
    look.picture(stage, &ada, "home")?;
    let named = belongings(&ada)?;
    let named: Vec<&Path> = named.iter().map(AsRef::as_ref).collect();
    ada.drop_files(&named)?;
    let code = code(&ada)?;
    ada.read("Lisbon")?;
    look.picture(stage, &ada, "share")?;
    let (typed, rest) = code.split_at(code.len() - 2);
    bob.type_text(typed)?;
    look.picture(stage, &bob, "code")?;
    bob.type_text(rest)?;
    // Not the button, which a reader of the screen might press before all letters have arrived.
    bob.tap(Key::Enter)?;
    bob.find(Role::BUTTON, "Accept")?;
    bob.read("Contract")?;
    look.picture(stage, &bob, "offer")?;
    bob.press("Accept")?;
    bob.read("Transferring")?;
    look.picture(stage, &bob, "moving")?;
    bob.press("Pause")?;
    ada.read("Paused by Bob")?;
    look.picture(stage, &ada, "paused")?;
    bob.press("Resume")?;
    bob.read("verified on this disk")?;
    look.picture(stage, &bob, "done")?;
    for tab in ["History", "Network", "Settings", "About"] {
        let part = bob.find(Role::TAB, tab)?;
        stage.reader.press(&part)?;
        look.picture(stage, &bob, &tab.to_lowercase())?;
    }
    Ok(())
}

/// What Ada sends: names as people have them, and a film that takes a while.
fn belongings(ada: &Instance<'_>) -> Result<Vec<PathBuf>> {
    let trip = ada.home("Lisbon");
    fs::create_dir_all(&trip)?;
    for picture in 1..=8 {
        let file = trip.join(format!("2026-05-{picture:02}.jpg"));
        fs::File::create(file)?.set_len(2_300_000 + picture * 170_000)?;
    }
    let mut named = vec![trip];
    for (name, size) in [
        ("Contract, signed.pdf", 1_840_000),
        ("Zo\u{eb}\u{2019}s cello.flac", 31_200_000),
        (
            "\u{39f}\u{3b4}\u{3cd}\u{3c3}\u{3c3}\u{3b5}\u{3b9}\u{3b1}.epub",
            912_000,
        ),
        ("The crossing, uncut.mkv", LARGE),
    ] {
        let file = ada.home(name);
        make_file(&file, size)?;
        named.push(file);
    }
    Ok(named)
}

/// Saves what a window shows, as a PPM: three bytes a pixel after three lines.
fn save(stage: &Stage<'_>, window: &Instance<'_>, file: &Path) -> Result<()> {
    let x = &stage.screen.x;
    x.sync()?;
    let size = x.get_geometry(window.window)?.reply()?;
    let (width, height) = (size.width, size.height);
    let image = x
        .get_image(
            ImageFormat::Z_PIXMAP,
            window.window,
            0,
            0,
            width,
            height,
            u32::MAX,
        )?
        .reply()?;
    ensure!(
        image.data.len() == usize::from(width) * usize::from(height) * 4,
        "not 4 bytes a pixel"
    );
    let mut picture = format!("P6\n{width} {height}\n255\n").into_bytes();
    for pixel in image.data.chunks_exact(4) {
        picture.extend([pixel[2], pixel[1], pixel[0]]);
    }
    Ok(fs::write(file, picture)?)
}
