//! A window as a screen reader sees it: its parts, their names, and what can be done with them, over
//! AT-SPI.

use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde::Serialize;
use zbus::blocking::connection::Builder;
use zbus::blocking::{Connection, MessageIterator};
use zbus::zvariant::{DynamicDeserialize, DynamicType, OwnedObjectPath, OwnedValue};

use super::screen::{PATIENCE, Screen};

/// Parts of a window that are looked through. More than any of ours has.
const PARTS_LIMIT: usize = 5000;

/// Changes that may wait for a test; it looks at the whole tree after any of them.
const CHANGES_QUEUE: usize = 16;

/// How long no change is waited for before the tree is looked at all the same.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// How long one question may take: a program that is just starting or ending may never answer, and the
/// next look finds out.
const ANSWER: Duration = Duration::from_secs(2);

/// States of a part, by their numbers in AT-SPI.
const ENABLED: u32 = 8;
const FOCUSED: u32 = 12;

/// The bus that screen readers use, with one of them (the test) on it.
pub(crate) struct Reader {
    bus: Connection,
    changes: Receiver<()>,
}

/// Something on the bus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    owner: String,
    path: String,
}

/// What a part is, by its number in AT-SPI.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Role(u32);

impl Role {
    /// Is marked or not.
    pub(crate) const CHECK_BOX: Self = Self(7);
    /// One of a list.
    pub(crate) const ITEM: Self = Self(32);
    /// Turns to a screen.
    pub(crate) const TAB: Self = Self(37);
    /// Can be pressed.
    pub(crate) const BUTTON: Self = Self(43);
    /// Can be typed into.
    pub(crate) const ENTRY: Self = Self(79);

    /// What a person who looks for a part calls it.
    const fn word(self) -> &'static str {
        match self.0 {
            7 => "check box",
            16 => "dialog",
            23 | 69 => "window",
            27 => "image",
            29 => "label",
            32 => "item",
            37 => "tab",
            39 => "panel",
            42 => "bar",
            43 => "button",
            44 => "radio button",
            51 => "slider",
            62 => "switch",
            79 => "field",
            83 => "heading",
            88 => "link",
            _ => "other",
        }
    }
}

/// One part of a window.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    place: Place,
    /// How deep in the window it is; the window's own depth is 0.
    pub(crate) depth: usize,
    /// What it is.
    pub(crate) role: Role,
    /// What it is called.
    pub(crate) name: String,
    states: u64,
}

impl Part {
    /// Whether it can be used.
    pub(crate) const fn enabled(&self) -> bool {
        self.has(ENABLED)
    }

    /// Whether the keyboard acts on it.
    pub(crate) const fn focused(&self) -> bool {
        self.has(FOCUSED)
    }

    const fn has(&self, state: u32) -> bool {
        self.states >> state & 1 == 1
    }
}

impl Reader {
    /// Joins the bus of screen readers, which the session bus knows.
    pub(crate) fn start(screen: &Screen) -> Result<Self> {
        let session = Builder::address(screen.bus())?
            .method_timeout(ANSWER)
            .build()?;
        let launcher = place("org.a11y.Bus", "/org/a11y/bus");
        let address: String = call(&session, &launcher, "org.a11y.Bus", "GetAddress", &())?;
        let bus = Builder::address(address.as_str())?
            .method_timeout(ANSWER)
            .build()?;
        let changes = watch(&bus)?;
        Ok(Self { bus, changes })
    }

    /// Everything in the windows of a process, from the outside in, in reading order. Empty while it
    /// has told nothing yet.
    pub(crate) fn parts(&self, process: u32) -> Result<Vec<Part>> {
        let registry = place("org.a11y.atspi.Registry", "/org/a11y/atspi/accessible/root");
        let mut parts = Vec::new();
        for program in self.children(&registry)? {
            // One that has just ended is still listed.
            if self.process(&program).is_ok_and(|id| id == process) {
                for window in self.children(&program)? {
                    self.collect(window, 0, &mut parts)?;
                }
            }
        }
        Ok(parts)
    }

