use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path};

use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use super::prefixes::NewComponents;
use super::{
    BadNames, EntryKind, NameError, NameLength, NamePlan, NameRules, NameSet, Platform, SafeName,
    check, display_safe, fold, is_part_name, lossy, numbered,
};
use crate::limits::{MAX_COMPONENT_BYTES, MAX_NAME_DEPTH, MAX_OFFER_NAMES, MAX_RENAME_ATTEMPTS};

#[track_caller]
fn check_taken(name: &[u8]) {
    assert_eq!(check(name), Ok(()), "{}", lossy(name));
}

#[track_caller]
fn check_refused(name: &[u8], error: NameError) {
    assert_eq!(check(name), Err(error), "{}", lossy(name));
}

#[track_caller]
fn check_shown(text: &str, max_chars: usize, shown: &str) {
    assert_eq!(display_safe(text, max_chars), shown, "{text:?}");
}

/// Names that people have, and of which none is a danger anywhere.
const ORDINARY: &[&str] = &[
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
    "100%",
    "50%25",
];

/// Names that Linux has and Windows has not.
const NOT_ON_WINDOWS: &[&str] = &[
    "what? \"really\" <yes>|no*.txt",
    "1700000000.M1P2.host,S=3:2,S",
    "a\\b",
    "..\\a",
    "\\\\server\\share",
    "\\\\?\\C:\\a",
    "C:",
    "C:/a",
    "c:a",
    "file.txt:stream",
    "CON",
    "con",
    "Prn",
    "aux",
    "aux.c",
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
    "folder/con",
    "con/file",
    "a.",
    "a ",
    "a...",
    "a. ",
    "con.",
    "nul ",
    "...",
    " ",
    "a./b",
    "line\nbreak",
    "tab\tbed",
    "\x1b[31mred",
];

#[test]
fn names_that_people_have_are_taken() {
    for name in ORDINARY.iter().chain(NOT_ON_WINDOWS) {
        check_taken(name.as_bytes());
    }
    check_taken(b"a\xff");
    check_taken(b"\xc0\xae\xc0\xae/a");
    check_taken(b"\xed\xa0\x80");
    check_taken("x".repeat(255).as_bytes());
    check_taken("文".repeat(255).as_bytes());
    check_taken(vec!["d"; 128].join("/").as_bytes());
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
        ("a\0b", NameError::Nul),
        ("a/\0", NameError::Nul),
    ] {
        check_refused(name.as_bytes(), error);
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
        check_refused(name.as_bytes(), NameError::OurOwn);
    }
    assert!(is_part_name(b".FARDROP-00.PART"));
    assert!(!is_part_name(b".fardrop"));
    assert!(!is_part_name(".fardro\u{e9}\u{e9}".as_bytes()));
}

#[test]
fn names_that_are_too_long_are_refused() {
    check_refused(
        "x".repeat(MAX_COMPONENT_BYTES + 1).as_bytes(),
        NameError::ComponentTooLong,
    );
    let long = vec!["x".repeat(250); 17].join("/");
    check_refused(long.as_bytes(), NameError::TooLong);
    check_refused(vec!["d"; 129].join("/").as_bytes(), NameError::TooDeep);
}

#[test]
fn what_windows_cannot_hold_linux_can() {
    let (unix, windows) = (
        NameRules::new(Platform::Unix),
        NameRules::new(Platform::Windows),
    );
    let allows = |rules: &NameRules, name: &str| {
        name.split('/')
            .all(|component| rules.allows(component.as_bytes()))
    };
    for name in ORDINARY {
        assert!(allows(&unix, name) && allows(&windows, name), "{name:?}");
    }
    for name in NOT_ON_WINDOWS {
        assert!(allows(&unix, name) && !allows(&windows, name), "{name:?}");
    }
    for c in 1..=0x1f_u8 {
        assert!(unix.allows(&[b'a', c]) && !windows.allows(&[b'a', c]));
    }
    assert!(unix.allows(b"\xff") && !windows.allows(b"\xff"));
    let long = "文".repeat(255);
    assert!(!unix.allows(long.as_bytes()) && windows.allows(long.as_bytes()));
    assert!(!windows.allows(format!("{long}x").as_bytes()));
    let astral = "👍".repeat(128);
    assert!(!windows.allows(astral.as_bytes()));
}

