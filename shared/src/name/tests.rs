use std::path::{Component, Path};

use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use super::set::fold;
use super::{EntryKind, NameError, NameSet, Platform, SafeName, display_safe, is_part_name};
use crate::limits::MAX_OFFER_NAMES;

#[track_caller]
fn check(name: &str) {
    let parsed = SafeName::parse(name.as_bytes());
    assert_eq!(parsed.as_ref().map(SafeName::as_str), Ok(name));
}

#[track_caller]
fn check_refused(name: &str, error: NameError) {
    assert_eq!(SafeName::parse(name.as_bytes()), Err(error), "{name:?}");
}

#[track_caller]
fn check_shown(text: &str, max_chars: usize, shown: &str) {
    assert_eq!(display_safe(text, max_chars), shown, "{text:?}");
}

#[test]
fn names_that_people_have_are_taken() {
    for name in [
        "a",
        "folder/file.txt",
        ".bashrc",
        "..a",
        "a..b",
        "...a/b",
        " leading space",
        "报告/最终版.pdf",
        "تقرير.txt",
        "👨\u{200d}👩\u{200d}👧.png",
        "e\u{301}.txt",
        "what? \"really\" <yes>|no*.txt",
        "console.log",
        "com.apple.plist",
        "com10",
        "comx.txt",
        "nullable",
        "a&b;c$(d)`e`'f'",
        "~",
        "-rf",
        "x.part",
        "fardrop-x.part",
    ] {
        check(name);
    }
    check(&"x".repeat(255));
    check(&vec!["d"; 128].join("/"));
}

#[test]
fn names_that_lead_elsewhere_are_refused() {
    for (name, error) in [
        ("", NameError::Empty),
        ("/", NameError::Absolute),
        ("/etc/passwd", NameError::Absolute),
        ("//server/share", NameError::Absolute),
        ("a//b", NameError::Empty),
        ("a/", NameError::Empty),
        (".", NameError::Dots),
        ("..", NameError::Dots),
        ("../a", NameError::Dots),
        ("a/../../b", NameError::Dots),
        ("a/./b", NameError::Dots),
        ("a/..", NameError::Dots),
        ("..\\a", NameError::Backslash),
        ("a\\b", NameError::Backslash),
        ("\\\\server\\share", NameError::Backslash),
        ("\\\\?\\C:\\a", NameError::Backslash),
        ("C:", NameError::Colon),
        ("C:/a", NameError::Colon),
        ("c:a", NameError::Colon),
        ("file.txt:stream", NameError::Colon),
    ] {
        check_refused(name, error);
    }
    assert_eq!(SafeName::parse(b"a\xff"), Err(NameError::NotUtf8));
    assert_eq!(
        SafeName::parse(b"\xc0\xae\xc0\xae/a"),
        Err(NameError::NotUtf8)
    );
    assert_eq!(SafeName::parse(b"\xed\xa0\x80"), Err(NameError::NotUtf8));
}

#[test]
fn names_that_windows_keeps_are_refused() {
    for name in [
        "CON",
        "con",
        "Prn",
        "aux",
        "NUL",
        "nul.txt",
        "NUL.tar.gz",
        "con .txt",
        "com0",
        "COM1",
        "com9.log",
        "com¹",
        "COM²",
        "lpt³.x",
        "LPT0",
        "conin$",
        "CONOUT$",
        "CONOUT$.x",
        "aux   .c",
    ] {
        check_refused(name, NameError::Reserved);
        check_refused(&format!("folder/{name}"), NameError::Reserved);
        check_refused(&format!("{name}/file"), NameError::Reserved);
    }
    for name in [
        "a.", "a ", "a...", "a. ", "con.", "nul ", "...", " ", "a./b",
    ] {
        check_refused(name, NameError::TrailingDotOrSpace);
    }
}

#[test]
fn control_characters_are_refused() {
    for c in (0..=0x1f).chain(0x7f..=0x9f) {
        let c = char::from_u32(c).unwrap();
        check_refused(&format!("a{c}b"), NameError::Control);
    }
}

#[test]
fn our_own_names_are_refused() {
    for name in [
        ".fardrop-0123.part",
        ".fardrop-",
        ".Fardrop-x",
        "a/.fardrop-0123.journal/b",
    ] {
        check_refused(name, NameError::OurOwn);
    }
    assert!(is_part_name(".FARDROP-00.PART"));
    assert!(!is_part_name(".fardrop"));
    assert!(!is_part_name(".fardro\u{e9}\u{e9}"));
}

