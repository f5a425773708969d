//! Each machine by itself, and both together.

mod liars;
mod machines;
mod simulation;

use proptest::prelude::*;

use super::frame::{Frame, FrameDecoder};
use super::*;
use crate::limits::CLAIMED_LIMIT;
use crate::offer::Totals;
use crate::wire::peer::{Acknowledged, ReceiverMessage};

/// What a decoder makes of a stream, data frames joined.
fn decode(pieces: &[&[u8]]) -> Result<Vec<String>, Violation> {
    let mut decoder = FrameDecoder::new();
    let mut seen: Vec<String> = Vec::new();
    let mut data = Vec::new();
    for piece in pieces {
        let mut input = *piece;
        while let Some(frame) = decoder.next(&mut input)? {
            if let Frame::Data(bytes) = frame {
                assert!(!bytes.is_empty());
                data.extend_from_slice(bytes);
            } else {
                if !data.is_empty() {
                    seen.push(format!("{data:?}"));
                    data.clear();
                }
                seen.push(format!("{frame:?}"));
            }
        }
        assert!(input.is_empty());
    }
    Ok(seen)
}

fn stream() -> Vec<u8> {
    let mut stream = Vec::new();
    stream.extend(frame::begin(7, 1 << 40));
    stream.extend(frame::data_header(3));
    stream.extend(b"abc");
    stream.extend(frame::data_header(300));
    stream.extend([9; 300]);
    stream.extend(frame::end(&[5; 32]));
    stream.extend(frame::begin(8, 0));
    stream.extend(frame::abort(FileReason::FileChanged));
    stream.extend(frame::refuse(9, FileReason::FileUnreadable));
    stream
}

#[test]
fn frames_are_the_same_wherever_the_stream_is_cut() {
    let stream = stream();
    let whole = decode(&[&stream]).unwrap();
    assert_eq!(whole.len(), 6);
    for cut in 0..stream.len() {
        let (left, right) = stream.split_at(cut);
        assert_eq!(decode(&[left, right]).unwrap(), whole, "cut at {cut}");
    }
    let single: Vec<&[u8]> = stream.chunks(1).collect();
    assert_eq!(decode(&single).unwrap(), whole);
}

#[test]
fn a_hole_is_the_same_wherever_the_stream_is_cut() {
    let stream = [
        &frame::begin(7, 0)[..],
        &frame::hole(1 << 40),
        &frame::data_header(1),
        b"x",
        &frame::end(&[5; 32]),
    ];
    let stream = stream.concat();
    let whole = decode(&[&stream]).unwrap();
    assert_eq!(whole.len(), 4);
    for cut in 0..stream.len() {
        let (left, right) = stream.split_at(cut);
        assert_eq!(decode(&[left, right]).unwrap(), whole, "cut at {cut}");
    }
}

#[test]
fn a_hole_counts_for_its_file_and_never_beyond_it() {
    let mut receiving = Receiving::new(2);
    receiving.want(0);
    receiving.handle_hole(1).unwrap_err();
    receiving.handle_begin(0, 0, Some(1 << 40)).unwrap();
    receiving.handle_data(5).unwrap();
    receiving.handle_hole((1 << 40) - 5).unwrap();
    receiving.handle_end().unwrap();
    for beyond in [1, u64::MAX] {
        let mut receiving = Receiving::new(2);
        receiving.want(0);
        receiving.handle_begin(0, 0, Some(1 << 40)).unwrap();
        receiving.handle_hole(1 << 40).unwrap();
        receiving.handle_hole(beyond).unwrap_err();
    }
}

#[test]
fn what_is_in_holes_is_believed_to_be_at_the_receiver_and_no_more() {
    let offered = Totals {
        files: 1,
        bytes: 1000,
        ..Totals::default()
    };
    for (bytes, sound) in [(1000, true), (1001, false)] {
        let mut sending = Sending::new(offered);
        let accept = ReceiverMessage::Accept {
            files: 1,
            bytes: 1000,
        };
        hear(&mut sending, accept).unwrap();
        sending.handle_begun(0, 1000);
        sending.handle_read(10);
        sending.handle_hole(990);
        let told = Acknowledged { bytes, files: 0 };
        let outcome = hear(&mut sending, ReceiverMessage::Progress(told));
        assert_eq!(outcome.is_ok(), sound, "{bytes}");
        assert_eq!((sending.sent(), sending.holes()), (10, 990));
    }
}