#[test]
fn a_name_comes_apart() {
    let name = place(NameRules::new(Platform::Unix), "a/b/c.txt").unwrap();
    assert_eq!(name.as_path(), Path::new("a/b/c.txt"));
    assert_eq!(name.file_name().as_bytes(), b"c.txt");
    let parent = name.parent().unwrap();
    assert_eq!(parent.as_bytes(), b"a/b");
    assert_eq!(parent.parent().unwrap().parent(), None);
    let components: Vec<_> = name.components().collect();
    assert_eq!(
        components
            .iter()
            .map(SafeName::as_bytes)
            .collect::<Vec<_>>(),
        [b"a".as_slice(), b"b", b"c.txt"]
    );
    assert!(name.is_in(&parent) && parent.is_in(&parent) && !parent.is_in(&name));
    let other = place(NameRules::new(Platform::Unix), "a/bb").unwrap();
    assert!(!other.is_in(&parent));
}

#[test]
fn a_numbered_name_keeps_its_kind() {
    for (name, number, expected) in [
        ("name.ext", 1, "name (1).ext"),
        ("name", 12, "name (12)"),
        (".bashrc", 1, ".bashrc (1)"),
        (
            "v1.an ending longer than any kind of file",
            1,
            "v1.an ending longer than any kind of file (1)",
        ),
    ] {
        assert_eq!(numbered(name.as_bytes(), number), expected.as_bytes());
        let path = format!("folder.x/{name}");
        let path = place(NameRules::new(Platform::Unix), &path).unwrap();
        assert_eq!(
            path.numbered(number).as_bytes(),
            format!("folder.x/{expected}").as_bytes()
        );
        assert_eq!(path.numbered(0), path);
    }
    let long = format!("{}.txt", "é".repeat(125));
    let numbered = String::from_utf8(numbered(long.as_bytes(), 1000)).unwrap();
    assert!(numbered.ends_with("é (1000).txt"));
    assert!(numbered.len() <= 255);
    let units = numbered.encode_utf16().count();
    assert!(units <= long.encode_utf16().count());
}

/// The first error that a set has with these names; a name ending in `/` is a folder.
fn insert_all(names: &[&str]) -> Result<usize, NameError> {
    let mut set = NameSet::new(&mut ChaCha20Rng::seed_from_u64(1));
    for name in names {
        let (name, kind) = match name.strip_suffix('/') {
            Some(folder) => (folder, EntryKind::Folder),
            None => (*name, EntryKind::File),
        };
        set.insert(name.as_bytes(), kind)?;
    }
    Ok(set.len())
}

#[test]
fn names_that_are_there_twice_collide() {
    for names in [
        &["a", "a"][..],
        &["a", "a/b"],
        &["a", "b", "a/b"],
        &["a/b", "a"],
        &["a/b", "b", "a"],
        &["a/b/c", "a/b"],
        &["a/", "a"],
        &["a", "a/"],
        &["a/b", "a/b/"],
        &["x/a", "x/a"],
        &["x/a", "x/b", "x/a"],
    ] {
        assert_eq!(insert_all(names), Err(NameError::Collision), "{names:?}");
    }
}

#[test]
fn a_refused_name_vouches_for_none_that_follows() {
    let mut set = NameSet::new(&mut ChaCha20Rng::seed_from_u64(1));
    let too_deep = vec!["d"; MAX_NAME_DEPTH].join("/");
    for (folder, reason) in [
        ("a/..", NameError::Dots),
        (".fardrop-1.part", NameError::OurOwn),
        ("a\0b", NameError::Nul),
        ("a/", NameError::Empty),
        (too_deep.as_str(), NameError::TooDeep),
    ] {
        for name in ["1", "2", "1/3"] {
            let name = format!("{folder}/{name}");
            let refused = set.insert(name.as_bytes(), EntryKind::File);
            assert_eq!(refused, Err(reason), "{name:?}");
        }
    }
    set.insert(b"file", EntryKind::File).unwrap();
    for name in ["file/1", "file/2", "file/1/3", "file"] {
        let refused = set.insert(name.as_bytes(), EntryKind::File);
        assert_eq!(refused, Err(NameError::Collision), "{name:?}");
    }
    set.insert(b"other/file", EntryKind::File).unwrap();
}

