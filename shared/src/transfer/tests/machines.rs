//! A sender and a receiver of a simulated transfer: what the threads of the app do around the two machines.

use std::collections::VecDeque;

use super::simulation::Chance;
use crate::limits::CLAIMS_LIMIT;
use crate::offer::Totals;
use crate::transfer::frame::{self, Frame, FrameDecoder};
use crate::transfer::{Ranges, Receiving, Run, Sending, Unproved, Violation, Wanted};
use crate::wire::peer::{Acknowledged, FileReason, ReceiverMessage, SenderMessage};

/// What a receiver does about an entry.
pub(super) enum Plan {
    Leave,
    /// It has no bytes, and is here.
    PassOver,
    Refuse,
    Whole,
    From {
        part: Vec<u8>,
        /// What has the final name, and the size.
        there: Option<Vec<u8>>,
        /// Longest first.
        lengths: Vec<u64>,
    },
}

pub(super) struct File {
    /// None in a folder.
    pub(super) content: Option<Vec<u8>>,
    pub(super) plan: Plan,
}

impl File {
    pub(super) fn size(&self) -> Option<u64> {
        self.content.as_ref().map(|content| content.len() as u64)
    }

    /// How much of it is here that will be proved.
    pub(super) fn right(&self) -> u64 {
        let (
            Some(content),
            Plan::From {
                part,
                there,
                lengths,
            },
        ) = (&self.content, &self.plan)
        else {
            return 0;
        };
        if there.as_ref() == Some(content) {
            return content.len() as u64;
        }
        let right = |length: &u64| {
            let length = *length as usize;
            length <= part.len() && part[..length] == content[..length]
        };
        lengths.iter().copied().find(right).unwrap_or(0)
    }

    fn random(chance: &mut Chance, smooth: bool) -> Self {
        if chance.one_in(6) {
            let (content, plan) = (None, Plan::Whole);
            return Self { content, plan };
        }
        let size = if chance.one_in(6) {
            0
        } else {
            1 + chance.below(60)
        };
        let content: Vec<u8> = (0..size).map(|_| (chance.below(3) / 2) as u8).collect();
        let plan = if chance.one_in(8) {
            Plan::Leave
        } else if !smooth && chance.one_in(10) {
            Plan::Refuse
        } else if size == 0 && chance.one_in(2) {
            Plan::PassOver
        } else if size == 0 || chance.one_in(3) {
            Plan::Whole
        } else {
            Plan::from(chance, &content)
        };
        let content = Some(content);
        Self { content, plan }
    }
}

impl Plan {
    /// Something of a file is here: right, wrong from somewhere on, or longer than the file.
    fn from(chance: &mut Chance, content: &[u8]) -> Self {
        let size = content.len();
        let mut part = content.to_vec();
        part.resize(chance.below(size + 5), 7);
        spoil(chance, &mut part);
        let there = chance.one_in(3).then(|| {
            let mut there = content.to_vec();
            spoil(chance, &mut there);
            there
        });
        let kept = part.len().min(size) as u64;
        let mut lengths: Vec<u64> = there.iter().map(|there| there.len() as u64).collect();
        lengths.push(kept);
        let more = chance.below(6);
        lengths.extend((0..more).map(|_| chance.below(size) as u64 % (kept + 1)));
        lengths.retain(|length| *length > 0);
        lengths.sort_unstable_by(|one, other| other.cmp(one));
        lengths.dedup();
        lengths.truncate(CLAIMS_LIMIT);
        if lengths.is_empty() {
            return Self::Whole;
        }
        Self::From {
            part,
            there,
            lengths,
        }
    }
}

/// Half of the time, all bytes from somewhere on are wrong.
fn spoil(chance: &mut Chance, bytes: &mut [u8]) {
    if chance.one_in(2) {
        let from = chance.below(bytes.len() + 1);
        bytes[from..].iter_mut().for_each(|byte| *byte ^= 0x80);
    }
}

pub(super) struct Offer {
    pub(super) files: Vec<File>,
    /// Whether nothing fails.
    smooth: bool,
}

impl Offer {
    pub(super) fn new(chance: &mut Chance, smooth: bool) -> Self {
        let count = 1 + chance.below(6);
        let files = (0..count).map(|_| File::random(chance, smooth));
        Self {
            files: files.collect(),
            smooth,
        }
    }