#[test]
fn unknown_frames_and_reasons_are_violations() {
    decode(&[&[0]]).unwrap_err();
    decode(&[&[77]]).unwrap_err();
    decode(&[&[5, 0, 0, 0, 0, 0, 0, 0, 0]]).unwrap_err();
    decode(&[&[4, FileReason::ALL.len() as u8]]).unwrap_err();
    decode(&[&[6, 0, 0, 0, 0, FileReason::ALL.len() as u8]]).unwrap_err();
    decode(&[&[2, 0, 0, 0, 0]]).unwrap_err();
}

#[test]
fn reasons_survive_the_wire() {
    for reason in FileReason::ALL {
        assert_eq!(FileReason::from_wire(reason.to_wire()), Some(reason));
    }
}

/// Bytes in each file that is claimed.
const SIZE: u64 = 60;

fn hear(sending: &mut Sending, message: ReceiverMessage) -> Result<(), Violation> {
    sending.handle_message(message, |_| Some(SIZE))
}

fn accepted(entries: u32) -> Sending {
    let offered = Totals {
        files: entries,
        bytes: 1000,
        ..Totals::default()
    };
    let mut sending = Sending::new(offered);
    let accept = ReceiverMessage::Accept { files: 1, bytes: 1 };
    hear(&mut sending, accept).unwrap();
    sending
}

#[test]
fn claimed_files_are_sent_before_runs_and_the_end_comes_last() {
    let mut sending = accepted(10);
    assert_eq!(sending.poll_wanted(), Wanted::Wait);
    let want = ReceiverMessage::Want { first: 2, last: 3 };
    hear(&mut sending, want).unwrap();
    let lengths = vec![9, 4];
    let from = ReceiverMessage::WantFrom { file: 5, lengths };
    hear(&mut sending, from).unwrap();
    hear(&mut sending, ReceiverMessage::WantEnd).unwrap();
    let order = std::iter::from_fn(|| match sending.poll_wanted() {
        Wanted::Entry { index, start } => Some((index, start)),
        Wanted::Missing { .. } | Wanted::Refusal { .. } | Wanted::Wait | Wanted::End => None,
    });
    assert_eq!(order.collect::<Vec<_>>(), [(5, 9), (2, 0), (3, 0)]);
    assert_eq!(sending.poll_wanted(), Wanted::Wait);
    sending.handle_ended(5);
    assert!(sending.handle_told(5));
    let proved = ReceiverMessage::Proved { file: 5, length: 9 };
    hear(&mut sending, proved).unwrap();
    assert_eq!(sending.poll_wanted(), Wanted::End);
}

#[test]
fn a_receiver_that_lies_is_found_out() {
    let hostile = [
        ReceiverMessage::Hello { version: 1 },
        ReceiverMessage::Accept { files: 1, bytes: 1 },
        ReceiverMessage::Want { first: 0, last: 10 },
        ReceiverMessage::Want { first: 3, last: 2 },
        ReceiverMessage::WantFrom {
            file: 10,
            lengths: vec![1],
        },
        ReceiverMessage::WantFrom {
            file: 1,
            lengths: vec![],
        },
        ReceiverMessage::WantFrom {
            file: 1,
            lengths: vec![1, 2],
        },
        ReceiverMessage::WantFrom {
            file: 1,
            lengths: vec![0],
        },
        ReceiverMessage::WantFrom {
            file: 1,
            lengths: (1..10).rev().collect(),
        },
        ReceiverMessage::WantFrom {
            file: 1,
            lengths: vec![SIZE + 1],
        },
        ReceiverMessage::Proved { file: 1, length: 0 },
        ReceiverMessage::Skip { file: 4 },
        ReceiverMessage::Failed {
            file: 4,
            reason: FileReason::NoSpace,
        },
        ReceiverMessage::Progress(Acknowledged {
            bytes: 0,
            files: 11,
        }),
        ReceiverMessage::Done(Acknowledged::default()),
    ];
    for message in hostile {
        let mut sending = accepted(10);
        let name = format!("{message:?}");
        assert!(hear(&mut sending, message).is_err(), "{name}");
    }
    let mut sending = accepted(10);
    let want = ReceiverMessage::Want { first: 0, last: 4 };
    hear(&mut sending, want.clone()).unwrap();
    hear(&mut sending, want).unwrap_err();
}

#[test]
fn outstanding_claims_are_bounded() {
    let mut sending = accepted(2000);
    let mut taken = 0;
    let outcome = (0..2000).try_for_each(|file| {
        let lengths = vec![1];
        hear(&mut sending, ReceiverMessage::WantFrom { file, lengths })?;
        taken += 1;
        Ok::<_, Violation>(())
    });
    outcome.unwrap_err();
    assert_eq!(taken, CLAIMED_LIMIT);
}

