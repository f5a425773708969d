//! Pairing codes: what is read out, and what is made of what a person types.
//!
//! ```text
//! 417-acid-lemon                      locator, words
//! 417-acid-lemon@example.org:4840     and the rendezvous, when it is not the receiver's own
//! fardrop:417-acid-lemon@[::1]:4840   as a URI
//! ```
//!
//! The locator is public. The words are the secret: they appear in no `Debug`, log or error, and
//! their memory is wiped when they are dropped.

pub mod draft;
#[cfg(test)]
mod tests;

use std::fmt;
use std::net::Ipv6Addr;

use rand_core::{CryptoRng, RngCore};
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;
use zeroize::{ZeroizeOnDrop, Zeroizing};

use crate::limits::{
    MAX_CODE_BYTES, MAX_HOST_BYTES, MAX_LOCATOR_DIGITS, MAX_WORDS, MIN_LOCATOR_DIGITS, MIN_WORDS,
};
use crate::wordlist::{self, Lookup, WORD_COUNT};

/// What a code begins with to be a URI.
const URI_SCHEME: &str = "fardrop:";

/// Where a share is to be found at its rendezvous: a public number, which tells nothing of the words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Locator(u32);

impl Locator {
    /// A locator of `value`; `None` unless it has three to nine digits.
    #[must_use]
    pub fn new(value: u32) -> Option<Self> {
        (first_of(MIN_LOCATOR_DIGITS)..first_of(MAX_LOCATOR_DIGITS + 1))
            .contains(&value)
            .then_some(Self(value))
    }

    /// Any locator of `digits` digits (clamped to what is allowed), each as likely as the other.
    pub fn random(digits: u32, rng: &mut (impl RngCore + CryptoRng)) -> Self {
        let digits = digits.clamp(MIN_LOCATOR_DIGITS, MAX_LOCATOR_DIGITS);
        let first = first_of(digits);
        Self(first + below(first * 9, rng))
    }

    /// The number.
    #[must_use]
    pub const fn value(self) -> u32 {
        self.0
    }
}

impl fmt::Display for Locator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<Locator> for u32 {
    fn from(locator: Locator) -> Self {
        locator.0
    }
}

impl TryFrom<u32> for Locator {
    type Error = CodeError;

    fn try_from(value: u32) -> Result<Self, CodeError> {
        Self::new(value).ok_or(CodeError::BadLocator)
    }
}

/// A pairing code, from where it is parsed to where it is used. Its words are wiped when it is dropped, and it
/// is printed only by [`to_spoken`](Self::to_spoken) and [`to_uri`](Self::to_uri), so that it cannot slip into
/// a log.
#[derive(Clone, PartialEq, Eq)]
pub struct PairingCode {
    locator: Locator,
    /// Indices into the word list, all below [`WORD_COUNT`].
    words: Zeroizing<Vec<u16>>,
    /// `host:port`, checked.
    server: Option<String>,
}

impl PairingCode {
    /// A code of `word_count` fresh words (clamped to [`MIN_WORDS`]..=[`MAX_WORDS`]), each 10.3 bits.
    pub fn generate(
        locator: Locator,
        word_count: usize,
        rng: &mut (impl RngCore + CryptoRng),
    ) -> Self {
        let word_count = word_count.clamp(MIN_WORDS, MAX_WORDS);
        let mut words = Zeroizing::new(Vec::with_capacity(word_count));
        for _ in 0..word_count {
            let index = below(u32::from(WORD_COUNT), rng);
            // `below` keeps the index under WORD_COUNT, a u16, so nothing is cut off.
            words.push(index as u16);
        }
        Self {
            locator,
            words,
            server: None,
        }
    }

    /// Reads what a person typed: any case, hyphens, spaces or neither between the words, three
    /// letters or more of a word, one slip of a finger in a word, `fardrop:` in front, `@host:port`
    /// behind (an IPv6 address in brackets).
    ///
    /// # Errors
    ///
    /// Says what is wrong, and which word, but never repeats a word.
    pub fn parse(typed: &str) -> Result<Self, CodeError> {
        if typed.len() > MAX_CODE_BYTES {
            return Err(CodeError::TooLong);
        }
        let text = normalize(typed);
        let text = text.trim();
        let text = text.strip_prefix(URI_SCHEME).unwrap_or(text);
        let (spoken, server) = match text.split_once('@') {
            Some((spoken, server)) => (spoken, Some(check_server(server.trim())?)),
            None => (text, None),
        };
        let spoken = spoken.trim_start_matches(is_separator);
        let digits = spoken
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(spoken.len());
        let (locator, words) = spoken.split_at(digits);
        Ok(Self {
            locator: parse_locator(locator)?,
            words: parse_words(words)?,
            server,
        })
    }

