use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;

use super::open::Opener;
use super::*;
use crate::desktop::request::{Appearance, channels};

/// Longer than any request takes.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(30);

#[test]
fn text_is_cut_between_characters() {
    assert_eq!(clipboard::cut("short".to_owned()), "short");
    let long = clipboard::cut("é".repeat(40_000));
    assert_eq!(long.len(), 64 * 1024);
    let odd = clipboard::cut(format!("x{}", "é".repeat(40_000)));
    assert_eq!(odd.len(), 64 * 1024 - 1);
}

#[test]
fn only_whole_paths_that_exist_are_opened() {
    let mut opener = Opener::default();
    for path in ["--version", "https://example.org", "here.txt"] {
        let failed = opener.open(Path::new(path));
        assert!(matches!(failed, Err(DesktopError::Open { .. })), "{path}");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let gone = folder.path().join("gone.txt");
    let failed = opener.show_in_folder(&gone).expect_err("it is not there");
    let DesktopError::Open { path, .. } = failed else {
        panic!("{failed}");
    };
    assert_eq!(path, gone);
}

#[cfg(unix)]
#[test]
fn a_failing_opener_is_told_of_and_a_lasting_one_is_not() {
    let mut opener = Opener::default();
    let path = Path::new("/");
    let run = |opener: &mut Opener, script: &str| {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        opener.run(command, path.as_os_str(), path)
    };
    assert_eq!(run(&mut opener, "exit 0"), Ok(()));
    let failed = run(&mut opener, "exit 4").expect_err("it said so");
    assert!(failed.to_string().contains('4'), "{failed}");
    // It lasts until the pipe that it reads from is closed.
    let (reader, writer) = io::pipe().expect("a pipe");
    assert_eq!(
        opener.watch(Command::new("cat").stdin(reader), path),
        Ok(())
    );
    drop(writer);
    let missing = Command::new("fardrop-has-no-such-opener");
    assert!(opener.run(missing, path.as_os_str(), path).is_err());
}

#[cfg(all(unix, not(target_os = "macos")))]
#[test]
fn markup_in_a_notification_is_shown_and_not_obeyed() {
    assert_eq!(
        notify::escaped("<b>Ada</b> & \"Bob\""),
        "&lt;b&gt;Ada&lt;/b&gt; &amp; \"Bob\""
    );
}

#[cfg(all(unix, not(target_os = "macos")))]
#[test]
fn a_colour_scheme_is_read_however_it_is_wrapped() {
    use zbus::zvariant::Value;

    let wrapped = |number: u32| Value::Value(Box::new(Value::Value(Box::new(number.into()))));
    let mut heard = bus::Heard::default();
    let mut scheme = |value: Value<'_>| {
        heard.take("org.freedesktop.appearance", "color-scheme", &value);
        heard.looks().appearance
    };
    assert_eq!(scheme(Value::from(1_u32)), Some(Appearance::Dark));
    assert_eq!(scheme(wrapped(2)), Some(Appearance::Light));
    assert_eq!(scheme(wrapped(0)), None);
    assert_eq!(scheme(wrapped(1)), Some(Appearance::Dark));
    assert_eq!(scheme(Value::from("dark")), None);
}

#[cfg(all(unix, not(target_os = "macos")))]
#[test]
fn motion_is_reduced_by_the_portal_or_by_gnome() {
    use zbus::zvariant::Value;

    let mut heard = bus::Heard::default();
    let mut reduced = |group: &str, name: &str, value: Value<'_>| {
        heard.take(group, name, &value);
        heard.looks().reduced_motion
    };
    let (portal, gnome) = ("org.freedesktop.appearance", "org.gnome.desktop.interface");
    assert!(!reduced(gnome, "enable-animations", Value::from(true)));
    assert!(reduced(gnome, "enable-animations", Value::from(false)));
    assert!(reduced(portal, "reduced-motion", Value::from(0_u32)));
    assert!(!reduced(gnome, "enable-animations", Value::from(true)));
    assert!(reduced(portal, "reduced-motion", Value::from(1_u32)));
    assert!(!reduced(portal, "reduced-motion", Value::from("odd")));
    assert!(!reduced(gnome, "gtk-theme", Value::from("none")));
}

#[test]
fn a_reply_wakes_the_window() {
    let woken = Arc::new(AtomicUsize::new(0));
    let (sender, woke) = sync_channel(16);
    let counter = Arc::clone(&woken);
    let (window, service) = channels();
    serve(
        service,
        Arc::new(move || {
            counter.fetch_add(1, Ordering::Relaxed);
            let _ = sender.send(());
        }),
    )
    .expect("threads");
    let request = DesktopRequest::Open(PathBuf::from("not/whole"));
    window.requests.send(request.clone()).expect("it is served");
    woke.recv_timeout(PATIENCE).expect("a reply");
    let Ok(DesktopReply::Failed { request: told, .. }) = window.replies.try_recv() else {
        panic!("it was opened");
    };
    assert_eq!(told, request);
    assert_eq!(woken.load(Ordering::Relaxed), 1);
}