/// Names that some file system takes for the same.
const SAME_SOMEWHERE: &[[&str; 2]] = &[
    ["README", "readme"],
    ["Makefile", "makefile"],
    ["straße", "STRASSE"],
    ["Σίσυφος", "ΣΊΣΥΦΟΣ"],
    ["é", "e\u{301}"],
    ["É", "e\u{301}"],
    ["\u{212a}elvin", "kelvin"],
    ["A/x", "a/b"],
    ["a/b/c", "a/B"],
    ["Folder/a", "folder/b"],
    ["é/a", "e\u{301}/b"],
    ["\u{1fc3}", "\u{3b7}\u{3b9}"],
];

#[test]
fn names_that_differ_do_not_collide() {
    assert_eq!(
        insert_all(&["a/b", "a/c", "a/", "a/", "b/a", "ab", "a-b"]),
        Ok(7)
    );
    assert_eq!(insert_all(&["kır", "kir", "o", "ö", "0"]), Ok(5));
    assert_eq!(insert_all(&[]), Ok(0));
    for names in SAME_SOMEWHERE {
        assert!(insert_all(names).is_ok(), "{names:?}");
    }
}

#[test]
fn a_set_is_bounded() {
    let mut set = NameSet::new(&mut ChaCha20Rng::seed_from_u64(1));
    for number in 0..MAX_OFFER_NAMES {
        set.insert(number.to_string().as_bytes(), EntryKind::File)
            .unwrap();
    }
    assert_eq!(set.insert(b"b", EntryKind::File), Err(NameError::TooMany));
}

#[test]
fn case_folding_knows_every_case_that_std_knows() {
    let fold = |text: &str| fold(text.as_bytes(), true, true).into_owned();
    for c in '\0'..=char::MAX {
        let lower: String = c.to_lowercase().collect();
        let code = u32::from(c);
        assert_eq!(fold(&c.to_string()), fold(&lower), "{c:?} U+{code:04x}");
    }
}

fn plan(rules: &NameRules, policy: BadNames, names: &[Vec<u8>]) -> NamePlan {
    NamePlan::new(rules.clone(), policy, [7; 32], |visit| {
        for (index, name) in names.iter().enumerate() {
            visit(index as u32, name);
        }
    })
}

/// Where these go; `None` for what is left out.
fn places(rules: &NameRules, policy: BadNames, names: &[Vec<u8>]) -> Vec<Option<Vec<u8>>> {
    let plan = plan(rules, policy, names);
    let places = names.iter().enumerate().map(|(index, name)| {
        let place = plan.place(index as u32, name)?;
        Some(place.as_bytes().to_vec())
    });
    places.collect()
}

fn place(rules: NameRules, name: &str) -> Option<SafeName<'static>> {
    let names = [name.as_bytes().to_vec()];
    let plan = plan(&rules, BadNames::Rename, &names);
    plan.place(0, &names[0]).map(SafeName::into_owned)
}

#[track_caller]
fn check_places(rules: &NameRules, names: &[(&str, &str)]) {
    let paths: Vec<_> = names
        .iter()
        .map(|(name, _)| name.as_bytes().to_vec())
        .collect();
    let places = places(rules, BadNames::Rename, &paths);
    let places: Vec<_> = places
        .iter()
        .map(|place| lossy(place.as_deref().unwrap_or(b"(left out)")))
        .collect();
    let expected: Vec<_> = names.iter().map(|(_, place)| *place).collect();
    assert_eq!(places, expected);
}

