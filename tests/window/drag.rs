//! Files dragged onto a window and dropped, as a file manager does it: the source's side of XDND,
//! version 5.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use x11rb::connection::Connection as _;
use x11rb::protocol::Event;
use x11rb::protocol::xproto::{
    AtomEnum, ClientMessageEvent, ConnectionExt as _, CreateWindowAux, EventMask, PropMode,
    SELECTION_NOTIFY_EVENT, SelectionNotifyEvent, SelectionRequestEvent, Window, WindowClass,
};
use x11rb::wrapper::ConnectionExt as _;

use super::screen::{PATIENCE, Screen};

/// The version of the protocol that is spoken here.
const VERSION: u32 = 5;

/// What a drag is made of.
struct Drag<'a> {
    screen: &'a Screen,
    /// Its own window, which owns what is dragged.
    source: Window,
    target: Window,
    list: Vec<u8>,
    atoms: Atoms,
}

/// The words of the protocol.
struct Atoms {
    aware: u32,
    selection: u32,
    enter: u32,
    position: u32,
    status: u32,
    drop: u32,
    finished: u32,
    copy: u32,
    uri_list: u32,
}

/// Drags these files over a window and lets go in its middle. Fails if the window does not take them.
pub(crate) fn drop_files(screen: &Screen, target: Window, files: &[&Path]) -> Result<()> {
    let list = address_list(files)?;
    let drag = Drag {
        screen,
        source: source_window(screen)?,
        target,
        list,
        atoms: Atoms::new(screen)?,
    };
    let outcome = drag.run();
    screen.x.destroy_window(drag.source)?;
    screen.x.flush()?;
    outcome
}

impl Drag<'_> {
    fn run(&self) -> Result<()> {
        self.check_target()?;
        let x = &self.screen.x;
        x.set_selection_owner(self.source, self.atoms.selection, x11rb::CURRENT_TIME)?;
        let few_types = VERSION << 24;
        self.tell(self.atoms.enter, [few_types, self.atoms.uri_list, 0, 0])?;
        let (left, top) = self.middle()?;
        let place = u32::from(left) << 16 | u32::from(top);
        // The first answer may come before the window has read what is dragged.
        let mut asked = false;
        loop {
            let position = [0, place, x11rb::CURRENT_TIME, self.atoms.copy];
            self.tell(self.atoms.position, position)?;
            let answer = self.answer(self.atoms.status, &mut asked)?;
            if asked {
                ensure!(
                    answer.data.as_data32()[1] & 1 == 1,
                    "the window refuses the files"
                );
                break;
            }
        }
        self.tell(self.atoms.drop, [0, x11rb::CURRENT_TIME, 0, 0])?;
        let done = self.answer(self.atoms.finished, &mut asked)?;
        ensure!(
            done.data.as_data32()[1] & 1 == 1,
            "the window did not take the files"
        );
        Ok(())
    }

    /// Whether the window takes part in this at all.
    fn check_target(&self) -> Result<()> {
        let any = AtomEnum::ANY;
        let x = &self.screen.x;
        let aware = x
            .get_property(false, self.target, self.atoms.aware, any, 0, 1)?
            .reply()?;
        let version = aware.value32().and_then(|mut values| values.next());
        ensure!(
            version.is_some_and(|version| version >= VERSION),
            "nothing can be dropped here"
        );
        Ok(())
    }

    fn middle(&self) -> Result<(u16, u16)> {
        let x = &self.screen.x;
        let size = x.get_geometry(self.target)?.reply()?;
        let (width, height) = (
            i16::try_from(size.width / 2)?,
            i16::try_from(size.height / 2)?,
        );
        let place = x
            .translate_coordinates(self.target, self.screen.root, width, height)?
            .reply()?;
        Ok((u16::try_from(place.dst_x)?, u16::try_from(place.dst_y)?))
    }

    /// Sends one message of the protocol; the sender is always the first of its five numbers.
    fn tell(&self, kind: u32, rest: [u32; 4]) -> Result<()> {
        let [a, b, c, d] = rest;
        let message = ClientMessageEvent::new(32, self.target, kind, [self.source, a, b, c, d]);
        let x = &self.screen.x;
        x.send_event(false, self.target, EventMask::NO_EVENT, message)?;
        Ok(x.flush()?)
    }

    /// The next message of a kind; what is dragged is handed out meanwhile, which `asked` notes.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "everything that happens on a display, and two kinds matter"
    )]
    fn answer(&self, kind: u32, asked: &mut bool) -> Result<ClientMessageEvent> {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            match next_event(self.screen, deadline)? {
                Event::ClientMessage(message) if message.type_ == kind => return Ok(message),
                Event::SelectionRequest(request) => {
                    self.hand_out(&request)?;
                    *asked = true;
                }
                _ => {}
            }
        }
        bail!("the window answers nothing")
    }

    fn hand_out(&self, request: &SelectionRequestEvent) -> Result<()> {
        let x = &self.screen.x;
        let (reader, property) = (request.requestor, request.property);
        let kind = self.atoms.uri_list;
        ensure!(
            request.target == kind,
            "it asks for something that is not offered"
        );
        x.change_property8(PropMode::REPLACE, reader, property, kind, &self.list)?;
        let notice = SelectionNotifyEvent {
            response_type: SELECTION_NOTIFY_EVENT,
            sequence: 0,
            time: request.time,
            requestor: reader,
            selection: request.selection,
            target: kind,
            property,
        };
        x.send_event(false, reader, EventMask::NO_EVENT, notice)?;
        Ok(x.flush()?)
    }
}

