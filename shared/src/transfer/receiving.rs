//! What a receiver has asked for, and whether what arrives keeps to that.

use std::collections::HashMap;

use super::{IndexSet, Violation};

/// The receiver's side of one transfer: wants go in as they are said, frames as they arrive.
///
/// After a [`Violation`] nothing of the sender's counts any more.
#[derive(Debug)]
pub struct Receiving {
    wanted: IndexSet,
    begun: IndexSet,
    /// Lengths that may be started from, of files claimed and not yet begun.
    claimed: HashMap<u32, Vec<u64>>,
    open: Option<Open>,
    settled: u32,
}

/// The file that the data stream is in.
#[derive(Debug, Clone, Copy)]
struct Open {
    position: u64,
    size: u64,
}

impl Receiving {
    /// A receiver's side of an offer of `entries` entries, of which nothing is asked for yet.
    #[must_use]
    pub fn new(entries: u32) -> Self {
        Self {
            wanted: IndexSet::new(entries),
            begun: IndexSet::new(entries),
            claimed: HashMap::new(),
            open: None,
            settled: 0,
        }
    }

    /// A file is about to be asked for, from its start.
    pub fn want(&mut self, file: u32) {
        self.wanted.insert(file);
    }

    /// A file is about to be asked for, with claims of these lengths.
    pub fn want_from(&mut self, file: u32, lengths: Vec<u64>) {
        self.wanted.insert(file);
        self.claimed.insert(file, lengths);
    }

    /// Files claimed that the sender has not begun.
    #[must_use]
    pub fn claimed(&self) -> usize {
        self.claimed.len()
    }

    /// Takes in a begin frame; `size` is the length of that entry, `None` where it is no file.
    ///
    /// # Errors
    /// [`Violation`] where the entry is no file, was not asked for or is begun again, where another is open, and where it
    /// begins neither at 0 nor at a claim.
    pub fn handle_begin(
        &mut self,
        file: u32,
        start: u64,
        size: Option<u64>,
    ) -> Result<(), Violation> {
        let size = size.ok_or(Violation("data for something that is no file"))?;
        if self.open.is_some() {
            return Err(Violation("a file began inside another"));
        }
        if !self.wanted.contains(file) || !self.begun.insert(file) {
            return Err(Violation("a file that was not asked for, or again"));
        }
        let claims = self.claimed.remove(&file).unwrap_or_default();
        if start > size || (start != 0 && !claims.contains(&start)) {
            return Err(Violation("a file began where nobody said it may"));
        }
        self.open = Some(Open {
            position: start,
            size,
        });
        Ok(())
    }

    /// Takes in `length` bytes of the open file.
    ///
    /// # Errors
    /// [`Violation`] where no file is open, or it is longer than was offered.
    pub fn handle_data(&mut self, length: usize) -> Result<(), Violation> {
        self.handle_hole(length as u64)
    }

    /// Takes in a hole of `length` bytes of the open file.
    ///
    /// # Errors
    /// [`Violation`] where no file is open, or it is longer than was offered.
    pub fn handle_hole(&mut self, length: u64) -> Result<(), Violation> {
        let open = self.open.as_mut().ok_or(Violation("data of no file"))?;
        open.position = open.position.saturating_add(length);
        if open.position > open.size {
            return Err(Violation("more data than the file has"));
        }
        Ok(())
    }

    /// Takes in an end frame.
    ///
    /// # Errors
    /// [`Violation`] where no file is open, or it is shorter than was offered.
    pub fn handle_end(&mut self) -> Result<(), Violation> {
        let open = self.open.take().ok_or(Violation("the end of no file"))?;
        if open.position != open.size {
            return Err(Violation("a file ended before its end"));
        }
        self.settled += 1;
        Ok(())
    }

    /// Takes in an abort frame.
    ///
    /// # Errors
    /// [`Violation`] where no file is open.
    pub fn handle_abort(&mut self) -> Result<(), Violation> {
        let open = self.open.take().map(|_| ());
        self.settled += 1;
        open.ok_or(Violation("an abort of no file"))
    }

    /// Takes in the end of the stream.
    ///
    /// # Errors
    /// [`Violation`] where a file is open, or something that was asked for was not sent.
    pub fn handle_stream_end(&self) -> Result<(), Violation> {
        if self.open.is_some() || self.settled != self.wanted.count() {
            return Err(Violation("the stream ended before everything was sent"));
        }
        Ok(())
    }
}
