//! A keyboard and a pointer that press what a person would: events come from the X server, and the
//! window cannot tell them from real ones.

use std::collections::HashMap;

use anyhow::{Context, Result};
use x11rb::connection::Connection as _;
use x11rb::protocol::xproto::{
    BUTTON_PRESS_EVENT, BUTTON_RELEASE_EVENT, ConfigureWindowAux, ConnectionExt as _, InputFocus,
    KEY_PRESS_EVENT, KEY_RELEASE_EVENT, MOTION_NOTIFY_EVENT, StackMode, Window,
};
use x11rb::protocol::xtest::ConnectionExt as _;
use x11rb::wrapper::ConnectionExt as _;

use super::screen::Screen;

/// Keys that letters do not name, by their keysyms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Key {
    /// Does what has the focus.
    Enter = 0xff0d,
    /// Held for the other meaning of a key.
    Shift = 0xffe1,
    /// Held for a command.
    Control = 0xffe3,
}

/// A keyboard of the layout that the X server has.
pub(crate) struct Keyboard<'a> {
    screen: &'a Screen,
    /// Which key, and whether with Shift, makes a keysym.
    keys: HashMap<u32, (u8, bool)>,
}

impl<'a> Keyboard<'a> {
    /// Reads the layout.
    pub(crate) fn new(screen: &'a Screen) -> Result<Self> {
        let setup = screen.x.setup();
        let (first, last) = (setup.min_keycode, setup.max_keycode);
        let mapping = screen
            .x
            .get_keyboard_mapping(first, last - first + 1)?
            .reply()?;
        let mut keys = HashMap::new();
        let width = usize::from(mapping.keysyms_per_keycode);
        for (key, symbols) in (first..=last).zip(mapping.keysyms.chunks(width)) {
            for (symbol, shifted) in symbols.iter().take(2).zip([false, true]) {
                keys.entry(*symbol).or_insert((key, shifted));
            }
        }
        Ok(Self { screen, keys })
    }

    /// Lets a window have what is typed from now on, and puts it before the others.
    pub(crate) fn face(&self, window: Window) -> Result<()> {
        let x = &self.screen.x;
        x.configure_window(
            window,
            &ConfigureWindowAux::new().stack_mode(StackMode::ABOVE),
        )?;
        x.set_input_focus(InputFocus::PARENT, window, x11rb::CURRENT_TIME)?;
        Ok(x.sync()?)
    }

    /// Types a text of ASCII.
    pub(crate) fn type_text(&self, text: &str) -> Result<()> {
        for letter in text.chars() {
            self.stroke(u32::from(letter))
                .with_context(|| format!("no key makes {letter:?}"))?;
        }
        Ok(())
    }

    /// Presses and releases a key.
    pub(crate) fn tap(&self, key: Key) -> Result<()> {
        self.stroke(key as u32)
    }

    /// Presses and releases a key while another is held.
    pub(crate) fn tap_with(&self, held: Key, key: char) -> Result<()> {
        self.with(held, || self.stroke(u32::from(key)))
    }

    fn stroke(&self, symbol: u32) -> Result<()> {
        let (key, shifted) = *self.keys.get(&symbol).context("not on this keyboard")?;
        let tap = || {
            self.screen.send(KEY_PRESS_EVENT, key)?;
            self.screen.send(KEY_RELEASE_EVENT, key)
        };
        if shifted {
            self.with(Key::Shift, tap)
        } else {
            tap()
        }
    }

    fn with(&self, held: Key, act: impl FnOnce() -> Result<()>) -> Result<()> {
        let (key, _) = *self
            .keys
            .get(&(held as u32))
            .context("not on this keyboard")?;
        self.screen.send(KEY_PRESS_EVENT, key)?;
        act()?;
        self.screen.send(KEY_RELEASE_EVENT, key)
    }
}

impl Screen {
    /// Moves the pointer to a place on the screen.
    pub(crate) fn point(&self, x: i16, y: i16) -> Result<()> {
        // Absolute, not relative to where it was.
        let absolute = 0;
        self.x
            .xtest_fake_input(MOTION_NOTIFY_EVENT, absolute, 0, self.root, x, y, 0)?;
        Ok(self.x.sync()?)
    }

    /// Turns the wheel under the pointer towards the end by one step.
    pub(crate) fn scroll_down(&self) -> Result<()> {
        let down = 5;
        self.send(BUTTON_PRESS_EVENT, down)?;
        self.send(BUTTON_RELEASE_EVENT, down)
    }

    fn send(&self, kind: u8, detail: u8) -> Result<()> {
        self.x
            .xtest_fake_input(kind, detail, 0, self.root, 0, 0, 0)?;
        Ok(self.x.sync()?)
    }
}