    pub(super) fn file(&self, index: u32) -> Option<&File> {
        self.files.get(index as usize)
    }

    pub(super) fn size(&self, index: u32) -> Option<u64> {
        self.file(index)?.size()
    }

    fn content(&self, index: u32) -> &[u8] {
        let content = &self.files[index as usize].content;
        content.as_deref().unwrap_or_default()
    }

    fn fails(&self, chance: &mut Chance) -> bool {
        !self.smooth && chance.one_in(25)
    }
}

/// A sender: its machine, and what its two threads are at.
pub(super) struct Sender {
    pub(super) machine: Sending,
    reading: Option<(u32, usize, usize)>,
    hashing: Option<(u32, Vec<u64>)>,
    pub(super) said: Option<SenderMessage>,
    pub(super) ended: bool,
    pub(super) given_up: Vec<u32>,
}

impl Sender {
    pub(super) fn new(offer: &Offer) -> Self {
        let mut totals = Totals::default();
        for file in &offer.files {
            match file.size() {
                None => totals.folders += 1,
                Some(size) => {
                    totals.files += 1;
                    totals.bytes += size;
                    totals.empty += u32::from(size == 0);
                }
            }
        }
        Self {
            machine: Sending::new(totals),
            reading: None,
            hashing: None,
            said: None,
            ended: false,
            given_up: Vec::new(),
        }
    }

    pub(super) fn hear(
        &mut self,
        offer: &Offer,
        message: ReceiverMessage,
    ) -> Result<(), Violation> {
        if let ReceiverMessage::Failed { file, .. } = message {
            self.given_up.push(file);
        }
        self.machine
            .handle_message(message, |file| offer.size(file))
    }

    /// The next bytes on the stream; `None` when there are none at present.
    pub(super) fn read(&mut self, offer: &Offer, chance: &mut Chance) -> Option<Vec<u8>> {
        if self.ended {
            return None;
        }
        if self.reading.is_some() {
            return Some(self.read_on(offer, chance));
        }
        let waiting = self.machine.waiting();
        let wanted = self.machine.poll_wanted();
        assert!(!waiting || wanted == Wanted::Wait);
        let (file, start, end) = match wanted {
            Wanted::Entry { index, start } => (index, start, offer.size(index)),
            Wanted::Missing { index, start, end } => (index, start, Some(end)),
            Wanted::Refusal { index, reason } => return Some(self.refuse(offer, index, reason)),
            Wanted::Wait => return None,
            Wanted::End => {
                self.ended = true;
                return Some(Vec::new());
            }
        };
        // A folder has nothing to send.
        let Some(end) = end else {
            return Some(Vec::new());
        };
        if offer.fails(chance) {
            return Some(self.refuse(offer, file, FileReason::FileUnreadable));
        }
        self.machine
            .handle_begun(file, offer.content(file).len() as u64);
        self.reading = Some((file, start as usize, end as usize));
        Some(frame::begin(file, start).to_vec())
    }

    fn read_on(&mut self, offer: &Offer, chance: &mut Chance) -> Vec<u8> {
        let Some((file, position, end)) = self.reading.take() else {
            return Vec::new();
        };
        let skipped = self.machine.skipped(file) && chance.one_in(2);
        if skipped || offer.fails(chance) {
            self.give_up(offer, file);
            return frame::abort(FileReason::Skipped).to_vec();
        }
        if position == end {
            self.machine.handle_ended(file);
            return frame::end(&[0; 32]).to_vec();
        }
        let length = 1 + chance.below((end - position).min(20));
        let piece = &offer.content(file)[position..position + length];
        self.reading = Some((file, position + length, end));
        if piece.iter().all(|byte| *byte == 0) {
            self.machine.handle_hole(length as u64);
            return frame::hole(length as u64).to_vec();
        }
        self.machine.handle_read(length as u64);
        [&frame::data_header(length as u32)[..], piece].concat()
    }

    fn refuse(&mut self, offer: &Offer, file: u32, reason: FileReason) -> Vec<u8> {
        self.give_up(offer, file);
        frame::refuse(file, reason).to_vec()
    }

    fn give_up(&mut self, offer: &Offer, file: u32) {
        let size = offer.content(file).len() as u64;
        self.machine.handle_given_up(file, size);
        self.given_up.push(file);
    }

