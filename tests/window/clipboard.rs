//! Files on the clipboard, as a file manager puts them there: as addresses, and in no other form.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use x11rb::connection::Connection as _;
use x11rb::protocol::Event;
use x11rb::protocol::xproto::{
    AtomEnum, ConnectionExt as _, EventMask, PropMode, SELECTION_NOTIFY_EVENT,
    SelectionNotifyEvent, SelectionRequestEvent,
};
use x11rb::wrapper::ConnectionExt as _;

use super::drag::{address_list, next_event, source_window};
use super::screen::Screen;

/// How soon the owner sees that it is not needed any more.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// Owns the clipboard until it is dropped.
pub(crate) struct CopiedFiles {
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl CopiedFiles {
    /// Puts files on the clipboard.
    pub(crate) fn new(screen: &Screen, files: &[&Path]) -> Result<Self> {
        let own = screen.again()?;
        let list = address_list(files)?;
        let window = source_window(&own)?;
        let selection = own.atom("CLIPBOARD")?;
        own.x
            .set_selection_owner(window, selection, x11rb::CURRENT_TIME)?;
        own.x.sync()?;
        let over = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&over);
        let thread = Builder::new().name("clipboard".to_owned()).spawn(move || {
            while !ended.load(Ordering::Relaxed) {
                // Nobody asks most of the time.
                if let Ok(Event::SelectionRequest(request)) =
                    next_event(&own, Instant::now() + LOOK_AGAIN)
                {
                    // Whoever asked and has gone is not to be answered.
                    let _ = hand_out(&own, &request, &list);
                }
            }
        })?;
        Ok(Self {
            over,
            thread: Some(thread),
        })
    }
}

impl Drop for CopiedFiles {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn hand_out(screen: &Screen, request: &SelectionRequestEvent, list: &[u8]) -> Result<()> {
    let x = &screen.x;
    let (targets, addresses) = (screen.atom("TARGETS")?, screen.atom("text/uri-list")?);
    let (reader, mut property) = (request.requestor, request.property);
    if request.target == targets {
        let forms = [targets, addresses];
        x.change_property32(PropMode::REPLACE, reader, property, AtomEnum::ATOM, &forms)?;
    } else if request.target == addresses {
        x.change_property8(PropMode::REPLACE, reader, property, addresses, list)?;
    } else {
        // Not to be had in that form.
        property = x11rb::NONE;
    }
    let notice = SelectionNotifyEvent {
        response_type: SELECTION_NOTIFY_EVENT,
        sequence: 0,
        time: request.time,
        requestor: reader,
        selection: request.selection,
        target: request.target,
        property,
    };
    x.send_event(false, reader, EventMask::NO_EVENT, notice)?;
    x.flush().context("the X server is gone")
}
