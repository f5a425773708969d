//! Escaping: from a name that cannot be on this disk to one near to it that can.
//!
//! ```text
//! what?.txt      what%3F.txt      a character that is forbidden, in UTF-8, each byte as % and two hex digits
//! 100%?          100%25%3F        the % of a name that is changed at all
//! notes.         notes%2E         a dot or a space at the end, where it would be dropped
//! con.c          %63on.c          the first letter of a device's name
//! makefile       %6Dakefile       the first letters, as many as are needed, where the name is taken
//! ```
//!
//! Turning each `%XX` of a changed name back into its byte gives the old name again. Only what would be too
//! long loses its middle for `~` and eight hex digits of its hash; what it was is then in the list of changed
//! names, which both people get.

use super::safe::{floor_boundary, split_extension};
use super::{NameLength, NameRules};

/// The name near to `component` that `rules` allow; `None` if there is none.
///
/// `attempt` counts the names that turned out to be taken: each time one more letter changes at the front.
pub(super) fn escape(component: &[u8], rules: &NameRules, attempt: usize) -> Option<Vec<u8>> {
    let (device, trailing) = rules.ends(component);
    let front = attempt.max(usize::from(device));
    let mut escaped = Vec::with_capacity(component.len() + 2 * front + 2);
    let mut position = 0;
    for chunk in component.utf8_chunks() {
        for character in chunk.valid().chars() {
            let mut buffer = [0; 4];
            let bytes = character.encode_utf8(&mut buffer).as_bytes();
            let plain = position >= front
                && character != '%'
                && !bytes.iter().any(|byte| rules.forbids(*byte));
            push(&mut escaped, bytes, plain);
            position += 1;
        }
        let plain = position >= front && rules.takes_any_bytes() && !rules.forbids(u8::MAX);
        push(&mut escaped, chunk.invalid(), plain);
        position += usize::from(!chunk.invalid().is_empty());
    }
    if trailing && let Some(last @ (b'.' | b' ')) = escaped.last().copied() {
        escaped.pop();
        push(&mut escaped, &[last], false);
    }
    if !fits(&escaped, rules.length()) {
        escaped = shorten(component, &escaped, rules.length(), attempt);
    }
    rules.allows(&escaped).then_some(escaped)
}

fn push(escaped: &mut Vec<u8>, bytes: &[u8], plain: bool) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    if plain {
        escaped.extend(bytes);
        return;
    }
    for byte in bytes {
        let (high, low) = (byte >> 4, byte & 15);
        escaped.extend([b'%', DIGITS[usize::from(high)], DIGITS[usize::from(low)]]);
    }
}

/// The beginning of `escaped`, a mark that depends on all of the old name and the attempt, and the ending.
fn shorten(component: &[u8], escaped: &[u8], length: NameLength, attempt: usize) -> Vec<u8> {
    let mut hasher = blake3::Hasher::new();
    hasher.update(component);
    hasher.update(&attempt.to_le_bytes());
    let mark = format!("~{}", &hasher.finalize().to_hex()[..8]);
    let (stem, extension) = split_extension(escaped);
    let extension_length = String::from_utf8_lossy(extension).len();
    let room = match length {
        NameLength::Bytes(most) => {
            NameLength::Bytes(most.saturating_sub(mark.len() + extension_length))
        }
        NameLength::Utf16(most) => {
            NameLength::Utf16(most.saturating_sub(mark.len() + extension_length))
        }
    };
    let mut end = longest_fitting(stem, room);
    // An escape stays whole.
    while end > 0 && stem[end.saturating_sub(2)..end].contains(&b'%') {
        end -= 1;
    }
    [&stem[..end], mark.as_bytes(), extension].concat()
}

fn fits(name: &[u8], length: NameLength) -> bool {
    longest_fitting(name, length) == name.len()
}

/// How many bytes of `name`, from its beginning and cut between characters, `length` has room for.
fn longest_fitting(name: &[u8], length: NameLength) -> usize {
    match length {
        NameLength::Bytes(most) => floor_boundary(name, most.min(name.len())),
        NameLength::Utf16(most) => {
            let (mut end, mut units) = (0, 0);
            for chunk in name.utf8_chunks() {
                let valid = chunk.valid().chars().map(|c| (c.len_utf8(), c.len_utf16()));
                let invalid = chunk.invalid().iter().map(|_| (1, 1));
                for (bytes, more) in valid.chain(invalid) {
                    if units + more > most {
                        return end;
                    }
                    end += bytes;
                    units += more;
                }
            }
            end
        }
    }
}