#[cfg(all(unix, not(target_os = "macos")))]
#[test]
fn what_zenity_answers_is_taken_apart_whatever_the_names_hold() {
    use super::dialog::zenity::paths;

    let path = |text: &str| PathBuf::from(text);
    assert_eq!(paths(b"/a/one.txt\n"), [path("/a/one.txt")]);
    assert_eq!(
        paths(b"/a/x|y ///a/line\nbreak///b\n\n"),
        [path("/a/x|y "), path("/a/line\nbreak"), path("/b\n")]
    );
    assert_eq!(paths(b""), Vec::<PathBuf>::new());
    assert_eq!(paths(b"no path\n"), Vec::<PathBuf>::new());
}

/// Fonts of a system that has one only, which knows Armenian.
fn shelf() -> fonts::Shelf {
    use fontique::{Blob, Collection, CollectionOptions, FallbackKey, GenericFamily, Script};

    let hack = egui::FontDefinitions::default().font_data["Hack"]
        .font
        .clone();
    let mut all = Collection::new(CollectionOptions {
        shared: false,
        system_fonts: false,
    });
    let family = all.register_fonts(Blob::new(hack), None)[0].0;
    let armenian = Script::parse("Armn").expect("a script");
    assert!(all.append_fallbacks(FallbackKey::new(armenian, None), [family].into_iter()));
    all.append_generic_families(GenericFamily::Math, [family].into_iter());
    fonts::Shelf::new(all, fonts::language_of("hy_AM.UTF-8"))
}

#[test]
fn a_font_is_found_by_its_script_or_else_anywhere_and_given_once() {
    let found = shelf().find("\u{561}\u{562}");
    let [font] = found.as_slice() else {
        panic!("{found:?}");
    };
    assert!(font.name.starts_with("Hack"), "{found:?}");
    assert!((*font.file).as_ref().len() > 100_000);
    // A box, which belongs to no script.
    let mut shelf = shelf();
    assert_eq!(shelf.find("\u{2588}").len(), 1);
    assert_eq!(shelf.find("\u{561}").len(), 0, "it is there already");
}

#[test]
fn letters_that_no_font_draws_bring_none() {
    // Chinese, and a number that is no letter.
    assert_eq!(shelf().find("\u{6587}\u{378}"), []);
}

#[test]
fn the_language_is_read_from_a_locales_name() {
    let tag = |locale| fonts::language_of(locale).map(|language| language.to_string());
    assert_eq!(tag("ja_JP.UTF-8").as_deref(), Some("ja-JP"));
    assert_eq!(tag("sr_RS@latin").as_deref(), Some("sr-RS"));
    assert_eq!(tag("C"), None);
    assert_eq!(tag(""), None);
}

#[test]
fn where_the_search_for_fonts_has_ended_all_else_goes_on() {
    let (requests, asked) = sync_channel(REQUEST_QUEUE);
    let (replies, told) = sync_channel(REQUEST_QUEUE);
    let outbox = Outbox {
        replies,
        wake: Arc::new(|| {}),
    };
    let (clipboard, _jobs) = sync_channel(REQUEST_QUEUE);
    let (folders, questions) = sync_channel(REQUEST_QUEUE);
    let (programs, orders) = sync_channel(REQUEST_QUEUE);
    // What lists the system's fonts gave up, as it does where there are none at all.
    let (fonts, _) = sync_channel(REQUEST_QUEUE);
    let queues = Queues {
        clipboard,
        folders,
        programs,
        fonts,
    };
    for request in [
        DesktopRequest::FindFonts("\u{6587}".to_owned()),
        DesktopRequest::ChooseFiles,
        DesktopRequest::MakeFolder {
            parent: PathBuf::from("/"),
            name: "new".to_owned(),
        },
    ] {
        requests.send(request).expect("there is room");
    }
    drop(requests);
    hand_on(&asked, &queues, &outbox);
    assert!(matches!(orders.try_recv(), Ok(ProgramRequest::ChooseFiles)));
    assert!(matches!(questions.try_recv(), Ok(folder::Job::Make { .. })));
    assert!(matches!(
        told.try_recv(),
        Ok(DesktopReply::Failed {
            request: DesktopRequest::FindFonts(_),
            ..
        })
    ));
    assert!(told.try_recv().is_err());
}
