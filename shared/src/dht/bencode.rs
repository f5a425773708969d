//! Bencode (BEP 3): one value that is checked to its end, and a writer.
//!
//! A [`Value`] is a piece of the bytes that it was read from: reading allocates nothing. Only one form of each
//! value is taken: keys of a dictionary in order and once, numbers without zeros in front, nothing behind the end.

use crate::limits::DHT_MAX_DEPTH;

/// Bytes that are not bencode in its one form, or lie deeper than [`DHT_MAX_DEPTH`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("malformed bencode")]
pub struct Malformed;

/// Most digits of a number: those of the longest 64-bit one.
const MOST_DIGITS: usize = 20;

/// One value, known to be well formed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Value<'a>(&'a [u8]);

impl<'a> Value<'a> {
    /// The value that these bytes are, all of them.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        match split(bytes, DHT_MAX_DEPTH)? {
            (value, []) => Ok(value),
            (_, [..]) => Err(Malformed),
        }
    }

    /// Its bytes as they stand on the wire.
    #[must_use]
    pub const fn encoded(self) -> &'a [u8] {
        self.0
    }

    /// What it is as a byte string.
    #[must_use]
    pub fn bytes(self) -> Option<&'a [u8]> {
        split_bytes(self.0).ok().map(|(bytes, _)| bytes)
    }

    /// What it is as a byte string of this length.
    #[must_use]
    pub fn array<const N: usize>(self) -> Option<[u8; N]> {
        self.bytes()?.try_into().ok()
    }

    /// What it is as a number of 64 bits.
    #[must_use]
    pub fn integer(self) -> Option<i64> {
        let digits = self.0.strip_prefix(b"i")?.strip_suffix(b"e")?;
        std::str::from_utf8(digits).ok()?.parse().ok()
    }

    /// The value of a dictionary under that key.
    #[must_use]
    pub fn get(self, key: &[u8]) -> Option<Self> {
        let mut rest = self.0.strip_prefix(b"d")?;
        while rest.first()? != &b'e' {
            let (name, behind) = split_bytes(rest).ok()?;
            let (value, behind) = split(behind, DHT_MAX_DEPTH).ok()?;
            if name == key {
                return Some(value);
            }
            rest = behind;
        }
        None
    }

    /// The first value of a list.
    #[must_use]
    pub fn first(self) -> Option<Self> {
        let rest = self.0.strip_prefix(b"l")?;
        split(rest, DHT_MAX_DEPTH).ok().map(|(value, _)| value)
    }

    /// The values of a list that are byte strings, up to the first that is none.
    pub fn strings(self) -> impl Iterator<Item = &'a [u8]> {
        let mut rest = self.0.strip_prefix(b"l").unwrap_or_default();
        std::iter::from_fn(move || {
            let (bytes, behind) = split_bytes(rest).ok()?;
            rest = behind;
            Some(bytes)
        })
    }
}

/// The first value, and what is behind it.
fn split(bytes: &[u8], depth: usize) -> Result<(Value<'_>, &[u8]), Malformed> {
    let rest = match bytes.first() {
        Some(b'i') => behind_number(&bytes[1..])?,
        Some(b'l') => behind_list(&bytes[1..], depth)?,
        Some(b'd') => behind_dictionary(&bytes[1..], depth)?,
        Some(_) => split_bytes(bytes)?.1,
        None => return Err(Malformed),
    };
    let length = bytes.len() - rest.len();
    Ok((Value(&bytes[..length]), rest))
}

fn behind_number(bytes: &[u8]) -> Result<&[u8], Malformed> {
    let end = bytes
        .iter()
        .take(MOST_DIGITS + 1)
        .position(|byte| *byte == b'e');
    let (number, rest) = bytes.split_at(end.ok_or(Malformed)?);
    let negative = number.strip_prefix(b"-");
    let digits = negative.unwrap_or(number);
    let one_form = match digits {
        [b'0'] => negative.is_none(),
        [b'1'..=b'9', more @ ..] => more.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    if one_form {
        Ok(&rest[1..])
    } else {
        Err(Malformed)
    }
}

fn behind_list(mut bytes: &[u8], depth: usize) -> Result<&[u8], Malformed> {
    let depth = depth.checked_sub(1).ok_or(Malformed)?;
    loop {
        match bytes {
            [b'e', rest @ ..] => return Ok(rest),
            _ => bytes = split(bytes, depth)?.1,
        }
    }
}

fn behind_dictionary(mut bytes: &[u8], depth: usize) -> Result<&[u8], Malformed> {
    let depth = depth.checked_sub(1).ok_or(Malformed)?;
    let mut last: Option<&[u8]> = None;
    loop {
        if let [b'e', rest @ ..] = bytes {
            return Ok(rest);
        }
        let (key, rest) = split_bytes(bytes)?;
        if last.is_some_and(|last| last >= key) {
            return Err(Malformed);
        }
        last = Some(key);
        bytes = split(rest, depth)?.1;
    }
}

/// The byte string at the front, and what is behind it.
fn split_bytes(bytes: &[u8]) -> Result<(&[u8], &[u8]), Malformed> {
    let digits = bytes
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let one_form = match &bytes[..digits] {
        [b'0'] => true,
        [first, ..] => *first != b'0' && digits <= MOST_DIGITS,
        [] => false,
    };
    if !one_form {
        return Err(Malformed);
    }
    let length = std::str::from_utf8(&bytes[..digits]).map_err(|_| Malformed)?;
    let length: usize = length.parse().map_err(|_| Malformed)?;
    let rest = bytes[digits..].strip_prefix(b":").ok_or(Malformed)?;
    rest.split_at_checked(length).ok_or(Malformed)
}

/// Writes values behind one another. Keys are written by the caller, in order.
#[derive(Debug, Default)]
pub(super) struct Writer(Vec<u8>);

impl Writer {
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes.len().to_string().as_bytes());
        self.0.push(b':');
        self.0.extend_from_slice(bytes);
        self
    }

    pub(super) fn integer(&mut self, integer: i64) -> &mut Self {
        self.0.push(b'i');
        self.0.extend_from_slice(integer.to_string().as_bytes());
        self.0.push(b'e');
        self
    }

    pub(super) fn dictionary(&mut self) -> &mut Self {
        self.0.push(b'd');
        self
    }

    pub(super) fn list(&mut self) -> &mut Self {
        self.0.push(b'l');
        self
    }

    pub(super) fn end(&mut self) -> &mut Self {
        self.0.push(b'e');
        self
    }
}