    /// The proving thread does something, if there is anything.
    pub(super) fn prove(&mut self, offer: &Offer, chance: &mut Chance) -> bool {
        let Some((file, lengths)) = self.hashing.take() else {
            let Unproved::File { index, lengths } = self.machine.poll_unproved() else {
                return false;
            };
            self.hashing = Some((index, lengths));
            return true;
        };
        if offer.fails(chance) {
            let reason = FileReason::FileChanged;
            self.machine.handle_unreadable(file, reason);
        } else if self.machine.handle_told(file) {
            let hashes = hashes(offer.content(file), &lengths);
            self.said = Some(SenderMessage::Prefix { file, hashes });
        }
        true
    }
}

fn hashes(content: &[u8], lengths: &[u64]) -> Vec<[u8; 32]> {
    let hash = |length: &u64| blake3::hash(&content[..*length as usize]).into();
    lengths.iter().map(hash).collect()
}

/// What a receiver has of an entry.
#[derive(Default)]
pub(super) struct Here {
    pub(super) part: Vec<u8>,
    there: Option<Vec<u8>>,
    pub(super) lengths: Vec<u64>,
    position: usize,
    pub(super) hashes: Option<Vec<[u8; 32]>>,
    pub(super) heard: bool,
    rest_here: bool,
    pub(super) proved: Option<u64>,
    skipped: bool,
    pub(super) mended: bool,
    /// Bytes that came, those in holes among them.
    pub(super) crossed: u64,
    pub(super) asked: bool,
    /// How it ended: here, or failed.
    pub(super) whole: Option<bool>,
}

/// A receiver: its machine, and what its threads are at.
pub(super) struct Receiver {
    pub(super) machine: Receiving,
    pub(super) files: Vec<Here>,
    pub(super) said: VecDeque<ReceiverMessage>,
    to_ask: VecDeque<ReceiverMessage>,
    decoder: FrameDecoder,
    /// The run that the stream is in.
    pub(super) current: Option<(u32, Run)>,
    proofs: VecDeque<(u32, u64)>,
    finishing: VecDeque<u32>,
    acknowledged: Acknowledged,
    over: bool,
    done: bool,
}

impl Receiver {
    pub(super) fn new(offer: &Offer) -> Self {
        let (mut files, mut bytes, mut passed_over) = (0, 0, 0);
        let (mut refused, mut wants, mut claims) = (Vec::new(), Vec::new(), Vec::new());
        let mut ranges = Ranges::default();
        for (index, file) in (0..).zip(&offer.files) {
            let taken = u32::from(file.content.is_some());
            match &file.plan {
                Plan::Leave => continue,
                Plan::Refuse => {
                    let reason = FileReason::WriteForbidden;
                    refused.push(ReceiverMessage::Failed {
                        file: index,
                        reason,
                    });
                    continue;
                }
                Plan::PassOver => passed_over += 1,
                Plan::Whole => wants.extend(ranges.push(index)),
                Plan::From { lengths, .. } => {
                    let (file, lengths) = (index, lengths.clone());
                    claims.push(ReceiverMessage::WantFrom { file, lengths });
                }
            }
            files += taken;
            bytes += file.size().unwrap_or(0);
        }
        wants.extend(ranges.finish());
        let want = |(first, last)| ReceiverMessage::Want { first, last };
        let mut to_ask = VecDeque::from([ReceiverMessage::Accept { files, bytes }]);
        to_ask.extend(refused);
        to_ask.extend(wants.into_iter().map(want));
        to_ask.extend(claims);
        to_ask.push_back(ReceiverMessage::WantEnd);
        Self {
            machine: Receiving::new(offer.files.len() as u32),
            files: offer.files.iter().map(|_| Here::default()).collect(),
            said: VecDeque::new(),
            to_ask,
            decoder: FrameDecoder::new(),
            current: None,
            proofs: VecDeque::new(),
            finishing: VecDeque::new(),
            acknowledged: Acknowledged {
                files: passed_over,
                bytes: 0,
            },
            over: false,
            done: false,
        }
    }

    pub(super) fn progress(&self) -> ReceiverMessage {
        ReceiverMessage::Progress(self.acknowledged)
    }