impl Atoms {
    fn new(screen: &Screen) -> Result<Self> {
        Ok(Self {
            aware: screen.atom("XdndAware")?,
            selection: screen.atom("XdndSelection")?,
            enter: screen.atom("XdndEnter")?,
            position: screen.atom("XdndPosition")?,
            status: screen.atom("XdndStatus")?,
            drop: screen.atom("XdndDrop")?,
            finished: screen.atom("XdndFinished")?,
            copy: screen.atom("XdndActionCopy")?,
            uri_list: screen.atom("text/uri-list")?,
        })
    }
}

/// Files as a list of addresses, each on a line of its own.
pub(crate) fn address_list(files: &[&Path]) -> Result<Vec<u8>> {
    let mut list = Vec::new();
    for file in files {
        let address = url::Url::from_file_path(file)
            .ok()
            .context("not a whole path")?;
        list.extend_from_slice(address.as_str().as_bytes());
        list.extend_from_slice(b"\r\n");
    }
    Ok(list)
}

/// A window that is never shown.
pub(crate) fn source_window(screen: &Screen) -> Result<Window> {
    let window = screen.x.generate_id()?;
    screen.x.create_window(
        x11rb::COPY_DEPTH_FROM_PARENT,
        window,
        screen.root,
        0,
        0,
        1,
        1,
        0,
        WindowClass::INPUT_OUTPUT,
        x11rb::COPY_FROM_PARENT,
        &CreateWindowAux::new(),
    )?;
    Ok(window)
}

/// The next event for this side of the connection, waited for until the deadline.
pub(crate) fn next_event(screen: &Screen, deadline: Instant) -> Result<Event> {
    use std::os::fd::AsFd as _;

    loop {
        if let Some(event) = screen.x.poll_for_event()? {
            return Ok(event);
        }
        let left = deadline.saturating_duration_since(Instant::now());
        ensure!(!left.is_zero(), "the window answers nothing");
        let stream = screen.x.stream().as_fd();
        let mut readable = [rustix::event::PollFd::new(
            &stream,
            rustix::event::PollFlags::IN,
        )];
        let limit = rustix::event::Timespec::try_from(left)?;
        rustix::event::poll(&mut readable, Some(&limit))?;
    }
}
