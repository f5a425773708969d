//! What a peer may not say, each at a moment when the other machine can know that.

use super::simulation::World;
use crate::transfer::Violation;
use crate::wire::peer::{Acknowledged, ReceiverMessage};

/// What comes of a lie; `None` when it cannot be told at present.
type Told = Option<Result<(), Violation>>;

const LIES: [fn(&mut World) -> Told; KINDS] = [
    hashes_unasked,
    hashes_twice,
    another_number_of_hashes,
    data_beyond_the_file,
    a_hole_beyond_the_file,
    a_begin_elsewhere,
    an_early_end,
    an_early_end_of_the_stream,
    a_refusal_of_what_nobody_wants,
    a_proof_of_a_length_never_claimed,
    a_proof_of_what_was_not_claimed,
    a_want_outside_the_offer,
    more_than_was_sent,
];

/// How many kinds of lies there are.
pub(super) const KINDS: usize = 13;

/// Tells a lie.
pub(super) fn tell(world: &mut World, kind: usize) -> Told {
    LIES[kind](world)
}

/// A file that is claimed, and for which `fits` holds; the first such.
fn claimed(world: &World, fits: impl Fn(u32) -> bool) -> Option<u32> {
    let files = (0..).zip(&world.receiver.files);
    let mut claimed = files.filter(|(_, here)| !here.lengths.is_empty());
    claimed
        .find(|(index, _)| fits(*index))
        .map(|(index, _)| index)
}

/// An entry that is not claimed, or the one behind the last.
fn unclaimed(world: &World) -> u32 {
    let files = &world.receiver.files;
    let first = files.iter().position(|here| here.lengths.is_empty());
    first.unwrap_or(files.len()) as u32
}

fn hashes_unasked(world: &mut World) -> Told {
    let file = unclaimed(world);
    let outcome = world.receiver.machine.handle_prefix(file, 1);
    Some(outcome.map(|_| ()))
}

fn hashes_twice(world: &mut World) -> Told {
    let file = claimed(world, |file| world.receiver.files[file as usize].heard)?;
    let hashes = world.receiver.files[file as usize].lengths.len();
    let outcome = world.receiver.machine.handle_prefix(file, hashes);
    Some(outcome.map(|_| ()))
}

fn another_number_of_hashes(world: &mut World) -> Told {
    let file = claimed(world, |file| !world.receiver.files[file as usize].heard)?;
    let hashes = world.receiver.files[file as usize].lengths.len();
    let hashes = if world.chance.one_in(2) {
        hashes + 1
    } else {
        hashes - 1
    };
    let outcome = world.receiver.machine.handle_prefix(file, hashes);
    Some(outcome.map(|_| ()))
}

fn data_beyond_the_file(world: &mut World) -> Told {
    let most = world
        .offer
        .files
        .iter()
        .filter_map(|file| file.size())
        .max();
    let beyond = most.unwrap_or(0) as usize + 1;
    Some(world.receiver.machine.handle_data(beyond))
}

fn a_hole_beyond_the_file(world: &mut World) -> Told {
    Some(world.receiver.machine.handle_hole(u64::MAX))
}

fn a_begin_elsewhere(world: &mut World) -> Told {
    let file = world.chance.below(world.offer.files.len() + 1) as u32;
    let size = world.offer.size(file);
    let beyond = size.unwrap_or(0) + 1;
    let outcome = world.receiver.machine.handle_begin(file, beyond, size);
    Some(outcome.map(|_| ()))
}

fn an_early_end(world: &mut World) -> Told {
    // Between two runs there is nothing to end.
    let between = world.receiver.current.is_none();
    between.then(|| world.receiver.machine.handle_end())
}

fn an_early_end_of_the_stream(world: &mut World) -> Told {
    let open = world.receiver.current.is_some();
    open.then(|| world.receiver.machine.handle_stream_end())
}

fn a_refusal_of_what_nobody_wants(world: &mut World) -> Told {
    let files = (0..).zip(&world.receiver.files);
    let mut settled = files.filter(|(_, here)| !here.asked || here.whole == Some(true));
    let (file, _) = settled.next()?;
    let outcome = world.receiver.machine.handle_refuse(file);
    Some(outcome.map(|_| ()))
}

fn a_proof_of_a_length_never_claimed(world: &mut World) -> Told {
    let given_up = &world.sender.given_up;
    let file = claimed(world, |file| !given_up.contains(&file))?;
    let length = world.receiver.files[file as usize].lengths[0] + 1;
    let proved = ReceiverMessage::Proved { file, length };
    Some(world.sender.hear(&world.offer, proved))
}

fn a_proof_of_what_was_not_claimed(world: &mut World) -> Told {
    let file = unclaimed(world);
    let proved = ReceiverMessage::Proved { file, length: 0 };
    Some(world.sender.hear(&world.offer, proved))
}

fn a_want_outside_the_offer(world: &mut World) -> Told {
    let last = world.offer.files.len() as u32;
    let want = ReceiverMessage::Want { first: 0, last };
    Some(world.sender.hear(&world.offer, want))
}

fn more_than_was_sent(world: &mut World) -> Told {
    let machine = &world.sender.machine;
    let known = machine.sent() + machine.holes() + machine.resumed();
    let told = Acknowledged {
        bytes: known + 1,
        files: 0,
    };
    let progress = ReceiverMessage::Progress(told);
    Some(world.sender.hear(&world.offer, progress))
}