#[test]
fn names_that_are_too_long_are_refused() {
    check_refused(&"x".repeat(256), NameError::ComponentTooLong);
    check_refused(&"é".repeat(128), NameError::ComponentTooLong);
    check_refused(&vec!["x".repeat(250); 17].join("/"), NameError::TooLong);
    check_refused(&vec!["d"; 129].join("/"), NameError::TooDeep);
}

#[test]
fn only_windows_minds_its_wildcards() {
    let name = SafeName::try_from("a?").unwrap();
    assert_eq!(name.check_on(Platform::Unix), Ok(()));
    assert_eq!(
        name.check_on(Platform::Windows),
        Err(NameError::NotOnWindows)
    );
    let plain = SafeName::try_from("a/b").unwrap();
    assert_eq!(plain.check_on(Platform::Windows), Ok(()));
}

#[test]
fn a_name_comes_apart() {
    let name = SafeName::from_components(["a", "b", "c.txt"]).unwrap();
    assert_eq!(name.as_str(), "a/b/c.txt");
    assert_eq!(name.file_name(), "c.txt");
    assert_eq!(name.parent().unwrap().as_str(), "a/b");
    assert_eq!(SafeName::try_from("a").unwrap().parent(), None);
    assert_eq!(name.components().collect::<Vec<_>>(), ["a", "b", "c.txt"]);
    assert_eq!(name.under(Path::new("/root")), Path::new("/root/a/b/c.txt"));
    for components in [&["a", "", "b"][..], &["", "etc"], &[]] {
        let name = SafeName::from_components(components.iter().copied());
        assert_eq!(name, Err(NameError::Empty));
    }
    assert_eq!(
        SafeName::from_components(["/etc"]),
        Err(NameError::Separator)
    );
}

#[test]
fn a_numbered_name_keeps_its_kind() {
    for (name, number, numbered) in [
        ("a/name.ext", 1, "a/name (1).ext"),
        ("name", 12, "name (12)"),
        (".bashrc", 1, ".bashrc (1)"),
        (
            "v1.an ending longer than any kind of file",
            1,
            "v1.an ending longer than any kind of file (1)",
        ),
    ] {
        let name = SafeName::try_from(name).unwrap();
        assert_eq!(name.numbered(number).unwrap().as_str(), numbered);
    }
    let long = SafeName::try_from(format!("{}.txt", "é".repeat(125)).as_str()).unwrap();
    let numbered = long.numbered(1000).unwrap();
    assert!(numbered.as_str().ends_with("é (1000).txt"));
    assert!(numbered.as_str().len() <= 255);
}

/// The first error that a set has with these names; a name ending in `/` is a folder.
fn insert_all(names: &[&str]) -> Result<usize, NameError> {
    let mut set = NameSet::new(&mut ChaCha20Rng::seed_from_u64(1));
    for name in names {
        let (name, kind) = match name.strip_suffix('/') {
            Some(folder) => (folder, EntryKind::Folder),
            None => (*name, EntryKind::File),
        };
        set.insert(&SafeName::try_from(name).unwrap(), kind)?;
    }
    Ok(set.len())
}

#[test]
fn names_that_are_the_same_somewhere_collide() {
    for names in [
        &["a", "a"][..],
        &["README", "readme"],
        &["straße", "STRASSE"],
        &["Σίσυφος", "ΣΊΣΥΦΟΣ"],
        &["é", "e\u{301}"],
        &["É", "e\u{301}"],
        &["\u{212a}elvin", "kelvin"],
        &["a", "a/b"],
        &["a/b", "a"],
        &["A", "a/b"],
        &["a/b/c", "a/B"],
        &["Folder/a", "folder/b"],
        &["folder/", "Folder/"],
        &["folder/", "Folder"],
        &["é/a", "e\u{301}/b"],
        &["\u{1fc3}", "\u{3b7}\u{3b9}"],
    ] {
        assert_eq!(insert_all(names), Err(NameError::Collision), "{names:?}");
    }
}

#[test]
fn names_that_differ_do_not_collide() {
    assert_eq!(
        insert_all(&["a/b", "a/c", "a/", "a/", "b/a", "ab", "a-b"]),
        Ok(7)
    );
    assert_eq!(insert_all(&["kır", "kir", "o", "ö", "0"]), Ok(5));
    assert_eq!(insert_all(&[]), Ok(0));
}