/// A sender that offered a folder, an empty file and two of four bytes, has sent one of these whole and half of
/// the other, and that a receiver then told all this.
fn told(messages: Vec<ReceiverMessage>) -> Result<(), Violation> {
    let mut sending = Sending::new(Totals {
        files: 3,
        folders: 1,
        links: 0,
        holes: 0,
        bytes: 8,
        empty: 1,
    });
    let accept = ReceiverMessage::Accept { files: 3, bytes: 8 };
    let folder = ReceiverMessage::Want { first: 0, last: 0 };
    let fresh = ReceiverMessage::Want { first: 2, last: 2 };
    let lengths = vec![1];
    let kept = ReceiverMessage::WantFrom { file: 3, lengths };
    for message in [accept, folder, fresh, kept, ReceiverMessage::WantEnd] {
        sending.handle_message(message, |_| Some(4))?;
    }
    sending.handle_begun(2, 4);
    sending.handle_read(4);
    sending.handle_ended(2);
    sending.handle_begun(3, 4);
    sending.handle_read(2);
    assert!(sending.handle_told(3));
    let proved = ReceiverMessage::Proved { file: 3, length: 1 };
    hear(&mut sending, proved)?;
    let mut messages = messages.into_iter();
    messages.try_for_each(|message| hear(&mut sending, message))
}

#[test]
fn impossible_books_are_not_believed() {
    let accept = |files, bytes| ReceiverMessage::Accept { files, bytes };
    let mut sending = Sending::new(Totals {
        files: 3,
        folders: 1,
        links: 0,
        holes: 0,
        bytes: 8,
        empty: 1,
    });
    hear(&mut sending, accept(4, 8)).unwrap_err();
    hear(&mut sending, accept(3, 9)).unwrap_err();
    let account = accept(u32::MAX, u64::MAX);
    hear(&mut sending, account).unwrap_err();
    let told_by = |files, bytes| Acknowledged { bytes, files };
    let progress = |files, bytes| vec![ReceiverMessage::Progress(told_by(files, bytes))];
    let failed = ReceiverMessage::Failed {
        file: 3,
        reason: FileReason::WriteFailed,
    };
    let folder = ReceiverMessage::Failed {
        file: 0,
        reason: FileReason::WriteFailed,
    };
    let done = |files, bytes| {
        let done = ReceiverMessage::Done(told_by(files, bytes));
        vec![failed.clone(), folder.clone(), done]
    };
    // The empty file is there without a word.
    told(progress(2, 7)).unwrap();
    told(done(2, 7)).unwrap();
    for impossible in [
        progress(3, 7),
        progress(2, 8),
        progress(u32::MAX, u64::MAX),
        done(1, 7),
        done(3, 7),
        done(2, 8),
        vec![ReceiverMessage::Done(told_by(3, 7))],
        vec![ReceiverMessage::Done(told_by(2, 7))],
        vec![folder, ReceiverMessage::Done(told_by(2, 7))],
        vec![failed.clone(), failed],
    ] {
        let name = format!("{impossible:?}");
        assert!(told(impossible).is_err(), "{name}");
    }
}

#[test]
fn what_was_accepted_is_what_is_wanted() {
    let offered = Totals {
        files: 3,
        folders: 0,
        links: 0,
        holes: 0,
        bytes: 8,
        empty: 1,
    };
    for (files, bytes, sound) in [
        (1, 4, true),
        (2, 4, true),
        (3, 4, false),
        (0, 4, false),
        (1, 8, false),
        (1, 0, false),
    ] {
        let mut sending = Sending::new(offered);
        let want = ReceiverMessage::Want { first: 2, last: 2 };
        for message in [
            ReceiverMessage::Accept { files, bytes },
            want,
            ReceiverMessage::WantEnd,
        ] {
            hear(&mut sending, message).unwrap();
        }
        sending.handle_begun(2, 4);
        sending.handle_read(4);
        sending.handle_ended(2);
        let acknowledged = Acknowledged {
            files: files.min(2),
            bytes: bytes.min(4),
        };
        let done = hear(&mut sending, ReceiverMessage::Done(acknowledged));
        assert_eq!(done.is_ok(), sound, "{files} {bytes}");
    }
}

fn asked() -> Receiving {
    let mut receiving = Receiving::new(10);
    receiving.want(1);
    receiving.want_from(2, vec![50, 20], 60);
    receiving
}