    /// The code as it is at another rendezvous, which it then names; with `None`, at the receiver's own.
    ///
    /// # Errors
    ///
    /// [`CodeError::BadServer`] unless `server` is `host:port`.
    pub fn with_server(self, server: Option<&str>) -> Result<Self, CodeError> {
        let server = server.map(check_server).transpose()?;
        Ok(Self { server, ..self })
    }

    /// Where the share is to be found.
    #[must_use]
    pub const fn locator(&self) -> Locator {
        self.locator
    }

    /// The rendezvous that the code names, as `host:port`.
    #[must_use]
    pub fn server(&self) -> Option<&str> {
        self.server.as_deref()
    }

    /// How many bits a guesser has to guess.
    #[must_use]
    pub fn entropy_bits(&self) -> f64 {
        f64::from(WORD_COUNT).log2() * self.words.len() as f64
    }

    /// `417-acid-lemon`, with `@host:port` if it names a rendezvous: secret, for a person's eyes.
    #[must_use]
    pub fn to_spoken(&self) -> Zeroizing<String> {
        self.print("")
    }

    /// [`to_spoken`](Self::to_spoken) with `fardrop:` in front: secret, for a link or a QR code.
    #[must_use]
    pub fn to_uri(&self) -> Zeroizing<String> {
        self.print(URI_SCHEME)
    }

    /// What both sides must know: the words, one space between two.
    pub(crate) fn password(&self) -> Zeroizing<String> {
        let mut password = Zeroizing::new(String::with_capacity(MAX_CODE_BYTES));
        self.push_words(&mut password, ' ');
        password
    }

    fn print(&self, front: &str) -> Zeroizing<String> {
        // Room for all of it, so that no half-written copy is left behind by growing.
        let room = MAX_CODE_BYTES + self.server.as_ref().map_or(0, String::len);
        let mut text = Zeroizing::new(String::with_capacity(room));
        text.push_str(front);
        text.push_str(&self.locator.to_string());
        text.push('-');
        self.push_words(&mut text, '-');
        if let Some(server) = &self.server {
            text.push('@');
            text.push_str(server);
        }
        text
    }

    fn push_words(&self, text: &mut String, between: char) {
        for (at, word) in self
            .words
            .iter()
            .filter_map(|i| wordlist::word(*i))
            .enumerate()
        {
            if at > 0 {
                text.push(between);
            }
            text.push_str(word);
        }
    }
}

/// The words, which are all that is secret, wipe themselves.
impl ZeroizeOnDrop for PairingCode {}

impl fmt::Debug for PairingCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PairingCode")
            .field("locator", &self.locator.0)
            .field("words", &format_args!("<{} secret>", self.words.len()))
            .field("server", &self.server)
            .finish()
    }
}

/// Why what was typed is no code. Nothing typed is repeated; whoever shows the error has the text,
/// and `position` says which word of it is meant, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CodeError {
    /// More than [`MAX_CODE_BYTES`] bytes.
    #[error("the code is too long")]
    TooLong,
    /// There is no number in front.
    #[error("the code has to begin with its number")]
    NoLocator,
    /// The number has not three to nine digits, or begins with 0.
    #[error("the number of the code has three to nine digits")]
    BadLocator,
    /// Fewer than [`MIN_WORDS`] words.
    #[error("a code has at least {MIN_WORDS} words after its number, and this has {given}")]
    TooFewWords {
        /// How many there were.
        given: usize,
    },
    /// More than [`MAX_WORDS`] words.
    #[error("the code has at most {MAX_WORDS} words")]
    TooManyWords,
    /// Like no word of the list.
    #[error("word {position} of the code is not one of Fardrop's words")]
    UnknownWord {
        /// Which word, from 1.
        position: usize,
    },
    /// One slip away from several words.
    #[error("word {position} of the code could be several of Fardrop's words")]
    AmbiguousWord {
        /// Which word, from 1.
        position: usize,
    },
    /// What follows `@` is not `host:port`.
    #[error("after the @ comes the rendezvous, as host:port")]
    BadServer,
}