    /// What it asks for next, or that it is done.
    pub(super) fn ask(&mut self, offer: &Offer) -> Option<ReceiverMessage> {
        let Some(message) = self.to_ask.pop_front() else {
            let done = self.over && self.finishing.is_empty() && !self.done;
            self.done |= done;
            return done.then_some(ReceiverMessage::Done(self.acknowledged));
        };
        match &message {
            ReceiverMessage::Want { first, last } => {
                for file in *first..=*last {
                    if offer.size(file).is_some() {
                        self.machine.want(file);
                        self.files[file as usize].asked = true;
                    }
                }
            }
            ReceiverMessage::WantFrom { file, lengths } => self.claim(offer, *file, lengths),
            ReceiverMessage::Failed { file, .. } => {
                self.files[*file as usize].whole = Some(false);
                self.machine.fail(*file);
            }
            ReceiverMessage::WantEnd => {
                for (here, file) in self.files.iter_mut().zip(&offer.files) {
                    if matches!(file.plan, Plan::PassOver) {
                        here.whole = Some(true);
                    }
                }
            }
            ReceiverMessage::Hello { .. }
            | ReceiverMessage::Accept { .. }
            | ReceiverMessage::Decline(_)
            | ReceiverMessage::Skip { .. }
            | ReceiverMessage::Progress(_)
            | ReceiverMessage::Done(_)
            | ReceiverMessage::Pause
            | ReceiverMessage::Resume
            | ReceiverMessage::Renamed { .. }
            | ReceiverMessage::Proved { .. } => {}
        }
        Some(message)
    }

    fn claim(&mut self, offer: &Offer, file: u32, lengths: &[u64]) {
        let offered = &offer.files[file as usize];
        let (Plan::From { part, there, .. }, Some(size)) = (&offered.plan, offered.size()) else {
            return;
        };
        self.machine.want_from(file, lengths.to_vec(), size);
        self.files[file as usize] = Here {
            part: part.clone(),
            there: there.clone(),
            lengths: lengths.to_vec(),
            rest_here: lengths.first() == Some(&size),
            asked: true,
            ..Here::default()
        };
    }

    pub(super) fn hear_prefix(
        &mut self,
        file: u32,
        hashes: Vec<[u8; 32]>,
    ) -> Result<(), Violation> {
        let of_use = self.machine.handle_prefix(file, hashes.len())?;
        let here = &mut self.files[file as usize];
        here.heard = true;
        here.hashes = of_use.then_some(hashes);
        Ok(())
    }

    /// The proving thread holds one file against the sender's hashes.
    pub(super) fn prove(&mut self, chance: &mut Chance) -> bool {
        let first = chance.below(self.files.len());
        let mut order = (0..self.files.len()).map(|next| (first + next) % self.files.len());
        let Some(index) = order.find(|index| self.files[*index].hashes.is_some()) else {
            return false;
        };
        let here = &mut self.files[index];
        let theirs = here.hashes.take().unwrap_or_default();
        let there = here.there.as_ref();
        let length = match there.map(|there| hashes(there, &[there.len() as u64])) {
            Some(ours) if ours[0] == theirs[0] => {
                here.skipped = true;
                here.lengths[0]
            }
            _ => {
                let mut proved = here.lengths.iter().zip(&theirs).filter(|(length, hash)| {
                    **length as usize <= here.part.len()
                        && hashes(&here.part, &[**length])[0] == **hash
                });
                proved.next().map_or(0, |(length, _)| *length)
            }
        };
        self.proofs.push_back((index as u32, length));
        true
    }

    /// The writing thread takes in what was proved.
    pub(super) fn take_proof(&mut self) -> bool {
        let Some((file, length)) = self.proofs.pop_front() else {
            return false;
        };
        let here = &mut self.files[file as usize];
        if here.whole == Some(false) {
            return true;
        }
        assert_eq!(here.proved.replace(length), None);
        self.said
            .push_back(ReceiverMessage::Proved { file, length });
        self.machine.prove(file, length);
        self.acknowledged.bytes += length;
        if here.skipped {
            here.part = here.there.take().unwrap_or_default();
        }
        self.finish_if_whole(file);
        true
    }

