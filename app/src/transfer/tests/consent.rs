//! What needs a yes of its own is taken with it and not without.

use fardrop_shared::wire::peer::FileReason;

use super::*;

fn decided(consent: Consent) -> Answer {
    Answer::Decided(Decision::Accept {
        on_conflict: ConflictPolicy::Skip,
        selection: Selection::All,
        consent,
        destination: None,
        room: Room::Needed,
    })
}

/// Three pictures, a program, and among them what would start by itself.
fn startling(folder: &Path) -> Arc<OfferSource> {
    let names = [
        "1.jpg",
        "2.jpg",
        "3.jpg",
        "run",
        ".bash_profile",
        ".config/autostart/x.desktop",
        "Library/LaunchAgents/x.plist",
    ];
    for name in names {
        write(&folder.join(name), name);
    }
    let program = PermissionsExt::from_mode(0o755);
    fs::set_permissions(folder.join("run"), program).unwrap();
    fs::create_dir(folder.join(".empty")).unwrap();
    let tops = [
        "1.jpg",
        "2.jpg",
        "3.jpg",
        "run",
        ".bash_profile",
        ".config",
        "Library",
        ".empty",
    ];
    let tops: Vec<PathBuf> = tops.iter().map(|top| folder.join(top)).collect();
    let tops: Vec<&Path> = tops.iter().map(PathBuf::as_path).collect();
    offer(&tops)
}

#[tokio::test]
async fn pictures_do_not_bring_what_starts_by_itself_behind_them() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let offer = startling(from.path());
    let (sent, received) = cross_over(Link::pair(), offer, to.path(), decided(Consent::NONE)).await;
    let mut there: Vec<String> = fs::read_dir(to.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    there.sort();
    // The folder above is harmless, and empty.
    assert_eq!(there, ["1.jpg", "2.jpg", "3.jpg", "Library", "run"]);
    assert!(!to.path().join("Library/LaunchAgents/x.plist").exists());
    assert_eq!(mode(&to.path().join("run")) & 0o111, 0);
    for summary in [sent.unwrap(), received.unwrap()] {
        let mut left_out: Vec<(&str, FileReason)> = summary
            .failures
            .iter()
            .map(|failure| (failure.name.as_str(), failure.reason))
            .collect();
        left_out.sort_by_key(|(name, _)| *name);
        let names = [
            ".bash_profile",
            ".config/autostart/x.desktop",
            ".empty",
            "Library/LaunchAgents/x.plist",
        ];
        assert_eq!(left_out, names.map(|name| (name, FileReason::NotAllowed)));
        assert_eq!((summary.files, summary.failure_count), (4, 4));
    }
}

#[tokio::test]
async fn what_starts_by_itself_comes_with_a_yes_to_it() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let offer = startling(from.path());
    let (sent, received) = cross_over(Link::pair(), offer, to.path(), decided(Consent::ALL)).await;
    for summary in [sent.unwrap(), received.unwrap()] {
        assert_eq!((summary.files, summary.failure_count), (7, 0));
    }
    assert!(to.path().join(".config/autostart/x.desktop").is_file());
    assert!(to.path().join(".empty").is_dir());
    assert_ne!(mode(&to.path().join("run")) & 0o100, 0);
}

#[tokio::test]
async fn a_link_to_a_folder_does_not_stand_for_one_that_starts_things() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    write(&from.path().join("tree/lib/LaunchAgents/x.plist"), "x");
    symlink("lib", from.path().join("tree/Library")).unwrap();
    let offer = offer(&[&from.path().join("tree")]);
    let (sent, received) = cross_over(Link::pair(), offer, to.path(), decided(Consent::NONE)).await;
    assert_eq!(sent.unwrap().failures[0].reason, FileReason::NotAllowed);
    assert_eq!(received.unwrap().failures[0].name, "tree/Library");
    assert!(fs::symlink_metadata(to.path().join("tree/Library")).is_err());
}
