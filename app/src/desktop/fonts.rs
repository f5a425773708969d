//! Installed fonts, for letters that the window's own have not: on a thread of its own, since the system
//! may take a while to list them. They are mapped into memory, not read.

use std::collections::BTreeSet;
use std::sync::mpsc::Receiver;

use fontique::{
    Collection, CollectionOptions, FallbackKey, FamilyId, GenericFamily, Language, Query,
    QueryFamily, QueryFont, QueryStatus, Script, SourceCache,
};
use skrifa::instance::{LocationRef, Size};
use skrifa::outline::{DrawSettings, OutlinePen};
use skrifa::{FontRef, GlyphId, MetadataProvider as _};
use unicode_script::UnicodeScript as _;

use super::Outbox;
use crate::desktop::request::{DesktopReply, DesktopRequest, FoundFont};

/// Fonts that are given in all. A name has letters of one or two scripts.
const FONTS_LIMIT: usize = 8;

/// Largest font, in bytes. One with all of Chinese has twenty million; the largest that systems bring
/// are pictures of emoji, which are not drawn here.
const FILE_LIMIT: usize = 128 * 1024 * 1024;

/// Where fonts are looked for whose letters belong to no script, and where the script has none.
const ANYWHERE: [GenericFamily; 6] = [
    GenericFamily::SansSerif,
    GenericFamily::SystemUi,
    GenericFamily::Serif,
    GenericFamily::Monospace,
    GenericFamily::Math,
    GenericFamily::Emoji,
];

/// Languages of fonts for the characters that Chinese, Japanese and Korean share: each has only those of
/// its own.
const OF_HAN: [&str; 4] = ["zh-SG", "zh-TW", "ja", "ko"];

/// Letters that a font is looked for.
#[derive(Debug)]
pub(super) struct Search(pub(super) String);

/// Does one search after the other until the window is gone.
pub(super) fn serve(searches: &Receiver<Search>, outbox: &Outbox) {
    // Opened with the first search: most windows never need one.
    let mut shelf: Option<Shelf> = None;
    while let Ok(Search(letters)) = searches.recv() {
        let shelf = shelf.get_or_insert_with(|| {
            let fonts = Collection::new(CollectionOptions {
                shared: false,
                system_fonts: true,
            });
            Shelf::new(fonts, language())
        });
        let fonts = shelf.find(&letters);
        if !fonts.is_empty() {
            outbox.put(DesktopReply::Fonts(fonts));
        }
    }
}

/// Fonts to choose from.
pub(super) struct Shelf {
    fonts: Collection,
    files: SourceCache,
    language: Option<Language>,
    given: BTreeSet<(FamilyId, usize)>,
}

impl Shelf {
    /// Chooses from these; where several would do, for someone who reads this language.
    pub(super) fn new(fonts: Collection, language: Option<Language>) -> Self {
        Self {
            fonts,
            files: SourceCache::default(),
            language,
            given: BTreeSet::new(),
        }
    }

    /// Fonts that draw as many of these letters as can be. None is given twice.
    pub(super) fn find(&mut self, letters: &str) -> Vec<FoundFont> {
        let mut found: Vec<QueryFont> = Vec::new();
        for letter in letters.chars() {
            if self.given.len() >= FONTS_LIMIT {
                break;
            }
            if found.iter().any(|font| draws(font, letter)) {
                continue;
            }
            if let Some(font) = self.font_with(letter)
                && self.given.insert(font.family)
            {
                found.push(font);
            }
        }
        found.into_iter().map(|font| self.named(font)).collect()
    }

    fn font_with(&mut self, letter: char) -> Option<QueryFont> {
        let keys = self.keys(letter);
        let mut query = self.fonts.query(&mut self.files);
        for key in keys {
            query.set_fallbacks(key);
            if let Some(font) = first_with(&mut query, letter) {
                return Some(font);
            }
        }
        query.set_families(ANYWHERE.map(QueryFamily::Generic));
        first_with(&mut query, letter)
    }

    /// What the system is asked for, the best first.
    fn keys(&self, letter: char) -> Vec<FallbackKey> {
        let Some(script) = script_of(letter) else {
            return Vec::new();
        };
        let mut languages = vec![self.language, None];
        if letter.script() == unicode_script::Script::Han {
            languages.extend(OF_HAN.map(|tag| Language::parse(tag).ok()));
        }
        languages
            .iter()
            .map(|language| FallbackKey::new(script, language.as_ref()))
            .collect()
    }

    fn named(&mut self, font: QueryFont) -> FoundFont {
        let (family, number) = font.family;
        let name = self.fonts.family_name(family).unwrap_or_default();
        let name = format!("{name} {number}, of the system");
        tracing::debug!(name, "a font of the system is drawn with");
        let (file, _) = font.blob.into_raw_parts();
        FoundFont {
            name,
            file,
            index: font.index,
        }
    }
}

fn first_with(query: &mut Query<'_>, letter: char) -> Option<QueryFont> {
    let mut found = None;
    query.matches_with(|font| {
        if draws(font, letter) {
            found = Some(font.clone());
            QueryStatus::Stop
        } else {
            QueryStatus::Continue
        }
    });
    found
}

/// Whether a font draws the letter as the window can show it: by its outline.
fn draws(font: &QueryFont, letter: char) -> bool {
    if font.blob.len() > FILE_LIMIT {
        return false;
    }
    let Ok(face) = FontRef::from_index(font.blob.as_ref(), font.index) else {
        return false;
    };
    let Some(glyph) = face
        .charmap()
        .map(letter)
        .filter(|glyph| *glyph != GlyphId::NOTDEF)
    else {
        return false;
    };
    let Some(outline) = face.outline_glyphs().get(glyph) else {
        return false;
    };
    let mut ink = Ink(letter.is_whitespace());
    let settings = DrawSettings::unhinted(Size::unscaled(), LocationRef::default());
    outline.draw(settings, &mut ink).is_ok() && ink.0
}

/// Whether anything is drawn at all.
struct Ink(bool);

impl OutlinePen for Ink {
    fn move_to(&mut self, _: f32, _: f32) {}

    fn line_to(&mut self, _: f32, _: f32) {
        self.0 = true;
    }

    fn quad_to(&mut self, _: f32, _: f32, _: f32, _: f32) {
        self.0 = true;
    }

    fn curve_to(&mut self, _: f32, _: f32, _: f32, _: f32, _: f32, _: f32) {
        self.0 = true;
    }

    fn close(&mut self) {}
}

/// A letter's script; `None` for what belongs to none, such as punctuation and symbols.
fn script_of(letter: char) -> Option<Script> {
    use unicode_script::Script::{Common, Inherited, Unknown};

    let script = letter.script();
    if matches!(script, Common | Inherited | Unknown) {
        None
    } else {
        Script::parse(script.short_name()).ok()
    }
}

/// The language that the person reads, as the environment has it. Windows and macOS know it by
/// themselves.
fn language() -> Option<Language> {
    let set = ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .filter_map(|variable| std::env::var(variable).ok())
        .find(|value| !value.is_empty())?;
    language_of(&set)
}

/// The language of a locale's name, such as `ja_JP.UTF-8`.
pub(super) fn language_of(locale: &str) -> Option<Language> {
    let tag = locale.split(['.', '@']).next()?.replace('_', "-");
    Language::parse(&tag).ok()
}

impl From<Search> for DesktopRequest {
    fn from(search: Search) -> Self {
        Self::FindFonts(search.0)
    }
}
