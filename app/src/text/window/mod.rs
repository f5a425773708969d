//! What the window says.

mod history;
mod leftovers;
mod picker;
mod screens;
mod settings;
mod transfers;

pub use history::*;
pub use leftovers::*;
pub use picker::*;
pub use screens::*;
pub use settings::*;
pub use transfers::*;

/// The program's name, as it stands in a title.
pub const APP_NAME: &str = "Fardrop";

/// Longest name that a row or a card shows, in characters; the middle of a longer one is left out.
const ROW_NAME_LIMIT: usize = 72;

/// Longest device name that a card shows, in characters.
const DEVICE_LIMIT: usize = 40;

/// Longest account of a problem that is shown, in characters.
const PROBLEM_LIMIT: usize = 300;

/// Longest ending that is taken for a file's type, in characters with its dot.
const TYPE_LIMIT: usize = 12;

/// An account of a problem by another program, as the end of a sentence that has a period of its own.
fn account(problem: &str) -> String {
    super::shown(problem.trim_end_matches('.'), PROBLEM_LIMIT)
}

/// An error: there is no window to be had.
#[must_use]
pub fn window_failed(problem: &str) -> String {
    format!(
        "The window cannot be opened ({problem}). `fardrop send` and `fardrop receive` do the same \
         in a terminal."
    )
}

/// A device's name, harmless and short.
#[must_use]
pub fn device(name: &str) -> String {
    let shown = super::shown(name.trim(), DEVICE_LIMIT);
    if shown.is_empty() {
        "a computer without a name".to_owned()
    } else {
        shown
    }
}

/// A file's name in two harmless parts: all but its type, and its type with the dot. The two are never
/// drawn as one text, so that no letter in the first can move the second.
#[must_use]
pub fn name_and_type(name: &str) -> (String, String) {
    let start = name.rfind('/').map_or(0, |slash| slash + 1);
    let dot = name[start..]
        .rfind('.')
        .map(|at| start + at)
        // `.profile` is all name, `file.` has no type.
        .filter(|at| *at > start && *at + 1 < name.len())
        .filter(|at| name[*at..].chars().count() <= TYPE_LIMIT);
    let (stem, ending) = name.split_at(dot.unwrap_or(name.len()));
    (
        super::shown(stem, ROW_NAME_LIMIT),
        super::shown(ending, TYPE_LIMIT * 8),
    )
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[track_caller]
    fn check(name: &str, stem: &str, ending: &str) {
        assert_eq!(name_and_type(name), (stem.to_owned(), ending.to_owned()));
    }

    #[test]
    fn a_type_stands_apart_from_its_name() {
        check("report.pdf", "report", ".pdf");
        check("a/b.c/archive.tar.gz", "a/b.c/archive.tar", ".gz");
        check("README", "README", "");
        check(".profile", ".profile", "");
        check("trailing.", "trailing.", "");
        check(
            "no type.because it is a sentence",
            "no type.because it is a sentence",
            "",
        );
    }

    #[test]
    fn hostile_names_are_harmless_and_end_in_their_true_type() {
        check("invoice\u{202e}fdp.exe", "invoice\\u{202e}fdp", ".exe");
        check("a\nb.txt", "a\\u{a}b", ".txt");
        let long = format!("{}.exe", "x".repeat(4092));
        let (stem, ending) = name_and_type(&long);
        assert!(stem.chars().count() <= ROW_NAME_LIMIT, "{stem}");
        assert_eq!(ending, ".exe");
        let (stem, _) = name_and_type("../../etc/passwd");
        assert_eq!(stem, "../../etc/passwd");
    }

    #[test]
    fn what_is_at_home_is_written_from_there() {
        let home = Some(Path::new("/home/ada"));
        for (path, shown) in [
            ("/home/ada/Downloads", "~/Downloads"),
            ("/home/ada", "~"),
            ("/home/adam/Downloads", "/home/adam/Downloads"),
            ("/srv/a\nb", "/srv/a\\u{a}b"),
        ] {
            assert_eq!(path_shown(Path::new(path), home), shown);
        }
        assert_eq!(path_shown(Path::new("/home/ada"), None), "/home/ada");
    }
}
