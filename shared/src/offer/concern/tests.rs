use super::super::{Entry, ManifestBuilder, ModifiedTime, OthersAccess};
use super::*;

const FILE: EntryKind = EntryKind::File {
    size: 4,
    holes: 0,
    executable: false,
};

const EXECUTABLE: EntryKind = EntryKind::File {
    size: 4,
    holes: 0,
    executable: true,
};

#[track_caller]
fn starts(destination: &str, path: &str) {
    let classifier = Classifier::new(destination.as_bytes());
    let concerns = classifier.concerns(path.as_bytes(), FILE);
    assert!(concerns.starts_itself && concerns.needs_yes(), "{path}");
}

#[track_caller]
fn harmless(path: &str) {
    let concerns = Classifier::default().concerns(path.as_bytes(), FILE);
    assert_eq!(concerns, Concerns::default(), "{path}");
}

#[test]
fn places_that_start_by_themselves_are_known_however_they_are_written() {
    for path in [
        ".bash_profile",
        "photos/.profile",
        ".config/autostart/x.desktop",
        ".ssh/authorized_keys",
        "Library/LaunchAgents/com.example.plist",
        "LIBRARY/launchagents/com.example.plist",
        "AppData/Roaming/Microsoft/Windows/Start Menu/Programs/Startup/a.lnk",
        "repository/.git/hooks/post-checkout",
        "repository/.git/config",
        "AUTORUN.INF",
        "autorun.inf. .",
        ".g\u{200c}it/hooks/post-checkout",
        ".ba\u{17f}hrc",
        ".SSH/\u{feff}config",
    ] {
        starts("", path);
    }
}

#[test]
fn a_place_may_begin_in_the_destination() {
    starts("/home/ada/.config", "autostart/x.desktop");
    starts("/home/ada/.config/autostart", "x.desktop");
    starts("/home/ada/.ssh/", "authorized_keys");
    starts(r"C:\Users\ada\Start Menu\Programs", "Startup/a.lnk");
    starts("/home/ada/code/.git", "hooks/post-checkout");
}

#[test]
fn what_only_looks_like_a_place_does_not_start() {
    for path in [
        "photos/autostart/x.jpg",
        "config",
        "hooks/readme.txt",
        "profile",
        "library/books.txt",
        "notes.txt",
        "bashrc",
    ] {
        harmless(path);
    }
    let sample = Classifier::default().concerns(b"a/.git/hooks/pre-commit.sample", FILE);
    assert!(!sample.starts_itself, "{sample:?}");
}

#[test]
fn a_link_on_the_way_to_a_place_is_taken_for_it() {
    let link = EntryKind::Link { target: 0 };
    let classifier = Classifier::default();
    for path in [
        ".config",
        "Library",
        "Library/LaunchAgents",
        ".git/hooks",
        "a/.ssh",
    ] {
        assert!(
            classifier.concerns(path.as_bytes(), link).starts_itself,
            "{path}"
        );
    }
    assert!(!classifier.concerns(b"photos", link).starts_itself);
    let second = EntryKind::SameFile { first: 0 };
    assert!(classifier.concerns(b".bashrc", second).needs_yes());
}

#[test]
fn hidden_is_what_begins_with_a_dot_anywhere_in_its_path() {
    let hidden = |path: &str| Classifier::default().concerns(path.as_bytes(), FILE).hidden;
    assert_eq!(hidden(".a"), Hidden::AtTop);
    assert_eq!(hidden(".a/b"), Hidden::AtTop);
    assert_eq!(hidden("\u{200b}.a/b"), Hidden::AtTop);
    assert_eq!(hidden("a/.b/c"), Hidden::Below);
    assert_eq!(hidden("a/b.c"), Hidden::No);
    let folder = Classifier::default().concerns(b".a", EntryKind::Folder);
    assert!(folder.needs_yes() && !folder.starts_itself);
    // The destination is the person's own.
    let below = Classifier::new(b"/home/ada/.cache").concerns(b"a", FILE);
    assert_eq!(below.hidden, Hidden::No);
}

#[test]
fn programs_are_known_by_their_bit_and_by_their_type() {
    let program = |path: &str, kind| {
        Classifier::default()
            .concerns(path.as_bytes(), kind)
            .program
    };
    for path in [
        "setup.EXE",
        "a.b.sh",
        "evil.scr ",
        "x.desktop.",
        "a/link.lnk",
        "page.url",
        "page.webloc",
        "sums.xlsm",
        "letter.docm",
        "disk.iso",
        "a.ex\u{200b}e",
    ] {
        assert!(program(path, FILE), "{path}");
    }
    for path in [
        "photo.jpg",
        "exe",
        "notes.txt",
        "letter.docx",
        "a.app/readme.txt",
        ".",
    ] {
        assert!(!program(path, FILE), "{path}");
    }
    assert!(program("photo.jpg", EXECUTABLE));
    assert!(program("Tool.app", EntryKind::Folder));
    assert!(!program("tool.sh", EntryKind::Folder));
}

#[test]
fn a_survey_counts_each_and_keeps_the_worst_first() {
    let mut builder = ManifestBuilder::new();
    for (path, kind) in [
        ("a.jpg", FILE),
        ("b", EntryKind::Folder),
        ("b/run", EXECUTABLE),
        ("b/setup.exe", FILE),
        (".hidden", FILE),
        (".bash_profile", EXECUTABLE),
    ] {
        let entry = Entry {
            path: path.as_bytes(),
            kind,
            modified: ModifiedTime::default(),
            others: OthersAccess::ALL,
        };
        builder.push(entry).expect("it fits");
    }
    let manifest = builder.finish().expect("it is whole");
    let survey = Survey::of(&manifest, &Classifier::default());
    let counts = [
        survey.tops,
        survey.programs,
        survey.executable,
        survey.hidden,
        survey.starts_itself,
        survey.needs_yes,
    ];
    assert_eq!(counts, [4, 3, 2, 2, 1, 2]);
    let first: Vec<&[u8]> = survey.first.iter().map(|first| &*first.path).collect();
    assert_eq!(
        first,
        [&b".bash_profile"[..], b".hidden", b"b/run", b"b/setup.exe"]
    );
}