#[test]
fn a_file_may_start_only_where_it_was_claimed() {
    for (start, allowed) in [
        (0, false),
        (20, false),
        (50, true),
        (21, false),
        (100, false),
    ] {
        assert_eq!(asked().handle_begin(2, start, Some(60)).is_ok(), allowed);
    }
    asked().handle_begin(1, 20, Some(60)).unwrap_err();
    asked().handle_begin(2, 50, Some(40)).unwrap_err();
    // What is missing of the prefix comes after the rest, from where it was proved, and once.
    for (proved, missing) in [(50, None), (20, Some(20)), (0, Some(0))] {
        let mut receiving = asked();
        receiving.prove(2, proved);
        for start in [0, 20] {
            asked().handle_begin(2, start, Some(60)).unwrap_err();
        }
        assert_eq!(receiving.handle_begin(2, 50, Some(60)), Ok(Run::Rest));
        receiving.handle_data(10).unwrap();
        receiving.handle_end().unwrap();
        let again = receiving.handle_begin(2, missing.unwrap_or(0), Some(60));
        assert_eq!(again.is_ok(), missing.is_some(), "{proved}");
    }
}

#[test]
fn a_sender_that_breaks_the_order_is_found_out() {
    asked().handle_data(1).unwrap_err();
    asked().handle_end().unwrap_err();
    asked().handle_abort().unwrap_err();
    asked().handle_stream_end().unwrap_err();
    asked().handle_begin(0, 0, Some(1)).unwrap_err();
    asked().handle_begin(999, 0, None).unwrap_err();
    let mut receiving = asked();
    receiving.handle_begin(1, 0, Some(2)).unwrap();
    receiving.handle_begin(2, 50, Some(60)).unwrap_err();
    let mut receiving = asked();
    receiving.handle_begin(1, 0, Some(2)).unwrap();
    receiving.handle_data(1).unwrap();
    receiving.handle_end().unwrap_err();
    let mut receiving = asked();
    receiving.handle_begin(1, 0, Some(2)).unwrap();
    receiving.handle_data(3).unwrap_err();
    let mut receiving = asked();
    receiving.handle_begin(1, 0, Some(0)).unwrap();
    receiving.handle_end().unwrap();
    receiving.handle_begin(1, 0, Some(0)).unwrap_err();
    receiving.handle_begin(2, 50, Some(60)).unwrap();
    receiving.handle_abort().unwrap();
    receiving.handle_stream_end().unwrap();
}

#[test]
fn runs_are_joined() {
    let mut ranges = Ranges::default();
    assert_eq!(ranges.push(3), None);
    assert_eq!(ranges.push(4), None);
    assert_eq!(ranges.push(9), Some((3, 4)));
    assert_eq!(ranges.finish(), Some((9, 9)));
    assert_eq!(ranges.finish(), None);
}

proptest! {
    #[test]
    fn hostile_frames_never_panic(bytes in prop::collection::vec(0..6_u8, 0..400)) {
        let _ = decode(&[&bytes]);
    }

    #[test]
    fn index_set_is_a_set(indices in prop::collection::vec(0..300_u32, 0..200)) {
        let mut set = IndexSet::new(250);
        let mut model = std::collections::BTreeSet::new();
        for index in indices {
            if index % 5 == 0 {
                prop_assert_eq!(set.remove(index), model.remove(&index));
            } else {
                prop_assert_eq!(set.insert(index), index < 250 && model.insert(index));
            }
            prop_assert_eq!(set.count() as usize, model.len());
            prop_assert_eq!(set.contains(index), model.contains(&index));
        }
    }
}

#[test]
fn a_name_that_cannot_be_is_told_instead_of_wanted() {
    let reason = FileReason::NameForbidden;
    let failed = ReceiverMessage::Failed { file: 1, reason };
    let accept = ReceiverMessage::Accept { files: 0, bytes: 0 };
    let offered = Totals {
        files: 2,
        bytes: 8,
        ..Totals::default()
    };
    let mut sending = Sending::new(offered);
    assert!(hear(&mut sending, failed.clone()).is_err());
    let mut sending = Sending::new(offered);
    hear(&mut sending, accept).unwrap();
    hear(&mut sending, failed.clone()).unwrap();
    assert_eq!(sending.failures(), (vec![(1, reason)], 1));
    assert!(hear(&mut sending, failed).is_err());
    let want = ReceiverMessage::Want { first: 1, last: 1 };
    assert!(hear(&mut sending, want).is_err());
    let outside = ReceiverMessage::Failed { file: 2, reason };
    assert!(hear(&mut sending, outside).is_err());
}