#[test]
fn a_set_is_bounded() {
    let mut set = NameSet::new(&mut ChaCha20Rng::seed_from_u64(1));
    for number in 0..MAX_OFFER_NAMES {
        let name = SafeName::try_from(number.to_string()).unwrap();
        set.insert(&name, EntryKind::File).unwrap();
    }
    let more = set.insert(&SafeName::try_from("b").unwrap(), EntryKind::File);
    assert_eq!(more, Err(NameError::TooMany));
}

#[test]
fn case_folding_knows_every_case_that_std_knows() {
    for c in '\0'..=char::MAX {
        let lower: String = c.to_lowercase().collect();
        let code = u32::from(c);
        assert_eq!(fold(&c.to_string()), fold(&lower), "{c:?} U+{code:04x}");
    }
}

#[test]
fn what_is_unseen_is_shown() {
    for (text, shown) in [
        ("plain name.txt", "plain name.txt"),
        ("报告 é 👍\u{fe0f}", "报告 é 👍\u{fe0f}"),
        ("photo\u{202e}gpj.exe", "photo\\u{202e}gpj.exe"),
        ("\x1b[31mred", "\\u{1b}[31mred"),
        ("a\nb\r\tc\0", "a\\u{a}b\\u{d}\\u{9}c\\u{0}"),
        (
            "a\u{200b}b\u{200d}c\u{feff}",
            "a\\u{200b}b\\u{200d}c\\u{feff}",
        ),
        ("a\u{2066}b\u{2069}", "a\\u{2066}b\\u{2069}"),
        ("a\u{2028}b\u{2029}", "a\\u{2028}b\\u{2029}"),
        ("a\u{e0041}b", "a\\u{e0041}b"),
        ("a\u{9b}31m", "a\\u{9b}31m"),
        ("a\u{ad}\u{3164}\u{2800}", "a\\u{ad}\\u{3164}\\u{2800}"),
    ] {
        check_shown(text, 100, shown);
    }
}

#[test]
fn long_text_loses_its_middle() {
    check_shown("abcdefghij.txt", 14, "abcdefghij.txt");
    check_shown("abcdefghijk.txt", 14, "abcdefghi….txt");
    check_shown(
        &format!("{}.pdf.exe", " ".repeat(80)),
        20,
        "             …df.exe",
    );
    check_shown("abcdef", 1, "…");
    check_shown("abcdef", 0, "");
    check_shown("\u{202e}\u{202e}\u{202e}", 10, "\\u{202e}…");
}

proptest! {
    #[test]
    fn any_bytes_may_be_a_name(bytes: Vec<u8>) {
        drop(SafeName::parse(&bytes));
    }

    #[test]
    fn a_safe_name_stays_in_its_folder(name in "([a-c.:/\\\\ ~]|\\.\\.|CON|\u{202e}|é){0,12}") {
        if let Ok(name) = SafeName::try_from(name.as_str()) {
            let root = Path::new("/some/root");
            let path = name.under(root);
            let rest = path.strip_prefix(root).unwrap();
            let parts: Vec<_> = rest.components().collect();
            prop_assert!(parts.iter().all(|part| matches!(part, Component::Normal(_))));
            prop_assert_eq!(parts.len(), name.components().count());
            prop_assert!(path.parent().is_some_and(|parent| parent.starts_with(root)));
            prop_assert_eq!(&SafeName::from_components(name.components()).unwrap(), &name);
            let bytes = postcard::to_stdvec(&name).unwrap();
            prop_assert_eq!(&postcard::from_bytes::<SafeName>(&bytes).unwrap(), &name);
            prop_assert!(name.numbered(7).is_ok());
        }
    }

    #[test]
    fn serde_is_no_way_around_the_rules(name in "\\PC{0,12}|\\.\\./a|/a") {
        let bytes = postcard::to_stdvec(&name).unwrap();
        let parsed = SafeName::try_from(name.as_str());
        prop_assert_eq!(postcard::from_bytes::<SafeName>(&bytes).ok(), parsed.ok());
    }

    #[test]
    fn what_is_shown_is_bounded_and_seen(text: String, max_chars in 0_usize..60) {
        let shown = display_safe(&text, max_chars);
        prop_assert!(shown.chars().count() <= max_chars);
        prop_assert_eq!(&display_safe(&shown, max_chars), &shown);
    }
}