    /// Looks at a process's windows until `look` finds something there. A part may vanish while it is
    /// being looked at; then everything is looked at once more.
    pub(crate) fn wait<T>(
        &self,
        process: u32,
        what: &str,
        look: impl Fn(&[Part]) -> Option<T>,
    ) -> Result<T> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            while self.changes.try_recv().is_ok() {}
            let parts = self.parts(process);
            if let Some(found) = parts.as_ref().ok().and_then(|parts| look(parts)) {
                return Ok(found);
            }
            if Instant::now() > deadline {
                let seen = parts.with_context(|| format!("looking for {what}"))?;
                bail!("no {what} in:\n{}", outline(&seen));
            }
            match self.changes.recv_timeout(LOOK_AGAIN) {
                Ok(()) | Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => bail!("the bus has ended"),
            }
        }
    }

    /// Does what a click on a part does.
    pub(crate) fn press(&self, part: &Part) -> Result<()> {
        let done: bool = call(
            &self.bus,
            &part.place,
            "org.a11y.atspi.Action",
            "DoAction",
            &0_i32,
        )
        .with_context(|| format!("{part:?}"))?;
        if !done {
            bail!("{part:?} did nothing");
        }
        Ok(())
    }

    /// Where a part is on the screen: left, top, width, height, in pixels.
    pub(crate) fn extent(&self, part: &Part) -> Result<(i32, i32, i32, i32)> {
        let component = "org.a11y.atspi.Component";
        // Of the screen, not of the window.
        let system = 0_u32;
        call(&self.bus, &part.place, component, "GetExtents", &system)
    }

    fn collect(&self, place: Place, depth: usize, parts: &mut Vec<Part>) -> Result<()> {
        if parts.len() >= PARTS_LIMIT {
            bail!("more than {PARTS_LIMIT} parts");
        }
        let accessible = "org.a11y.atspi.Accessible";
        let role: u32 = call(&self.bus, &place, accessible, "GetRole", &())?;
        let states: Vec<u32> = call(&self.bus, &place, accessible, "GetState", &())?;
        let property = (accessible, "Name");
        let name: OwnedValue = call(
            &self.bus,
            &place,
            "org.freedesktop.DBus.Properties",
            "Get",
            &property,
        )?;
        let children = self.children(&place)?;
        let word = |index: usize| states.get(index).copied().map_or(0, u64::from);
        parts.push(Part {
            place,
            depth,
            role: Role(role),
            name: String::try_from(name)?,
            states: word(0) | word(1) << 32,
        });
        children
            .into_iter()
            .try_for_each(|child| self.collect(child, depth + 1, parts))
    }

    fn children(&self, parent: &Place) -> Result<Vec<Place>> {
        let accessible = "org.a11y.atspi.Accessible";
        let children: Vec<(String, OwnedObjectPath)> =
            call(&self.bus, parent, accessible, "GetChildren", &())?;
        Ok(children
            .into_iter()
            .map(|(owner, path)| place(&owner, path.as_str()))
            .collect())
    }

    fn process(&self, of: &Place) -> Result<u32> {
        let daemon = place("org.freedesktop.DBus", "/org/freedesktop/DBus");
        let method = "GetConnectionUnixProcessID";
        call(
            &self.bus,
            &daemon,
            "org.freedesktop.DBus",
            method,
            &of.owner,
        )
    }
}

/// The parts as indented lines, for a person who looks for the one that is missing.
pub(crate) fn outline(parts: &[Part]) -> String {
    let mut lines = String::new();
    for part in parts {
        let mark = if part.focused() { " *" } else { "" };
        let off = if part.enabled() { "" } else { " (off)" };
        let indent = "  ".repeat(part.depth);
        lines.push_str(&format!(
            "{indent}{}: {:?}{off}{mark}\n",
            part.role.word(),
            part.name
        ));
    }
    lines
}

/// Reads every signal on the bus, on a thread that ends with the connection. What changed is not
/// told: after any change the whole tree is looked at.
fn watch(bus: &Connection) -> Result<Receiver<()>> {
    let rule = zbus::MatchRule::builder()
        .msg_type(zbus::message::Type::Signal)
        .build();
    let signals = MessageIterator::for_match_rule(rule, bus, None)?;
    let (sender, receiver) = sync_channel(CHANGES_QUEUE);
    std::thread::Builder::new()
        .name("changes".to_owned())
        .spawn(move || {
            for signal in signals {
                if signal.is_err() {
                    break;
                }
                // A full queue says that something changed, which is all there is to say.
                if let Err(std::sync::mpsc::TrySendError::Disconnected(())) = sender.try_send(()) {
                    break;
                }
            }
        })?;
    Ok(receiver)
}

fn place(owner: &str, path: &str) -> Place {
    Place {
        owner: owner.to_owned(),
        path: path.to_owned(),
    }
}

fn call<A, R>(
    bus: &Connection,
    place: &Place,
    interface: &str,
    method: &str,
    arguments: &A,
) -> Result<R>
where
    A: Serialize + DynamicType,
    R: for<'a> DynamicDeserialize<'a>,
{
    let reply = bus.call_method(
        Some(place.owner.as_str()),
        place.path.as_str(),
        Some(interface),
        method,
        arguments,
    )?;
    Ok(reply.body().deserialize()?)
}