/// Undoes what the names say that were changed.
fn unescape(name: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = name;
    while let Some((first, after)) = rest.split_first() {
        let digits = (*first == b'%')
            .then(|| str::from_utf8(after.get(..2)?).ok())
            .flatten();
        match digits.map(|digits| u8::from_str_radix(digits, 16)) {
            Some(Ok(byte)) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    bytes
}

#[test]
fn what_a_system_can_hold_keeps_its_name() {
    let rules = NameRules::new(Platform::Unix);
    let mut names: Vec<Vec<u8>> = ORDINARY
        .iter()
        .chain(NOT_ON_WINDOWS)
        .chain(SAME_SOMEWHERE.as_flattened())
        .map(|name| name.as_bytes().to_vec())
        .collect();
    names.push(b"\xff\xfe/x".to_vec());
    let plan = plan(&rules, BadNames::Rename, &names);
    assert!(plan.is_plain());
    let kept: Vec<_> = names.iter().cloned().map(Some).collect();
    assert_eq!(places(&rules, BadNames::Rename, &names), kept);
}

#[test]
fn what_a_system_cannot_hold_gets_a_name_near_to_it() {
    check_places(
        &NameRules::new(Platform::Windows),
        &[
            ("what?.txt", "what%3F.txt"),
            ("100%?", "100%25%3F"),
            ("100%", "100%"),
            ("con.c", "%63on.c"),
            ("notes.", "notes%2E"),
            ("...", "..%2E"),
            ("a ", "a%20"),
            ("C:/a\\b", "C%3A/a%5Cb"),
            ("a:b/fine", "a%3Ab/fine"),
            ("a:b/c", "a%3Ab/c"),
            ("tab\t", "tab%09"),
        ],
    );
    let rules = NameRules::new(Platform::Unix).without_non_utf8();
    let odd = [b"caf\xe9.txt".to_vec()];
    assert_eq!(
        places(&rules, BadNames::Rename, &odd),
        [Some(b"caf%E9.txt".to_vec())]
    );
    let rules = NameRules::new(Platform::Unix).without_non_ascii();
    check_places(&rules, &[("é", "%C3%A9"), ("e", "e")]);
}

#[test]
fn the_first_of_two_names_that_are_the_same_there_keeps_its_own() {
    let case = NameRules::new(Platform::Unix).folding_case();
    check_places(
        &case,
        &[
            ("Makefile", "Makefile"),
            ("makefile", "%6Dakefile"),
            ("MAKEFILE", "%4DAKEFILE"),
            ("folder/x", "folder/x"),
            ("Folder/x", "%46older/x"),
            ("Folder/y", "%46older/y"),
            ("folder/y", "folder/y"),
            ("é", "é"),
            ("e\u{301}", "e\u{301}"),
        ],
    );
    let form = NameRules::new(Platform::Unix).folding_form();
    check_places(
        &form,
        &[
            ("e\u{301}", "e\u{301}"),
            ("é", "%C3%A9"),
            ("É", "É"),
            ("A", "A"),
            ("a", "a"),
        ],
    );
    let both = NameRules::new(Platform::Unix).folding_case().folding_form();
    for names in SAME_SOMEWHERE {
        let names = names.map(|name| name.as_bytes().to_vec());
        let plan = plan(&both, BadNames::Rename, &names);
        assert_eq!(plan.renamed().chain(plan.left_out()).count().max(1), 1);
        assert!(!plan.is_plain(), "{names:?}");
    }
}

#[test]
fn a_new_name_gives_way_to_one_that_is_offered() {
    check_places(
        &NameRules::new(Platform::Windows),
        &[
            ("a?", "%61%3F"),
            ("a%3F", "a%3F"),
            ("b?", "b%3F"),
            ("x/a?", "x/a%3F"),
        ],
    );
    // All of them offered as well, on purpose: then one is left out, and not in silence.
    let mut names: Vec<Vec<u8>> = (0..MAX_RENAME_ATTEMPTS + 1)
        .map(|front| {
            let front: String = (0..front).map(|_| "%61").collect();
            let back = "a".repeat(MAX_RENAME_ATTEMPTS + 8 - front.len() / 3);
            format!("{front}{back}%3F").into_bytes()
        })
        .collect();
    names.push(format!("{}?", "a".repeat(MAX_RENAME_ATTEMPTS + 8)).into_bytes());
    let plan = plan(&NameRules::new(Platform::Windows), BadNames::Rename, &names);
    let left_out: Vec<_> = plan.left_out().collect();
    assert_eq!(left_out, [names.len() as u32 - 1]);
}

#[test]
fn a_name_too_long_is_cut_and_still_its_own() {
    let rules = NameRules::new(Platform::Unix).with_length(NameLength::Bytes(30));
    let long = |last: char| format!("{}{last}.tar.gz", "文".repeat(20));
    let names = [long('a').into_bytes(), long('b').into_bytes()];
    let places = places(&rules, BadNames::Rename, &names);
    let [Some(first), Some(second)] = &places[..] else {
        panic!("both have a place");
    };
    assert_ne!(first, second);
    for place in [first, second] {
        let place = str::from_utf8(place).unwrap();
        assert!(place.len() <= 30 && place.len() > 25, "{place}");
        assert!(
            place.starts_with("文文") && place.ends_with(".gz"),
            "{place}"
        );
    }
    let rules = NameRules::new(Platform::Windows);
    let name = format!("{}?", "?".repeat(254));
    let place = place(rules.clone(), &name).unwrap();
    assert!(rules.allows(place.as_bytes()));
}

#[test]
fn a_name_that_cannot_be_is_left_out_where_that_is_wished() {
    let names = ["a:b", "a:b/x", "a:b/y/z", "fine", "con"].map(|name| name.as_bytes().to_vec());
    let plan = plan(&NameRules::new(Platform::Windows), BadNames::Skip, &names);
    assert_eq!(plan.left_out().collect::<Vec<_>>(), [0, 1, 2, 4]);
    assert_eq!(plan.place(1, &names[1]), None);
    assert_eq!(plan.renamed().len(), 0);
    assert!(plan.place(3, &names[3]).is_some());
}

#[test]
fn a_folder_that_is_no_entry_is_renamed_with_the_first_thing_in_it() {
    let names = ["a:b/x", "a:b/y", "c:d", "c:d/x"].map(|name| name.as_bytes().to_vec());
    let rules = NameRules::new(Platform::Windows);
    let plan = plan(&rules, BadNames::Rename, &names);
    assert_eq!(plan.renamed().collect::<Vec<_>>(), [0, 2]);
}

#[test]
fn ordinary_names_are_possible_everywhere() {
    let everywhere = NameRules::everywhere();
    for name in ["a", "folder.x", "x (1).tar.gz", "Makefile", "100%"] {
        assert!(everywhere.allows(name.as_bytes()), "{name}");
    }
    for name in NOT_ON_WINDOWS {
        let possible = |component: &str| everywhere.allows(component.as_bytes());
        assert!(!name.split('/').all(possible), "{name:?}");
    }
    for name in ["é", "\x7f"] {
        assert!(!everywhere.allows(name.as_bytes()));
    }
    assert!(!everywhere.allows("x".repeat(150).as_bytes()));
    assert!(everywhere.folds());
}

#[test]
fn a_million_deep_names_are_checked_in_time_that_grows_with_their_bytes() {
    // 128 folders on the way to each file: hashing all of them for each name would be 128 million hashes.
    let deep = vec!["d"; 127].join("/");
    let mut set = NameSet::new(&mut ChaCha20Rng::seed_from_u64(1));
    for number in 0..20_000 {
        let name = format!("{deep}/{number}");
        set.insert(name.as_bytes(), EntryKind::File).unwrap();
        assert_eq!(set.len(), 127 + number + 1);
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
fn what_is_not_utf8_is_shown_as_bytes() {
    assert_eq!(lossy(b"plain \xc3\xa9"), "plain é");
    assert_eq!(lossy(b"caf\xe9.txt"), "caf\\xe9.txt");
    assert_eq!(lossy(b"\xff\x1b\xc3"), "\\xff\x1b\\xc3");
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

/// Paths of which many are impossible somewhere, or the same somewhere.
fn any_names() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let component = prop_oneof![
        "[aAbB%:]{1,3}",
        "(con|AUX|nul)(\\.c)?",
        "[aé?]{1,2}[. ]{0,2}",
        "(é|e\u{301}|É|E\u{301}|ß|ss|SS|文|👍|%3A|%61|\\\\){1,3}",
        "[a文]{60,120}",
    ];
    let component = prop_oneof![
        8 => component.prop_map(String::into_bytes),
        1 => prop::collection::vec(prop_oneof![Just(b'a'), Just(0xff), Just(0xc3)], 1..4),
    ];
    let path = prop::collection::vec(component, 1..4).prop_map(|components| components.join(&b'/'));
    let names = prop::collection::vec(path, 1..40);
    names.prop_map(|names| {
        let (mut files, mut folders) = (BTreeSet::new(), BTreeSet::new());
        let mut is_new = |name: &Vec<u8>| {
            let parts = components(name);
            let parents: Vec<_> = (1..parts.len())
                .map(|depth| parts[..depth].join(&b'/'))
                .collect();
            let new = check(name).is_ok()
                && !files.contains(name)
                && !folders.contains(name)
                && !parents.iter().any(|parent| files.contains(parent));
            if new {
                files.insert(name.clone());
                folders.extend(parents);
            }
            new
        };
        names.into_iter().filter(|name| is_new(name)).collect()
    })
}

fn any_rules() -> impl Strategy<Value = NameRules> {
    (
        prop_oneof![Just(Platform::Unix), Just(Platform::Windows)],
        any::<[bool; 5]>(),
        prop_oneof![
            Just(NameLength::Bytes(255)),
            Just(NameLength::Utf16(255)),
            Just(NameLength::Bytes(40))
        ],
    )
        .prop_map(|(platform, [case, form, utf8, trailing, ascii], length)| {
            let mut rules = NameRules::new(platform).with_length(length);
            if case {
                rules = rules.folding_case();
            }
            if form {
                rules = rules.folding_form();
            }
            if utf8 {
                rules = rules.without_non_utf8();
            }
            if trailing {
                rules = rules.without_trailing();
            }
            if ascii {
                rules = rules.without_non_ascii();
            }
            rules
        })
}

fn components(path: &[u8]) -> Vec<&[u8]> {
    path.split(|byte| *byte == b'/').collect()
}

/// Takes a name into a set that holds the names themselves.
fn insert_plainly(
    set: &mut BTreeMap<Vec<u8>, EntryKind>,
    name: &[u8],
    kind: EntryKind,
) -> Result<(), NameError> {
    check(name)?;
    let folders = name.iter().enumerate().filter(|(_, byte)| **byte == b'/');
    let folders = folders.map(|(end, _)| (&name[..end], EntryKind::Folder));
    for (name, kind) in folders.chain([(name, kind)]) {
        let there = set.insert(name.to_vec(), kind);
        if there.is_some_and(|there| there == EntryKind::File || kind == EntryKind::File) {
            set.insert(name.to_vec(), there.unwrap());
            return Err(NameError::Collision);
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn a_set_says_what_one_of_whole_names_would(
        names in prop::collection::vec(("[ab./]{1,7}", any::<bool>()), 0..20)
    ) {
        let mut set = NameSet::new(&mut ChaCha20Rng::seed_from_u64(1));
        let mut plain = BTreeMap::new();
        for (name, folder) in &names {
            let kind = if *folder { EntryKind::Folder } else { EntryKind::File };
            let expected = insert_plainly(&mut plain, name.as_bytes(), kind);
            prop_assert_eq!(set.insert(name.as_bytes(), kind), expected, "{}", name);
            prop_assert_eq!(set.len(), plain.len());
        }
    }

    #[test]
    fn new_components_are_those_behind_what_two_paths_share(
        paths in prop::collection::vec("([ab]{1,2}/){0,3}x{1,40}", 1..10)
    ) {
        let mut new = NewComponents::default();
        let mut before = Vec::new();
        for path in &paths {
            let all = components(path.as_bytes());
            let shared = before.iter().zip(&all).take_while(|(one, other)| one == other).count();
            prop_assert_eq!(new.of(path.as_bytes()).collect::<Vec<_>>(), &all[shared..]);
            before = all;
        }
    }

    #[test]
    fn any_bytes_may_be_a_name(bytes: Vec<u8>) {
        let _ = check(&bytes);
    }

    #[test]
    fn a_safe_name_stays_in_its_folder(name in "([a-c.:/\\\\ ~]|\\.\\.|CON|\u{202e}|é){0,12}") {
        if check(name.as_bytes()).is_ok() {
            let name = place(NameRules::new(Platform::HERE), &name).unwrap();
            let root = Path::new("/some/root");
            let path = root.join(&name);
            let rest = path.strip_prefix(root).unwrap();
            let parts: Vec<_> = rest.components().collect();
            prop_assert!(parts.iter().all(|part| matches!(part, Component::Normal(_))));
            prop_assert_eq!(parts.len(), name.components().count());
            prop_assert!(path.parent().is_some_and(|parent| parent.starts_with(root)));
            prop_assert_eq!(check(name.numbered(7).as_bytes()), Ok(()));
        }
    }

    #[test]
    fn no_two_planned_names_are_the_same(names in any_names(), rules in any_rules()) {
        let mut taken = BTreeSet::new();
        let mut folders = BTreeMap::new();
        let places = places(&rules, BadNames::Rename, &names);
        for (name, place) in names.iter().zip(&places) {
            let Some(place) = place else { continue };
            prop_assert_eq!(check(place), Ok(()));
            let (names, places) = (components(name), components(place));
            prop_assert_eq!(names.len(), places.len());
            prop_assert!(places.iter().all(|component| rules.allows(component)));
            let folded: Vec<_> = places.iter().map(|component| rules.fold(component).into_owned()).collect();
            prop_assert!(taken.insert(folded.clone()), "{} is taken", lossy(place));
            // A folder goes to one place, and no other to the same.
            for depth in 1..names.len() {
                let was = folders.insert(folded[..depth].to_vec(), names[..depth].join(&b'/'));
                prop_assert!(was.is_none_or(|was| was == names[..depth].join(&b'/')));
            }
        }
        for folder in folders.keys() {
            prop_assert!(!taken.contains(folder));
        }
    }

    #[test]
    fn a_changed_name_says_what_it_was(names in any_names(), rules in any_rules()) {
        let places = places(&rules, BadNames::Rename, &names);
        for (name, place) in names.iter().zip(&places) {
            let Some(place) = place else { continue };
            for (old, new) in components(name).into_iter().zip(components(place)) {
                if old != new && !new.contains(&b'~') {
                    prop_assert_eq!(unescape(new), old);
                }
            }
        }
    }

    #[test]
    fn what_was_planned_needs_no_other_plan(names in any_names(), rules in any_rules()) {
        let once: Vec<_> = places(&rules, BadNames::Rename, &names).into_iter().flatten().collect();
        prop_assert!(plan(&rules, BadNames::Rename, &once).is_plain());
        let skipped: Vec<_> = places(&rules, BadNames::Skip, &names).into_iter().flatten().collect();
        prop_assert!(plan(&rules, BadNames::Skip, &skipped).is_plain());
        prop_assert!(skipped.iter().all(|place| names.contains(place)));
    }

    #[test]
    fn a_name_that_can_be_keeps_its_name(names in any_names(), rules in any_rules()) {
        let places = places(&rules, BadNames::Rename, &names);
        let mut spellings = BTreeMap::<_, BTreeSet<_>>::new();
        for name in &names {
            let parts = components(name);
            for depth in 1..=parts.len() {
                let folded: Vec<_> = parts[..depth].iter().map(|part| rules.fold(part).into_owned()).collect();
                spellings.entry(folded).or_default().insert(parts[..depth].to_vec());
            }
        }
        for (name, place) in names.iter().zip(&places) {
            let parts = components(name);
            let alone = (1..=parts.len()).all(|depth| {
                let folded: Vec<_> = parts[..depth].iter().map(|part| rules.fold(part).into_owned()).collect();
                spellings[&folded].len() == 1
            });
            if alone && parts.iter().all(|part| rules.allows(part)) {
                prop_assert_eq!(place.as_ref(), Some(name));
            }
        }
    }

    #[test]
    fn what_is_shown_is_bounded_and_seen(text: String, max_chars in 0_usize..60) {
        let shown = display_safe(&text, max_chars);
        prop_assert!(shown.chars().count() <= max_chars);
        prop_assert_eq!(&display_safe(&shown, max_chars), &shown);
    }
}

#[test]
fn what_a_link_says_leads_from_its_folder_to_the_name_and_never_above_both() {
    let unix = |name| place(NameRules::new(Platform::Unix), name).unwrap();
    for (to, from, text) in [
        ("a", None, "a"),
        ("a/b", None, "a/b"),
        ("a/b", Some("a"), "b"),
        ("a/b", Some("a/c"), "../b"),
        ("a", Some("a/c"), ".."),
        ("a", Some("a"), "."),
        ("x/y", Some("a/b"), "../../x/y"),
        ("ab/y", Some("a"), "../ab/y"),
    ] {
        let from = from.map(unix);
        let path = unix(to).path_from(from.as_ref());
        assert_eq!(path, Path::new(text), "{to}");
        // As often up as there are folders to go up from, at most.
        let up = path
            .components()
            .filter(|part| *part == Component::ParentDir);
        let depth = from.map_or(0, |from| from.components().count());
        assert!(up.count() <= depth, "{to}");
    }
    assert_eq!(unix("a/b").beside(&unix("c (1)")).as_bytes(), b"a/c (1)");
    assert_eq!(unix("b").beside(&unix("x/c")).as_bytes(), b"c");
}
