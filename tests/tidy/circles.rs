//! Modules that import each other, directly or around a corner: neither two files nor two folders may.
//! Tests aside, and a module may always use what one above it defines.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::imports::module_path;
use super::modules::{Index, Modules, Target};
use super::source::SourceFile;

/// The folders whose files are the modules of one crate, from the root, and the crate's own file there.
const CRATES: [(&str, &str); 9] = [
    ("shared/src", "lib.rs"),
    ("rendezvous/src", "lib.rs"),
    ("app/src", "lib.rs"),
    ("tests/src", "lib.rs"),
    ("tests/sim", "main.rs"),
    ("tests/e2e", "main.rs"),
    ("tests/natlab", "main.rs"),
    ("tests/window", "main.rs"),
    ("tests/tidy", "main.rs"),
];

/// A file of a crate, and the path of the module that it is.
type Member<'a> = (Vec<String>, &'a SourceFile);

/// An import of one file from another: where, and what as it is written.
#[derive(Debug)]
struct Import {
    /// Index of the file that imports.
    from: Index,
    /// Index of the file that defines what is imported.
    to: Index,
    /// The line of the import, from 1.
    line: usize,
    /// The path as it is written.
    path: String,
}

/// Who imports from whom among the modules right below one module, by name, and a line that shows it.
type Siblings<'a> = BTreeMap<&'a str, BTreeMap<&'a str, String>>;

/// Every circle among these files.
pub(crate) fn check(files: &[SourceFile]) -> Vec<String> {
    CRATES
        .iter()
        .flat_map(|(folder, root)| check_crate(folder, root, files))
        .collect()
}

fn check_crate(folder: &str, root: &str, files: &[SourceFile]) -> Vec<String> {
    let members: Vec<Member<'_>> = files
        .iter()
        .filter_map(|file| {
            let below = file.path.strip_prefix(folder).ok()?;
            Some((module_of(below, root)?, file))
        })
        .collect();
    let imports = imports(&members);
    let above: BTreeSet<&[String]> = members
        .iter()
        .flat_map(|(path, _)| (0..path.len()).map(|length| &path[..length]))
        .collect();
    let mut problems = Vec::new();
    for module in above {
        let siblings = siblings(module, &imports, &members);
        for circle in circles(&siblings) {
            problems.push(describe(folder, module, &circle, &siblings));
        }
    }
    problems
}

/// The module that a file of a crate is; none for unit tests, and for programs beside the crate.
fn module_of(below: &Path, root: &str) -> Option<Vec<String>> {
    let parts: Vec<&str> = below.iter().filter_map(|part| part.to_str()).collect();
    if parts == [root] {
        return Some(Vec::new());
    }
    let aside = ["bin", "tests", "tests.rs", "main.rs"];
    if parts.iter().any(|part| aside.contains(part)) {
        return None;
    }
    Some(module_path(&parts))
}

/// Every import of one file from another that is not above it.
fn imports(members: &[Member<'_>]) -> Vec<Import> {
    let modules = Modules::new(members);
    let mut imports = Vec::new();
    for reference in &modules.references {
        let from = modules.file_of(reference.module);
        for target in modules.resolve(reference.module, &reference.segments) {
            let to = match target {
                Target::File(file) => file,
                Target::Module(module) if reference.glob => modules.file_of(module),
                // A module's name alone says nothing yet; what is used of it counts.
                Target::Module(_) => continue,
            };
            let is_above = members[from].0.starts_with(&members[to].0);
            if !is_above {
                imports.push(Import {
                    from,
                    to,
                    line: reference.line,
                    path: reference.segments.join("::"),
                });
            }
        }
    }
    imports
}

/// The imports between the modules right below `module`, each with all that is below it.
fn siblings<'a>(module: &[String], imports: &[Import], members: &'a [Member<'_>]) -> Siblings<'a> {
    let name = |file: Index| -> Option<&'a str> {
        let below = members[file].0.strip_prefix(module)?;
        Some(below.first()?.as_str())
    };
    let mut siblings = Siblings::new();
    for import in imports {
        let (Some(from), Some(to)) = (name(import.from), name(import.to)) else {
            continue;
        };
        if from != to {
            let file = |index: Index| members[index].1.path.display();
            let line = format!(
                "{}:{} uses {} of {}",
                file(import.from),
                import.line,
                import.path,
                file(import.to)
            );
            let others = siblings.entry(from).or_default();
            others.entry(to).or_insert(line);
        }
    }
    siblings
}

/// Groups of which each can be reached from each of the others.
fn circles<'a>(siblings: &Siblings<'a>) -> Vec<BTreeSet<&'a str>> {
    let reached: BTreeMap<&str, BTreeSet<&str>> = siblings
        .keys()
        .map(|&name| (name, reached_from(name, siblings)))
        .collect();
    let mut circles: Vec<BTreeSet<&str>> = Vec::new();
    for (name, others) in &reached {
        if others.contains(name) && !circles.iter().any(|circle| circle.contains(name)) {
            let back = |other: &&str| reached.get(other).is_some_and(|set| set.contains(name));
            circles.push(others.iter().copied().filter(back).collect());
        }
    }
    circles
}

fn reached_from<'a>(name: &str, siblings: &Siblings<'a>) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut waiting = vec![name];
    while let Some(next) = waiting.pop() {
        for &other in siblings.get(next).into_iter().flat_map(BTreeMap::keys) {
            if reached.insert(other) {
                waiting.push(other);
            }
        }
    }
    reached
}

fn describe(
    folder: &str,
    module: &[String],
    circle: &BTreeSet<&str>,
    siblings: &Siblings<'_>,
) -> String {
    let names: Vec<&str> = circle.iter().copied().collect();
    let place = [&[folder.to_owned()], module].concat().join("/");
    let mut lines = vec![format!("{place}: {} import each other", names.join(", "))];
    for from in circle {
        for (to, line) in siblings.get(from).into_iter().flatten() {
            if circle.contains(to) {
                lines.push(format!("    {line}"));
            }
        }
    }
    lines.join("\n")
}
