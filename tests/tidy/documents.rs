//! What the documents name is there: tests by their names, files and folders by their paths.

use std::path::Path;

use super::PACKAGES;

/// Underscores that a name has at least which is taken for a test's: they are sentences.
const SENTENCE: usize = 4;

/// Every name in `text`, a document called `document`, for which nothing is there. `sources` is the text of every
/// source file.
pub(super) fn check(
    document: &str,
    text: &str,
    sources: &[&str],
    exists: impl Fn(&Path) -> bool,
) -> Vec<String> {
    let mut problems = Vec::new();
    for name in code_spans(text) {
        let is_name = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
        let is_sentence = name.matches('_').count() >= SENTENCE
            && name.chars().all(|letter| is_name(letter) || letter == '_');
        if is_sentence {
            let definition = format!("fn {name}(");
            if !sources.iter().any(|source| source.contains(&definition)) {
                problems.push(format!("{document}: there is no {name}"));
            }
        }
        let folder = name.split('/').next().unwrap_or_default();
        let is_path = name.contains('/') && (PACKAGES.contains(&folder) || folder == "deploy");
        // `tests/run.sh ARGUMENT` and `a/{b,c}.rs` stand for more than a path.
        if is_path && !name.contains([' ', '{', '*']) && !exists(Path::new(name)) {
            problems.push(format!("{document}: there is no {name}"));
        }
    }
    problems
}

/// What stands between two backticks on one line.
fn code_spans(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .flat_map(|line| line.split('`').skip(1).step_by(2))
}

#[test]
fn a_name_without_a_test_and_a_path_without_a_file_are_found() {
    let sources = ["#[test]\nfn this_one_is_really_there() {}"];
    let check = |text| check("A.md", text, &sources, |path| path == Path::new("app/src"));
    for fine in [
        "held by `this_one_is_really_there`",
        "in `app/src`, or `app/src/{a,b}.rs`",
        "`user_agent` is no sentence, and `FARDROP_BIN_DIR_IS_NONE` no test",
        "held by no_such_test_is_there_at_all",
        "`tests/run.sh ROUNDS`",
    ] {
        assert_eq!(check(fine), Vec::<String>::new(), "{fine}");
    }
    for wrong in [
        "held by `no_such_test_is_there_at_all`",
        "in `app/nowhere.rs`",
    ] {
        assert_eq!(check(wrong).len(), 1, "{wrong}");
    }
}
