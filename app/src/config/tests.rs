use super::*;

fn check(text: &str) -> Result<Settings, String> {
    Settings::parse(Path::new("settings.ron"), text).map_err(|error| error.to_string())
}

fn common() -> CommonArgs {
    use clap::Parser;
    crate::args::Cli::parse_from(["fardrop"]).common
}

#[test]
fn missing_file_gives_the_defaults() {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = Settings::load(&folder.path().join("none.ron")).expect("defaults");
    assert_eq!(settings, Settings::default());
}

#[test]
fn a_part_of_the_fields_is_enough() {
    let settings = check("(\n    device: \"Ada's laptop\",\n    words: 3,\n)").expect("it parses");
    assert_eq!(settings.device.as_deref(), Some("Ada's laptop"));
    assert_eq!(settings.words, 3);
    assert!(settings.mdns);
}

#[test]
fn the_window_has_settings_of_its_own() {
    let settings =
        check("(on_conflict: Rename, window: (theme: Dark, text_percent: 150, on_close: Finish))")
            .expect("it parses");
    assert_eq!(settings.on_conflict, Some(ConflictPolicy::Rename));
    assert_eq!(settings.window.theme, Theme::Dark);
    assert_eq!(settings.window.on_close, OnClose::Finish);
    assert!(settings.window.notifications);
    let error = check("(window: (text_percent: 500))").expect_err("too large");
    assert_eq!(
        error,
        "settings.ron: `text_percent` is 500, and may be 75 to 200"
    );
}

#[test]
fn errors_name_file_line_and_column() {
    for (text, start, part) in [
        ("(\n  wrods: 3,\n)", "settings.ron:2:", "wrods"),
        ("(\n  words: 3\n  once: true)", "settings.ron:3:", ""),
        ("(words: 300)", "settings.ron:1:", ""),
    ] {
        let error = check(text).expect_err("it is broken");
        assert!(error.starts_with(start), "{error}");
        assert!(error.contains(part), "{error}");
    }
    assert_eq!(
        check("(words: 1)").expect_err("too few"),
        "settings.ron: `words` is 1, and may be 2 to 8"
    );
}

#[test]
fn saved_settings_come_back_and_are_private() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("deep/settings.ron");
    let settings = Settings {
        rendezvous: vec!["rv.example.org:4840".to_owned()],
        download: Some(PathBuf::from("/tmp/in box")),
        ..Settings::default()
    };
    settings.save(&file).expect("it saves");
    settings.save(&file).expect("it saves again");
    assert_eq!(Settings::load(&file).expect("it loads"), settings);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = file.metadata().expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[test]
fn a_broken_file_is_never_written_over() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("settings.ron");
    std::fs::write(&file, "(words: 3,, )").expect("it writes");
    Settings::default().save(&file).expect_err("it is broken");
    assert_eq!(
        std::fs::read_to_string(&file).expect("it reads"),
        "(words: 3,, )"
    );
}

#[test]
fn arguments_win_over_the_file_and_the_file_over_defaults() {
    let settings = Settings {
        rendezvous: vec!["file:1".to_owned()],
        device: Some("from file".to_owned()),
        port: Some(1000),
        mdns: false,
        port_mapping: false,
        ..Settings::default()
    };
    let from_file = settings.engine_config(&common());
    assert_eq!(from_file.rendezvous, ["file:1"]);
    assert_eq!(from_file.device, "from file");
    assert_eq!(
        (from_file.port, from_file.mdns, from_file.ipv6),
        (Some(1000), false, true)
    );

    let mut arguments = common();
    arguments.rendezvous = vec!["argument:2".to_owned()];
    arguments.name = Some("from\u{1b}argument".to_owned());
    arguments.no_ipv6 = true;
    let from_arguments = settings.engine_config(&arguments);
    assert_eq!(from_arguments.rendezvous, ["argument:2"]);
    assert_eq!(from_arguments.device, "from argument");
    assert!(!from_arguments.ipv6);
}

#[test]
fn this_machine_has_a_name() {
    let name = Settings::default().engine_config(&common()).device;
    assert!(!name.is_empty() && !name.contains('.'), "{name}");
    assert_eq!(device_name(" \n\u{7} "), None);
}
