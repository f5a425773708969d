//! A font made for a test: a box for each of its letters.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::desktop::request::FoundFont;

/// Units of the font's design in a line.
const UNITS: u16 = 1000;

/// Width of a letter, and of all that is drawn of it.
const ADVANCE: u16 = 600;

/// A font with these letters and no others. Tables: OpenType 1.9, with what has to be there.
pub(super) fn font_of(letters: &str) -> FoundFont {
    let letters: BTreeSet<char> = letters.chars().collect();
    // One more: the first glyph stands for what is missing.
    let glyphs = u16::try_from(letters.len() + 1).expect("a few letters");
    let drawn = glyph();
    let size = u32::try_from(drawn.len()).expect("a small glyph");
    let tables = BTreeMap::from([
        (*b"cmap", cmap(&letters)),
        (*b"glyf", drawn.repeat(usize::from(glyphs))),
        (*b"head", head()),
        (*b"hhea", hhea(glyphs)),
        (*b"hmtx", words(&[ADVANCE, 0]).repeat(usize::from(glyphs))),
        (
            *b"loca",
            (0..=u32::from(glyphs))
                .flat_map(|at| (at * size).to_be_bytes())
                .collect(),
        ),
        (*b"maxp", [words(&[0, 0x5000]), words(&[glyphs])].concat()),
    ]);
    FoundFont {
        name: "made for a test".to_owned(),
        file: Arc::new(file(&tables)),
        index: 0,
    }
}

fn words(words: &[u16]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

/// A square from the line up: four points, each by both coordinates.
fn glyph() -> Vec<u8> {
    let side = 500;
    let mut glyph = words(&[1, 0, 0, side, side, 3, 0]);
    // On the curve, all of them.
    glyph.extend([1; 4]);
    glyph.extend(words(&[0, 0, side, 0]));
    glyph.extend(words(&[0, side, 0, 0_u16.wrapping_sub(side)]));
    glyph
}

/// One group for each letter.
fn cmap(letters: &BTreeSet<char>) -> Vec<u8> {
    let groups: Vec<[u32; 3]> = (1..)
        .zip(letters)
        .map(|(glyph, letter)| [u32::from(*letter), u32::from(*letter), glyph])
        .collect();
    let count = u32::try_from(groups.len()).expect("a few letters");
    let mut table = words(&[0, 1, 3, 10, 0, 12, 12, 0]);
    for value in [16 + 12 * count, 0, count] {
        table.extend(value.to_be_bytes());
    }
    table.extend(
        groups
            .iter()
            .flatten()
            .flat_map(|value| value.to_be_bytes()),
    );
    table
}

fn head() -> Vec<u8> {
    let mut table = words(&[1, 0, 1, 0, 0, 0, 0x5f0f, 0x3cf5, 0, UNITS]);
    // Made and changed at no time.
    table.extend([0; 16]);
    table.extend(words(&[0, 0, ADVANCE, UNITS, 0, 8, 2, 1, 0]));
    table
}

fn hhea(glyphs: u16) -> Vec<u8> {
    let (ascent, descent) = (800, 0_u16.wrapping_sub(200));
    let mut table = words(&[1, 0, ascent, descent, 0, ADVANCE, 0, 0, ADVANCE, 1, 0, 0]);
    table.extend(words(&[0, 0, 0, 0, 0, glyphs]));
    table
}

fn file(tables: &BTreeMap<[u8; 4], Vec<u8>>) -> Vec<u8> {
    let count = u16::try_from(tables.len()).expect("a few tables");
    let mut directory = words(&[1, 0, count, 0, 0, 0]);
    let mut body = Vec::new();
    let start = directory.len() + 16 * tables.len();
    for (tag, table) in tables {
        directory.extend(tag);
        for value in [0, start + body.len(), table.len()] {
            directory.extend(u32::try_from(value).expect("a small font").to_be_bytes());
        }
        body.extend(table);
        body.resize(body.len().next_multiple_of(4), 0);
    }
    directory.extend(body);
    directory
}