    fn finish_if_whole(&mut self, file: u32) {
        let here = &mut self.files[file as usize];
        let open = self.current.is_some_and(|(current, _)| current == file);
        if !open && here.rest_here && here.proved == here.lengths.first().copied() {
            self.finishing.push_back(file);
        }
    }

    fn fail(&mut self, file: u32, reason: FileReason) {
        let here = &mut self.files[file as usize];
        assert_eq!(here.whole.replace(false), None, "it ends once");
        here.hashes = None;
        self.said
            .push_back(ReceiverMessage::Failed { file, reason });
        self.machine.fail(file);
    }

    /// Takes in some of the stream.
    pub(super) fn take(
        &mut self,
        offer: &Offer,
        mut bytes: &[u8],
        chance: &mut Chance,
    ) -> Result<(), Violation> {
        let mut decoder = std::mem::take(&mut self.decoder);
        while let Some(frame) = decoder.next(&mut bytes)? {
            match frame {
                Frame::Begin { file, start } => {
                    let run = self.machine.handle_begin(file, start, offer.size(file))?;
                    self.current = Some((file, run));
                    self.files[file as usize].position = start as usize;
                    self.lose_at_times(offer, chance);
                }
                Frame::Data(data) => {
                    self.machine.handle_data(data.len())?;
                    self.write(data);
                    self.lose_at_times(offer, chance);
                }
                Frame::Hole { length } => {
                    self.machine.handle_hole(length)?;
                    self.write(&vec![0; length as usize]);
                    self.lose_at_times(offer, chance);
                }
                Frame::End { .. } => self.end()?,
                Frame::Abort { reason } => {
                    self.machine.handle_abort()?;
                    if let Some((file, _)) = self.current.take()
                        && self.files[file as usize].whole.is_none()
                    {
                        self.fail(file, reason);
                    }
                }
                Frame::Refuse { file, reason } => {
                    if self.machine.handle_refuse(file)? {
                        self.fail(file, reason);
                    }
                }
            }
        }
        self.decoder = decoder;
        Ok(())
    }

    /// The file that is being written, if it has not failed.
    fn written(&self) -> Option<u32> {
        let (file, _) = self.current?;
        let failed = self.files[file as usize].whole.is_some();
        (!failed).then_some(file)
    }

    fn write(&mut self, bytes: &[u8]) {
        let Some(file) = self.written() else {
            return;
        };
        let here = &mut self.files[file as usize];
        let end = here.position + bytes.len();
        if here.part.len() < end {
            here.part.resize(end, 0);
        }
        here.part[here.position..end].copy_from_slice(bytes);
        here.position = end;
        here.crossed += bytes.len() as u64;
        self.acknowledged.bytes += bytes.len() as u64;
    }

    /// What is being written cannot be, now and then.
    fn lose_at_times(&mut self, offer: &Offer, chance: &mut Chance) {
        if let Some(file) = self.written()
            && offer.fails(chance)
        {
            self.fail(file, FileReason::NoSpace);
            self.said.push_back(ReceiverMessage::Skip { file });
        }
    }

    fn end(&mut self) -> Result<(), Violation> {
        self.machine.handle_end()?;
        let written = self.written();
        let Some((file, run)) = self
            .current
            .take()
            .filter(|(file, _)| written == Some(*file))
        else {
            return Ok(());
        };
        let here = &mut self.files[file as usize];
        here.mended |= run == Run::Missing;
        if run == Run::Rest {
            here.rest_here = true;
            self.finish_if_whole(file);
        } else {
            self.finishing.push_back(file);
        }
        Ok(())
    }

    /// Takes in the end of the stream; whether it is news.
    pub(super) fn take_end(&mut self) -> Result<bool, Violation> {
        self.machine.handle_stream_end()?;
        Ok(!std::mem::replace(&mut self.over, true))
    }

    /// The committing thread gives a whole file its name, or cannot.
    pub(super) fn commit(&mut self, offer: &Offer, chance: &mut Chance) -> bool {
        let Some(file) = self.finishing.pop_front() else {
            return false;
        };
        if offer.fails(chance) {
            self.fail(file, FileReason::WriteFailed);
            return true;
        }
        let here = &mut self.files[file as usize];
        assert_eq!(here.whole.replace(true), None, "it ends once");
        here.part.truncate(offer.content(file).len());
        self.acknowledged.files += 1;
        true
    }
}
