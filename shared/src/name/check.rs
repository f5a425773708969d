//! Whether a name is dangerous, whoever receives it.

use super::{NameError, PART_PREFIX};
use crate::limits::{MAX_COMPONENT_BYTES, MAX_NAME_BYTES, MAX_NAME_DEPTH};

/// Checks a relative path as a peer sends it: bytes, with components separated by `/`.
///
/// # Errors
///
/// One [`NameError`] for each rule, the first that is broken.
pub fn check(path: &[u8]) -> Result<(), NameError> {
    check_new(path, 0, components(path))
}

/// Checks a path of which the first `known` components were checked before, and `new` are the others.
pub(super) fn check_new<'a>(
    path: &[u8],
    known: usize,
    new: impl Iterator<Item = &'a [u8]>,
) -> Result<(), NameError> {
    if path.len() > MAX_NAME_BYTES {
        return Err(NameError::TooLong);
    }
    if path.first() == Some(&b'/') {
        return Err(NameError::Absolute);
    }
    for (depth, component) in (known..).zip(new) {
        if depth >= MAX_NAME_DEPTH {
            return Err(NameError::TooDeep);
        }
        check_component(component)?;
    }
    Ok(())
}

/// Whether `component` is the name of one of our own files, which nobody may send and which is not
/// offered: anything that begins with [`PART_PREFIX`], in any case.
#[must_use]
pub fn is_part_name(component: &[u8]) -> bool {
    component
        .get(..PART_PREFIX.len())
        .is_some_and(|front| front.eq_ignore_ascii_case(PART_PREFIX.as_bytes()))
}

/// The components of a relative path, outermost first; at least one.
pub(super) fn components(path: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    path.split(|byte| *byte == b'/')
}

fn check_component(component: &[u8]) -> Result<(), NameError> {
    match component {
        b"" => Err(NameError::Empty),
        b"." | b".." => Err(NameError::Dots),
        _ if component.len() > MAX_COMPONENT_BYTES => Err(NameError::ComponentTooLong),
        _ if component.contains(&0) => Err(NameError::Nul),
        _ if is_part_name(component) => Err(NameError::OurOwn),
        _ => Ok(()),
    }
}