/// The smallest number of `digits` digits (1 to 10).
const fn first_of(digits: u32) -> u32 {
    10_u32.pow(digits - 1)
}

/// A number below `bound` (not 0), each as likely as the other: draws beyond the last whole multiple
/// of the bound are thrown away.
fn below(bound: u32, rng: &mut (impl RngCore + CryptoRng)) -> u32 {
    let limit = u32::MAX - u32::MAX % bound;
    loop {
        let drawn = rng.next_u32();
        if drawn < limit {
            return drawn % bound;
        }
    }
}

/// Lower case, compatibility forms (wide digits and letters) made plain, every dash a hyphen.
fn normalize(typed: &str) -> Zeroizing<String> {
    // NFKC makes a character at most 18 characters of at most 4 bytes, and lower case doubles few;
    // the text is short, so room for the worst case keeps it from growing and leaving copies.
    let mut text = Zeroizing::new(String::with_capacity(typed.len() * 36));
    text.extend(typed.nfkc().flat_map(char::to_lowercase).map(|c| {
        let dash = matches!(
            c,
            '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe58}' | '\u{ff0d}'
        );
        if dash { '-' } else { c }
    }));
    text
}

fn is_separator(c: char) -> bool {
    c == '-' || c.is_whitespace()
}

fn parse_locator(digits: &str) -> Result<Locator, CodeError> {
    if digits.is_empty() {
        return Err(CodeError::NoLocator);
    }
    if digits.starts_with('0') {
        return Err(CodeError::BadLocator);
    }
    let value = digits.parse().map_err(|_| CodeError::BadLocator)?;
    Locator::new(value).ok_or(CodeError::BadLocator)
}

/// What stands between separators, in order.
fn tokens(text: &str) -> impl Iterator<Item = &str> {
    let mut tokens = text
        .split(is_separator)
        .filter(|token| !token.is_empty())
        .peekable();
    std::iter::from_fn(move || {
        let token = tokens.next()?;
        // The list's only word with a hyphen, typed the way the dictionary has it.
        let hyphenated = token == "yo" && tokens.next_if_eq(&"yo").is_some();
        Some(if hyphenated { "yoyo" } else { token })
    })
}

fn parse_words(text: &str) -> Result<Zeroizing<Vec<u16>>, CodeError> {
    let mut words = Zeroizing::new(Vec::with_capacity(MAX_WORDS));
    for token in tokens(text) {
        let found = find_words(token, words.len() + 1)?;
        if words.len() + found.len() > MAX_WORDS {
            return Err(CodeError::TooManyWords);
        }
        words.extend_from_slice(&found);
    }
    if words.len() < MIN_WORDS {
        let given = words.len();
        return Err(CodeError::TooFewWords { given });
    }
    Ok(words)
}

/// The word, or the words without anything between them, that `token` stands for.
fn find_words(token: &str, position: usize) -> Result<Zeroizing<Vec<u16>>, CodeError> {
    match wordlist::look_up(token) {
        Lookup::Found(index) => Ok(Zeroizing::new(vec![index])),
        Lookup::Ambiguous => Err(CodeError::AmbiguousWord { position }),
        Lookup::Unknown => wordlist::split_joined(token).ok_or(CodeError::UnknownWord { position }),
    }
}

/// `host:port`, in lower case; the host a name or an address, an IPv6 one in brackets.
fn check_server(server: &str) -> Result<String, CodeError> {
    let (host, port) = server.rsplit_once(':').ok_or(CodeError::BadServer)?;
    let digits_only = port.bytes().all(|b| b.is_ascii_digit());
    let port: u16 = port.parse().map_err(|_| CodeError::BadServer)?;
    let bracketed = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
    let host_good = match bracketed {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => {
            (1..=MAX_HOST_BYTES).contains(&host.len())
                && !host.starts_with('-')
                && host
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'))
        }
    };
    if host_good && digits_only && port != 0 {
        Ok(format!("{}:{port}", host.to_ascii_lowercase()))
    } else {
        Err(CodeError::BadServer)
    }
}
